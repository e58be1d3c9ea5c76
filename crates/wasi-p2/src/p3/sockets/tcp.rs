//! `tcp-socket`.

use holm_abi::{Errno, ShutdownFlags, SocketOption};
use wasmtime::component::{Access, FutureReader, HasSelf, Resource, StreamReader};

use super::accept::Accepting;
use super::{Store, convert, wait};
use crate::bindings::p3::wasi::sockets::types::{
    ErrorCode, HostTcpSocket, HostTcpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use crate::p3::bytes::Bytes;
use crate::p3::ending::{Ended, Ending};
use crate::sockets::tcp::{Stage, TcpSocket, Used};
use crate::sockets::{Answer, SocketError};
use crate::{Owned, State, ViewId};

type EndedReader = FutureReader<Result<(), ErrorCode>>;

fn told(errno: Errno) -> Result<(), ErrorCode> {
    Err(convert::code(errno))
}

/// Gives a direction of a connection away, once.
fn give(
    state: &mut State,
    socket: &Resource<TcpSocket>,
    direction: fn(&mut Used) -> &mut bool,
) -> Answer<Owned> {
    let entry = state.table.get_mut(socket)?;
    let given = direction(&mut entry.used);
    if entry.stage != Stage::Connected || *given {
        return Err(SocketError::InvalidState);
    }
    *given = true;
    Ok(entry.owned().clone())
}

impl HostTcpSocketWithStore<State> for HasSelf<State> {
    async fn connect(
        store: &Store,
        socket: Resource<TcpSocket>,
        remote_address: IpSocketAddress,
    ) -> Answer<()> {
        store.with(|mut access| {
            let state = access.get();
            state.begin_connect(&socket, remote_address.into())
        })?;
        wait(store, |state, context| state.poll_connect(&socket, context)).await
    }

    fn listen(
        mut store: Access<'_, State, Self>,
        socket: Resource<TcpSocket>,
    ) -> Answer<StreamReader<Resource<TcpSocket>>> {
        let state = store.get();
        state.listen_tcp(&socket)?;
        let entry = state.table.get(&socket)?;
        let (owned, family) = (entry.owned().clone(), entry.family());
        let accepting = Accepting::new(state, owned, family);
        Ok(StreamReader::new(&mut store, accepting)?)
    }

    fn send(
        mut store: Access<'_, State, Self>,
        socket: Resource<TcpSocket>,
        mut data: StreamReader<u8>,
    ) -> wasmtime::Result<EndedReader> {
        let state = store.get();
        let owned = match give(state, &socket, |used| &mut used.send) {
            Ok(owned) => owned,
            Err(error) => {
                let failed = Ended::with(Err(convert::error(error)?));
                data.close(&mut store)?;
                return FutureReader::new(&mut store, failed);
            }
        };
        let (ending, ended) = Ending::new();
        let bytes = Bytes::new(state, owned, None, ending, told).shutting(ShutdownFlags::WRITE);
        data.pipe(&mut store, bytes.writing())?;
        FutureReader::new(&mut store, ended)
    }

    fn receive(
        mut store: Access<'_, State, Self>,
        socket: Resource<TcpSocket>,
    ) -> wasmtime::Result<(StreamReader<u8>, EndedReader)> {
        let state = store.get();
        let owned = match give(state, &socket, |used| &mut used.receive) {
            Ok(owned) => owned,
            Err(error) => {
                let failed = Ended::with(Err(convert::error(error)?));
                let nothing = StreamReader::new(&mut store, Vec::new())?;
                return Ok((nothing, FutureReader::new(&mut store, failed)?));
            }
        };
        let (ending, ended) = Ending::new();
        let bytes = Bytes::new(state, owned, None, ending, told).shutting(ShutdownFlags::READ);
        let stream = StreamReader::new(&mut store, bytes.reading())?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }
}

impl HostTcpSocket for State {
    fn create(&mut self, family: IpAddressFamily) -> Answer<Resource<TcpSocket>> {
        self.create_tcp(ViewId::PROGRAM, family.into())
    }

    fn bind(&mut self, socket: Resource<TcpSocket>, address: IpSocketAddress) -> Answer<()> {
        self.bind_tcp(&socket, address.into())
    }

    fn get_local_address(&mut self, socket: Resource<TcpSocket>) -> Answer<IpSocketAddress> {
        Ok(self.tcp_local_address(&socket)?.into())
    }

    fn get_remote_address(&mut self, socket: Resource<TcpSocket>) -> Answer<IpSocketAddress> {
        Ok(self.tcp_remote_address(&socket)?.into())
    }

    fn get_is_listening(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&socket)?.stage == Stage::Listening)
    }

    fn get_address_family(
        &mut self,
        socket: Resource<TcpSocket>,
    ) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family().into())
    }

    fn set_listen_backlog_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_backlog(&socket, value)
    }

    fn get_keep_alive_enabled(&mut self, socket: Resource<TcpSocket>) -> Answer<bool> {
        Ok(self.socket_option(&socket, SocketOption::KeepAlive)? != 0)
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<TcpSocket>, value: bool) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAlive, u64::from(value))
    }

    fn get_keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::KeepAliveIdle)
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveIdle, value)
    }

    fn get_keep_alive_interval(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::KeepAliveInterval)
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveInterval, value)
    }

    fn get_keep_alive_count(&mut self, socket: Resource<TcpSocket>) -> Answer<u32> {
        let count = self.socket_option(&socket, SocketOption::KeepAliveCount)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn set_keep_alive_count(&mut self, socket: Resource<TcpSocket>, value: u32) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::KeepAliveCount, u64::from(value))
    }

    fn get_hop_limit(&mut self, socket: Resource<TcpSocket>) -> Answer<u8> {
        let hops = self.socket_option(&socket, SocketOption::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_hop_limit(&mut self, socket: Resource<TcpSocket>, value: u8) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::HopLimit, u64::from(value))
    }

    fn get_receive_buffer_size(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::ReceiveBuffer, value)
    }

    fn get_send_buffer_size(&mut self, socket: Resource<TcpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<TcpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::SendBuffer, value)
    }

    fn drop(&mut self, socket: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}
