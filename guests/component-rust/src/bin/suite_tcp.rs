//! Every function of TCP in `wasi:sockets`, on the loopback addresses, this program being both ends.

use holm_component_guests::addresses::{address, loopback, other, port};
use holm_component_guests::check::Checks;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

const SECOND: u64 = 1_000_000_000;
const FAMILIES: [IpAddressFamily; 2] = [IpAddressFamily::Ipv4, IpAddressFamily::Ipv6];

fn main() {
    let mut checks = Checks::new();
    let network = instance_network();
    for family in FAMILIES {
        let name = match family {
            IpAddressFamily::Ipv4 => "ipv4",
            IpAddressFamily::Ipv6 => "ipv6",
        };
        binding(&mut checks, &network, family);
        options(&mut checks, family);
        connection(&mut checks, &network, family);
        refusals(&mut checks, &network, family);
        println!("{name}: done");
    }
    checks.finish("suite_tcp");
}

/// Comparable, as the generated type is not.
fn same(one: &IpSocketAddress, two: &IpSocketAddress) -> bool {
    match (one, two) {
        (IpSocketAddress::Ipv4(one), IpSocketAddress::Ipv4(two)) => {
            (one.port, one.address) == (two.port, two.address)
        }
        (IpSocketAddress::Ipv6(one), IpSocketAddress::Ipv6(two)) => {
            (one.port, one.address) == (two.port, two.address)
        }
        _ => false,
    }
}

/// Tries again for as long as the answer is that it would block.
fn wait<T>(
    socket: &TcpSocket,
    mut attempt: impl FnMut() -> Result<T, ErrorCode>,
) -> Result<T, ErrorCode> {
    let pollable = socket.subscribe();
    loop {
        match attempt() {
            Err(ErrorCode::WouldBlock) => pollable.block(),
            outcome => return outcome,
        }
    }
}

fn bind(socket: &TcpSocket, network: &Network, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(network, address)?;
    wait(socket, || socket.finish_bind())
}

fn listen(socket: &TcpSocket) -> Result<(), ErrorCode> {
    socket.start_listen()?;
    wait(socket, || socket.finish_listen())
}

fn connect(
    socket: &TcpSocket,
    network: &Network,
    address: IpSocketAddress,
) -> Result<(InputStream, OutputStream), ErrorCode> {
    socket.start_connect(network, address)?;
    wait(socket, || socket.finish_connect())
}

fn new(checks: &mut Checks, family: IpAddressFamily) -> Option<TcpSocket> {
    checks.ok("create a socket", create_tcp_socket(family))
}

