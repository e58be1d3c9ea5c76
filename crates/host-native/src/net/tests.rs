//! Tests of the network on the loopback interface.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use holm_abi::{
    AddressFamily, DATAGRAM_MAX, Errno, RecvFlags, ShutdownFlags, SocketKind, SocketOption,
};
use holm_kernel::port::{Network, Socket};
use holm_kernel::vfs::Interest;

use super::{FixedResolver, NativeNetwork, SystemResolver};
use crate::clock::monotonic_ns;
use crate::parker::Parker;
use crate::reactor::reactor;

const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn block<T>(mut call: impl FnMut(&Waker) -> Poll<T>) -> T {
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    let deadline = monotonic_ns() + 20 * SECOND_NS;
    loop {
        if let Poll::Ready(value) = call(&waker) {
            return value;
        }
        assert!(monotonic_ns() < deadline, "never ready");
        reactor().wait(&parker, Some(deadline));
    }
}

fn any(family: AddressFamily) -> SocketAddr {
    match family {
        AddressFamily::Inet4 => (Ipv4Addr::LOCALHOST, 0).into(),
        AddressFamily::Inet6 => (Ipv6Addr::LOCALHOST, 0).into(),
    }
}

fn socket(family: AddressFamily, kind: SocketKind) -> Arc<dyn Socket> {
    let network = NativeNetwork::new();
    network.socket(family, kind).expect("a socket")
}

/// Families that this machine has: containers often lack IPv6.
fn families() -> Vec<AddressFamily> {
    let mut families = vec![AddressFamily::Inet4];
    if TcpListener::bind(any(AddressFamily::Inet6)).is_ok() {
        families.push(AddressFamily::Inet6);
    }
    families
}

fn bound(family: AddressFamily, kind: SocketKind) -> (Arc<dyn Socket>, SocketAddr) {
    let socket = socket(family, kind);
    socket.bind(any(family)).expect("a free port");
    let address = socket.local_address().expect("bound");
    assert_ne!(address.port(), 0);
    (socket, address)
}

fn listening(family: AddressFamily) -> (Arc<dyn Socket>, SocketAddr) {
    let (listener, address) = bound(family, SocketKind::Stream);
    listener.listen(16).expect("listening");
    (listener, address)
}

fn connected(family: AddressFamily) -> (Arc<dyn Socket>, Arc<dyn Socket>) {
    let (listener, address) = listening(family);
    let near = socket(family, SocketKind::Stream);
    block(|waker| near.connect(Some(address), waker)).expect("connecting");
    let (far, _) = block(|waker| listener.accept(waker)).expect("accepting");
    (near, far)
}

fn send(socket: &dyn Socket, data: &[u8]) -> Result<usize, Errno> {
    block(|waker| socket.send(&[IoSlice::new(data)], None, waker))
}

fn receive(socket: &dyn Socket, room: usize) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; room];
    let got = block(|waker| socket.receive(&mut buffer, RecvFlags::NONE, waker))?;
    buffer.truncate(usize::try_from(got.size).expect("fits"));
    Ok(buffer)
}

