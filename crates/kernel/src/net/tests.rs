//! Tests of the network: classes and disguises, rules, names that change, the virtual loopback.

use core::net::{IpAddr, SocketAddr};
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{AddressFamily, Errno, Fd, FdFlags, RecvFlags, Rights, ShutdownFlags, SocketKind};
use proptest::prelude::*;

use super::*;
use crate::denial::Cause;
use crate::deterministic::{SeededEntropy, VirtualClock};
use crate::kernel::{Authority, Kernel, Options, Ports};
use crate::port::Network;
use crate::process::{ChildSpec, Process, ProcessSpec};
use crate::task::Task;
use crate::testkit::network::PlannedNetwork;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn connect(host: HostPattern, port: u16) -> NetRule {
    NetRule::Connect {
        protocol: Protocol::Tcp,
        host,
        ports: PortRanges::one(port),
    }
}

fn named(name: &str) -> HostPattern {
    HostPattern::Name(NamePattern::Exactly(name.to_owned()))
}

fn range(address: &str, prefix: u8) -> HostPattern {
    HostPattern::Range(AddressRange::new(ip(address), prefix).expect("a range"))
}

struct System {
    kernel: Arc<Kernel>,
    authority: Authority,
    network: Arc<PlannedNetwork>,
}

/// A kernel over a network, with a clock that no time moves.
pub(super) fn boot(network: Arc<dyn Network>) -> (Arc<Kernel>, Authority) {
    let ports = Ports {
        clock: Arc::new(VirtualClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: Some(network),
    };
    Kernel::boot(ports, Options::default()).expect("seeded")
}

fn system() -> System {
    let network = Arc::new(PlannedNetwork::default());
    let (kernel, authority) = boot(network.clone());
    System {
        kernel,
        authority,
        network,
    }
}

impl System {
    fn process(&self, rules: impl IntoIterator<Item = NetRule>) -> Arc<Process> {
        let spec = ProcessSpec {
            network: rules.into_iter().collect(),
            ..ProcessSpec::default()
        };
        self.kernel.spawn(&self.authority, spec).expect("a process")
    }

    fn task(&self, rules: impl IntoIterator<Item = NetRule>) -> Task {
        Task::new(self.process(rules), Waker::noop().clone())
    }
}

fn open(task: &mut Task, kind: SocketKind) -> Fd {
    ready(task.sock_open(AddressFamily::Inet4, kind)).expect("a socket")
}

fn ready<T>(answer: Poll<Result<T, Errno>>) -> Result<T, Errno> {
    match answer {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it would wait"),
    }
}

#[test]
fn each_range_has_its_class_up_to_its_edges() {
    use AddressClass::{
        Broadcast, LinkLocal, Loopback, Metadata, Multicast, Private, Public, Reserved, Shared,
        Unspecified,
    };
    for (text, class) in [
        ("9.255.255.255", Public),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("11.0.0.0", Public),
        ("0.1.2.3", Unspecified),
        ("100.63.255.255", Public),
        ("100.64.0.0", Shared),
        ("100.100.100.200", Metadata),
        ("126.255.255.255", Public),
        ("127.8.8.8", Loopback),
        ("169.254.0.1", LinkLocal),
        ("169.254.169.254", Metadata),
        ("172.15.255.255", Public),
        ("172.31.255.255", Private),
        ("172.32.0.0", Public),
        ("192.168.1.1", Private),
        ("198.19.255.255", Reserved),
        ("203.0.113.9", Reserved),
        ("224.0.0.1", Multicast),
        ("255.255.255.255", Broadcast),
        ("::", Unspecified),
        ("::1", Loopback),
        ("2606:4700::1111", Public),
        ("2001:db8::1", Reserved),
        ("fd00:ec2::254", Metadata),
        ("fd12::1", Private),
        ("fe80::1", LinkLocal),
        ("ff02::1", Multicast),
        ("4000::1", Reserved),
    ] {
        assert_eq!(classify(ip(text)), class, "{text}");
    }
}

#[test]
fn every_disguise_of_an_address_is_that_address() {
    for disguised in [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1:7f00:0:100::",
        "2002:7f00:1::1",
        "2001:0:808:808::80ff:fffe",
        // A public client behind a server of the machine's own.
        "2001:0:7f00:1::f7f7:f7f7",
    ] {
        assert_eq!(
            classify(ip(disguised)),
            AddressClass::Loopback,
            "{disguised}"
        );
    }
    for text in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.0.1.",
        "0X7F000001",
        "[::ffff:127.0.0.1]",
        "::ffff:7f00:1",
        "017700000001",
    ] {
        let Ok(HostTarget::Address(address)) = parse_host(text) else {
            panic!("{text} is an address");
        };
        assert_eq!(classify(address), AddressClass::Loopback, "{text}");
    }
}

