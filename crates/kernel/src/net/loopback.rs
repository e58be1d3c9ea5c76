//! The virtual loopback: TCP and UDP between the processes of one system, which no packet leaves.

mod datagram;
mod stream;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use holm_abi::{
    AddressFamily, Errno, ReceivedFrom, RecvFlags, ShutdownFlags, SocketKind, SocketOption,
};

use self::datagram::Mailbox;
use self::stream::{Backlog, Connection};
use crate::port::Socket;
use crate::vfs::node::{Interest, Readiness, Result};

/// The ports that are given to who asks for any (RFC 6335, section 6).
const EPHEMERAL: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// Who is where on the virtual loopback of one system.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: BTreeMap<(bool, SocketAddr), Occupant>,
    /// The ephemeral port that was given last.
    last: u16,
}

#[derive(Clone, Debug)]
enum Occupant {
    /// Bound, and nobody can connect to it.
    Silent,
    Listener(Arc<Backlog>),
    Datagrams(Arc<Mailbox>),
}

fn is_stream(kind: SocketKind) -> bool {
    kind == SocketKind::Stream
}

fn unspecified_like(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// Where packets from a socket come from: one that is bound to every address sends from the
/// first.
fn source(family: AddressFamily, bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        SocketAddr::new(localhost(family), bound.port())
    } else {
        bound
    }
}

fn localhost(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Inet4 => Ipv4Addr::LOCALHOST.into(),
        AddressFamily::Inet6 => Ipv6Addr::LOCALHOST.into(),
    }
}

impl Places {
    fn is_free(&self, stream: bool, address: SocketAddr) -> bool {
        !self.taken.keys().any(|(other_stream, other)| {
            *other_stream == stream
                && other.port() == address.port()
                && other.is_ipv4() == address.is_ipv4()
                && (other.ip() == address.ip()
                    || other.ip().is_unspecified()
                    || address.ip().is_unspecified())
        })
    }

    /// Takes an address, a free port for port 0. `EADDRINUSE` when it is taken or none is free.
    fn take(&mut self, stream: bool, wanted: SocketAddr, occupant: Occupant) -> Result<SocketAddr> {
        let mut address = wanted;
        if wanted.port() == 0 {
            let count = EPHEMERAL.end() - EPHEMERAL.start();
            let mut port = self.last.max(*EPHEMERAL.start());
            let mut found = false;
            for _ in 0..=count {
                port = if port == *EPHEMERAL.end() {
                    *EPHEMERAL.start()
                } else {
                    port + 1
                };
                address.set_port(port);
                if self.is_free(stream, address) {
                    found = true;
                    break;
                }
            }
            if !found {
                return Err(Errno::AddressInUse);
            }
            self.last = port;
        } else if !self.is_free(stream, address) {
            return Err(Errno::AddressInUse);
        }
        self.taken.insert((stream, address), occupant);
        Ok(address)
    }
}

impl Loopback {
    /// A socket that is neither bound nor connected.
    pub(crate) fn socket(
        self: &Arc<Loopback>,
        family: AddressFamily,
        kind: SocketKind,
    ) -> Arc<dyn Socket> {
        Arc::new(LoopbackSocket {
            loopback: self.clone(),
            family,
            kind,
            mailbox: Arc::default(),
            place: Mutex::new(Place::default()),
            options: Mutex::new(BTreeMap::new()),
        })
    }

    /// Whether somebody answers at an address.
    pub(crate) fn is_served(&self, kind: SocketKind, address: SocketAddr) -> bool {
        !matches!(
            self.occupant(is_stream(kind), address),
            None | Some(Occupant::Silent)
        )
    }

    fn occupant(&self, stream: bool, address: SocketAddr) -> Option<Occupant> {
        let places = crate::lock(&self.places);
        places
            .taken
            .get(&(stream, address))
            .or_else(|| places.taken.get(&(stream, unspecified_like(address))))
            .cloned()
    }

    fn mailbox(&self, address: SocketAddr) -> Option<Arc<Mailbox>> {
        match self.occupant(false, address)? {
            Occupant::Datagrams(mailbox) => Some(mailbox),
            _ => None,
        }
    }
}

/// A socket of the virtual loopback.
#[derive(Debug)]
struct LoopbackSocket {
    loopback: Arc<Loopback>,
    family: AddressFamily,
    kind: SocketKind,
    mailbox: Arc<Mailbox>,
    place: Mutex<Place>,
    options: Mutex<BTreeMap<u8, u64>>,
}