#[test]
fn a_connection_carries_both_ways_and_closes_by_halves() {
    for family in families() {
        let (listener, address) = listening(family);
        assert_eq!(listener.option(SocketOption::Listening), Ok(1));
        assert!(listener.accept(Waker::noop()).is_pending());
        assert!(
            listener
                .readiness(Interest::Read, Waker::noop())
                .is_pending()
        );
        let near = socket(family, SocketKind::Stream);
        assert_eq!(near.local_address(), Err(Errno::Invalid));
        assert_eq!(near.peer_address(), Err(Errno::NotConnected));
        block(|waker| near.connect(Some(address), waker)).expect("connecting");
        assert_eq!(near.peer_address(), Ok(address));
        assert!(block(|waker| listener.readiness(Interest::Read, waker)).is_ok());
        let (far, from) = block(|waker| listener.accept(waker)).expect("accepting");
        assert_eq!(Ok(from), near.local_address());
        assert_eq!(far.peer_address(), Ok(from));
        assert_eq!(far.local_address(), Ok(address));
        let again = near.connect(Some(address), Waker::noop());
        assert_eq!(again, Poll::Ready(Err(Errno::IsConnected)));

        let pieces = [IoSlice::new(b"hel"), IoSlice::new(b""), IoSlice::new(b"lo")];
        assert_eq!(near.send(&pieces, None, Waker::noop()), Poll::Ready(Ok(5)));
        let mut peeked = [0; 2];
        let got = block(|waker| far.receive(&mut peeked, RecvFlags::PEEK, waker));
        assert_eq!(got.map(|got| (got.size, got.address)), Ok((2, from)));
        assert_eq!(receive(&*far, 16).expect("receiving"), b"hello");
        assert!(far.readiness(Interest::Read, Waker::noop()).is_pending());

        assert_eq!(near.shutdown(ShutdownFlags::NONE), Err(Errno::Invalid));
        near.shutdown(ShutdownFlags::WRITE).expect("shutting down");
        assert_eq!(receive(&*far, 16).expect("the end"), b"");
        let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
        assert!(ready.hangup);
        assert_eq!(send(&*near, b"late"), Err(Errno::BrokenPipe));
        // The other direction is open still.
        assert_eq!(send(&*far, b"bye"), Ok(3));
        drop(far);
        assert_eq!(receive(&*near, 16).expect("receiving"), b"bye");
        assert_eq!(receive(&*near, 16).expect("the end"), b"");
    }
}

#[test]
fn large_messages_are_echoed_whole() {
    const SIZE: usize = 64 << 10;
    const ROUNDS: usize = 64;
    let (near, far) = connected(AddressFamily::Inet4);
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let data = receive(&*far, SIZE).expect("receiving");
                if data.is_empty() {
                    break;
                }
                let mut sent = 0;
                while sent < data.len() {
                    sent += send(&*far, &data[sent..]).expect("sending");
                }
            }
            far.shutdown(ShutdownFlags::WRITE).expect("shutting down");
        });
        // Both pipes fill: neither side may sleep over the other.
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let message = vec![u8::try_from(round).expect("small"); SIZE];
                let mut sent = 0;
                while sent < SIZE {
                    sent += send(&*near, &message[sent..]).expect("sending");
                }
            }
            near.shutdown(ShutdownFlags::WRITE).expect("shutting down");
        });
        let mut got = 0;
        loop {
            let data = receive(&*near, SIZE).expect("receiving");
            if data.is_empty() {
                break;
            }
            for (index, byte) in data.iter().enumerate() {
                assert_eq!(usize::from(*byte), (got + index) / SIZE);
            }
            got += data.len();
        }
        assert_eq!(got, SIZE * ROUNDS);
    });
}

#[test]
fn a_refused_connection_is_an_errno_and_readiness_says_when() {
    for family in families() {
        // Bound and not listening: nobody else has the port.
        let (_holder, address) = bound(family, SocketKind::Stream);
        let near = socket(family, SocketKind::Stream);
        let refused = block(|waker| near.connect(Some(address), waker));
        assert_eq!(refused, Err(Errno::ConnectionRefused));
        assert_eq!(near.peer_address(), Err(Errno::NotConnected));
        assert_eq!(receive(&*near, 1), Err(Errno::NotConnected));
        assert_eq!(send(&*near, b"x"), Err(Errno::NotConnected));
    }
}

