//! `wasi:sockets/tcp` of 0.2: what is started is finished by a second call.

use std::task::Poll;

use holm_abi::{ShutdownFlags, SocketOption};
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::p2::wasi::sockets::tcp::{Host, HostTcpSocket, ShutdownType};
use crate::sockets::tcp::{Stage, TcpSocket};
use crate::sockets::{Answer, Network, SocketError};
use crate::stream::Ended;
use crate::{InputStream, OutputStream, Pollable, State};

/// The streams of a connection.
type Streams = (Resource<InputStream>, Resource<OutputStream>);

/// What 0.2 remembers of a socket.
#[derive(Debug, Default)]
pub(crate) struct Started {
    operation: Option<Operation>,
    /// The streams of the connection; a guest may have dropped them.
    streams: Option<(u32, u32)>,
}

/// What was started and not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Bind,
    Connect,
    Listen,
}

impl State {
    /// Begins an operation; one at a time.
    fn start(
        &mut self,
        socket: &Resource<TcpSocket>,
        operation: Operation,
        begin: impl FnOnce(&mut State) -> Answer<()>,
    ) -> Answer<()> {
        if self.table.get(socket)?.started.operation.is_some() {
            return Err(SocketError::ConcurrencyConflict);
        }
        begin(self)?;
        self.table.get_mut(socket)?.started.operation = Some(operation);
        Ok(())
    }

    fn check_started(&self, socket: &Resource<TcpSocket>, operation: Operation) -> Answer<()> {
        if self.table.get(socket)?.started.operation == Some(operation) {
            Ok(())
        } else {
            Err(SocketError::NotInProgress)
        }
    }

    fn finish(&mut self, socket: &Resource<TcpSocket>, operation: Operation) -> Answer<()> {
        self.check_started(socket, operation)?;
        self.table.get_mut(socket)?.started.operation = None;
        Ok(())
    }

    /// The streams of a connection.
    fn open_streams(&mut self, socket: &Resource<TcpSocket>) -> Answer<Streams> {
        let owned = self.table.get(socket)?.owned().clone();
        let input = InputStream::Stream(owned.clone());
        let input = self.table.push_child(input, socket)?;
        let output = self.table.push_child(OutputStream::stream(owned), socket)?;
        let entry = self.table.get_mut(socket)?;
        entry.started.streams = Some((input.rep(), output.rep()));
        Ok((input, output))
    }

    /// Ends the streams of the directions that were shut down. Where a stream was, another one
    /// may be by now: only one over the same descriptor is the connection's.
    fn end_streams(&mut self, socket: &Resource<TcpSocket>, how: ShutdownFlags) -> Answer<()> {
        let entry = self.table.get(socket)?;
        let Some((input, output)) = entry.started.streams else {
            return Ok(());
        };
        let owned = entry.owned().clone();
        let input = Resource::<InputStream>::new_borrow(input);
        if how.contains(ShutdownFlags::READ)
            && let Ok(stream) = self.table.get_mut(&input)
            && matches!(stream, InputStream::Stream(of) if of.is(&owned))
        {
            *stream = InputStream::Source(Box::new(Ended));
        }
        let output = Resource::<OutputStream>::new_borrow(output);
        if how.contains(ShutdownFlags::WRITE)
            && let Ok(stream) = self.table.get_mut(&output)
            && matches!(stream, OutputStream::Stream(of) if of.is(&owned))
        {
            *stream = OutputStream::Sink(Box::new(Ended));
        }
        Ok(())
    }
}

impl Host for State {}