#[derive(Debug, Default)]
struct Place {
    /// Where it is bound, and whether the address is its own: that of a connection which was
    /// accepted is its listener's.
    bound: Option<(SocketAddr, bool)>,
    backlog: Option<Arc<Backlog>>,
    connection: Option<Arc<Connection>>,
    /// Peer of a datagram socket.
    peer: Option<SocketAddr>,
}

impl LoopbackSocket {
    fn take(&self, place: &mut Place, address: SocketAddr) -> Result<SocketAddr> {
        let occupant = match self.kind {
            SocketKind::Stream => Occupant::Silent,
            SocketKind::Datagram => Occupant::Datagrams(self.mailbox.clone()),
        };
        let stream = is_stream(self.kind);
        let bound = crate::lock(&self.loopback.places).take(stream, address, occupant)?;
        place.bound = Some((bound, true));
        Ok(bound)
    }

    /// Where it is bound; binds to a free port when it is not.
    fn bound(&self, place: &mut Place) -> Result<SocketAddr> {
        match place.bound {
            Some((bound, _)) => Ok(bound),
            None => self.take(place, SocketAddr::new(localhost(self.family), 0)),
        }
    }

    fn connect_stream(&self, address: SocketAddr, waker: &Waker) -> Poll<Result<()>> {
        let Some(Occupant::Listener(backlog)) = self.loopback.occupant(true, address) else {
            return Poll::Ready(Err(Errno::ConnectionRefused));
        };
        let mut place = crate::lock(&self.place);
        if place.connection.is_some() {
            return Poll::Ready(Err(Errno::IsConnected));
        }
        let own = source(self.family, self.bound(&mut place)?);
        let Poll::Ready(ours) = backlog.connect(own, address, waker)? else {
            return Poll::Pending;
        };
        place.connection = Some(ours);
        Poll::Ready(Ok(()))
    }

    fn connection(&self) -> Result<Arc<Connection>> {
        let place = crate::lock(&self.place);
        place.connection.clone().ok_or(Errno::NotConnected)
    }

    fn default_option(&self, option: SocketOption) -> Result<u64> {
        const SECOND: u64 = 1_000_000_000;
        let stream = is_stream(self.kind);
        Ok(match option {
            SocketOption::HopLimit => 64,
            SocketOption::ReceiveBuffer | SocketOption::SendBuffer => 64 << 10,
            _ if !stream => return Err(Errno::NoProtocolOption),
            SocketOption::KeepAlive | SocketOption::NoDelay => 0,
            SocketOption::KeepAliveIdle => 7200 * SECOND,
            SocketOption::KeepAliveInterval => 75 * SECOND,
            SocketOption::KeepAliveCount => 9,
            SocketOption::Listening => u64::from(crate::lock(&self.place).backlog.is_some()),
        })
    }
}

impl Socket for LoopbackSocket {
    fn bind(&self, address: SocketAddr) -> Result<()> {
        let mut place = crate::lock(&self.place);
        if place.bound.is_some() {
            return Err(Errno::Invalid);
        }
        if !(address.ip().is_loopback() || address.ip().is_unspecified()) {
            return Err(Errno::AddressNotAvailable);
        }
        self.take(&mut place, address).map(|_| ())
    }

    fn listen(&self, backlog: u32) -> Result<()> {
        let mut place = crate::lock(&self.place);
        if !is_stream(self.kind) || place.connection.is_some() {
            return Err(Errno::Invalid);
        }
        if let Some(listening) = &place.backlog {
            listening.resize(backlog);
            return Ok(());
        }
        let bound = self.bound(&mut place)?;
        let listening = Backlog::new(backlog);
        crate::lock(&self.loopback.places)
            .taken
            .insert((true, bound), Occupant::Listener(listening.clone()));
        place.backlog = Some(listening);
        Ok(())
    }