#[test]
fn a_connection_under_way_is_writable_once_it_is_decided() {
    // Nobody answers there (RFC 5737). Where nothing routes to it, it is decided at once.
    let nowhere: SocketAddr = ([192, 0, 2, 1], 9).into();
    let near = socket(AddressFamily::Inet4, SocketKind::Stream);
    assert!(near.readiness(Interest::Write, Waker::noop()).is_ready());
    if near.connect(Some(nowhere), Waker::noop()).is_pending() {
        assert!(near.readiness(Interest::Write, Waker::noop()).is_pending());
        assert!(near.readiness(Interest::Read, Waker::noop()).is_pending());
        let other: SocketAddr = ([192, 0, 2, 2], 9).into();
        let another = near.connect(Some(other), Waker::noop());
        assert_eq!(another, Poll::Ready(Err(Errno::Already)));
        assert_eq!(near.listen(1), Err(Errno::IsConnected));
    }
    let (_listener, address) = listening(AddressFamily::Inet4);
    let near = socket(AddressFamily::Inet4, SocketKind::Stream);
    let begun = near.connect(Some(address), Waker::noop());
    block(|waker| near.readiness(Interest::Write, waker)).expect("decided");
    if begun.is_pending() {
        let done = near.connect(Some(address), Waker::noop());
        assert_eq!(done, Poll::Ready(Ok(())));
    }
}

#[test]
fn a_reset_is_told_from_an_end() {
    let (near, far) = connected(AddressFamily::Inet4);
    send(&*near, b"never read").expect("sending");
    block(|waker| far.readiness(Interest::Read, waker)).expect("arrived");
    // Closing over data that nobody took resets the connection.
    drop(far);
    assert_eq!(receive(&*near, 16), Err(Errno::ConnectionReset));
    assert_eq!(receive(&*near, 16).expect("the end"), b"");
}

#[test]
fn connections_wait_in_the_backlog_until_they_are_taken() {
    let (listener, address) = listening(AddressFamily::Inet4);
    let near: Vec<_> = (0..8)
        .map(|_| {
            let near = socket(AddressFamily::Inet4, SocketKind::Stream);
            block(|waker| near.connect(Some(address), waker)).expect("connecting");
            near
        })
        .collect();
    // The host may change the backlog of a socket that listens.
    listener.listen(32).expect("listening again");
    for near in &near {
        let (_, from) = block(|waker| listener.accept(waker)).expect("accepting");
        assert_eq!(Ok(from), near.local_address());
    }
    assert!(listener.accept(Waker::noop()).is_pending());
}

#[test]
fn what_an_address_cannot_be_used_for_is_said() {
    let (_taken, address) = listening(AddressFamily::Inet4);
    let other = socket(AddressFamily::Inet4, SocketKind::Stream);
    assert_eq!(other.bind(address), Err(Errno::AddressInUse));
    let elsewhere: SocketAddr = ([192, 0, 2, 1], 0).into();
    assert_eq!(other.bind(elsewhere), Err(Errno::AddressNotAvailable));
    let other_family: SocketAddr = (Ipv6Addr::LOCALHOST, 1).into();
    assert_eq!(other.bind(other_family), Err(Errno::Invalid));
    let connect = other.connect(None, Waker::noop());
    assert_eq!(connect, Poll::Ready(Err(Errno::Invalid)));
    // A port whose connections ended lately is free.
    let (listener, address) = listening(AddressFamily::Inet4);
    let near = socket(AddressFamily::Inet4, SocketKind::Stream);
    block(|waker| near.connect(Some(address), waker)).expect("connecting");
    let (far, _) = block(|waker| listener.accept(waker)).expect("accepting");
    drop((far, listener));
    assert_eq!(receive(&*near, 1).expect("the end"), b"");
    drop(near);
    let again = socket(AddressFamily::Inet4, SocketKind::Stream);
    again.bind(address).expect("free again");
    again.listen(1).expect("listening");
}