#[test]
fn a_host_is_a_name_an_address_or_nothing() {
    let name = |text: &str| HostTarget::Name(text.to_owned());
    assert_eq!(parse_host("Example.COM."), Ok(name("example.com")));
    assert_eq!(
        parse_host("xn--bcher-kva.example"),
        Ok(name("xn--bcher-kva.example"))
    );
    for (text, error) in [
        ("", HostError::Empty),
        ("a@b", HostError::UserInformation),
        ("127.0.0.1%2f", HostError::Percent),
        ("[fe80::1%1]", HostError::Zone),
        ("b\u{fc}cher.example", HostError::NotAscii),
        ("[1.2.3.4]", HostError::BadBrackets),
        ("1.2.3.256", HostError::BadNumber),
        ("09.1.1.1", HostError::BadNumber),
        ("a..b", HostError::BadLabel),
        ("-a.b", HostError::BadLabel),
        ("a b", HostError::BadCharacter),
        ("a:80", HostError::BadCharacter),
    ] {
        assert_eq!(parse_host(text), Err(error), "{text:?}");
    }
    assert_eq!(parse_host(&"a".repeat(64)), Err(HostError::TooLong));
}

#[test]
fn a_wide_rule_names_no_special_address() {
    let none = |_: &NamePattern| true;
    let allows = |host: HostPattern, address: &str| {
        let rules: NetRules = [connect(host, 80)].into_iter().collect();
        rules.allow_connect(Protocol::Tcp, SocketAddr::new(ip(address), 80), &none)
    };
    for special in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(!allows(HostPattern::Public, special), "{special}");
        assert!(!allows(range("0.0.0.0", 0), special), "{special}");
        assert!(!allows(range("::", 0), special), "{special}");
        // The name was answered with it, says `none`: still it is special.
        assert!(!allows(named("example.com"), special), "{special}");
    }
    assert!(allows(range("10.0.0.0", 8), "10.1.2.3"));
    assert!(allows(range("10.0.0.0", 8), "64:ff9b::10.1.2.3"));
    assert!(!allows(range("8.0.0.0", 5), "10.1.2.3"));
    assert!(!allows(range("169.254.0.0", 16), "169.254.169.254"));
    assert!(allows(range("169.254.169.254", 32), "169.254.169.254"));
    assert!(allows(HostPattern::Public, "9.9.9.9"));
    let below = NamePattern::Below("example.com".to_owned());
    assert!(below.matches("a.b.example.com") && !below.matches("example.com"));
    assert!(!below.matches("badexample.com"));
}