    fn connect(&self, address: Option<SocketAddr>, waker: &Waker) -> Poll<Result<()>> {
        match (self.kind, address) {
            (SocketKind::Stream, Some(address)) => self.connect_stream(address, waker),
            (SocketKind::Stream, None) => Poll::Ready(Err(Errno::Invalid)),
            (SocketKind::Datagram, address) => {
                let mut place = crate::lock(&self.place);
                self.bound(&mut place)?;
                place.peer = address;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn accept(&self, waker: &Waker) -> Poll<Result<(Arc<dyn Socket>, SocketAddr)>> {
        let (backlog, bound) = {
            let place = crate::lock(&self.place);
            match (&place.backlog, place.bound) {
                (Some(backlog), Some((bound, _))) => (backlog.clone(), bound),
                _ => return Poll::Ready(Err(Errno::Invalid)),
            }
        };
        backlog.accept(waker).map_ok(|connection| {
            let peer = connection.peer();
            let socket = LoopbackSocket {
                loopback: self.loopback.clone(),
                family: self.family,
                kind: self.kind,
                mailbox: Arc::default(),
                place: Mutex::new(Place {
                    bound: Some((SocketAddr::new(connection.own().ip(), bound.port()), false)),
                    connection: Some(connection),
                    ..Place::default()
                }),
                options: Mutex::new(crate::lock(&self.options).clone()),
            };
            (Arc::new(socket) as Arc<dyn Socket>, peer)
        })
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom>> {
        if is_stream(self.kind) {
            return self.connection()?.receive(buffer, flags, waker);
        }
        let peer = crate::lock(&self.place).peer;
        self.mailbox.receive(buffer, flags, peer, waker)
    }

    fn send(
        &self,
        data: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<usize>> {
        if is_stream(self.kind) {
            return self.connection()?.send(data, waker);
        }
        let (to, own) = {
            let mut place = crate::lock(&self.place);
            let to = to.or(place.peer).ok_or(Errno::DestinationRequired)?;
            (to, source(self.family, self.bound(&mut place)?))
        };
        let bytes = data.concat_slices();
        let size = bytes.len();
        // Nobody there, or no room: the datagram is lost, as datagrams are.
        if let Some(mailbox) = self.loopback.mailbox(to) {
            mailbox.put(own, bytes);
        }
        Poll::Ready(Ok(size))
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        if is_stream(self.kind) {
            self.connection()?.shutdown(how);
        }
        Ok(())
    }

    fn local_address(&self) -> Result<SocketAddr> {
        let place = crate::lock(&self.place);
        let (bound, _) = place.bound.ok_or(Errno::Invalid)?;
        Ok(match &place.connection {
            Some(connection) => connection.own(),
            None => bound,
        })
    }

    fn peer_address(&self) -> Result<SocketAddr> {
        let place = crate::lock(&self.place);
        match (&place.connection, place.peer) {
            (Some(connection), _) => Ok(connection.peer()),
            (None, peer) => peer.ok_or(Errno::NotConnected),
        }
    }

    fn option(&self, option: SocketOption) -> Result<u64> {
        let default = self.default_option(option)?;
        let options = crate::lock(&self.options);
        Ok(options.get(&(option as u8)).copied().unwrap_or(default))
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<()> {
        self.default_option(option)?;
        let fits = match option {
            SocketOption::Listening => false,
            SocketOption::KeepAlive | SocketOption::NoDelay => value <= 1,
            SocketOption::HopLimit => (1..=255).contains(&value),
            _ => value > 0,
        };
        if !fits {
            return Err(Errno::Invalid);
        }
        crate::lock(&self.options).insert(option as u8, value);
        Ok(())
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        if !is_stream(self.kind) {
            return match interest {
                Interest::Read => self.mailbox.readiness(waker),
                Interest::Write => Poll::Ready(Ok(Readiness::default())),
            };
        }
        let (backlog, connection) = {
            let place = crate::lock(&self.place);
            (place.backlog.clone(), place.connection.clone())
        };
        match (connection, backlog) {
            (Some(connection), _) => connection.readiness(interest, waker),
            (None, Some(backlog)) => backlog.readiness(waker),
            (None, None) => Poll::Ready(Ok(Readiness::default())),
        }
    }
}

impl Drop for LoopbackSocket {
    fn drop(&mut self) {
        let place = std::mem::take(&mut *crate::lock(&self.place));
        if let Some((address, true)) = place.bound {
            let stream = is_stream(self.kind);
            crate::lock(&self.loopback.places)
                .taken
                .remove(&(stream, address));
        }
        if let Some(backlog) = place.backlog {
            backlog.close();
        }
        if let Some(connection) = place.connection {
            connection.close();
        }
    }
}

/// Slices as one piece.
trait Concat {
    fn concat_slices(&self) -> Vec<u8>;
}

impl Concat for [IoSlice<'_>] {
    fn concat_slices(&self) -> Vec<u8> {
        self.iter()
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }
}