#[test]
fn options_of_streams_keep_their_values() {
    for family in families() {
        let stream = socket(family, SocketKind::Stream);
        let cases = [
            (SocketOption::KeepAlive, 1, 1),
            (SocketOption::KeepAliveIdle, 1, SECOND_NS),
            (SocketOption::KeepAliveIdle, 1_500_000_000, 2 * SECOND_NS),
            (SocketOption::KeepAliveIdle, u64::MAX, 32_767 * SECOND_NS),
            (
                SocketOption::KeepAliveInterval,
                7 * SECOND_NS,
                7 * SECOND_NS,
            ),
            (SocketOption::KeepAliveCount, 3, 3),
            (SocketOption::KeepAliveCount, u64::MAX, 127),
            (SocketOption::HopLimit, 42, 42),
            (SocketOption::HopLimit, 255, 255),
            (SocketOption::ReceiveBuffer, 0x8000, 0x8000),
            (SocketOption::SendBuffer, 0x8000, 0x8000),
            (SocketOption::NoDelay, 1, 1),
            (SocketOption::NoDelay, 0, 0),
        ];
        for (option, value, reported) in cases {
            stream.set_option(option, value).expect("in range");
            assert_eq!(stream.option(option), Ok(reported), "{option}: {value}");
            assert_eq!(stream.option(SocketOption::Listening), Ok(0));
        }
        // As large as the host allows.
        stream
            .set_option(SocketOption::ReceiveBuffer, u64::MAX)
            .expect("a hint");
        assert!(stream.option(SocketOption::ReceiveBuffer) > Ok(0));
        let bad = [
            (SocketOption::KeepAlive, 2),
            (SocketOption::KeepAliveIdle, 0),
            (SocketOption::KeepAliveInterval, 0),
            (SocketOption::KeepAliveCount, 0),
            (SocketOption::HopLimit, 0),
            (SocketOption::HopLimit, 256),
            (SocketOption::ReceiveBuffer, 0),
            (SocketOption::SendBuffer, 0),
            (SocketOption::NoDelay, 2),
            (SocketOption::Listening, 1),
        ];
        for (option, value) in bad {
            let done = stream.set_option(option, value);
            assert_eq!(done, Err(Errno::Invalid), "{option}: {value}");
        }
    }
}

#[test]
fn options_of_datagrams_are_fewer() {
    for family in families() {
        let socket = socket(family, SocketKind::Datagram);
        for (option, value) in [
            (SocketOption::HopLimit, 7),
            (SocketOption::ReceiveBuffer, 0x4000),
            (SocketOption::SendBuffer, 0x4000),
        ] {
            socket.set_option(option, value).expect("in range");
            assert_eq!(socket.option(option), Ok(value), "{option}");
        }
        let none = Err(Errno::NoProtocolOption);
        assert_eq!(socket.option(SocketOption::NoDelay), none);
        assert_eq!(socket.option(SocketOption::Listening), none);
        let set = socket.set_option(SocketOption::KeepAlive, 1);
        assert_eq!(set, Err(Errno::NoProtocolOption));
    }
}

#[test]
fn connections_inherit_the_options_of_their_listener() {
    for family in families() {
        let (listener, address) = bound(family, SocketKind::Stream);
        let options = [
            (SocketOption::KeepAlive, 1),
            (SocketOption::KeepAliveIdle, 42 * SECOND_NS),
            (SocketOption::HopLimit, 42),
            (SocketOption::ReceiveBuffer, 0x10000),
            (SocketOption::SendBuffer, 0x10000),
        ];
        for (option, value) in options {
            listener.set_option(option, value).expect("in range");
        }
        listener.listen(1).expect("listening");
        let near = socket(family, SocketKind::Stream);
        block(|waker| near.connect(Some(address), waker)).expect("connecting");
        let (far, _) = block(|waker| listener.accept(waker)).expect("accepting");
        for (option, value) in options {
            assert_eq!(far.option(option), Ok(value), "{option}");
        }
    }
}

