//! Calls of the network as a scenario writes them.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io::IoSlice;

use holm_abi::{AddressFamily, RecvFlags, SocketKind, SocketOption};

use super::{Parsed, Words, bytes, outcome, plain, unit};
use crate::task::Task;

fn address(word: &str) -> Parsed<SocketAddr> {
    word.parse()
        .map_err(|_| format!("{word} is no address with a port"))
}

fn option(word: &str) -> Parsed<SocketOption> {
    use SocketOption::{
        HopLimit, KeepAlive, KeepAliveCount, KeepAliveIdle, KeepAliveInterval, Listening, NoDelay,
        ReceiveBuffer, SendBuffer,
    };
    [
        KeepAlive,
        KeepAliveIdle,
        KeepAliveInterval,
        KeepAliveCount,
        HopLimit,
        ReceiveBuffer,
        SendBuffer,
        NoDelay,
        Listening,
    ]
    .into_iter()
    .find(|option| option.to_string() == word)
    .ok_or_else(|| format!("{word} is no option of a socket"))
}

/// `sock_open inet4|inet6 stream|datagram`, `sock_bind FD ADDRESS`, `sock_listen FD BACKLOG`,
/// `sock_send_to FD 'bytes' ADDRESS|-`, `sock_recv_from FD BYTES`, `sock_option_set FD NAME N`,
/// `name_lookup NAME MOST`, and so on.
pub(super) fn call(task: &mut Task, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    match name {
        "sock_open" => {
            let family = match words.next()? {
                "inet4" => AddressFamily::Inet4,
                "inet6" => AddressFamily::Inet6,
                other => return Err(format!("{other} is no family of addresses")),
            };
            let kind = match words.next()? {
                "stream" => SocketKind::Stream,
                "datagram" => SocketKind::Datagram,
                other => return Err(format!("{other} is no kind of socket")),
            };
            let answer = task.sock_open(family, kind);
            return Ok(plain(task, answer));
        }
        "name_lookup" => {
            let name = words.text()?;
            let most: usize = words.number()?;
            let mut found = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED); most.min(64)];
            let answer = task.name_lookup(&name, &mut found);
            return Ok(outcome(task, answer, |count| {
                let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
                format!("{count} {}", shown[..count as usize].join(" "))
                    .trim_end()
                    .to_owned()
            }));
        }
        _ => {}
    }
    let fd = words.fd()?;
    Ok(match name {
        "sock_bind" => {
            let answer = task.sock_bind(fd, address(words.next()?)?);
            unit(task, answer)
        }
        "sock_listen" => {
            let answer = task.sock_listen(fd, words.number()?);
            unit(task, answer)
        }
        "sock_connect" => {
            let answer = task.sock_connect(fd, address(words.next()?)?);
            unit(task, answer)
        }
        "sock_disconnect" => {
            let answer = task.sock_disconnect(fd);
            unit(task, answer)
        }
        "sock_local_address" => {
            let answer = task.sock_local_address(fd);
            plain(task, answer)
        }
        "sock_peer_address" => {
            let answer = task.sock_peer_address(fd);
            plain(task, answer)
        }
        "sock_recv_from" => {
            let mut buffer = words.buffer()?;
            let flags = match words.next().unwrap_or("0") {
                "PEEK" => RecvFlags::PEEK,
                _ => RecvFlags::NONE,
            };
            let mut from = String::new();
            let answer = task.sock_recv_from(fd, &mut buffer, flags).map_ok(|got| {
                let cut = if got.truncated { " cut" } else { "" };
                from = format!(" from {}{cut}", got.address);
                got.size
            });
            format!("{}{from}", bytes(task, answer, &buffer))
        }
        "sock_send_to" => {
            let data = words.data()?;
            let data: Vec<IoSlice<'_>> = data.iter().map(|piece| IoSlice::new(piece)).collect();
            let to = match words.next()? {
                "-" => None,
                word => Some(address(word)?),
            };
            let answer = task.sock_send_to(fd, &data, to);
            plain(task, answer)
        }
        "sock_option_get" => {
            let answer = task.sock_option_get(fd, option(words.next()?)?);
            plain(task, answer)
        }
        "sock_option_set" => {
            let option = option(words.next()?)?;
            let answer = task.sock_option_set(fd, option, words.number()?);
            unit(task, answer)
        }
        _ => return Err(format!("{name} is no system call")),
    })
}
