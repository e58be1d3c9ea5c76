//! What of the network it is let to.
//!
//! Each argument is an attempt: `tcp:HOST:PORT`, `udp:ADDRESS` (connect, then
//! send), `udp-to:ADDRESS` (send without), `name:HOST`, `get:URL` (over HTTP), `sockets` (as many as it gets),
//! `pollables` (likewise).

use std::io;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};

use holm_component_guests::client::{Url, fetch, read_all};
use wasip2::http::types::{Fields, Method};

fn main() {
    for attempt in std::env::args().skip(1) {
        let (what, target) = attempt.split_once(':').unwrap_or((&attempt, ""));
        let outcome = match what {
            "tcp" => TcpStream::connect(target).map(|_| "connected".to_owned()),
            "udp" => udp(target, true),
            "udp-to" => udp(target, false),
            "name" => (target, 1)
                .to_socket_addrs()
                .map(|found| format!("{} addresses", found.count())),
            "get" => Ok(get(target)),
            "sockets" => Ok(sockets()),
            "pollables" => pollables(),
            _ => Err(io::Error::other("no such attempt")),
        };
        match outcome {
            Ok(done) => println!("{attempt}: {done}"),
            Err(error) => println!("{attempt}: refused ({:?})", error.kind()),
        }
    }
}

fn udp(target: &str, connected: bool) -> io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    if connected {
        socket.connect(target)?;
        socket.send(b"probe")?;
    } else {
        socket.send_to(b"probe", target)?;
    }
    Ok("sent".to_owned())
}

/// The status and the first line of the answer, or the error.
fn get(url: &str) -> String {
    let Some(url) = Url::parse(url) else {
        return "no URL".to_owned();
    };
    match fetch(&url, &Method::Get, Fields::new(), None) {
        Ok(response) => {
            let body = response.consume().expect("the first time");
            let body = read_all(&body).unwrap_or_default();
            let text = String::from_utf8_lossy(&body);
            let line = text.lines().next().unwrap_or_default();
            format!("{} {line}", response.status())
        }
        Err(code) => format!("failed ({code:?})"),
    }
}

fn sockets() -> String {
    let mut held = Vec::new();
    loop {
        match UdpSocket::bind("127.0.0.1:0") {
            Ok(socket) => held.push(socket),
            Err(error) => return format!("{} and then {:?}", held.len(), error.kind()),
        }
    }
}

/// Ends in a trap: a host that gives pollables without end never returns.
fn pollables() -> io::Result<String> {
    let mut held = Vec::new();
    loop {
        held.push(wasip2::clocks::monotonic_clock::subscribe_duration(1));
    }
}
