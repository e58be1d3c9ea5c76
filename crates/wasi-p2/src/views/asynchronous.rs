//! The interfaces of 0.3 that give what nobody handed over, for another process than the program's.

use std::pin::Pin;
use std::task::{Context, Poll};

use wasmtime::StoreContextMut;
use wasmtime::component::{
    Access, FutureReader, HasSelf, LinkerInstance, Resource, ResourceType, Source, StreamConsumer,
    StreamReader, StreamResult,
};

use super::interfaces::{self, Add};
use crate::bindings::p3::wasi::cli::types::ErrorCode as StreamError;
use crate::bindings::p3::wasi::sockets::ip_name_lookup;
use crate::bindings::p3::wasi::sockets::types::{
    ErrorCode, Host as _, HostTcpSocket, HostTcpSocketWithStore, HostUdpSocket,
    HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use crate::http::concurrent::{self, Request};
use crate::p3::ending::{Ended, Ending};
use crate::p3::sockets;
use crate::sockets::Answer;
use crate::sockets::tcp::TcpSocket;
use crate::sockets::udp::UdpSocket;
use crate::{State, ViewId};

type Store<'a> = StoreContextMut<'a, State>;
type Functions = HasSelf<State>;

/// The interface of this name, without its version.
pub(super) fn find(interface: &str) -> Option<Add> {
    Some(match interface {
        "wasi:filesystem/preopens" => interfaces::preopens,
        "wasi:sockets/types" => socket_types,
        "wasi:sockets/ip-name-lookup" => ip_name_lookup,
        "wasi:http/client" => client,
        "wasi:cli/environment" => environment,
        "wasi:cli/stdin" => stdin,
        "wasi:cli/stdout" | "wasi:cli/stderr" => output,
        "wasi:cli/terminal-stdin" => interfaces::terminal_stdin,
        "wasi:cli/terminal-stdout" => interfaces::terminal_stdout,
        "wasi:cli/terminal-stderr" => interfaces::terminal_stderr,
        _ => return None,
    })
}

/// An answer as the guest reads it; a trap ends it.
fn told<T>(state: &mut State, answer: Answer<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    Ok((match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(state.convert_error_code(error)?),
    },))
}

/// The same, of a function that waited.
fn told_later<T>(answer: Answer<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    Ok((match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(sockets::error(error)?),
    },))
}

/// Methods of a socket that answer at once: they act on the socket's own process.
macro_rules! methods {
    ($instance:ident, $socket:ty as $functions:ident:
     $($name:literal => $method:ident($($argument:ident: $type:ty),*);)*) => {
        $($instance.func_wrap(
            $name,
            |mut store: Store<'_>, (this, $($argument,)*): (Resource<$socket>, $($type,)*)| {
                let state = store.data_mut();
                let answer = <State as $functions>::$method(state, this, $($argument),*);
                told(state, answer)
            },
        )?;)*
    };
}

/// Sockets are made where their types are: a socket made so is of the dependency's own interface,
/// and belongs to its process.
fn socket_types(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    tcp_socket(instance, view)?;
    udp_socket(instance, view)
}

