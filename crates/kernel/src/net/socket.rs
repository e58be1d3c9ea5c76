//! Sockets of guests: their states, and the rules at each step.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker, ready};

use holm_abi::{
    AddressFamily, Errno, FileType, ReceivedFrom, RecvFlags, ShutdownFlags, SocketKind,
    SocketOption,
};

use super::policy::{BoundAs, check_family, check_remote, check_unicast, protocol_of};
use super::rules::Protocol;
use crate::port::Socket;
use crate::process::Process;
use crate::vfs::node::{Interest, Readiness, Result};

/// How many datagrams of strangers one receive throws away before it lets others run.
const DROPPED_MAX: usize = 32;

/// A socket that a process made, or that one of those accepted.
#[derive(Debug)]
pub(crate) struct NetSocket {
    family: AddressFamily,
    kind: SocketKind,
    /// Held while the socket is bound, connected or told to listen; not while bytes move.
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    socket: Arc<dyn Socket>,
    /// Whether `socket` is one of the virtual loopback.
    local: bool,
    /// What was set, for a socket that takes the place of this one.
    options: Vec<(SocketOption, u64)>,
    phase: Phase,
    bound: Option<BoundAs>,
    /// The address that was asked for when it was bound: rules speak of that one.
    asked: Option<SocketAddr>,
    /// Peer of a datagram socket.
    peer: Option<SocketAddr>,
    /// Whom it was last refused to reach, while it is bound to be nowhere.
    refused: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Connecting(SocketAddr),
    Connected,
    Listening,
    Failed,
}

