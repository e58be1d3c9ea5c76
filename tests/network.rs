//! The network as programs meet it: what is refused, how that is told, and what bounds there are.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use crate::support::{Done, Running, run};

fn probe(options: &[&str], attempts: &[&str]) -> Done {
    run(options)
        .guest("component-rust/net_probe")
        .args(attempts)
        .go()
}

#[test]
fn without_rules_nothing_is_reached() {
    let attempts = [
        "tcp:127.0.0.1:18181",
        "tcp:10.1.2.3:5432",
        "udp:127.0.0.1:53",
        "udp-to:9.9.9.9:53",
        "name:example.com",
    ];
    let done = probe(&[], &attempts).code(0);
    for attempt in attempts {
        let refused = format!("{attempt}: refused (PermissionDenied)\n");
        assert!(done.stdout.contains(&refused), "{attempt}\n{done}");
    }
    // Each with the rule that allows it and nothing else, and a warning where that is no
    // public place.
    for told in [
        "connect to 127.0.0.1:18181. To allow it: --net tcp:connect:127.0.0.1:18181. Think first: it is a loopback address",
        "connect to 10.1.2.3:5432. To allow it: --net tcp:connect:10.1.2.3:5432. Think first: it is an address of a private network",
        "look up the name example.com. To allow it: --net resolve:example.com",
        // Who binds before it sends is no server.
        "send datagrams to 127.0.0.1:53. To allow it: --net udp:connect:127.0.0.1:53",
        "send datagrams to 9.9.9.9:53. To allow it: --net udp:connect:9.9.9.9:53",
    ] {
        assert!(done.stderr.contains(told), "{told}\n{done}");
    }
    assert!(!done.stderr.contains("listen"), "{done}");
}

#[test]
fn the_rule_that_is_told_is_enough() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("an address");
    let attempt = format!("tcp:{address}");
    let rule = format!("tcp:connect:{address}");
    let done = probe(&[], &[&attempt]);
    assert!(done.stderr.contains(&rule), "{done}");
    probe(&["--net", &rule], &[&attempt])
        .code(0)
        .shows(": connected\n");
}

#[test]
fn the_rule_that_is_told_is_enough_for_datagrams() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("an address");
    for attempt in [format!("udp:{address}"), format!("udp-to:{address}")] {
        let rule = format!("udp:connect:{address}");
        let done = probe(&[], &[&attempt]).code(0).shows(": refused (");
        assert!(
            done.stderr
                .contains(&format!("To allow it: --net {rule}. ")),
            "{done}"
        );
        assert_eq!(done.stderr.matches("refused").count(), 1, "{done}");
        let done = probe(&["--net", &rule], &[&attempt]).code(0).silent();
        assert!(!done.stdout.contains("refused"), "{done}");
    }
}

/// A rule for every public address leads to no address of this machine, of a private network or
/// of a metadata service, however it is written.
#[test]
fn special_addresses_have_no_disguise() {
    let attempts = [
        "tcp:127.0.0.1:80",
        "tcp:2130706433:80",
        "tcp:0x7f.1:80",
        "tcp:0177.0.0.1:80",
        "tcp:127.0.0.1.:80",
        "tcp:[::1]:80",
        "tcp:[::ffff:127.0.0.1]:80",
        "tcp:[::127.0.0.1]:80",
        "tcp:[64:ff9b::7f00:1]:80",
        "tcp:[2002:7f00:1::]:80",
        "tcp:169.254.169.254:80",
        "tcp:[::ffff:a9fe:a9fe]:80",
        "tcp:10.0.0.1:80",
        "udp:127.0.0.1:53",
        "udp-to:127.0.0.1:53",
    ];
    let done = probe(&["--net", "*:*", "--net", "udp:*:*"], &attempts).code(0);
    for attempt in attempts {
        let refused = format!("{attempt}: refused (");
        assert!(done.stdout.contains(&refused), "{attempt}\n{done}");
    }
    assert!(
        done.stderr
            .contains("the metadata service of a cloud provider"),
        "{done}"
    );
}

#[test]
fn sockets_are_descriptors_and_bounded() {
    probe(&["--net", "loopback", "--max-fds", "20"], &["sockets"])
        .code(0)
        .shows("sockets: 16 and then ")
        .says("more than 20 open descriptors");
}

#[test]
fn pollables_without_end_are_a_trap_that_names_the_bound() {
    probe(&[], &["pollables"])
        .code(134)
        .says("more resources at once than one may");
}

/// Starts a server of echoes, and says where it listens.
fn echo(guest: &str, arguments: &[&str]) -> (Running, SocketAddr) {
    let mut server = run(["--net", "listen:127.0.0.1:0"])
        .guest(guest)
        .args(arguments)
        .start();
    let line = server.first_line();
    let address = line.trim().strip_prefix("listening on ");
    let address = address.and_then(|address| address.parse().ok());
    (server, address.unwrap_or_else(|| panic!("{line}")))
}

/// More than sockets hold, so that both ends wait for each other, and a second connection after
/// the first, in components of both versions.
#[test]
fn what_is_sent_comes_back() {
    let bytes: Vec<u8> = (0..8 << 20).map(|at: u32| (at % 251) as u8).collect();
    for (guest, arguments) in [
        (
            "component-rust/tcp_echo",
            &["serve", "127.0.0.1:0", "2"][..],
        ),
        ("component-rust/p3_tcp_echo", &["127.0.0.1:0", "2"]),
    ] {
        let (server, address) = echo(guest, arguments);
        let mut receiver = TcpStream::connect(address).expect("a connection");
        let mut sender = receiver.try_clone().expect("a second handle");
        let sent = bytes.clone();
        let sending = thread::spawn(move || {
            sender.write_all(&sent)?;
            sender.shutdown(Shutdown::Write)
        });
        let mut back = Vec::new();
        receiver.read_to_end(&mut back).expect("the echo");
        sending.join().expect("the sender").expect("sent");
        assert!(
            back == bytes,
            "{guest}: {} of {} bytes",
            back.len(),
            bytes.len()
        );

        let net = format!("connect:{address}");
        run(["--net", &net])
            .guest("component-rust/tcp_echo")
            .args(["connect", &address.to_string(), "20"])
            .go()
            .code(0)
            .shows("\"messages\": 20");
        server.end().code(0);
    }
}