fn tcp_socket(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    type Socket = Resource<TcpSocket>;
    instance.resource(
        "tcp-socket",
        ResourceType::host::<TcpSocket>(),
        |mut store, rep| {
            let socket = Resource::<TcpSocket>::new_own(rep);
            HostTcpSocket::drop(store.data_mut(), socket)
        },
    )?;
    instance.func_wrap(
        "[static]tcp-socket.create",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            let state = store.data_mut();
            let answer = state.create_tcp(view, family.into());
            told(state, answer)
        },
    )?;
    instance.func_wrap_concurrent(
        "[method]tcp-socket.connect",
        |accessor, (this, address): (Socket, IpSocketAddress)| {
            Box::pin(async move {
                told_later(
                    <Functions as HostTcpSocketWithStore<State>>::connect(accessor, this, address)
                        .await,
                )
            })
        },
    )?;
    instance.func_wrap(
        "[method]tcp-socket.listen",
        |mut store: Store<'_>, (this,): (Socket,)| {
            let access = Access::new(wasmtime::AsContextMut::as_context_mut(&mut store), |s| s);
            let answer = <Functions as HostTcpSocketWithStore<State>>::listen(access, this);
            told(store.data_mut(), answer)
        },
    )?;
    instance.func_wrap(
        "[method]tcp-socket.send",
        |store: Store<'_>, (this, data): (Socket, StreamReader<u8>)| {
            let access = Access::new(store, |state| state);
            let sent = <Functions as HostTcpSocketWithStore<State>>::send(access, this, data)?;
            Ok((sent,))
        },
    )?;
    instance.func_wrap(
        "[method]tcp-socket.receive",
        |store: Store<'_>, (this,): (Socket,)| {
            let access = Access::new(store, |state| state);
            let received = <Functions as HostTcpSocketWithStore<State>>::receive(access, this)?;
            Ok((received,))
        },
    )?;
    instance.func_wrap(
        "[method]tcp-socket.get-is-listening",
        |mut store: Store<'_>, (this,): (Socket,)| {
            Ok((HostTcpSocket::get_is_listening(store.data_mut(), this)?,))
        },
    )?;
    instance.func_wrap(
        "[method]tcp-socket.get-address-family",
        |mut store: Store<'_>, (this,): (Socket,)| {
            Ok((HostTcpSocket::get_address_family(store.data_mut(), this)?,))
        },
    )?;
    methods! { instance, TcpSocket as HostTcpSocket:
        "[method]tcp-socket.bind" => bind(address: IpSocketAddress);
        "[method]tcp-socket.get-local-address" => get_local_address();
        "[method]tcp-socket.get-remote-address" => get_remote_address();
        "[method]tcp-socket.set-listen-backlog-size" => set_listen_backlog_size(value: u64);
        "[method]tcp-socket.get-keep-alive-enabled" => get_keep_alive_enabled();
        "[method]tcp-socket.set-keep-alive-enabled" => set_keep_alive_enabled(value: bool);
        "[method]tcp-socket.get-keep-alive-idle-time" => get_keep_alive_idle_time();
        "[method]tcp-socket.set-keep-alive-idle-time" => set_keep_alive_idle_time(value: u64);
        "[method]tcp-socket.get-keep-alive-interval" => get_keep_alive_interval();
        "[method]tcp-socket.set-keep-alive-interval" => set_keep_alive_interval(value: u64);
        "[method]tcp-socket.get-keep-alive-count" => get_keep_alive_count();
        "[method]tcp-socket.set-keep-alive-count" => set_keep_alive_count(value: u32);
        "[method]tcp-socket.get-hop-limit" => get_hop_limit();
        "[method]tcp-socket.set-hop-limit" => set_hop_limit(value: u8);
        "[method]tcp-socket.get-receive-buffer-size" => get_receive_buffer_size();
        "[method]tcp-socket.set-receive-buffer-size" => set_receive_buffer_size(value: u64);
        "[method]tcp-socket.get-send-buffer-size" => get_send_buffer_size();
        "[method]tcp-socket.set-send-buffer-size" => set_send_buffer_size(value: u64);
    }
    Ok(())
}