fn unspecified(family: AddressFamily) -> SocketAddr {
    let ip: IpAddr = match family {
        AddressFamily::Inet4 => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

impl State {
    /// As what a socket is bound by connecting or sending.
    fn implicitly_bound(&self) -> BoundAs {
        if self.local {
            BoundAs::Local
        } else {
            BoundAs::Client
        }
    }
}

impl NetSocket {
    /// A socket of the host's, when the process may reach something there; of the virtual
    /// loopback otherwise, where it needs nobody's leave to be.
    pub(crate) fn open(
        process: &Process,
        family: AddressFamily,
        kind: SocketKind,
    ) -> Result<NetSocket> {
        let kernel = process.kernel();
        let network = kernel.network.as_ref();
        let (socket, local) = match network.filter(|_| process.network().reaches_the_host()) {
            Some(network) => (network.socket(family, kind)?, false),
            None => (kernel.loopback.socket(family, kind), true),
        };
        Ok(NetSocket {
            family,
            kind,
            state: Mutex::new(State {
                socket,
                local,
                options: Vec::new(),
                phase: Phase::Idle,
                bound: None,
                asked: None,
                peer: None,
                refused: None,
            }),
        })
    }

    pub(crate) fn file_type(&self) -> FileType {
        match self.kind {
            SocketKind::Stream => FileType::SocketStream,
            SocketKind::Datagram => FileType::SocketDgram,
        }
    }

    fn protocol(&self) -> Protocol {
        protocol_of(self.kind)
    }

    pub(crate) fn bind(&self, process: &Process, address: SocketAddr) -> Result<()> {
        let mut state = crate::lock(&self.state);
        if state.bound.is_some() || state.phase != Phase::Idle {
            return Err(Errno::Invalid);
        }
        check_family(self.family, address)?;
        check_unicast(address)?;
        let bound = process.check_bind(self.protocol(), address)?;
        self.bind_as(&mut state, process, address, bound)
    }

    fn bind_as(
        &self,
        state: &mut State,
        process: &Process,
        address: SocketAddr,
        bound: BoundAs,
    ) -> Result<()> {
        if bound != BoundAs::Nowhere {
            self.move_to(state, process, bound == BoundAs::Local)?;
            state.socket.bind(address)?;
        }
        state.bound = Some(bound);
        state.asked = Some(address);
        Ok(())
    }

    pub(crate) fn listen(&self, process: &Process, backlog: u32) -> Result<()> {
        if self.kind == SocketKind::Datagram {
            return Err(Errno::Invalid);
        }
        let mut state = crate::lock(&self.state);
        match (state.phase, state.bound) {
            (Phase::Listening, _) | (Phase::Idle, Some(BoundAs::Server | BoundAs::Local)) => {}
            (Phase::Idle, Some(BoundAs::Client)) => {
                let asked = state.asked.unwrap_or(unspecified(self.family));
                process.check_listen(self.protocol(), asked)?;
                state.bound = Some(BoundAs::Server);
            }
            (Phase::Idle, Some(BoundAs::Nowhere)) => return Err(self.refuse(process, &state)),
            (Phase::Idle, None) => {
                let any = unspecified(self.family);
                let bound = process.check_bind(self.protocol(), any)?;
                if matches!(bound, BoundAs::Client | BoundAs::Nowhere) {
                    process.check_listen(self.protocol(), any)?;
                }
                self.bind_as(&mut state, process, any, bound)?;
            }
            _ => return Err(Errno::Invalid),
        }
        state.socket.listen(backlog.max(1))?;
        state.phase = Phase::Listening;
        Ok(())
    }

    pub(crate) fn connect(
        &self,
        process: &Process,
        address: SocketAddr,
        waker: &Waker,
    ) -> Poll<Result<()>> {
        check_family(self.family, address)?;
        check_remote(address)?;
        let mut state = crate::lock(&self.state);
        match (self.kind, state.phase) {
            (SocketKind::Stream, Phase::Idle) => {
                check_unicast(address)?;
                self.choose_side(&mut state, process, address)?;
            }
            (SocketKind::Stream, Phase::Connecting(to)) if to == address => {}
            (SocketKind::Stream, Phase::Connecting(_)) => {
                return Poll::Ready(Err(Errno::Already));
            }
            (SocketKind::Stream, Phase::Connected) => {
                return Poll::Ready(Err(Errno::IsConnected));
            }
            (SocketKind::Stream, Phase::Listening | Phase::Failed) => {
                return Poll::Ready(Err(Errno::Invalid));
            }
            (SocketKind::Datagram, _) => self.choose_side(&mut state, process, address)?,
        }
        let Poll::Ready(result) = state.socket.connect(Some(address), waker) else {
            if self.kind == SocketKind::Stream {
                state.phase = Phase::Connecting(address);
            }
            return Poll::Pending;
        };
        match (self.kind, result) {
            (SocketKind::Stream, Ok(())) => state.phase = Phase::Connected,
            (SocketKind::Stream, Err(_)) => state.phase = Phase::Failed,
            (SocketKind::Datagram, Ok(())) => state.peer = Some(address),
            (SocketKind::Datagram, Err(_)) => {}
        }
        if result.is_ok() && state.bound.is_none() {
            state.bound = Some(state.implicitly_bound());
        }
        Poll::Ready(result)
    }

    /// Moves a socket that is not bound to the other side, with the options that were set.
    fn move_to(&self, state: &mut State, process: &Process, local: bool) -> Result<()> {
        if state.local == local {
            return Ok(());
        }
        let kernel = process.kernel();
        let socket = match (local, &kernel.network) {
            (true, _) => kernel.loopback.socket(self.family, self.kind),
            (false, Some(network)) => network.socket(self.family, self.kind)?,
            (false, None) => return Err(Errno::NetworkDown),
        };
        for (option, value) in &state.options {
            socket.set_option(*option, *value)?;
        }
        state.socket = socket;
        state.local = local;
        Ok(())
    }

    /// Checks the rules for an address, and that the socket is on the side where it is: the
    /// virtual loopback, when somebody answers there or nothing else is allowed.
    fn choose_side(&self, state: &mut State, process: &Process, address: SocketAddr) -> Result<()> {
        let route = process.check_connect(self.protocol(), address);
        if state.bound == Some(BoundAs::Nowhere) {
            state.refused = Some(address);
            // Where it may be reached from is asked of the process that bound it.
            route.and(Err(Errno::NetworkUnreachable))?;
        }
        let route = route?;
        if state.bound.is_some() {
            let fits = if state.local { route.local } else { route.host };
            return if fits {
                Ok(())
            } else {
                Err(Errno::NetworkUnreachable)
            };
        }
        let served = process.kernel().loopback.is_served(self.kind, address);
        self.move_to(state, process, route.local && (served || !route.host))
    }

    /// Refuses what a socket that is bound to be nowhere was wanted for, as far as that is known:
    /// to hear from whom it was refused to reach, or else from anybody.
    fn refuse(&self, process: &Process, state: &State) -> Errno {
        match state.refused {
            Some(address) => process.refuse_connect(self.protocol(), address),
            None => {
                let asked = state.asked.unwrap_or(unspecified(self.family));
                process.refuse_listen(self.protocol(), asked)
            }
        }
    }

    pub(crate) fn disconnect(&self, waker: &Waker) -> Poll<Result<()>> {
        let mut state = crate::lock(&self.state);
        if self.kind == SocketKind::Stream {
            return Poll::Ready(Err(Errno::Invalid));
        }
        if state.peer.is_none() {
            return Poll::Ready(Err(Errno::NotConnected));
        }
        ready!(state.socket.connect(None, waker))?;
        state.peer = None;
        Poll::Ready(Ok(()))
    }

    pub(crate) fn accept(&self, waker: &Waker) -> Poll<Result<NetSocket>> {
        let state = crate::lock(&self.state).clone();
        if state.phase != Phase::Listening {
            return Poll::Ready(Err(Errno::Invalid));
        }
        let (socket, _) = ready!(state.socket.accept(waker))?;
        Poll::Ready(Ok(NetSocket {
            family: self.family,
            kind: self.kind,
            state: Mutex::new(State {
                socket,
                local: state.local,
                options: Vec::new(),
                phase: Phase::Connected,
                bound: state.bound,
                asked: None,
                peer: None,
                refused: None,
            }),
        }))
    }

    pub(crate) fn receive(
        &self,
        process: &Process,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom>> {
        let state = crate::lock(&self.state).clone();
        match (self.kind, state.phase, state.bound) {
            (SocketKind::Stream, Phase::Connected, _) => {
                return state.socket.receive(buffer, flags, waker);
            }
            (SocketKind::Stream, ..) => return Poll::Ready(Err(Errno::NotConnected)),
            (SocketKind::Datagram, _, None) => return Poll::Ready(Err(Errno::Invalid)),
            (SocketKind::Datagram, _, Some(BoundAs::Nowhere)) => {
                return Poll::Ready(Err(self.refuse(process, &state)));
            }
            (SocketKind::Datagram, _, Some(_)) => {}
        }
        for _ in 0..DROPPED_MAX {
            let received = ready!(state.socket.receive(buffer, flags, waker))?;
            // Who only sends is answered by those whom it may send to.
            let stranger = state.bound == Some(BoundAs::Client)
                && !process
                    .network()
                    .allows_connect(Protocol::Udp, received.address);
            if !stranger {
                return Poll::Ready(Ok(received));
            }
            if flags.contains(RecvFlags::PEEK) {
                ready!(state.socket.receive(buffer, RecvFlags::NONE, waker))?;
            }
        }
        waker.wake_by_ref();
        Poll::Pending
    }

    pub(crate) fn send(
        &self,
        process: &Process,
        data: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<usize>> {
        if self.kind == SocketKind::Stream {
            let state = crate::lock(&self.state).clone();
            return match (state.phase, to) {
                (Phase::Connected, None) => state.socket.send(data, None, waker),
                (Phase::Connected, Some(_)) => Poll::Ready(Err(Errno::IsConnected)),
                _ => Poll::Ready(Err(Errno::NotConnected)),
            };
        }
        let mut state = crate::lock(&self.state);
        let (address, to) = match (state.peer, to) {
            (Some(peer), Some(to)) if peer != to => return Poll::Ready(Err(Errno::Invalid)),
            (Some(peer), _) => (peer, None),
            (None, Some(to)) => (to, Some(to)),
            (None, None) => return Poll::Ready(Err(Errno::DestinationRequired)),
        };
        check_family(self.family, address)?;
        check_remote(address)?;
        // A connected socket too: it may have come from a process that may send there.
        self.choose_side(&mut state, process, address)?;
        let sent = state.socket.send(data, to, waker);
        if matches!(sent, Poll::Ready(Ok(_))) && state.bound.is_none() {
            state.bound = Some(state.implicitly_bound());
        }
        sent
    }

    pub(crate) fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        let state = crate::lock(&self.state).clone();
        let connected = state.phase == Phase::Connected || state.peer.is_some();
        if !connected {
            return Err(Errno::NotConnected);
        }
        state.socket.shutdown(how)
    }

    pub(crate) fn local_address(&self, process: &Process) -> Result<SocketAddr> {
        let state = crate::lock(&self.state).clone();
        match state.bound {
            None => Err(Errno::Invalid),
            Some(BoundAs::Nowhere) => Err(self.refuse(process, &state)),
            Some(_) => state.socket.local_address(),
        }
    }

    pub(crate) fn peer_address(&self) -> Result<SocketAddr> {
        let state = crate::lock(&self.state).clone();
        match (self.kind, state.phase, state.peer) {
            (SocketKind::Stream, Phase::Connected, _) => state.socket.peer_address(),
            (SocketKind::Datagram, _, Some(peer)) => Ok(peer),
            _ => Err(Errno::NotConnected),
        }
    }

    pub(crate) fn option(&self, option: SocketOption) -> Result<u64> {
        let state = crate::lock(&self.state).clone();
        match (option, self.kind) {
            (SocketOption::Listening, SocketKind::Stream) => {
                Ok(u64::from(state.phase == Phase::Listening))
            }
            _ => state.socket.option(option),
        }
    }

    pub(crate) fn set_option(&self, option: SocketOption, value: u64) -> Result<()> {
        if option == SocketOption::Listening {
            return Err(Errno::Invalid);
        }
        let mut state = crate::lock(&self.state);
        state.socket.set_option(option, value)?;
        state.options.retain(|(known, _)| *known != option);
        state.options.push((option, value));
        Ok(())
    }

    pub(crate) fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        let state = crate::lock(&self.state).clone();
        if state.bound == Some(BoundAs::Nowhere) {
            // What comes next is refused, and does not wait to be.
            return Poll::Ready(Ok(Readiness::default()));
        }
        state.socket.readiness(interest, waker)
    }
}