#[test]
fn a_name_is_asked_once_and_cannot_move_to_another_address() {
    let system = system();
    system
        .network
        .plan("example.com", &[ip("9.9.9.9"), ip("10.0.0.1")]);
    system.network.plan("example.com", &[ip("127.0.0.1")]);
    let process = system.process([connect(named("example.com"), 443)]);
    let waker = Waker::noop();
    let policy = process.network();
    assert!(
        !policy.allows_connect(Protocol::Tcp, at("9.9.9.9:443")),
        "before the lookup"
    );
    for _ in 0..2 {
        let found = ready(process.poll_lookup("EXAMPLE.com.", waker)).expect("known");
        assert_eq!(found, [ip("9.9.9.9"), ip("10.0.0.1")]);
    }
    assert_eq!(system.network.lookups(), 1);
    assert!(policy.allows_connect(Protocol::Tcp, at("9.9.9.9:443")));
    assert!(!policy.allows_connect(Protocol::Tcp, at("9.9.9.9:80")));
    assert!(!policy.allows_connect(Protocol::Tcp, at("10.0.0.1:443")));
    let targets = ready(process.poll_connect_targets("example.com", 443, waker));
    assert_eq!(targets, Ok(vec![at("9.9.9.9:443")]));
    assert_eq!(
        ready(process.poll_connect_targets("other.example", 443, waker)),
        Err(Errno::Access)
    );
    assert_eq!(
        ready(process.poll_connect_targets("0x7f.1", 443, waker)),
        Err(Errno::Access)
    );
    assert_eq!(
        system.network.lookups(),
        1,
        "what is refused is not asked for"
    );
    let options: Vec<String> = process
        .denials()
        .into_iter()
        .filter_map(|denial| match denial.cause {
            Cause::Network { rule, .. } => Some(rule.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        options,
        ["tcp:connect:other.example:443", "tcp:connect:127.0.0.1:443"]
    );
}

#[test]
fn a_name_that_leads_inside_is_refused_by_its_address() {
    let system = system();
    system
        .network
        .plan("rebind.example", &[ip("169.254.169.254")]);
    let process = system.process([connect(named("rebind.example"), 80)]);
    let targets = process.poll_connect_targets("rebind.example", 80, Waker::noop());
    assert_eq!(ready(targets), Err(Errno::Access));
    let Cause::Network {
        rule, name, class, ..
    } = process.denials()[0].cause.clone()
    else {
        panic!("a refusal of the network");
    };
    assert_eq!(rule.to_string(), "tcp:connect:169.254.169.254:80");
    assert_eq!(name.as_deref(), Some("rebind.example"));
    assert_eq!(class, AddressClass::Metadata);
}

#[test]
fn without_a_rule_nothing_is_bound_connected_or_sent() {
    let mut task = system().task([]);
    let stream = open(&mut task, SocketKind::Stream);
    let datagram = open(&mut task, SocketKind::Datagram);
    for address in ["127.0.0.1:80", "9.9.9.9:80", "0.0.0.0:80", "9.9.9.9:0"] {
        assert_eq!(
            ready(task.sock_bind(stream, at(address))),
            Err(Errno::Access)
        );
        assert_eq!(
            ready(task.sock_bind(datagram, at(address))),
            Err(Errno::Access)
        );
    }
    assert_eq!(ready(task.sock_listen(stream, 1)), Err(Errno::Access));
    let data = [IoSlice::new(b"x")];
    for address in ["127.0.0.1:80", "9.9.9.9:80"].map(at) {
        assert_eq!(
            ready(task.sock_connect(stream, address)),
            Err(Errno::Access)
        );
        assert_eq!(
            ready(task.sock_connect(datagram, address)),
            Err(Errno::Access)
        );
        let sent = task.sock_send_to(datagram, &data, Some(address));
        assert_eq!(ready(sent), Err(Errno::Access));
    }
    assert_eq!(
        ready(task.name_lookup("example.com", &mut [])),
        Err(Errno::Access)
    );
}

fn refused_rules(process: &Process) -> Vec<String> {
    let rules = process.denials().into_iter();
    rules
        .filter_map(|denial| match denial.cause {
            Cause::Network { rule, .. } => Some(rule.to_string()),
            _ => None,
        })
        .collect()
}

/// A client that binds first is told of its destination: a rule to listen would not help it.
#[test]
fn who_binds_to_any_port_is_told_what_that_was_for() {
    let system = system();
    let data = [IoSlice::new(b"x")];
    for rules in [vec![], vec![connect(HostPattern::Public, 443)]] {
        let mut task = system.task(rules);
        let client = open(&mut task, SocketKind::Datagram);
        ready(task.sock_bind(client, at("0.0.0.0:0"))).expect("bound to be nowhere");
        let sent = task.sock_send_to(client, &data, Some(at("9.9.9.9:53")));
        assert_eq!(ready(sent), Err(Errno::Access));
        assert_eq!(
            ready(task.sock_connect(client, at("9.9.9.9:53"))),
            Err(Errno::Access)
        );
        // Nor does it wait for an answer that nothing may bring.
        let received = task.sock_recv_from(client, &mut [0; 8], RecvFlags::NONE);
        assert_eq!(ready(received).map(drop), Err(Errno::Access));
        assert_eq!(refused_rules(task.process()), ["udp:connect:9.9.9.9:53"]);
    }
    let mut task = system.task([]);
    let server = open(&mut task, SocketKind::Datagram);
    ready(task.sock_bind(server, at("127.0.0.1:0"))).expect("bound to be nowhere");
    assert_eq!(
        ready(task.sock_bind(server, at("127.0.0.1:0"))),
        Err(Errno::Invalid)
    );
    assert_eq!(ready(task.sock_local_address(server)), Err(Errno::Access));
    let received = task.sock_recv_from(server, &mut [0; 8], RecvFlags::NONE);
    assert_eq!(ready(received).map(drop), Err(Errno::Access));
    let stream = open(&mut task, SocketKind::Stream);
    ready(task.sock_bind(stream, at("0.0.0.0:0"))).expect("bound to be nowhere");
    assert_eq!(ready(task.sock_listen(stream, 1)), Err(Errno::Access));
    assert_eq!(
        refused_rules(task.process()),
        ["udp:listen:127.0.0.1:0", "tcp:listen:0.0.0.0:0"]
    );
}

/// A neighbour on the virtual loopback finds nobody where a process without rules was bound.
#[test]
fn who_is_bound_to_be_nowhere_is_not_reached() {
    let system = system();
    let mut hidden = system.task([]);
    let socket = open(&mut hidden, SocketKind::Datagram);
    ready(hidden.sock_bind(socket, at("127.0.0.1:0"))).expect("bound to be nowhere");
    let mut neighbour = system.task([NetRule::Loopback]);
    let sender = open(&mut neighbour, SocketKind::Datagram);
    for port in 49152..=u16::MAX {
        let to = SocketAddr::new(ip("127.0.0.1"), port);
        let sent = neighbour.sock_send_to(sender, &[IoSlice::new(b"x")], Some(to));
        assert_eq!(ready(sent), Ok(1));
    }
    let received = hidden.sock_recv_from(socket, &mut [0; 8], RecvFlags::NONE);
    assert_eq!(ready(received).map(drop), Err(Errno::Access));
}

/// A proxy looks names up, so that a rule about addresses says nothing of a name.
#[test]
fn through_a_proxy_only_a_rule_that_names_the_host_leads_to_it() {
    let system = system();
    let name = |text: &str| HostTarget::Name(text.to_owned());
    let address = |text: &str| HostTarget::Address(ip(text));
    let process = system.process([
        connect(named("api.example.com"), 443),
        connect(HostPattern::Public, 80),
        connect(range("10.0.0.0", 8), 443),
        NetRule::Resolve(NamePattern::Exactly("other.example".to_owned())),
    ]);
    assert_eq!(process.check_proxied(&name("api.example.com"), 443), Ok(()));
    assert_eq!(process.check_proxied(&address("10.1.2.3"), 443), Ok(()));
    assert_eq!(process.check_proxied(&address("9.9.9.9"), 80), Ok(()));
    for (host, port) in [
        (name("api.example.com"), 80),
        (name("www.example.com"), 80),
        (name("other.example"), 443),
        (name("localhost"), 80),
        (address("169.254.169.254"), 80),
        (address("::ffff:127.0.0.1"), 80),
        (address("64:ff9b::a9fe:a9fe"), 80),
        (address("10.1.2.3"), 80),
    ] {
        let refused = process.check_proxied(&host, port);
        assert_eq!(refused, Err(Errno::Access), "{host}:{port}");
    }
    assert_eq!(
        process.check_proxied(&address("::"), 80),
        Err(Errno::Invalid)
    );
    assert_eq!(
        refused_rules(&process)[..2],
        [
            "tcp:connect:api.example.com:80",
            "tcp:connect:www.example.com:80"
        ]
    );
    assert_eq!(system.network.lookups(), 0);
    // Each set of rules has to name it.
    let parent = system.process([connect(named("api.example.com"), 443)]);
    let child = parent.spawn_child(ChildSpec {
        network: Some([connect(HostPattern::Public, 443)].into_iter().collect()),
        ..ChildSpec::default()
    });
    let child = child.expect("a child");
    assert_eq!(
        child.check_proxied(&name("api.example.com"), 443),
        Err(Errno::Access)
    );
}

#[test]
fn what_a_socket_cannot_be_given_is_invalid() {
    let mut task = system().task([NetRule::All]);
    let fd = open(&mut task, SocketKind::Stream);
    for address in ["[::1]:80", "0.0.0.0:80", "127.0.0.1:0", "224.0.0.1:80"] {
        assert_eq!(
            ready(task.sock_connect(fd, at(address))),
            Err(Errno::Invalid),
            "{address}"
        );
    }
    let six = ready(task.sock_open(AddressFamily::Inet6, SocketKind::Stream)).expect("six");
    for address in ["[::ffff:127.0.0.1]:80", "[::127.0.0.1]:80"] {
        assert_eq!(
            ready(task.sock_connect(six, at(address))),
            Err(Errno::Invalid),
            "{address}"
        );
        assert_eq!(
            ready(task.sock_bind(six, at(address))),
            Err(Errno::Invalid),
            "{address}"
        );
    }
    ready(task.sock_bind(fd, at("127.0.0.1:0"))).expect("bound");
    assert_eq!(
        ready(task.sock_bind(fd, at("127.0.0.1:0"))),
        Err(Errno::Invalid)
    );
    assert_eq!(ready(task.sock_disconnect(fd)), Err(Errno::Invalid));
    assert_eq!(ready(task.sock_peer_address(fd)), Err(Errno::NotConnected));
}

#[test]
fn two_processes_talk_over_the_virtual_loopback() {
    let system = system();
    let mut server = system.task([NetRule::Loopback]);
    let mut client = system.task([NetRule::Loopback]);
    let listener = open(&mut server, SocketKind::Stream);
    ready(server.sock_bind(listener, at("0.0.0.0:80"))).expect("bound");
    ready(server.sock_listen(listener, 1)).expect("listening");
    assert!(server.sock_accept(listener, FdFlags::NONE).is_pending());

    let socket = open(&mut client, SocketKind::Stream);
    ready(client.sock_connect(socket, at("127.0.0.1:80"))).expect("connected");
    let second = open(&mut client, SocketKind::Stream);
    assert!(
        client.sock_connect(second, at("127.0.0.1:80")).is_pending(),
        "the queue is full"
    );
    client.abandon();
    let accepted = ready(server.sock_accept(listener, FdFlags::NONE)).expect("accepted");
    assert_eq!(
        ready(client.sock_connect(second, at("127.0.0.1:80"))),
        Ok(())
    );
    assert_eq!(
        ready(client.sock_local_address(socket)),
        ready(server.sock_peer_address(accepted))
    );

    let data = [IoSlice::new(b"hello")];
    assert_eq!(ready(client.fd_write(socket, &data)), Ok(5));
    ready(client.sock_shutdown(socket, ShutdownFlags::WRITE)).expect("half closed");
    let mut buffer = [0; 8];
    let peeked = ready(server.sock_recv(accepted, &mut buffer, RecvFlags::PEEK));
    assert_eq!(peeked.map(|received| received.size), Ok(5));
    assert_eq!(ready(server.fd_read(accepted, &mut buffer)), Ok(5));
    assert_eq!(&buffer[..5], b"hello");
    assert_eq!(ready(server.fd_read(accepted, &mut buffer)), Ok(0));
    ready(server.fd_close(accepted)).expect("closed");
    assert_eq!(ready(client.fd_read(socket, &mut buffer)), Ok(0));

    ready(server.fd_close(listener)).expect("closed");
    let late = open(&mut client, SocketKind::Stream);
    assert_eq!(
        ready(client.sock_connect(late, at("127.0.0.1:80"))),
        Err(Errno::ConnectionRefused)
    );
    let mut stranger = system.task([connect(HostPattern::Public, 80)]);
    let socket = open(&mut stranger, SocketKind::Stream);
    let refused = ready(stranger.sock_connect(socket, at("127.0.0.1:80")));
    assert_eq!(refused, Err(Errno::Access));
}

#[test]
fn datagrams_arrive_or_are_lost_and_an_address_is_taken_once() {
    let system = system();
    let mut task = system.task([NetRule::Loopback]);
    let receiver = open(&mut task, SocketKind::Datagram);
    ready(task.sock_bind(receiver, at("127.0.0.1:53"))).expect("bound");
    let other = open(&mut task, SocketKind::Datagram);
    assert_eq!(
        ready(task.sock_bind(other, at("0.0.0.0:53"))),
        Err(Errno::AddressInUse)
    );
    let data = [IoSlice::new(b"question")];
    let to = Some(at("127.0.0.1:53"));
    for _ in 0..1000 {
        assert_eq!(ready(task.sock_send_to(other, &data, to)), Ok(8));
    }
    let mut arrived = 0;
    let mut buffer = [0; 4];
    while let Poll::Ready(received) = task.sock_recv_from(receiver, &mut buffer, RecvFlags::NONE) {
        let received = received.expect("received");
        assert!(received.truncated && received.size == 4);
        assert_eq!(Ok(received.address), ready(task.sock_local_address(other)));
        arrived += 1;
    }
    assert_eq!(arrived, 256);
    let nobody = ready(task.sock_send_to(other, &data, Some(at("127.0.0.1:54"))));
    assert_eq!(nobody, Ok(8));
}

#[test]
fn a_child_has_what_both_allow_and_its_sockets_are_judged_by_its_rules() {
    let system = system();
    let parent = system.process([connect(range("10.0.0.0", 8), 80), NetRule::Loopback]);
    let child = |network| {
        let spec = ChildSpec {
            network,
            ..ChildSpec::default()
        };
        parent.spawn_child(spec).expect("a child")
    };
    let nothing = child(None);
    let everything = child(Some(NetRules::all()));
    let narrow = child(Some(
        [connect(range("10.1.0.0", 16), 80)].into_iter().collect(),
    ));
    let allows = |process: &Process, address: &str| {
        process.network().allows_connect(Protocol::Tcp, at(address))
    };
    assert!(!allows(&nothing, "10.1.0.1:80") && !nothing.network().allows_loopback());
    assert!(allows(&everything, "10.1.0.1:80") && !allows(&everything, "9.9.9.9:80"));
    assert!(everything.network().allows_loopback());
    assert!(allows(&narrow, "10.1.0.1:80") && !allows(&narrow, "10.2.0.1:80"));

    let mut task = Task::new(system.process([NetRule::Loopback]), Waker::noop().clone());
    let socket = open(&mut task, SocketKind::Datagram);
    let connected = open(&mut task, SocketKind::Datagram);
    ready(task.sock_connect(connected, at("127.0.0.1:53"))).expect("connected");
    let spec = ChildSpec {
        descriptors: vec![
            (Fd(0), socket, Rights::NETWORK),
            (Fd(1), connected, Rights::NETWORK),
        ],
        ..ChildSpec::default()
    };
    let heir = task.process().clone().spawn_child(spec).expect("a child");
    let mut heir = Task::new(heir, Waker::noop().clone());
    let sent = heir.sock_send_to(Fd(0), &[IoSlice::new(b"x")], Some(at("127.0.0.1:53")));
    assert_eq!(ready(sent), Err(Errno::Access));
    let sent = heir.sock_send_to(Fd(1), &[IoSlice::new(b"x")], None);
    assert_eq!(
        ready(sent),
        Err(Errno::Access),
        "it was connected by another"
    );
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        any::<u32>().prop_map(|bits| IpAddr::V6((0x64_ff9b_u128 << 96 | u128::from(bits)).into())),
        any::<u32>().prop_map(|bits| IpAddr::V6((0xffff_u128 << 32 | u128::from(bits)).into())),
    ]
}

fn any_rule() -> impl Strategy<Value = NetRule> {
    let host = prop_oneof![
        Just(HostPattern::Public),
        any_address().prop_map(|address| HostPattern::Range(AddressRange::of(address))),
        (any::<u32>(), 0..=32_u8).prop_map(|(bits, prefix)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            range(&core::net::Ipv4Addr::from(bits & mask).to_string(), prefix)
        }),
    ];
    let connect =
        (host, any::<u16>(), any::<u16>()).prop_map(|(host, one, other)| NetRule::Connect {
            protocol: Protocol::Tcp,
            host,
            ports: PortRanges::new(vec![(one.min(other), one.max(other))]).expect("in order"),
        });
    prop_oneof![1 => Just(NetRule::All), 1 => Just(NetRule::Loopback), 8 => connect]
}

