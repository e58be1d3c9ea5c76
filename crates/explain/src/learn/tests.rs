//! What is learned of the network: of what was done, and of what was refused.

use core::net::{IpAddr, SocketAddr};
use core::task::{Poll, Waker};
use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{AddressFamily, Errno, Fd, FdFlags, SocketKind};
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::net::{HostTarget, NetRule};
use holm_kernel::testkit::network::PlannedNetwork;
use holm_kernel::{Kernel, Options, Ports, ProcessSpec, Task};
use holm_package::grant::{Asked, Grants, HostPolicy, parse_net_rule, resolve};
use holm_package::manifest::Manifest;

use super::{Learned, Learner, Places};

struct NoPlaces;

impl Places for NoPlaces {
    fn directory(&self, host: &str) -> String {
        host.to_owned()
    }
    fn file(&self, host: &str) -> String {
        host.to_owned()
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn ready<T>(answer: Poll<Result<T, Errno>>) -> Result<T, Errno> {
    match answer {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it would wait"),
    }
}

fn open(task: &mut Task, kind: SocketKind) -> Fd {
    ready(task.sock_open(AddressFamily::Inet4, kind)).expect("a socket")
}

/// Runs under some rules; answers what was learned, and its `net` of a `holm.toml`.
fn learn(rules: &[&str], run: impl FnOnce(&mut Task)) -> (Learned, Vec<String>) {
    let network = Arc::new(PlannedNetwork::default());
    let answer: [IpAddr; 1] = ["9.9.9.9".parse().expect("an address")];
    network.plan("api.example.com", &answer);
    network.plan("unused.example.com", &answer);
    network.plan(
        "inside.example.com",
        &["10.9.9.9".parse().expect("an address")],
    );
    let ports = Ports {
        clock: Arc::new(VirtualClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: Some(network),
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("seeded");
    let learner = Arc::new(Learner::new());
    let spec = ProcessSpec {
        network: rules
            .iter()
            .map(|rule| parse_net_rule(rule).expect("a rule"))
            .collect::<Vec<NetRule>>()
            .into_iter()
            .collect(),
        observer: Some(learner.clone()),
        ..ProcessSpec::default()
    };
    let process = kernel.spawn(&authority, spec).expect("a process");
    let mut task = Task::new(process.clone(), Waker::noop().clone());
    run(&mut task);
    let learned = learner.learned(&process, &[]);
    let lock = resolve(Asked::Unstated, &Grants::new(), &HostPolicy::default()).expect("empty");
    let manifest = learned.manifest(Manifest::of_program("app", "app.wasm"), &lock, &NoPlaces);
    // What is written is read back.
    let read = Manifest::parse(&manifest.to_toml()).expect("it is well-formed");
    let net = read.needs.net.iter().map(|need| need.rule.to_string());
    (learned, net.collect())
}

#[test]
fn a_connection_is_learned_by_the_name_that_led_to_it() {
    let (_, net) = learn(&["all"], |task| {
        let mut found = [IpAddr::from([0, 0, 0, 0]); 4];
        assert_eq!(
            ready(task.name_lookup("API.example.com", &mut found)),
            Ok(1)
        );
        let named = open(task, SocketKind::Stream);
        let _ = task.sock_connect(named, at("9.9.9.9:443"));
        // No name: by the address. A special address has no name that leads to it.
        let plain = open(task, SocketKind::Stream);
        let _ = task.sock_connect(plain, at("10.1.2.3:5432"));
        // What could not be is no need.
        assert_eq!(
            ready(task.sock_connect(plain, at("0.0.0.0:80"))),
            Err(Errno::Invalid)
        );
    });
    assert_eq!(
        net,
        [
            "tcp:connect:api.example.com:443",
            "tcp:connect:10.1.2.3:5432"
        ]
    );
}

#[test]
fn a_name_that_was_only_looked_up_stays_a_lookup() {
    let (_, net) = learn(&["all"], |task| {
        let mut found = [IpAddr::from([0, 0, 0, 0]); 4];
        assert_eq!(
            ready(task.name_lookup("unused.example.com", &mut found)),
            Ok(1)
        );
        assert!(ready(task.name_lookup("localhost", &mut found)).is_ok());
    });
    assert_eq!(net, ["resolve:unused.example.com"]);
}

#[test]
fn a_server_is_learned_by_where_it_listens_and_a_datagram_by_where_it_goes() {
    let (learned, net) = learn(&["all"], |task| {
        let listener = open(task, SocketKind::Stream);
        ready(task.sock_bind(listener, at("127.0.0.1:8080"))).expect("bound");
        ready(task.sock_listen(listener, 1)).expect("listening");
        assert!(task.sock_accept(listener, FdFlags::NONE).is_pending());
        task.abandon();
        // A port of its own from which to send serves nobody.
        let datagram = open(task, SocketKind::Datagram);
        ready(task.sock_bind(datagram, at("0.0.0.0:0"))).expect("bound");
        let data = [IoSlice::new(b"x")];
        let sent = task.sock_send_to(datagram, &data, Some(at("9.9.9.9:53")));
        assert_eq!(ready(sent), Ok(1));
    });
    assert_eq!(net, ["udp:connect:9.9.9.9:53", "tcp:listen:127.0.0.1:8080"]);
    assert_eq!(learned.listen, Vec::<String>::new());
}

#[test]
fn what_was_refused_of_the_network_is_learned_as_the_rule_that_allows_it() {
    let (learned, net) = learn(&[], |task| {
        let stream = open(task, SocketKind::Stream);
        let refused = task.sock_connect(stream, at("10.1.2.3:80"));
        assert_eq!(ready(refused), Err(Errno::Access));
        let refused = task.name_lookup("api.example.com", &mut []);
        assert_eq!(ready(refused), Err(Errno::Access));
    });
    assert_eq!(net, ["tcp:connect:10.1.2.3:80", "resolve:api.example.com"]);
    assert_eq!(learned.refused, 0, "all of it is in the manifest");
}

#[test]
fn the_loopback_of_the_system_is_learned_as_such() {
    let (_, net) = learn(&["loopback"], |task| {
        let listener = open(task, SocketKind::Stream);
        ready(task.sock_bind(listener, at("127.0.0.1:80"))).expect("bound");
        ready(task.sock_listen(listener, 1)).expect("listening");
        let client = open(task, SocketKind::Stream);
        ready(task.sock_connect(client, at("127.0.0.1:80"))).expect("connected");
    });
    assert_eq!(net, ["loopback"]);
}

/// What a client of the host's is asked for on the way to a server, by the name that the
/// program used.
fn request(task: &Task, host: &str, port: u16) -> Result<Vec<SocketAddr>, Errno> {
    ready(
        task.process()
            .poll_connect_targets(host, port, Waker::noop()),
    )
}

#[test]
fn a_request_is_learned_by_the_name_that_it_used() {
    let (_, net) = learn(&["all"], |task| {
        for _ in 0..2 {
            request(task, "API.example.com", 443).expect("allowed");
        }
        request(task, "10.1.2.3", 8080).expect("allowed");
        request(task, "[::ffff:10.1.2.3]", 8081).expect("allowed");
    });
    assert_eq!(
        net,
        [
            "tcp:connect:10.1.2.3:8080",
            "tcp:connect:10.1.2.3:8081",
            "tcp:connect:api.example.com:443"
        ]
    );
}

/// Under what was learned the same may be done again, also where a name leads inside.
#[test]
fn what_is_learned_of_requests_allows_them() {
    let run = |task: &mut Task| {
        request(task, "api.example.com", 443).expect("allowed");
        request(task, "inside.example.com", 80).expect("allowed");
        request(task, "localhost", 8080).expect("allowed");
        let proxied = HostTarget::Name("far.example".to_owned());
        task.process()
            .check_proxied(&proxied, 443)
            .expect("allowed");
    };
    let (_, net) = learn(&["all"], run);
    let learned: Vec<&str> = net.iter().map(String::as_str).collect();
    for rule in [
        "tcp:connect:api.example.com:443",
        "tcp:connect:far.example:443",
        "resolve:inside.example.com",
        "tcp:connect:10.9.9.9:80",
        "tcp:connect:127.0.0.1:8080",
    ] {
        assert!(learned.contains(&rule), "{rule}: {learned:?}");
    }
    assert_eq!(learn(&learned, run).1, net);
}

#[test]
fn a_refused_request_is_learned_as_the_rule_that_allows_it() {
    let (learned, net) = learn(&[], |task| {
        request(task, "api.example.com", 443).expect_err("nothing is allowed");
    });
    assert_eq!(net, ["tcp:connect:api.example.com:443"]);
    assert_eq!(learned.refused, 0);
}