impl HostTcpSocket for State {
    fn start_bind(
        &mut self,
        socket: Resource<TcpSocket>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> Answer<()> {
        self.table.get(&network)?;
        self.start(&socket, Operation::Bind, |state| {
            state.bind_tcp(&socket, local_address.into())
        })
    }

    fn finish_bind(&mut self, socket: Resource<TcpSocket>) -> Answer<()> {
        self.finish(&socket, Operation::Bind)
    }

    fn start_connect(
        &mut self,
        socket: Resource<TcpSocket>,
        network: Resource<Network>,
        remote_address: IpSocketAddress,
    ) -> Answer<()> {
        self.table.get(&network)?;
        self.start(&socket, Operation::Connect, |state| {
            state.begin_connect(&socket, remote_address.into())
        })
    }

    fn finish_connect(&mut self, socket: Resource<TcpSocket>) -> Answer<Streams> {
        self.check_started(&socket, Operation::Connect)?;
        match self.attempt(|state, context| state.poll_connect(&socket, context)) {
            Poll::Pending => Err(SocketError::WouldBlock),
            Poll::Ready(connected) => {
                self.finish(&socket, Operation::Connect)?;
                connected?;
                self.open_streams(&socket)
            }
        }
    }

    fn start_listen(&mut self, socket: Resource<TcpSocket>) -> Answer<()> {
        self.start(&socket, Operation::Listen, |state| {
            // Unlike 0.3, this version binds to nothing by itself.
            if state.table.get(&socket)?.stage != Stage::Bound {
                return Err(SocketError::InvalidState);
            }
            state.listen_tcp(&socket)
        })
    }

    fn finish_listen(&mut self, socket: Resource<TcpSocket>) -> Answer<()> {
        self.finish(&socket, Operation::Listen)
    }

    fn accept(
        &mut self,
        socket: Resource<TcpSocket>,
    ) -> Answer<(
        Resource<TcpSocket>,
        Resource<InputStream>,
        Resource<OutputStream>,
    )> {
        if self.table.get(&socket)?.started.operation.is_some() {
            return Err(SocketError::InvalidState);
        }
        match self.attempt(|state, context| state.poll_accept(&socket, context)) {
            Poll::Pending => Err(SocketError::WouldBlock),
            Poll::Ready(accepted) => {
                let accepted = self.table.push(accepted?)?;
                let (input, output) = self.open_streams(&accepted)?;
                Ok((accepted, input, output))
            }
        }
    }

    fn local_address(&mut self, socket: Resource<TcpSocket>) -> Answer<IpSocketAddress> {
        if self.table.get(&socket)?.started.operation == Some(Operation::Bind) {
            return Err(SocketError::InvalidState);
        }
        Ok(self.tcp_local_address(&socket)?.into())
    }

    fn remote_address(&mut self, socket: Resource<TcpSocket>) -> Answer<IpSocketAddress> {
        if self.table.get(&socket)?.started.operation.is_some() {
            return Err(SocketError::InvalidState);
        }
        Ok(self.tcp_remote_address(&socket)?.into())
    }

    fn is_listening(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        let entry = self.table.get(&socket)?;
        Ok(entry.stage == Stage::Listening && entry.started.operation.is_none())
    }

    fn address_family(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family().into())
    }

    fn set_listen_backlog_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_backlog(&socket, value)
    }

    fn keep_alive_enabled(&mut self, socket: Resource<TcpSocket>) -> Answer<bool> {
        Ok(self.socket_option(&socket, SocketOption::KeepAlive)? != 0)
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<TcpSocket>, value: bool) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAlive, u64::from(value))
    }

    fn keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::KeepAliveIdle)
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveIdle, value)
    }

    fn keep_alive_interval(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::KeepAliveInterval)
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveInterval, value)
    }

    fn keep_alive_count(&mut self, socket: Resource<TcpSocket>) -> Answer<u32> {
        let count = self.socket_option(&socket, SocketOption::KeepAliveCount)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn set_keep_alive_count(&mut self, socket: Resource<TcpSocket>, value: u32) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveCount, u64::from(value))
    }

    fn hop_limit(&mut self, socket: Resource<TcpSocket>) -> Answer<u8> {
        let hops = self.socket_option(&socket, SocketOption::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_hop_limit(&mut self, socket: Resource<TcpSocket>, value: u8) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::HopLimit, u64::from(value))
    }

    fn receive_buffer_size(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::ReceiveBuffer, value)
    }

    fn send_buffer_size(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::SendBuffer, value)
    }

    fn subscribe(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<Resource<Pollable>> {
        let pollable = Pollable::Tcp(socket.rep());
        Ok(self.table.push_child(pollable, &socket)?)
    }

    fn shutdown(&mut self, socket: Resource<TcpSocket>, how: ShutdownType) -> Answer<()> {
        let how = match how {
            ShutdownType::Receive => ShutdownFlags::READ,
            ShutdownType::Send => ShutdownFlags::WRITE,
            ShutdownType::Both => ShutdownFlags::READ.union(ShutdownFlags::WRITE),
        };
        if self.table.get(&socket)?.started.operation.is_some() {
            return Err(SocketError::InvalidState);
        }
        self.shutdown_tcp(&socket, how)?;
        self.end_streams(&socket, how)
    }

    fn drop(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}