/// Hosts of which many hold others, and which lie in and around special ranges.
fn related_host() -> impl Strategy<Value = HostPattern> {
    let names = [
        "example.com",
        "api.example.com",
        "v1.api.example.com",
        "com",
    ];
    let ranges = [
        ("0.0.0.0", 0),
        ("8.0.0.0", 5),
        ("9.0.0.0", 8),
        ("9.9.9.9", 32),
        ("10.0.0.0", 8),
        ("10.1.0.0", 16),
        ("10.1.2.3", 32),
        ("168.63.0.0", 16),
        ("169.254.0.0", 16),
        ("169.254.169.254", 32),
        ("192.0.0.0", 23),
        ("::", 0),
        ("::1", 128),
        ("2001::", 16),
        ("2001:db8::", 32),
        ("2606:4700::", 32),
        ("2606:4700::1", 128),
        ("fd00::", 8),
        ("fd00:ec2::254", 128),
    ];
    prop_oneof![
        1 => Just(HostPattern::Public),
        2 => prop::sample::select(names.to_vec()).prop_map(named),
        2 => prop::sample::select(names.to_vec())
            .prop_map(|name| HostPattern::Name(NamePattern::Below(name.to_owned()))),
        4 => prop::sample::select(ranges.to_vec())
            .prop_map(|(address, prefix)| range(address, prefix)),
    ]
}

