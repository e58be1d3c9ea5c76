//! Requests over HTTP that leave this machine: whom TLS trusts, and through which proxies they go.

use crate::support::http_client::get;
use crate::support::proxy::Proxy;
use crate::support::service::serve;
use crate::support::tls_server::TlsServer;
use crate::support::{Folder, Holm, run};

/// A component that gets `url`, under a rule for 127.0.0.1.
fn fetch(options: &[&str], url: &str) -> Holm {
    run(["--net", "127.0.0.0/8:*"])
        .args(options)
        .guest("component-rust/net_probe")
        .arg(format!("get:{url}"))
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_that_is_said() {
    let server = TlsServer::start("127.0.0.1");
    let folder = Folder::new();
    let file = folder.write("authority.pem", &server.authority);
    let url = format!("https://{}/", server.address());
    fetch(&[], &url)
        .go()
        .code(0)
        .shows("failed (ErrorCode::TlsCertificateError)")
        .says(&format!(
            "holm: {} is not trusted: nobody who is trusted has signed its certificate. To trust who has: \
             --trust-ca FILE",
            server.address()
        ));
    fetch(&["--quiet"], &url)
        .go()
        .code(0)
        .shows("failed (ErrorCode::TlsCertificateError)")
        .silent();
    let hello = ": 200 hello over TLS\n";
    fetch(&["--trust-ca", text(&file)], &url)
        .go()
        .code(0)
        .shows(hello)
        .silent();
    fetch(&[], &url)
        .env("SSL_CERT_FILE", text(&file))
        .go()
        .code(0)
        .shows(hello)
        .silent();
    // Of several each is trusted, whoever names them.
    let other = TlsServer::start("127.0.0.1");
    let others = folder.write("other.pem", &other.authority);
    for url in [url, format!("https://{}/", other.address())] {
        let both = ["--trust-ca", text(&others), "--trust-ca", text(&file)];
        fetch(&both, &url).go().code(0).shows(hello);
        fetch(&both[..2], &url)
            .env("SSL_CERT_FILE", text(&file))
            .go()
            .code(0)
            .shows(hello);
    }
    // It is for this machine to say, not for the program.
    let url = format!("https://{}/", server.address());
    let variable = format!("SSL_CERT_FILE={}", file.display());
    fetch(&["--env", &variable], &url)
        .go()
        .shows("failed (ErrorCode::TlsCertificateError)");
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let server = TlsServer::start("www.example.com");
    let folder = Folder::new();
    let file = folder.write("authority.pem", &server.authority);
    let url = format!("https://{}/", server.address());
    fetch(&["--trust-ca", text(&file)], &url)
        .go()
        .code(0)
        .shows("failed (ErrorCode::TlsCertificateError)")
        .says("is not trusted: its certificate is one for other names\n");
}

#[test]
fn services_trust_it_too() {
    let server = TlsServer::start("127.0.0.1");
    let folder = Folder::new();
    let file = folder.write("authority.pem", &server.authority);
    let target = format!("x-forward-to: https://{}/\r\n", server.address());
    let rule = format!("connect:{}", server.address());
    let options = ["--net", &rule, "--trust-ca", text(&file)];
    for (options, status, says) in [
        (&options[..], 200, "hello over TLS\n"),
        (&options[..2], 502, "ErrorCode::TlsCertificateError\n"),
    ] {
        let service = serve(options, "component-rust/http_forward");
        for _ in 0..2 {
            get(service.address, "/", &target).is(status).says(says);
        }
        let told = service.stop().stderr;
        // Once, however many requests fail for it.
        let times = told
            .matches("is not trusted: nobody who is trusted")
            .count();
        assert_eq!(times, usize::from(status == 502), "{told}");
    }
}

#[test]
fn a_file_that_is_no_certificate_is_told_as_what_it_is() {
    let server = TlsServer::start("127.0.0.1");
    let folder = Folder::new();
    let refuses = |name: &str, content: &[u8], told: &[&str]| {
        let file = folder.write(name, content);
        let first = format!("--trust-ca {} cannot be used: ", file.display());
        fetch(&["--trust-ca", text(&file)], "http://127.0.0.1:1/")
            .go()
            .refuses(1, &[&[first.as_str()], told].concat());
    };
    refuses(
        "key.pem",
        server.key.as_bytes(),
        &["it holds a private key, and no certificate"],
    );
    refuses(
        "authority.der",
        &server.authority_der,
        &["it is in DER", "openssl x509 -inform der -in "],
    );
    refuses(
        "notes.txt",
        b"hello",
        &["it is no PEM", "the certificate of an authority, in PEM"],
    );
    let half = &server.authority[..server.authority.len() / 2];
    refuses(
        "half.pem",
        half.as_bytes(),
        &["damaged after 0 whole certificates"],
    );
    let missing = folder.join("missing.pem");
    fetch(&["--trust-ca", text(&missing)], "http://127.0.0.1:1/")
        .go()
        .refuses(
            1,
            &[&format!(
                "--trust-ca {} cannot be read: No such file",
                missing.display()
            )],
        );
    // What the environment says counts for who may send requests, and is no trouble to others.
    let notes = folder.join("notes.txt");
    fetch(&[], "http://127.0.0.1:1/")
        .env("SSL_CERT_FILE", text(&notes))
        .go()
        .refuses(
            1,
            &[
                "SSL_CERT_FILE ",
                "it is no PEM",
                "those of Mozilla's programme",
            ],
        );
    for name in ["rust/hello", "component-rust/tcp_echo"] {
        let done = run::<&str>([])
            .guest(name)
            .env("SSL_CERT_FILE", text(&notes))
            .go();
        assert!(!done.stderr.contains("SSL_CERT_FILE"), "{done}");
    }
}

/// Where nobody is: a connection to it fails before anything is sent.
const NOWHERE: &str = "224.0.0.1";

fn fetch_from_nowhere(options: &[&str]) -> Holm {
    run(["--net", &format!("{NOWHERE}:80")])
        .args(options)
        .guest("component-rust/net_probe")
        .arg(format!("get:http://{NOWHERE}/"))
}

#[test]
fn an_environment_that_names_a_proxy_is_not_enough() {
    let server = TlsServer::start("secure.test");
    let proxy = Proxy::start(server.address());
    let names = [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
    ];
    let told = |mut holm: Holm| {
        for name in names {
            holm = holm.env(name, proxy.url());
        }
        holm.go().code(0)
    };
    told(fetch_from_nowhere(&[])).shows("failed (").silent();
    assert_eq!(proxy.lines(), [""; 0]);
    told(fetch_from_nowhere(&["--http-proxy", "env"]))
        .shows(": 200 through the proxy\n")
        .silent();
    assert_eq!(proxy.lines(), [format!("GET http://{NOWHERE}/ HTTP/1.1")]);
    assert!(proxy.was_told_who());
    // The program's own environment is not that of this machine.
    let variable = format!("http_proxy={}", proxy.url());
    fetch_from_nowhere(&["--http-proxy", "env", "--env", &variable])
        .go()
        .shows("failed (");
    assert_eq!(proxy.lines().len(), 1);
}

#[test]
fn a_request_through_a_proxy_needs_a_rule_that_names_the_host() {
    let server = TlsServer::start("secure.test");
    let proxy = Proxy::start(server.address());
    let folder = Folder::new();
    let file = folder.write("authority.pem", &server.authority);
    let url = proxy.url();
    let fetch = |rule: &str, url_of_host: &str| {
        run([
            "--net",
            rule,
            "--http-proxy",
            &url,
            "--trust-ca",
            text(&file),
        ])
        .args(["--trace", "--stats"])
        .guest("component-rust/net_probe")
        .arg(format!("get:{url_of_host}"))
        .go()
        .code(0)
        .never_says("secret@")
        .never_says("bWU6c2VjcmV0")
    };
    fetch("secure.test:443", "https://secure.test/")
        .shows(": 200 hello over TLS\n")
        .says("[1] http_connect(\"secure.test\", 443) = through a proxy\n");
    fetch("service.test:80", "http://service.test/").shows(": 200 through the proxy\n");
    let lines = [
        "CONNECT secure.test:443 HTTP/1.1",
        "GET http://service.test/ HTTP/1.1",
    ];
    assert_eq!(proxy.lines(), lines);
    assert!(proxy.was_told_who());
    for (rule, url, told) in [
        (
            "*:80",
            "http://service.test/",
            "connect to service.test:80 through a proxy, which finds it by its name, so that no rule about addresses \
             counts. To allow it: --net tcp:connect:service.test:80",
        ),
        (
            "*:80",
            "http://169.254.169.254/",
            "connect to 169.254.169.254:80. To allow it: --net tcp:connect:169.254.169.254:80. Think first",
        ),
    ] {
        fetch(rule, url)
            .shows("failed (ErrorCode::HttpRequestDenied)")
            .says(told);
    }
    assert_eq!(proxy.lines().len(), 2);
}

#[test]
fn services_go_through_it_too() {
    let server = TlsServer::start("secure.test");
    let proxy = Proxy::start(server.address());
    let options = ["--net", "service.test:80", "--http-proxy", &proxy.url()];
    let service = serve(&options, "component-rust/http_forward");
    let target = "x-forward-to: http://service.test/a\r\n";
    get(service.address, "/", target)
        .is(200)
        .says("through the proxy\n");
    service.stop().silent();
    assert_eq!(proxy.lines(), ["GET http://service.test/a HTTP/1.1"]);
}

#[test]
fn what_is_no_proxy_is_told_without_its_password() {
    let refused = |url: &str, told: &str| {
        fetch_from_nowhere(&["--http-proxy", url])
            .go()
            .refuses(2, &["--http-proxy ", told])
            .never_says("secret");
        fetch_from_nowhere(&["--http-proxy", "env"])
            .env("all_proxy", url)
            .go()
            .refuses(1, &["all_proxy ", told, "--http-proxy http://HOST:PORT"])
            .never_says("secret");
    };
    refused("http://me:secret@", "is no URL of a proxy");
    refused("socks5h://me:secret@127.0.0.1:1", "is no http:// URL");
    fetch_from_nowhere(&["--http-proxy", "env"])
        .env("HTTP_PROXY", "http://me:secret@127.0.0.1:1")
        .go()
        .says("warning: HTTP_PROXY is not read")
        .never_says("secret")
        .shows("failed (");
}