fn udp_socket(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    type Socket = Resource<UdpSocket>;
    type Datagram = (Socket, Vec<u8>, Option<IpSocketAddress>);
    instance.resource(
        "udp-socket",
        ResourceType::host::<UdpSocket>(),
        |mut store, rep| {
            let socket = Resource::<UdpSocket>::new_own(rep);
            HostUdpSocket::drop(store.data_mut(), socket)
        },
    )?;
    instance.func_wrap(
        "[static]udp-socket.create",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            let state = store.data_mut();
            let answer = state.create_udp(view, family.into());
            told(state, answer)
        },
    )?;
    instance.func_wrap_concurrent(
        "[method]udp-socket.send",
        |accessor, (this, data, to): Datagram| {
            Box::pin(async move {
                let sent =
                    <Functions as HostUdpSocketWithStore<State>>::send(accessor, this, data, to);
                told_later(sent.await)
            })
        },
    )?;
    instance.func_wrap_concurrent(
        "[method]udp-socket.receive",
        |accessor, (this,): (Socket,)| {
            Box::pin(async move {
                told_later(
                    <Functions as HostUdpSocketWithStore<State>>::receive(accessor, this).await,
                )
            })
        },
    )?;
    instance.func_wrap(
        "[method]udp-socket.get-address-family",
        |mut store: Store<'_>, (this,): (Socket,)| {
            Ok((HostUdpSocket::get_address_family(store.data_mut(), this)?,))
        },
    )?;
    methods! { instance, UdpSocket as HostUdpSocket:
        "[method]udp-socket.bind" => bind(address: IpSocketAddress);
        "[method]udp-socket.connect" => connect(peer: IpSocketAddress);
        "[method]udp-socket.disconnect" => disconnect();
        "[method]udp-socket.get-local-address" => get_local_address();
        "[method]udp-socket.get-remote-address" => get_remote_address();
        "[method]udp-socket.get-unicast-hop-limit" => get_unicast_hop_limit();
        "[method]udp-socket.set-unicast-hop-limit" => set_unicast_hop_limit(value: u8);
        "[method]udp-socket.get-receive-buffer-size" => get_receive_buffer_size();
        "[method]udp-socket.set-receive-buffer-size" => set_receive_buffer_size(value: u64);
        "[method]udp-socket.get-send-buffer-size" => get_send_buffer_size();
        "[method]udp-socket.set-send-buffer-size" => set_send_buffer_size(value: u64);
    }
    Ok(())
}

fn ip_name_lookup(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("resolve-addresses", move |accessor, (name,): (String,)| {
        Box::pin(async move {
            Ok((match sockets::resolve(accessor, view, &name).await {
                Ok(found) => Ok(found),
                Err(error) => {
                    let code =
                        |state: &mut State| ip_name_lookup::Host::convert_error_code(state, error);
                    Err(accessor.with(|mut access| code(access.get()))?)
                }
            },))
        })
    })
}

fn client(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("send", move |accessor, (request,): (Resource<Request>,)| {
        Box::pin(async move { Ok((concurrent::send(accessor, view, request).await?,)) })
    })
}

fn environment(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    interfaces::variables(instance, view, "get-initial-cwd")
}

/// Standard input that nobody granted: at its end.
fn stdin(instance: &mut LinkerInstance<'_, State>, _view: ViewId) -> wasmtime::Result<()> {
    instance.func_wrap("read-via-stream", |mut store: Store<'_>, (): ()| {
        let stream = StreamReader::new(&mut store, Vec::<u8>::new())?;
        let ended = Ended::<StreamError>::with(Ok(()));
        Ok(((stream, FutureReader::new(&mut store, ended)?),))
    })
}

/// Takes what is written, and throws it away.
#[derive(Debug)]
struct Nothing {
    /// Told by its end that all is well.
    _ending: Ending<StreamError>,
}

impl StreamConsumer<State> for Nothing {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().guest.check_signal()?;
        let mut source = source.as_direct(store);
        let given = source.remaining().len();
        source.mark_read(given);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Standard output or error that nobody granted.
fn output(instance: &mut LinkerInstance<'_, State>, _view: ViewId) -> wasmtime::Result<()> {
    instance.func_wrap(
        "write-via-stream",
        |mut store: Store<'_>, (data,): (StreamReader<u8>,)| {
            let (ending, ended) = Ending::new();
            data.pipe(&mut store, Nothing { _ending: ending })?;
            Ok((FutureReader::new(&mut store, ended)?,))
        },
    )
}