fn related_rule() -> impl Strategy<Value = NetRule> {
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
    let ports = prop::sample::select(vec![
        vec![(0, u16::MAX)],
        vec![(443, 443)],
        vec![(80, 80), (443, 443)],
        vec![(80, 443)],
    ]);
    (protocol, related_host(), ports, 0..8_u8).prop_map(|(protocol, host, ports, kind)| {
        let ports = PortRanges::new(ports).expect("in order");
        match (kind, host) {
            (0, _) => NetRule::All,
            (1, _) => NetRule::Loopback,
            (2, HostPattern::Name(name)) => NetRule::Resolve(name),
            (3, HostPattern::Range(address)) => NetRule::Listen {
                protocol,
                address,
                ports,
            },
            (_, host) => NetRule::Connect {
                protocol,
                host,
                ports,
            },
        }
    })
}

/// Addresses at the edges of the ranges above, and any.
fn related_address() -> impl Strategy<Value = IpAddr> {
    let known = [
        "8.8.8.8",
        "9.9.9.9",
        "10.1.2.3",
        "10.2.0.1",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.1.1",
        "169.254.169.254",
        "192.0.0.192",
        "192.0.1.1",
        "::1",
        "2001:db8::1",
        "2606:4700::1",
        "fd00:ec2::254",
        "fd12::1",
        "64:ff9b::10.1.2.3",
        "::ffff:9.9.9.9",
    ];
    prop_oneof![
        3 => prop::sample::select(known.map(ip).to_vec()),
        1 => any_address(),
    ]
}