#[test]
fn datagrams_go_whole_and_say_who_sent_them() {
    for family in families() {
        let (near, near_address) = bound(family, SocketKind::Datagram);
        let (far, far_address) = bound(family, SocketKind::Datagram);
        let mut buffer = [0; 4];
        let early = far.receive(&mut buffer, RecvFlags::NONE, Waker::noop());
        assert!(early.is_pending());
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b"cdef")];
        let sent = near.send(&pieces, Some(far_address), Waker::noop());
        assert_eq!(sent, Poll::Ready(Ok(6)));
        let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
        assert!(!ready.hangup);
        for flags in [RecvFlags::PEEK, RecvFlags::NONE] {
            let got = block(|waker| far.receive(&mut buffer, flags, waker)).expect("receiving");
            assert_eq!((got.size, got.truncated), (4, true));
            assert_eq!((&buffer, got.address), (b"abcd", near_address));
        }
        // What was cut off is gone. An empty datagram is one, and no end.
        let sent = near.send(&[], Some(far_address), Waker::noop());
        assert_eq!(sent, Poll::Ready(Ok(0)));
        let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
        assert!(!ready.hangup);
        let got = block(|waker| far.receive(&mut buffer, RecvFlags::NONE, waker));
        assert_eq!(got.map(|got| (got.size, got.truncated)), Ok((0, false)));
        // More pieces than the host takes in one call.
        let pieces: Vec<IoSlice<'_>> = (0..3000).map(|_| IoSlice::new(b"x")).collect();
        let sent = near.send(&pieces, Some(far_address), Waker::noop());
        assert_eq!(sent, Poll::Ready(Ok(3000)));
        assert_eq!(receive(&*far, 4000).expect("receiving").len(), 3000);
        // The largest there is, and one byte more.
        let huge = vec![7; DATAGRAM_MAX + 1];
        let sent = near.send(&[IoSlice::new(&huge)], Some(far_address), Waker::noop());
        assert_eq!(sent, Poll::Ready(Err(Errno::MessageSize)));
        let large = [IoSlice::new(&huge[1..])];
        let sent = block(|waker| near.send(&large, Some(far_address), waker));
        assert_eq!(sent, Ok(DATAGRAM_MAX));
        let got = receive(&*far, DATAGRAM_MAX + 1).expect("receiving");
        assert_eq!(got.len(), DATAGRAM_MAX);
    }
}

#[test]
fn a_datagram_socket_connects_disconnects_and_connects_again() {
    for family in families() {
        let (one, one_address) = bound(family, SocketKind::Datagram);
        let (two, two_address) = bound(family, SocketKind::Datagram);
        let near = socket(family, SocketKind::Datagram);
        assert_eq!(near.local_address(), Err(Errno::Invalid));
        let connect = |to| near.connect(to, Waker::noop());
        assert_eq!(connect(Some(one_address)), Poll::Ready(Ok(())));
        assert_eq!(near.peer_address(), Ok(one_address));
        let own = near.local_address().expect("bound by connecting");
        assert_eq!(send(&*near, b"one"), Ok(3));
        assert_eq!(receive(&*one, 8).expect("receiving"), b"one");
        // Only the peer is heard.
        let said = two.send(&[IoSlice::new(b"hm")], Some(own), Waker::noop());
        assert_eq!(said, Poll::Ready(Ok(2)));
        let said = one.send(&[IoSlice::new(b"yes")], Some(own), Waker::noop());
        assert_eq!(said, Poll::Ready(Ok(3)));
        assert_eq!(receive(&*near, 8).expect("receiving"), b"yes");
        // To another peer directly, and after being disconnected.
        assert_eq!(connect(Some(two_address)), Poll::Ready(Ok(())));
        assert_eq!(near.peer_address(), Ok(two_address));
        assert_eq!(connect(None), Poll::Ready(Ok(())));
        assert_eq!(near.peer_address(), Err(Errno::NotConnected));
        let kept = near.local_address().expect("still bound");
        assert_eq!(kept.port(), own.port(), "the port stays");
        let homeless = near.send(&[IoSlice::new(b"x")], None, Waker::noop());
        assert_eq!(homeless, Poll::Ready(Err(Errno::DestinationRequired)));
        assert_eq!(connect(Some(two_address)), Poll::Ready(Ok(())));
        assert_eq!(send(&*near, b"two"), Ok(3));
        assert_eq!(receive(&*two, 8).expect("receiving"), b"two");
        // Nobody is there any more: said once, and the socket lives.
        drop(two);
        assert_eq!(send(&*near, b"gone"), Ok(4));
        assert_eq!(receive(&*near, 8), Err(Errno::ConnectionRefused));
        let quiet = near.receive(&mut [0; 8], RecvFlags::NONE, Waker::noop());
        assert!(quiet.is_pending());
        assert_eq!(near.listen(1), Err(Errno::Invalid));
        let accepted = near.accept(Waker::noop());
        assert!(matches!(accepted, Poll::Ready(Err(Errno::Invalid))));
    }
}

