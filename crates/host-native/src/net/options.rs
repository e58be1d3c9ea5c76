//! Options of sockets: what a number means on the host.
//!
//! Times are nanoseconds here and whole seconds there: they are rounded up, so that none
//! becomes 0. What is too large is cut to what every host takes, as hosts do themselves.

use std::os::fd::AsFd;
use std::time::Duration;

use holm_abi::{AddressFamily, Errno, SocketKind, SocketOption};
use rustix::io::Errno as Host;
use rustix::net::sockopt;

use crate::errno::from_host;

const SECOND_NS: u64 = 1_000_000_000;
/// Longest time of a keep-alive option: Linux's, the shortest among hosts.
const KEEP_ALIVE_MAX_NS: u64 = 32_767 * SECOND_NS;
/// Most probes: Linux's limit, the lowest among hosts.
const KEEP_ALIVE_COUNT_MAX: u64 = 127;
/// Largest buffer that can be asked for: the options are `int`s.
const BUFFER_MAX: u64 = i32::MAX as u64;
/// Linux makes buffers twice as large as it is asked to, for its own records, and reports
/// that (socket(7)). What was asked for is reported here.
const BUFFER_FACTOR: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Value of an option; [`SocketOption::Listening`] is the socket's own to know.
pub(super) fn get(
    fd: impl AsFd,
    family: AddressFamily,
    kind: SocketKind,
    option: SocketOption,
) -> Result<u64, Errno> {
    check_kind(kind, option)?;
    let value = match option {
        SocketOption::KeepAlive => sockopt::socket_keepalive(fd).map(u64::from),
        SocketOption::KeepAliveIdle => sockopt::tcp_keepidle(fd).map(nanoseconds),
        SocketOption::KeepAliveInterval => sockopt::tcp_keepintvl(fd).map(nanoseconds),
        SocketOption::KeepAliveCount => sockopt::tcp_keepcnt(fd).map(u64::from),
        SocketOption::HopLimit => match family {
            AddressFamily::Inet4 => sockopt::ip_ttl(fd).map(u64::from),
            AddressFamily::Inet6 => sockopt::ipv6_unicast_hops(fd).map(u64::from),
        },
        SocketOption::ReceiveBuffer => sockopt::socket_recv_buffer_size(fd).map(reported),
        SocketOption::SendBuffer => sockopt::socket_send_buffer_size(fd).map(reported),
        SocketOption::NoDelay => sockopt::tcp_nodelay(fd).map(u64::from),
        SocketOption::Listening => return Err(Errno::NoProtocolOption),
    };
    value.map_err(from_host)
}

/// Sets an option.
pub(super) fn set(
    fd: impl AsFd,
    family: AddressFamily,
    kind: SocketKind,
    option: SocketOption,
    value: u64,
) -> Result<(), Errno> {
    check_kind(kind, option)?;
    let done = match option {
        SocketOption::KeepAlive => sockopt::set_socket_keepalive(fd, switch(value)?),
        SocketOption::KeepAliveIdle => sockopt::set_tcp_keepidle(fd, keep_alive_time(value)?),
        SocketOption::KeepAliveInterval => sockopt::set_tcp_keepintvl(fd, keep_alive_time(value)?),
        SocketOption::KeepAliveCount => {
            let count = at_least_one(value)?.min(KEEP_ALIVE_COUNT_MAX);
            sockopt::set_tcp_keepcnt(fd, u32::try_from(count).map_err(|_| Errno::Invalid)?)
        }
        SocketOption::HopLimit => {
            let hops = u8::try_from(at_least_one(value)?).map_err(|_| Errno::Invalid)?;
            match family {
                AddressFamily::Inet4 => sockopt::set_ip_ttl(fd, u32::from(hops)),
                AddressFamily::Inet6 => sockopt::set_ipv6_unicast_hops(fd, Some(hops)),
            }
        }
        SocketOption::ReceiveBuffer => or_as_it_is(sockopt::set_socket_recv_buffer_size(
            fd,
            buffer_size(value)?,
        )),
        SocketOption::SendBuffer => or_as_it_is(sockopt::set_socket_send_buffer_size(
            fd,
            buffer_size(value)?,
        )),
        SocketOption::NoDelay => sockopt::set_tcp_nodelay(fd, switch(value)?),
        SocketOption::Listening => return Err(Errno::Invalid),
    };
    done.map_err(from_host)
}

fn check_kind(kind: SocketKind, option: SocketOption) -> Result<(), Errno> {
    let everybody = matches!(
        option,
        SocketOption::HopLimit | SocketOption::ReceiveBuffer | SocketOption::SendBuffer
    );
    if everybody || kind == SocketKind::Stream {
        return Ok(());
    }
    Err(Errno::NoProtocolOption)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn reported(size: usize) -> u64 {
    u64::try_from(size / BUFFER_FACTOR).unwrap_or(u64::MAX)
}

fn switch(value: u64) -> Result<bool, Errno> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::Invalid),
    }
}

fn at_least_one(value: u64) -> Result<u64, Errno> {
    if value == 0 {
        return Err(Errno::Invalid);
    }
    Ok(value)
}

fn keep_alive_time(value_ns: u64) -> Result<Duration, Errno> {
    let time_ns = at_least_one(value_ns)?.clamp(SECOND_NS, KEEP_ALIVE_MAX_NS);
    Ok(Duration::from_secs(time_ns.div_ceil(SECOND_NS)))
}

fn buffer_size(value: u64) -> Result<usize, Errno> {
    let size = at_least_one(value)?.min(BUFFER_MAX);
    usize::try_from(size).map_err(|_| Errno::Invalid)
}

/// A size is a hint. The BSDs refuse what is above their limit, where others cut it.
fn or_as_it_is(done: Result<(), Host>) -> Result<(), Host> {
    match done {
        Err(Host::NOBUFS) => Ok(()),
        other => other,
    }
}