fn binding(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let Some(socket) = new(checks, family) else {
        return;
    };
    checks.that("its family", socket.address_family() == family);
    checks.that("it does not listen", !socket.is_listening());
    checks.err(
        "an address before it is bound",
        socket.local_address(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "a peer before it is connected",
        socket.remote_address(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "finish a bind that was not started",
        socket.finish_bind(),
        ErrorCode::NotInProgress,
    );
    checks.err(
        "finish a listen that was not started",
        socket.finish_listen(),
        ErrorCode::NotInProgress,
    );
    checks.err(
        "finish a connect that was not started",
        socket.finish_connect(),
        ErrorCode::NotInProgress,
    );
    checks.err(
        "listen before it is bound",
        listen(&socket),
        ErrorCode::InvalidState,
    );
    checks.err(
        "accept before it listens",
        socket.accept(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "shut down what is not connected",
        socket.shutdown(ShutdownType::Both),
        ErrorCode::InvalidState,
    );
    checks.err(
        "bind to the other family",
        bind(&socket, network, loopback(other(family), 0)),
        ErrorCode::InvalidArgument,
    );
    let multicast = address(family, 0, (224, 0, 0, 1), (0xff00, 0, 0, 0, 0, 0, 0, 1));
    checks.err(
        "bind to a multicast address",
        bind(&socket, network, multicast),
        ErrorCode::InvalidArgument,
    );
    if family == IpAddressFamily::Ipv6 {
        let mapped = address(family, 0, (0, 0, 0, 0), (0, 0, 0, 0, 0, 0xffff, 0x7f00, 1));
        checks.err(
            "bind to a mapped address",
            bind(&socket, network, mapped),
            ErrorCode::InvalidArgument,
        );
    }
    checks.ok("bind", bind(&socket, network, loopback(family, 0)));
    if let Some(bound) = checks.ok("its address", socket.local_address()) {
        checks.that("has a port", port(&bound) != 0);
        checks.that(
            "is the one asked for",
            same(&bound, &loopback(family, port(&bound))),
        );
        if let Some(second) = new(checks, family) {
            checks.ok("listen", listen(&socket));
            checks.err(
                "bind to a port that is taken",
                bind(&second, network, bound),
                ErrorCode::AddressInUse,
            );
        }
    }
    checks.err(
        "bind again",
        bind(&socket, network, loopback(family, 0)),
        ErrorCode::InvalidState,
    );
    checks.that("it listens", socket.is_listening());
    checks.err("listen again", listen(&socket), ErrorCode::InvalidState);
    checks.err(
        "connect what listens",
        connect(&socket, network, loopback(family, 9)).map(drop),
        ErrorCode::InvalidState,
    );
    checks.err("nobody has called", socket.accept(), ErrorCode::WouldBlock);
    checks.that("its pollable is not ready", !socket.subscribe().ready());
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
        "a backlog of 0",
        socket.set_listen_backlog_size(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a backlog of 16", socket.set_listen_backlog_size(16));
    checks.ok(
        "a backlog beyond all measure",
        socket.set_listen_backlog_size(u64::MAX),
    );
    checks.eq("keep-alive is off", socket.keep_alive_enabled(), Ok(false));
    checks.ok("turn it on", socket.set_keep_alive_enabled(true));
    checks.eq("it is on", socket.keep_alive_enabled(), Ok(true));
    checks.err(
        "an idle time of 0",
        socket.set_keep_alive_idle_time(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("an idle time", socket.set_keep_alive_idle_time(42 * SECOND));
    checks.eq(
        "as it was set",
        socket.keep_alive_idle_time(),
        Ok(42 * SECOND),
    );
    checks.ok("the shortest idle time", socket.set_keep_alive_idle_time(1));
    checks.that(
        "is not 0",
        socket.keep_alive_idle_time().is_ok_and(|time| time > 0),
    );
    checks.ok(
        "the longest idle time",
        socket.set_keep_alive_idle_time(u64::MAX),
    );
    checks.err(
        "an interval of 0",
        socket.set_keep_alive_interval(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("an interval", socket.set_keep_alive_interval(7 * SECOND));
    checks.eq(
        "as it was set",
        socket.keep_alive_interval(),
        Ok(7 * SECOND),
    );
    checks.ok(
        "the longest interval",
        socket.set_keep_alive_interval(u64::MAX),
    );
    checks.err(
        "a count of 0",
        socket.set_keep_alive_count(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a count", socket.set_keep_alive_count(5));
    checks.eq("as it was set", socket.keep_alive_count(), Ok(5));
    checks.ok("the largest count", socket.set_keep_alive_count(u32::MAX));
    checks.err(
        "a hop limit of 0",
        socket.set_hop_limit(0),
        ErrorCode::InvalidArgument,
    );
    checks.ok("a hop limit", socket.set_hop_limit(42));
    checks.eq("as it was set", socket.hop_limit(), Ok(42));
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
    checks.ok(
        "a receive buffer beyond all measure",
        socket.set_receive_buffer_size(u64::MAX),
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
    checks.ok(
        "a send buffer beyond all measure",
        socket.set_send_buffer_size(u64::MAX),
    );
}

/// A listener, and both ends of a connection to it.
type Ends = (
    TcpSocket,
    TcpSocket,
    (InputStream, OutputStream),
    TcpSocket,
    (InputStream, OutputStream),
);

fn pair(checks: &mut Checks, network: &Network, family: IpAddressFamily) -> Option<Ends> {
    let listener = new(checks, family)?;
    checks.ok("bind", bind(&listener, network, loopback(family, 0)))?;
    checks.ok("a hop limit to inherit", listener.set_hop_limit(33));
    checks.ok("listen", listen(&listener))?;
    let target = checks.ok("its address", listener.local_address())?;
    let client = new(checks, family)?;
    let client_streams = checks.ok("connect", connect(&client, network, target))?;
    let accepted = wait(&listener, || listener.accept());
    let (server, input, output) = checks.ok("accept", accepted)?;
    Some((listener, client, client_streams, server, (input, output)))
}

fn connection(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let Some((
        listener,
        client,
        (client_input, client_output),
        server,
        (server_input, server_output),
    )) = pair(checks, network, family)
    else {
        return;
    };
    let addresses = (
        client.local_address(),
        client.remote_address(),
        server.local_address(),
        server.remote_address(),
        listener.local_address(),
    );
    match addresses {
        (
            Ok(client_local),
            Ok(client_remote),
            Ok(server_local),
            Ok(server_remote),
            Ok(listening),
        ) => {
            checks.that(
                "each end's peer is the other",
                same(&client_local, &server_remote) && same(&client_remote, &server_local),
            );
            checks.that(
                "the server's end has the listener's address",
                same(&server_local, &listening),
            );
        }
        other => checks.fail(&format!("addresses: {other:?}")),
    }
    checks.that("the family is inherited", server.address_family() == family);
    checks.eq("the hop limit is inherited", server.hop_limit(), Ok(33));
    checks.that("an end does not listen", !server.is_listening());
    checks.err(
        "connect again",
        connect(&client, network, loopback(family, 9)).map(drop),
        ErrorCode::InvalidState,
    );
    checks.err(
        "bind what is connected",
        bind(&client, network, loopback(family, 0)),
        ErrorCode::InvalidState,
    );
    checks.err(
        "listen on what is connected",
        listen(&client),
        ErrorCode::InvalidState,
    );
    checks.err(
        "accept on what is connected",
        client.accept(),
        ErrorCode::InvalidState,
    );
    checks.err(
        "a backlog for what is connected",
        client.set_listen_backlog_size(3),
        ErrorCode::InvalidState,
    );

    checks.eq(
        "nothing to read yet",
        server_input.read(10).ok(),
        Some(Vec::new()),
    );
    checks.that("and not ready", !server_input.subscribe().ready());
    checks.ok(
        "write",
        client_output
            .blocking_write_and_flush(b"to the server")
            .map_err(drop),
    );
    checks.eq(
        "read",
        read_exactly(&server_input, 13),
        b"to the server".to_vec(),
    );
    checks.ok(
        "write back",
        server_output
            .blocking_write_and_flush(b"to the client")
            .map_err(drop),
    );
    checks.eq(
        "read back",
        read_exactly(&client_input, 13),
        b"to the client".to_vec(),
    );
    transfer(checks, &client_output, &server_input);

    checks.ok("shut down sending", client.shutdown(ShutdownType::Send));
    checks.ok("and again", client.shutdown(ShutdownType::Send));
    checks.that(
        "the other end sees it",
        matches!(server_input.blocking_read(1), Err(StreamError::Closed)),
    );
    checks.that(
        "nothing can be sent",
        client_output.blocking_write_and_flush(b"x").is_err(),
    );
    checks.ok(
        "the other way still works",
        server_output
            .blocking_write_and_flush(b"late")
            .map_err(drop),
    );
    checks.eq(
        "to the last byte",
        read_exactly(&client_input, 4),
        b"late".to_vec(),
    );
    checks.ok(
        "shut down receiving",
        client.shutdown(ShutdownType::Receive),
    );
    checks.that(
        "nothing more is received",
        matches!(client_input.blocking_read(1), Err(StreamError::Closed)),
    );
    checks.ok("shut down both", server.shutdown(ShutdownType::Both));
    checks.that(
        "nothing can be sent there",
        server_output.blocking_write_and_flush(b"x").is_err(),
    );
}

fn read_exactly(stream: &InputStream, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        match stream.blocking_read(length - bytes.len() as u64) {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => break,
        }
    }
    bytes
}

/// More than the buffers of both ends hold: the writer must be told to wait, and nothing may be lost.
fn transfer(checks: &mut Checks, output: &OutputStream, input: &InputStream) {
    const TOTAL: usize = 8 << 20;
    let (mut sent, mut received, mut waited) = (0_usize, 0_usize, false);
    let mut intact = true;
    while received < TOTAL {
        let permit = if sent < TOTAL {
            output.check_write().unwrap_or(0)
        } else {
            0
        };
        let length = usize::try_from(permit)
            .unwrap_or(usize::MAX)
            .min(TOTAL - sent)
            .min(64 << 10);
        if length > 0 {
            let piece: Vec<u8> = (sent..sent + length).map(|at| pattern(at)).collect();
            if output.write(&piece).is_err() {
                break;
            }
            sent += length;
            continue;
        }
        waited |= sent < TOTAL;
        match input.blocking_read(1 << 20) {
            Ok(piece) => {
                for byte in piece {
                    intact &= byte == pattern(received);
                    received += 1;
                }
            }
            Err(_) => break,
        }
    }
    checks.eq("8 MiB arrive", received, TOTAL);
    checks.that("as they were sent", intact);
    checks.that("the writer had to wait", waited);
    checks.ok("flush", output.blocking_flush().map_err(drop));
}

fn pattern(at: usize) -> u8 {
    let bytes = at.to_le_bytes();
    bytes[0] ^ bytes[1] ^ bytes[2]
}

fn refusals(checks: &mut Checks, network: &Network, family: IpAddressFamily) {
    let attempts = [
        ("port 0", loopback(family, 0)),
        (
            "the unspecified address",
            address(family, 80, (0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0, 0)),
        ),
        (
            "a multicast address",
            address(family, 80, (224, 0, 0, 1), (0xff00, 0, 0, 0, 0, 0, 0, 1)),
        ),
        ("the other family", loopback(other(family), 80)),
        (
            "a mapped address",
            address(
                IpAddressFamily::Ipv6,
                80,
                (0, 0, 0, 0),
                (0, 0, 0, 0, 0, 0xffff, 0x7f00, 1),
            ),
        ),
    ];
    for (what, target) in attempts {
        if let Some(socket) = new(checks, family) {
            checks.err(
                &format!("connect to {what}"),
                connect(&socket, network, target).map(drop),
                ErrorCode::InvalidArgument,
            );
        }
    }
    // A port that somebody had and nobody listens on any more.
    let Some(gone) = new(checks, family) else {
        return;
    };
    checks.ok("bind", bind(&gone, network, loopback(family, 0)));
    let target = gone.local_address();
    drop(gone);
    if let (Ok(target), Some(socket)) = (target, new(checks, family)) {
        checks.err(
            "connect to nobody",
            connect(&socket, network, target).map(drop),
            ErrorCode::ConnectionRefused,
        );
        checks.err(
            "the socket is closed then",
            connect(&socket, network, loopback(family, 9)).map(drop),
            ErrorCode::InvalidState,
        );
    }
}
