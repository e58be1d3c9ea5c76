//! Every function of UDP and of name lookup in `wasi:sockets`, on the loopback addresses, this program being both ends.

use holm_component_guests::addresses::{address, loopback, other, port};
use holm_component_guests::check::Checks;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Network};
use wasip2::sockets::udp::{
    IncomingDatagram, IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

fn main() {
    let mut checks = Checks::new();
    let network = instance_network();
    for family in [IpAddressFamily::Ipv4, IpAddressFamily::Ipv6] {
        binding(&mut checks, &network, family);
        options(&mut checks, family);
        datagrams(&mut checks, &network, family);
        peers(&mut checks, &network, family);
    }
    println!("datagrams: done");
    names(&mut checks, &network);
    println!("names: done");
    checks.finish("suite_udp");
}

fn bind(socket: &UdpSocket, network: &Network, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(network, address)?;
    let pollable = socket.subscribe();
    loop {
        match socket.finish_bind() {
            Err(ErrorCode::WouldBlock) => pollable.block(),
            outcome => return outcome,
        }
    }
}

fn new(checks: &mut Checks, family: IpAddressFamily) -> Option<UdpSocket> {
    checks.ok("create a socket", create_udp_socket(family))
}

fn bound(
    checks: &mut Checks,
    network: &Network,
    family: IpAddressFamily,
) -> Option<(UdpSocket, IpSocketAddress)> {
    let socket = new(checks, family)?;
    checks.ok("bind", bind(&socket, network, loopback(family, 0)))?;
    let address = checks.ok("its address", socket.local_address())?;
    Some((socket, address))
}

fn send(
    stream: &OutgoingDatagramStream,
    data: &[u8],
    to: Option<IpSocketAddress>,
) -> Result<u64, ErrorCode> {
    let pollable = stream.subscribe();
    loop {
        if stream.check_send()? > 0 {
            return stream.send(&[OutgoingDatagram {
                data: data.to_vec(),
                remote_address: to,
            }]);
        }
        pollable.block();
    }
}

/// Waits for as many datagrams.
fn receive(
    checks: &mut Checks,
    stream: &IncomingDatagramStream,
    count: usize,
) -> Vec<IncomingDatagram> {
    let pollable = stream.subscribe();
    let mut received = Vec::new();
    while received.len() < count {
        match stream.receive(8) {
            Ok(datagrams) if datagrams.is_empty() => pollable.block(),
            Ok(datagrams) => received.extend(datagrams),
            Err(error) => {
                checks.fail(&format!("receive: {error:?}"));
                break;
            }
        }
    }
    received
}

fn binding(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let Some(socket) = new(checks, family) else {
        return;
    };
    checks.that("its family", socket.address_family() == family);
    checks.err(
        "an address before it is bound",
        socket.local_address(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "a peer before it has one",
        socket.remote_address(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "finish a bind that was not started",
        socket.finish_bind(),
        ErrorCode::NotInProgress,
    );
    checks.err(
        "streams before it is bound",
        socket.stream(None).map(drop),
        ErrorCode::InvalidState,
    );
    checks.err(
        "bind to the other family",
        bind(&socket, network, loopback(other(family), 0)),
        ErrorCode::InvalidArgument,
    );
    checks.ok("bind", bind(&socket, network, loopback(family, 0)));
    checks.err(
        "bind again",
        bind(&socket, network, loopback(family, 0)),
        ErrorCode::InvalidState,
    );
    if let Some(address) = checks.ok("its address", socket.local_address()) {
        checks.that("has a port", port(&address) != 0);
        if let Some(second) = new(checks, family) {
            checks.err(
                "bind to a port that is taken",
                bind(&second, network, address),
                ErrorCode::AddressInUse,
            );
        }
    }
    if let Some(foreign) = new(checks, family) {
        // 192.0.2.1 and 2001:db8::1 are for documents: no machine has them.
        let nobodys = address(family, 0, (192, 0, 2, 1), (0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        let refused = bind(&foreign, network, nobodys);
        checks.that(
            &format!("bind to an address of nobody: {refused:?}"),
            matches!(
                refused,
                Err(ErrorCode::AddressNotBindable | ErrorCode::AccessDenied)
            ),
        );
    }
}

fn options(checks: &mut Checks, family: IpAddressFamily) {
    let Some(socket) = new(checks, family) else {
        return;
    };
    checks.err(
        "a hop limit of 0",
        socket.set_unicast_hop_limit(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a hop limit", socket.set_unicast_hop_limit(42));
    checks.eq("as it was set", socket.unicast_hop_limit(), Ok(42));
    checks.err(
        "a receive buffer of 0",
        socket.set_receive_buffer_size(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a receive buffer", socket.set_receive_buffer_size(32 << 10));
    checks.that(
        "is there",
        socket.receive_buffer_size().is_ok_and(|size| size > 0),
    );
    checks.err(
        "a send buffer of 0",
        socket.set_send_buffer_size(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a send buffer", socket.set_send_buffer_size(32 << 10));
    checks.that(
        "is there",
        socket.send_buffer_size().is_ok_and(|size| size > 0),
    );
}

fn datagrams(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let (Some((one, one_address)), Some((two, two_address))) = (
        bound(checks, network, family),
        bound(checks, network, family),
    ) else {
        return;
    };
    let (Some((one_in, one_out)), Some((two_in, two_out))) = (
        checks.ok("streams", one.stream(None)),
        checks.ok("streams", two.stream(None)),
    ) else {
        return;
    };
    checks.err(
        "no peer without an address",
        one.remote_address(),
        ErrorCode::InvalidState,
    );
    checks.eq(
        "nothing has come",
        two_in.receive(8).map(|list| list.len()),
        Ok(0),
    );
    checks.eq(
        "nothing asked for",
        two_in.receive(0).map(|list| list.len()),
        Ok(0),
    );
    checks.that("and it is not ready", !two_in.subscribe().ready());
    checks.that(
        "sending is permitted",
        one_out.check_send().is_ok_and(|permit| permit > 0),
    );
    checks.eq("send nothing", one_out.send(&[]), Ok(0));
    checks.err(
        "send to nobody",
        send(&one_out, b"x", None),
        ErrorCode::InvalidArgument,
    );
    checks.err(
        "send to port 0",
        send(&one_out, b"x", Some(loopback(family, 0))),
        ErrorCode::InvalidArgument,
    );
    checks.err(
        "send to the other family",
        send(&one_out, b"x", Some(loopback(other(family), 9))),
        ErrorCode::InvalidArgument,
    );
    let unspecified = address(family, 9, (0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0));
    checks.err(
        "send to the unspecified address",
        send(&one_out, b"x", Some(unspecified)),
        ErrorCode::InvalidArgument,
    );
    checks.eq("send", send(&one_out, b"first", Some(two_address)), Ok(1));
    checks.eq(
        "send an empty one",
        send(&one_out, b"", Some(two_address)),
        Ok(1),
    );
    let received = receive(checks, &two_in, 2);
    let data: Vec<&[u8]> = received
        .iter()
        .map(|datagram| datagram.data.as_slice())
        .collect();
    checks.eq("as they were sent", data, vec![b"first".as_slice(), b""]);
    checks.that(
        "and from whom",
        received
            .iter()
            .all(|datagram| port(&datagram.remote_address) == port(&one_address)),
    );
    let large: Vec<u8> = (0..20_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    checks.eq(
        "send a large one back",
        send(&two_out, &large, Some(one_address)),
        Ok(1),
    );
    let received = receive(checks, &one_in, 1);
    checks.that(
        "whole",
        received
            .first()
            .is_some_and(|datagram| datagram.data == large),
    );
    checks.err(
        "one too large for UDP",
        send(&one_out, &vec![0; 70_000], Some(two_address)),
        ErrorCode::DatagramTooLarge,
    );
}

fn peers(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let (Some((one, _)), Some((two, two_address)), Some((stranger, stranger_address))) = (
        bound(checks, network, family),
        bound(checks, network, family),
        bound(checks, network, family),
    ) else {
        return;
    };
    checks.err(
        "a peer of the other family",
        one.stream(Some(loopback(other(family), 9))).map(drop),
        ErrorCode::InvalidArgument,
    );
    checks.err(
        "a peer at port 0",
        one.stream(Some(loopback(family, 0))).map(drop),
        ErrorCode::InvalidArgument,
    );
    let Some((one_in, one_out)) = checks.ok("a peer", one.stream(Some(two_address))) else {
        return;
    };
    checks.eq(
        "who it is",
        one.remote_address().map(|address| port(&address)),
        Ok(port(&two_address)),
    );
    checks.eq("send to the peer", send(&one_out, b"hello", None), Ok(1));
    checks.eq(
        "send to the peer by address",
        send(&one_out, b"again", Some(two_address)),
        Ok(1),
    );
    checks.err(
        "send to another",
        send(&one_out, b"x", Some(stranger_address)),
        ErrorCode::InvalidArgument,
    );
    let (Some((two_in, two_out)), Some((_, stranger_out)), Ok(one_address)) = (
        checks.ok("streams", two.stream(None)),
        checks.ok("streams", stranger.stream(None)),
        one.local_address(),
    ) else {
        return;
    };
    let arrived = receive(checks, &two_in, 2).len();
    checks.eq("the peer has both", arrived, 2);
    checks.eq(
        "a stranger writes",
        send(&stranger_out, b"strange", Some(one_address)),
        Ok(1),
    );
    checks.eq(
        "the peer writes",
        send(&two_out, b"answer", Some(one_address)),
        Ok(1),
    );
    let received = receive(checks, &one_in, 1);
    checks.eq(
        "the peer alone is heard",
        received
            .iter()
            .map(|datagram| datagram.data.clone())
            .collect::<Vec<_>>(),
        vec![b"answer".to_vec()],
    );
    drop((one_in, one_out));
    checks.ok("without a peer again", one.stream(None).map(drop));
    checks.err(
        "nobody is the peer now",
        one.remote_address(),
        ErrorCode::InvalidState,
    );
}

fn resolve(network: &Network, name: &str) -> Result<Vec<IpAddress>, ErrorCode> {
    let stream = resolve_addresses(network, name)?;
    let pollable = stream.subscribe();
    let mut found = Vec::new();
    loop {
        match stream.resolve_next_address() {
            Ok(Some(address)) => found.push(address),
            Ok(None) => return Ok(found),
            Err(ErrorCode::WouldBlock) => pollable.block(),
            Err(error) => return Err(error),
        }
    }
}

fn names(checks: &mut Checks, network: &Network) {
    if let Some(found) = checks.ok("an address of IPv4", resolve(network, "127.0.0.1")) {
        checks.that(
            "is itself",
            matches!(found.as_slice(), [IpAddress::Ipv4((127, 0, 0, 1))]),
        );
    }
    if let Some(found) = checks.ok("an address of IPv6", resolve(network, "::1")) {
        checks.that(
            "is itself",
            matches!(
                found.as_slice(),
                [IpAddress::Ipv6((0, 0, 0, 0, 0, 0, 0, 1))]
            ),
        );
    }
    if let Some(found) = checks.ok("localhost", resolve(network, "localhost")) {
        checks.that("is somewhere", !found.is_empty());
        checks.that(
            "on this machine alone",
            found.iter().all(|address| {
                matches!(
                    address,
                    IpAddress::Ipv4((127, ..)) | IpAddress::Ipv6((0, 0, 0, 0, 0, 0, 0, 1))
                )
            }),
        );
    }
    for name in ["", "a b", "127.0.0.1:80", "http://localhost/"] {
        checks.err(
            &format!("`{name}` is no name"),
            resolve(network, name).map(drop),
            ErrorCode::InvalidArgument,
        );
    }
    // `.invalid` has no names, by RFC 2606. Who may not ask, or cannot, is told so.
    let missing = resolve(network, "nobody.invalid");
    checks.that(
        &format!("a name of nobody: {missing:?}"),
        matches!(
            missing,
            Err(ErrorCode::NameUnresolvable
                | ErrorCode::TemporaryResolverFailure
                | ErrorCode::AccessDenied)
        ),
    );
}
