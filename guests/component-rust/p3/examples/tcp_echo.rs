//! A TCP echo server on WASI 0.3, one connection after the other: `p3_tcp_echo ADDRESS [CONNECTIONS]`.
//!
//! What arrives comes into the guest's memory and goes out of it again, as in `tcp_echo` on WASI 0.2, whose client
//! measures both.

use std::net::SocketAddr;

use wasip3::cli::{environment, stderr, stdout};
use wasip3::exports::cli::run::Guest;
use wasip3::sockets::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket,
};
use wasip3::wit_bindgen::{StreamReader, StreamResult};

const MESSAGE_BYTES: usize = 64 << 10;

struct Echo;

impl Guest for Echo {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let address = arguments.get(1).and_then(|text| text.parse().ok());
        let connections = match arguments.get(2) {
            Some(text) => text.parse().ok(),
            None => Some(1),
        };
        let (Some(address), Some(connections)) = (address, connections) else {
            say(stderr::write_via_stream, "p3_tcp_echo: an address, and how many connections\n").await;
            return Err(());
        };
        match serve(address, connections).await {
            Ok(()) => Ok(()),
            Err(error) => {
                say(stderr::write_via_stream, &format!("p3_tcp_echo: {error:?}\n")).await;
                Err(())
            }
        }
    }
}

async fn serve(address: SocketAddr, connections: usize) -> Result<(), ErrorCode> {
    let family = match address {
        SocketAddr::V4(_) => IpAddressFamily::Ipv4,
        SocketAddr::V6(_) => IpAddressFamily::Ipv6,
    };
    let listener = TcpSocket::create(family)?;
    listener.bind(to_wasi(address))?;
    let mut accepted = listener.listen()?;
    let bound = from_wasi(listener.get_local_address()?);
    say(stdout::write_via_stream, &format!("listening on {bound}\n")).await;
    for _ in 0..connections {
        let Some(socket) = accepted.next().await else {
            break;
        };
        echo(&socket).await?;
    }
    Ok(())
}

async fn echo(socket: &TcpSocket) -> Result<(), ErrorCode> {
    let (mut input, received) = socket.receive();
    let (mut output, data) = wasip3::wit_stream::new();
    let sent = socket.send(data);
    let mut buffer = Vec::with_capacity(MESSAGE_BYTES);
    loop {
        let (status, piece) = input.read(buffer).await;
        let left = output.write_all(piece).await;
        if !left.is_empty() || matches!(status, StreamResult::Dropped) {
            break;
        }
        buffer = Vec::with_capacity(MESSAGE_BYTES);
    }
    drop(output);
    sent.await?;
    received.await
}

/// Writes a line to one of the standard streams.
async fn say<E: 'static>(
    stream: impl FnOnce(StreamReader<u8>) -> wasip3::wit_bindgen::FutureReader<Result<(), E>>,
    text: &str,
) {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = stream(reader);
    let _ = writer.write_all(text.into()).await;
    drop(writer);
    let _ = written.await;
}

fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: address.port(),
                address: (a, b, c, d),
            })
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: (a, b, c, d, e, f, g, h),
                scope_id: address.scope_id(),
            })
        }
    }
}

fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(address) => {
            let (a, b, c, d) = address.address;
            ([a, b, c, d], address.port).into()
        }
        IpSocketAddress::Ipv6(address) => {
            let (a, b, c, d, e, f, g, h) = address.address;
            ([a, b, c, d, e, f, g, h], address.port).into()
        }
    }
}

wasip3::cli::command::export!(Echo);