#[test]
fn a_wider_rule_covers_a_narrower_one_and_never_the_other_way_round() {
    let any = |protocol, host| NetRule::Connect {
        protocol,
        host,
        ports: PortRanges::all(),
    };
    let below = |name: &str| HostPattern::Name(NamePattern::Below(name.to_owned()));
    let tcp = Protocol::Tcp;
    for (wide, narrow) in [
        (
            connect(HostPattern::Public, 443),
            connect(named("api.example.com"), 443),
        ),
        (
            connect(HostPattern::Public, 443),
            connect(range("9.9.9.9", 32), 443),
        ),
        (
            any(tcp, range("10.0.0.0", 8)),
            connect(range("10.1.2.3", 32), 5432),
        ),
        (
            any(tcp, below("example.com")),
            connect(below("api.example.com"), 80),
        ),
        (
            connect(below("example.com"), 443),
            NetRule::Resolve(NamePattern::Exactly("api.example.com".to_owned())),
        ),
        (NetRule::All, NetRule::Loopback),
        (NetRule::All, connect(range("169.254.169.254", 32), 80)),
    ] {
        assert!(wide.covers(&narrow), "{wide} covers {narrow}");
        assert!(!narrow.covers(&wide), "{narrow} covers {wide}");
    }
    for (one, other) in [
        (
            connect(HostPattern::Public, 80),
            connect(range("10.1.2.3", 32), 80),
        ),
        (
            connect(range("0.0.0.0", 0), 80),
            connect(range("10.0.0.0", 8), 80),
        ),
        (
            connect(range("169.254.0.0", 16), 80),
            connect(range("169.254.169.254", 32), 80),
        ),
        (
            connect(range("0.0.0.0", 0), 80),
            connect(named("example.com"), 80),
        ),
        (
            connect(below("example.com"), 80),
            connect(named("example.com"), 80),
        ),
        (
            connect(HostPattern::Public, 80),
            connect(HostPattern::Public, 443),
        ),
        (
            any(Protocol::Udp, HostPattern::Public),
            connect(HostPattern::Public, 443),
        ),
    ] {
        assert!(!one.covers(&other), "{one} covers {other}");
        assert!(!other.covers(&one), "{other} covers {one}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn what_a_rule_covers_it_allows(
        wide in related_rule(),
        narrow in related_rule(),
        addresses in prop::collection::vec(related_address(), 1..24),
        answered in related_host(),
    ) {
        if !wide.covers(&narrow) {
            return Ok(());
        }
        let of = |rule: &NetRule| NetRules::from_iter([rule.clone()]);
        let (wide, narrow) = (of(&wide), of(&narrow));
        let names = ["com", "example.com", "api.example.com", "v1.api.example.com", "other.org"];
        for name in names {
            prop_assert!(wide.allow_lookup(name) || !narrow.allow_lookup(name), "{name}");
        }
        // Each address was the answer for every name of one pattern.
        let answers = |pattern: &NamePattern| names.iter().any(|name| {
            pattern.matches(name)
                && matches!(&answered, HostPattern::Name(asked) if asked.matches(name))
        });
        for ip in addresses {
            for port in [0, 22, 80, 100, 443, u16::MAX] {
                let at = SocketAddr::new(ip, port);
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    prop_assert!(
                        wide.allow_connect(protocol, at, &answers)
                            || !narrow.allow_connect(protocol, at, &answers),
                        "{protocol} to {at}"
                    );
                    prop_assert!(
                        wide.allow_listen(protocol, at) || !narrow.allow_listen(protocol, at),
                        "{protocol} on {at}"
                    );
                    prop_assert!(wide.allow_client(protocol) || !narrow.allow_client(protocol));
                }
            }
        }
        prop_assert!(wide.allow_loopback() || !narrow.allow_loopback());
        prop_assert!(wide.reach_the_host() || !narrow.reach_the_host());
    }
}

