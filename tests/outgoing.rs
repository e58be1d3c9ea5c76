//! Requests over HTTP that leave this machine: whom TLS trusts.

use crate::serve::serve;
use crate::support::http_client::get;
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
        .shows("failed (ErrorCode::TlsCertificateError)");
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
        .shows("failed (ErrorCode::TlsCertificateError)");
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
        get(service.address, "/", &target).is(status).says(says);
        service.stop().silent();
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
