//! A dependency of WASI 0.3: tries what it is asked to, by its own grants, and says how it went.
//!
//! Attempts: `read:PATH`, `tcp:ADDRESS`, `udp:ADDRESS`, `name:HOST`, `get:URL`, `environment`, `out:TEXT`, `err:TEXT`,
//! `hear`, `clock`, `sockets`, `made-up`, `made-up-often`; `linger` answers at once and goes on for ever,
//! `stuck:ADDRESS` connects and never answers.

#![expect(
    unsafe_code,
    reason = "the bindings export functions for the host to call"
)]

use std::net::SocketAddr;

use exports::holm::attempts::attempts::Guest;
use holm::made::up;
use wasip3::cli::{environment, stderr, stdin, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip3::http::client;
use wasip3::http::types::{Fields, Request, Response, Scheme};
use wasip3::random::random;
use wasip3::sockets::ip_name_lookup;
use wasip3::sockets::types::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};

wasip3::wit_bindgen::generate!({
    path: "wit",
    world: "dependency",
    generate_all,
    runtime_path: "::wasip3::wit_bindgen::rt",
});

struct Dependency;

type Outcome = Result<String, String>;

impl Guest for Dependency {
    async fn attempt(what: String) -> String {
        let (kind, target) = what.split_once(':').unwrap_or((&what, ""));
        let outcome = match kind {
            "read" => read(target).await,
            "tcp" => tcp(target).await,
            "udp" => udp(target).await,
            "name" => name(target).await,
            "get" => get(target).await,
            "environment" => Ok(variables()),
            "out" => written(stdout::write_via_stream, target).await,
            "err" => written(stderr::write_via_stream, target).await,
            "hear" => hear().await,
            "clock" => clock().await,
            "sockets" => sockets(),
            "made-up" => made_up().await,
            "made-up-often" => made_up_often().await,
            "stuck" => {
                let _ = tcp(target).await;
                monotonic_clock::wait_for(u64::MAX / 2).await;
                Ok("awake".to_owned())
            }
            "linger" => {
                wasip3::spawn(monotonic_clock::wait_for(u64::MAX / 2));
                Ok("gone on".to_owned())
            }
            _ => Err("no such attempt".to_owned()),
        };
        match outcome {
            Ok(done) => format!("done: {done}"),
            Err(why) => format!("refused: {why}"),
        }
    }
}

fn said(code: impl std::fmt::Debug) -> String {
    format!("{code:?}")
}

/// Reads a file of the first granted directory that it is in.
async fn read(path: &str) -> Outcome {
    for (directory, at) in preopens::get_directories() {
        let Some(rest) = path.strip_prefix(at.as_str()) else {
            continue;
        };
        let rest = rest.trim_start_matches('/').to_owned();
        let opened = directory.open_at(
            PathFlags::empty(),
            rest,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        );
        let file = opened.await.map_err(said)?;
        let (stream, ended) = file.read_via_stream(0);
        let bytes = stream.collect().await;
        ended.await.map_err(said)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    Err("no directory".to_owned())
}

fn address(text: &str) -> Result<IpSocketAddress, String> {
    match text.parse().map_err(said)? {
        SocketAddr::V4(address) => Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: address.port(),
            address: address.ip().octets().into(),
        })),
        SocketAddr::V6(_) => Err("an address of IPv4, please".to_owned()),
    }
}

/// Connects, says `hi`, and reads what comes back.
async fn tcp(target: &str) -> Outcome {
    let address = address(target)?;
    let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(said)?;
    socket.connect(address).await.map_err(said)?;
    let (mut writer, reader) = wasip3::wit_stream::new();
    let sent = socket.send(reader);
    writer.write_all(b"hi".to_vec()).await;
    drop(writer);
    sent.await.map_err(said)?;
    let (stream, _) = socket.receive();
    let bytes = stream.collect().await;
    Ok(format!("connected {}", String::from_utf8_lossy(&bytes)))
}

async fn udp(target: &str) -> Outcome {
    let address = address(target)?;
    let socket = UdpSocket::create(IpAddressFamily::Ipv4).map_err(said)?;
    let sent = socket.send(b"hi".to_vec(), Some(address)).await;
    sent.map_err(said)?;
    Ok("sent".to_owned())
}

async fn name(target: &str) -> Outcome {
    let found = ip_name_lookup::resolve_addresses(target.to_owned()).await;
    Ok(format!("{} addresses", found.map_err(said)?.len()))
}

async fn get(url: &str) -> Outcome {
    let rest = url.strip_prefix("http://").ok_or("which URL?")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (_, trailers) = wasip3::wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, trailers, None);
    let taken = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(&format!("/{path}"))));
    taken.map_err(said)?;
    let response = client::send(request).await.map_err(said)?;
    let status = response.get_status_code();
    let (_, processed) = wasip3::wit_future::new(|| Ok(()));
    let (stream, _) = Response::consume_body(response, processed);
    let bytes = stream.collect().await;
    Ok(format!("{status} {}", String::from_utf8_lossy(&bytes)))
}

fn variables() -> String {
    let mut names: Vec<String> = environment::get_environment()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    names.extend(environment::get_arguments());
    names.join(" ")
}

type Write = fn(
    wasip3::wit_bindgen::StreamReader<u8>,
) -> wasip3::wit_bindgen::FutureReader<Result<(), wasip3::cli::types::ErrorCode>>;

async fn written(write: Write, text: &str) -> Outcome {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let ended = write(reader);
    let left = writer.write_all(format!("{text}\n").into_bytes()).await;
    drop(writer);
    ended.await.map_err(said)?;
    Ok(format!("{} left", left.len()))
}

async fn hear() -> Outcome {
    let (stream, ended) = stdin::read_via_stream();
    let bytes = stream.collect().await;
    ended.await.map_err(said)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Clocks and randomness are everybody's.
async fn clock() -> Outcome {
    let before = monotonic_clock::now();
    monotonic_clock::wait_for(1_000_000).await;
    let waited = monotonic_clock::now() - before >= 1_000_000;
    let differs = random::get_random_u64() != random::get_random_u64();
    Ok(format!("waited {waited}, differs {differs}"))
}

/// As many as it gets.
fn sockets() -> Outcome {
    let mut held = Vec::new();
    loop {
        match TcpSocket::create(IpAddressFamily::Ipv4) {
            Ok(socket) => held.push(socket),
            Err(code) => return Ok(format!("{} and then {code:?}", held.len())),
        }
    }
}

/// What no host has, each kind of answer once.
async fn made_up() -> Outcome {
    let tried = up::try_("x".to_owned()).await;
    let names = up::names().await;
    let (stream, ended) = up::flow();
    let (bytes, ended) = (stream.collect().await, ended.await);
    let (mut writer, reader) = wit_stream::new();
    let taken = up::take(reader);
    let left = writer.write_all(b"bytes".to_vec()).await;
    let taken = taken.await;
    let (_, when) = wit_future::new(|| 1);
    let later = up::later(when).await.is_some();
    let more = up::bytes().await.collect().await;
    let code = up::code().await;
    up::done().await;
    Ok(format!(
        "{tried:?} {names:?} {bytes:?} {ended:?} {taken:?} {} left {later} {more:?} {code:?}",
        left.len()
    ))
}

/// More often than handles would last if one were kept of each.
async fn made_up_often() -> Outcome {
    for _ in 0..20_000 {
        drop(up::flow());
        let _ = up::code().await;
        drop(up::bytes().await);
    }
    Ok("often".to_owned())
}

export!(Dependency);
