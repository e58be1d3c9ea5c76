//! TLS and HTTP/2 that succeed, and certificates that do not convince.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holm_http::{
    ClientBounds, ClientOptions, OnUntrusted, PooledClient, authorities_from_pem,
    certificates_from_pem,
};
use holm_kernel::Process;
use holm_wasi_p2::http::{ErrorCode, HttpClient as _, RequestOptions};

use super::authority::{Identity, TestAuthority, TlsServer, authority_as_host};
use super::{System, get, peer, read, send, to, wait};

fn trusting(authority: &TestAuthority) -> PooledClient {
    PooledClient::new(ClientOptions {
        extra_roots: vec![authority.der()],
        ..ClientOptions::default()
    })
    .expect("a client")
}

fn server_of(identity: &Identity, protocols: &[&str]) -> (System, Arc<Process>, TlsServer) {
    let server = TlsServer::start(identity.config(protocols), 1);
    let system = System::new();
    let process = system.process(&[to(server.address)]);
    (system, process, server)
}

#[test]
fn http_1_over_tls() {
    let authority = TestAuthority::new();
    let client = trusting(&authority);
    let identity = authority.certify("127.0.0.1");
    for protocols in [&["http/1.1"][..], &[]] {
        let (_system, process, server) = server_of(&identity, protocols);
        for _ in 0..3 {
            let request = get(&format!("https://{}/", server.address));
            let response = send(&client, &process, request).expect("a response");
            assert_eq!(read(response).expect("a body"), "HTTP/1.1");
        }
        assert_eq!(server.connections(), 1);
    }
}