proptest! {
    #[test]
    fn only_a_rule_about_special_addresses_leads_to_one(address in any_address(), port: u16) {
        let rules: NetRules = [
            NetRule::Connect {
                protocol: Protocol::Tcp, host: HostPattern::Public, ports: PortRanges::all(),
            },
            NetRule::Connect {
                protocol: Protocol::Tcp, host: range("0.0.0.0", 0), ports: PortRanges::all(),
            },
            NetRule::Connect {
                protocol: Protocol::Tcp, host: range("::", 0), ports: PortRanges::all(),
            },
        ].into_iter().collect();
        let allowed = rules.allow_connect(
            Protocol::Tcp, SocketAddr::new(address, port), &|_| true,
        );
        prop_assert_eq!(allowed, classify(address) == AddressClass::Public);
    }

    #[test]
    fn a_child_never_has_more(
        own in prop::collection::vec(any_rule(), 0..4),
        given in prop::collection::vec(any_rule(), 0..4),
        address in any_address(),
        port: u16,
    ) {
        let parent = NetworkPolicy::new(own.into_iter().collect());
        let child = parent.narrowed(given.into_iter().collect());
        let target = SocketAddr::new(address, port);
        prop_assert!(
            parent.allows_connect(Protocol::Tcp, target)
                || !child.allows_connect(Protocol::Tcp, target)
        );
        prop_assert!(parent.allows_loopback() || !child.allows_loopback());
    }

    #[test]
    fn any_text_is_read_without_harm(text: String) {
        if let Ok(HostTarget::Name(name)) = parse_host(&text) {
            prop_assert_eq!(parse_host(&name), Ok(HostTarget::Name(name)));
        }
    }
}