#[test]
fn the_two_families_are_apart() {
    if !families().contains(&AddressFamily::Inet6) {
        return;
    }
    let six = socket(AddressFamily::Inet6, SocketKind::Stream);
    six.bind((Ipv6Addr::UNSPECIFIED, 0).into()).expect("a port");
    six.listen(1).expect("listening");
    let port = six.local_address().expect("bound").port();
    let four = socket(AddressFamily::Inet4, SocketKind::Stream);
    let same = four.bind((Ipv4Addr::UNSPECIFIED, port).into());
    assert!(same.is_ok(), "not dual-stack: {same:?}");
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let near = socket(AddressFamily::Inet6, SocketKind::Stream);
    let connect = block(|waker| near.connect(Some((mapped, port).into()), waker));
    assert!(connect.is_err(), "no disguise for IPv4");
}

/// Five hundred connections in one thread, each with an echo: what waits is woken.
#[test]
fn hundreds_of_connections_are_served() {
    const COUNT: usize = 500;
    let (listener, address) = bound(AddressFamily::Inet4, SocketKind::Stream);
    listener.listen(1024).expect("listening");
    thread::scope(|scope| {
        scope.spawn(|| {
            let far: Vec<_> = (0..COUNT)
                .map(|_| block(|waker| listener.accept(waker)).expect("accepting").0)
                .collect();
            let mut left = COUNT;
            let parker = Arc::new(Parker::new());
            let waker = Waker::from(Arc::clone(&parker));
            let mut done = vec![false; COUNT];
            while left > 0 {
                for (far, done) in far.iter().zip(&mut done).filter(|(_, done)| !**done) {
                    let mut buffer = [0; 8];
                    let got = far.receive(&mut buffer, RecvFlags::NONE, &waker);
                    let Poll::Ready(got) = got else { continue };
                    let size = usize::try_from(got.expect("receiving").size).expect("fits");
                    send(&**far, &buffer[..size]).expect("sending");
                    *done = true;
                    left -= 1;
                }
                if left > 0 {
                    reactor().wait(&parker, None);
                }
            }
        });
        let near: Vec<_> = (0..COUNT)
            .map(|_| {
                let near = socket(AddressFamily::Inet4, SocketKind::Stream);
                block(|waker| near.connect(Some(address), waker)).expect("connecting");
                near
            })
            .collect();
        for (index, near) in near.iter().enumerate().rev() {
            let message = index.to_le_bytes();
            send(&**near, &message).expect("sending");
            assert_eq!(receive(&**near, 8).expect("receiving"), message);
        }
    });
}

#[test]
fn a_granted_listener_is_a_socket_of_the_kernel_too() {
    let granted = crate::HostListener::bind(any(AddressFamily::Inet4)).expect("a free port");
    let listener = granted.socket();
    assert_eq!(listener.local_address(), Ok(granted.address()));
    assert_eq!(listener.option(SocketOption::Listening), Ok(1));
    let near = socket(AddressFamily::Inet4, SocketKind::Stream);
    block(|waker| near.connect(Some(granted.address()), waker)).expect("connecting");
    let (_, from) = block(|waker| listener.accept(waker)).expect("accepting");
    assert_eq!(Ok(from), near.local_address());
}

#[test]
fn hosts_are_known_without_asking_anybody() {
    let address: IpAddr = [10, 0, 0, 7].into();
    let hosts = BTreeMap::from([(String::from("Db.Internal"), vec![address])]);
    let resolver = FixedResolver::new(hosts).or(Arc::new(SystemResolver));
    let network = NativeNetwork::with_resolver(Arc::new(resolver));
    let lookup = network.lookup("db.internal").expect("a lookup");
    assert_eq!(lookup.poll(Waker::noop()), Poll::Ready(Ok(vec![address])));
}