/// The server answers none of the requests before all of them are there.
#[test]
fn http_2_carries_many_requests_at_a_time_on_one_connection() {
    const TOGETHER: usize = 20;
    let authority = TestAuthority::new();
    let client = trusting(&authority);
    let config = authority.certify("127.0.0.1").config(&["h2", "http/1.1"]);
    let server = TlsServer::start(config, TOGETHER);
    let system = System::new();
    let process = system.process(&[to(server.address)]);
    // Until a connection is there, nobody knows that it may be shared.
    let first = send(
        &client,
        &process,
        get(&format!("https://{}/", server.address)),
    );
    assert_eq!(read(first.expect("a response")).expect("a body"), "HTTP/2");
    let uri = format!("https://{}/together", server.address);
    let responses: Vec<_> = (0..TOGETHER)
        .map(|_| client.send(get(&uri), RequestOptions::default(), &process))
        .collect();
    for response in responses {
        let response = wait(response).expect("a response");
        assert_eq!(read(response).expect("a body"), "HTTP/2");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_shared_connection_is_not_for_who_may_not_make_it() {
    let authority = TestAuthority::new();
    let client = trusting(&authority);
    let identity = authority.certify("127.0.0.1");
    let (system, process, server) = server_of(&identity, &["h2"]);
    let uri = format!("https://{}/", server.address);
    send(&client, &process, get(&uri)).expect("a response");
    let stranger = system.process(&[]);
    let refused = send(&client, &stranger, get(&uri));
    assert!(matches!(refused, Err(ErrorCode::HttpRequestDenied)));
}

#[test]
fn certificates_that_do_not_convince() {
    let (authority, other) = (TestAuthority::new(), TestAuthority::new());
    let client = trusting(&authority);
    for (what, identity) in [
        ("another host", authority.certify("www.example.com")),
        ("another address", authority.certify("127.0.0.2")),
        ("expired", authority.certify_until("127.0.0.1", 2020)),
        ("an unknown authority", other.certify("127.0.0.1")),
    ] {
        for protocols in [&["http/1.1"][..], &["h2"]] {
            let (_system, process, server) = server_of(&identity, protocols);
            let request = get(&format!("https://{}/", server.address));
            let failed = send(&client, &process, request);
            assert!(
                matches!(failed, Err(ErrorCode::TlsCertificateError)),
                "{what}: {failed:?}"
            );
        }
    }
    // Mozilla's programme does not know the authority either.
    let (_system, process, server) = server_of(&authority.certify("127.0.0.1"), &[]);
    let client = PooledClient::new(ClientOptions::default()).expect("a client");
    let request = get(&format!("https://{}/", server.address));
    let failed = send(&client, &process, request);
    assert!(
        matches!(failed, Err(ErrorCode::TlsCertificateError)),
        "{failed:?}"
    );
}

/// The component learns that it was the certificate, the person why.
#[test]
fn who_is_not_trusted_is_told_with_the_reason() {
    let authority = TestAuthority::new();
    let own = authority_as_host("127.0.0.1");
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let client = PooledClient::new(ClientOptions {
        extra_roots: vec![authority.der(), own.der()],
        on_untrusted: Some(OnUntrusted::new(move |host, port, why| {
            let mut told = telling.lock().expect("whole");
            told.push((format!("{host}:{port}"), why.to_owned()));
        })),
        ..ClientOptions::default()
    })
    .expect("a client");
    let stranger = TestAuthority::new().certify("127.0.0.1");
    for (identity, why) in [
        (stranger, "nobody who is trusted has signed its certificate"),
        (
            authority.certify("example.com"),
            "its certificate is one for other names",
        ),
        (
            authority.certify_until("127.0.0.1", 2002),
            "its certificate has expired",
        ),
        (own, "its certificate is an authority's, and no host's"),
    ] {
        let (_system, process, server) = server_of(&identity, &[]);
        let request = get(&format!("https://{}/", server.address));
        let failed = send(&client, &process, request);
        assert!(
            matches!(failed, Err(ErrorCode::TlsCertificateError)),
            "{failed:?}"
        );
        let told = std::mem::take(&mut *told.lock().expect("whole"));
        let [(host, reason)] = &told[..] else {
            panic!("{why}: {told:?}");
        };
        assert_eq!(*host, server.address.to_string());
        assert!(reason.starts_with(why), "{reason}");
    }
    // Nothing is told of who is trusted.
    let (_system, process, server) = server_of(&authority.certify("127.0.0.1"), &[]);
    send(
        &client,
        &process,
        get(&format!("https://{}/", server.address)),
    )
    .expect("a response");
    assert!(told.lock().expect("whole").is_empty());
}

#[test]
fn authorities_that_take_the_place_of_mozillas() {
    let (authority, other) = (TestAuthority::new(), TestAuthority::new());
    let bundle = format!(
        "# ours\n{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        authority.pem()
    );
    let certificates = certificates_from_pem(bundle.as_bytes()).expect("two");
    assert_eq!(certificates.len(), 2);
    assert!(authorities_from_pem(bundle.as_bytes()).is_err());
    // One that cannot be used does not take the others with it.
    let client = PooledClient::new(ClientOptions {
        roots: Some(certificates),
        extra_roots: authorities_from_pem(other.pem().as_bytes()).expect("one"),
        ..ClientOptions::default()
    })
    .expect("a client");
    for authority in [&authority, &other] {
        let (_system, process, server) = server_of(&authority.certify("127.0.0.1"), &[]);
        let request = get(&format!("https://{}/", server.address));
        send(&client, &process, request).expect("a response");
    }
}

#[test]
fn a_server_that_speaks_no_tls_or_asks_for_what_nobody_has() {
    let authority = TestAuthority::new();
    let client = trusting(&authority);
    let system = System::new();
    // Plain HTTP on the port of TLS.
    let (address, _) = peer(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    let process = system.process(&[to(address)]);
    let failed = send(&client, &process, get(&format!("https://{address}/")));
    assert!(
        matches!(failed, Err(ErrorCode::TlsProtocolError)),
        "{failed:?}"
    );
    // An alert instead of a greeting: handshake_failure.
    let (address, _) = peer(|stream| {
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
    });
    let process = system.process(&[to(address)]);
    let failed = send(&client, &process, get(&format!("https://{address}/")));
    let Err(ErrorCode::TlsAlertReceived(alert)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(alert.alert_id, Some(40));
    // The other side speaks a protocol that was not offered.
    let config = authority.certify("127.0.0.1").config(&["spdy/1"]);
    let server = TlsServer::start(config, 1);
    let process = system.process(&[to(server.address)]);
    let request = get(&format!("https://{}/", server.address));
    let failed = send(&client, &process, request);
    let Err(ErrorCode::TlsAlertReceived(alert)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(alert.alert_id, Some(120));
}

/// With TLS 1.2 that is said within the handshake.
#[test]
fn a_server_that_needs_a_certificate_of_its_clients() {
    let authority = TestAuthority::new();
    let client = trusting(&authority);
    let identity = authority.certify("127.0.0.1");
    let config = identity.config_for_clients_of(&authority, &rustls::version::TLS12);
    let server = TlsServer::start(config, 1);
    let system = System::new();
    let process = system.process(&[to(server.address)]);
    let request = get(&format!("https://{}/", server.address));
    let failed = send(&client, &process, request);
    let Err(ErrorCode::TlsAlertReceived(alert)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(alert.alert_id, Some(116));
}

/// The handshake belongs to connecting, and has no more time than that.
#[test]
fn a_server_that_never_greets_is_given_up() {
    let held = Arc::new(AtomicUsize::new(0));
    let seen = held.clone();
    let (address, _) = peer(move |stream| {
        seen.fetch_add(1, Ordering::SeqCst);
        let _ = std::io::copy(stream, &mut std::io::sink());
    });
    let client = PooledClient::new(ClientOptions {
        bounds: ClientBounds {
            connect: Duration::from_millis(200),
            ..ClientBounds::default()
        },
        ..ClientOptions::default()
    })
    .expect("a client");
    let system = System::new();
    let process = system.process(&[to(address)]);
    let failed = send(&client, &process, get(&format!("https://{address}/")));
    assert!(
        matches!(failed, Err(ErrorCode::ConnectionTimeout)),
        "{failed:?}"
    );
    assert_eq!(held.load(Ordering::SeqCst), 1);
}
