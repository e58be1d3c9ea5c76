//! The interfaces of 0.2 that give what nobody handed over, for another process than the program's.

use std::task::{Context, Poll};

use bytes::Bytes;
use holm_abi::AddressFamily;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use crate::bindings::p2::wasi::http::types::ErrorCode as HttpError;
use crate::bindings::p2::wasi::sockets::ip_name_lookup::HostResolveAddressStream as _;
use crate::bindings::p2::wasi::sockets::network::{
    ErrorCode, Host as _, IpAddress, IpAddressFamily,
};
use crate::http::RequestOptions;
use crate::p2::http::{FutureResponse, OutgoingRequest};
use crate::sockets::lookup::Lookup;
use crate::sockets::tcp::TcpSocket;
use crate::sockets::udp::UdpSocket;
use crate::sockets::{Answer, Network};
use crate::stream::Ended;
use crate::terminal::Terminal;
use crate::{
    Descriptor, InputStream, OutputSink, OutputStream, Pollable, State, StreamFailure, ViewId,
};

/// Adds an interface, under whatever name the instance has, for a view.
pub(super) type Add = fn(&mut LinkerInstance<'_, State>, ViewId) -> wasmtime::Result<()>;

type Store<'a> = StoreContextMut<'a, State>;

/// The interface of this name, without its version.
pub(super) fn find(interface: &str) -> Option<Add> {
    Some(match interface {
        "wasi:filesystem/preopens" => preopens,
        "wasi:sockets/instance-network" => instance_network,
        "wasi:sockets/tcp-create-socket" => tcp_create_socket,
        "wasi:sockets/udp-create-socket" => udp_create_socket,
        "wasi:sockets/ip-name-lookup" => ip_name_lookup,
        "wasi:http/outgoing-handler" => outgoing_handler,
        "wasi:cli/environment" => environment,
        "wasi:cli/stdin" => stdin,
        "wasi:cli/stdout" => stdout,
        "wasi:cli/stderr" => stderr,
        "wasi:cli/terminal-stdin" => terminal_stdin,
        "wasi:cli/terminal-stdout" => terminal_stdout,
        "wasi:cli/terminal-stderr" => terminal_stderr,
        _ => return None,
    })
}

pub(super) fn preopens(
    instance: &mut LinkerInstance<'_, State>,
    view: ViewId,
) -> wasmtime::Result<()> {
    instance.func_wrap("get-directories", move |mut store: Store<'_>, (): ()| {
        let state = store.data_mut();
        let granted = state.granted(view).into_iter();
        let directories = granted
            .map(|(descriptor, name)| Ok((state.table.push(descriptor)?, name)))
            .collect::<wasmtime::Result<Vec<(Resource<Descriptor>, String)>>>()?;
        Ok((directories,))
    })
}

fn instance_network(
    instance: &mut LinkerInstance<'_, State>,
    _view: ViewId,
) -> wasmtime::Result<()> {
    instance.func_wrap("instance-network", |mut store: Store<'_>, (): ()| {
        Ok((store.data_mut().network()?,))
    })
}

/// An answer as the guest reads it; a trap ends it.
fn told<T>(state: &mut State, answer: Answer<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    Ok((match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(state.convert_error_code(error)?),
    },))
}

fn tcp_create_socket(
    instance: &mut LinkerInstance<'_, State>,
    view: ViewId,
) -> wasmtime::Result<()> {
    instance.func_wrap(
        "create-tcp-socket",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            let state = store.data_mut();
            let answer: Answer<Resource<TcpSocket>> =
                state.create_tcp(view, AddressFamily::from(family));
            told(state, answer)
        },
    )
}

fn udp_create_socket(
    instance: &mut LinkerInstance<'_, State>,
    view: ViewId,
) -> wasmtime::Result<()> {
    instance.func_wrap(
        "create-udp-socket",
        move |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            let state = store.data_mut();
            let answer: Answer<Resource<UdpSocket>> =
                state.create_udp(view, AddressFamily::from(family));
            told(state, answer)
        },
    )
}

fn ip_name_lookup(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    instance.resource(
        "resolve-address-stream",
        ResourceType::host::<Lookup>(),
        |mut store, rep| {
            let lookup = Resource::<Lookup>::new_own(rep);
            store.data_mut().table.delete(lookup)?;
            Ok(())
        },
    )?;
    instance.func_wrap(
        "resolve-addresses",
        move |mut store: Store<'_>, (network, name): (Resource<Network>, String)| {
            let state = store.data_mut();
            let answer = state.resolve(view, &network, &name);
            told(state, answer)
        },
    )?;
    instance.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: Store<'_>, (lookup,): (Resource<Lookup>,)| {
            let state = store.data_mut();
            let answer: Answer<Option<IpAddress>> = state.resolve_next_address(lookup);
            told(state, answer)
        },
    )?;
    instance.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: Store<'_>, (lookup,): (Resource<Lookup>,)| {
            let pollable: Resource<Pollable> = store.data_mut().subscribe(lookup)?;
            Ok((pollable,))
        },
    )
}

fn outgoing_handler(
    instance: &mut LinkerInstance<'_, State>,
    view: ViewId,
) -> wasmtime::Result<()> {
    type Parameters = (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>);
    instance.func_wrap(
        "handle",
        move |mut store: Store<'_>, (request, options): Parameters| {
            let answer: Result<Resource<FutureResponse>, HttpError> =
                store.data_mut().handle_as(view, request, options)?;
            Ok((answer,))
        },
    )
}

fn environment(instance: &mut LinkerInstance<'_, State>, view: ViewId) -> wasmtime::Result<()> {
    variables(instance, view, "initial-cwd")
}

/// Environment variables and arguments, and the directory to begin in by the name it has there.
pub(super) fn variables(
    instance: &mut LinkerInstance<'_, State>,
    view: ViewId,
    directory: &str,
) -> wasmtime::Result<()> {
    instance.func_wrap("get-environment", move |store: Store<'_>, (): ()| {
        Ok((store.data().environment(view),))
    })?;
    instance.func_wrap("get-arguments", move |store: Store<'_>, (): ()| {
        Ok((store.data().arguments(view),))
    })?;
    instance.func_wrap(directory, |_: Store<'_>, (): ()| Ok((None::<String>,)))
}

/// An output that nobody granted: what is written to it goes nowhere.
#[derive(Debug)]
struct Nowhere;

impl OutputSink for Nowhere {
    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<u64, StreamFailure>> {
        Poll::Ready(Ok(64 << 10))
    }

    fn write(&mut self, _bytes: Bytes) -> Result<(), StreamFailure> {
        Ok(())
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        Poll::Ready(Ok(()))
    }
}

fn stdin(instance: &mut LinkerInstance<'_, State>, _view: ViewId) -> wasmtime::Result<()> {
    instance.func_wrap("get-stdin", |mut store: Store<'_>, (): ()| {
        let stream = InputStream::Source(Box::new(Ended));
        Ok((store.data_mut().table.push(stream)?,))
    })
}

fn output(instance: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    instance.func_wrap(name, |mut store: Store<'_>, (): ()| {
        let stream = OutputStream::Sink(Box::new(Nowhere));
        Ok((store.data_mut().table.push(stream)?,))
    })
}

fn stdout(instance: &mut LinkerInstance<'_, State>, _view: ViewId) -> wasmtime::Result<()> {
    output(instance, "get-stdout")
}

fn stderr(instance: &mut LinkerInstance<'_, State>, _view: ViewId) -> wasmtime::Result<()> {
    output(instance, "get-stderr")
}

fn no_terminal(instance: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    instance.func_wrap(name, |_: Store<'_>, (): ()| {
        Ok((None::<Resource<Terminal>>,))
    })
}

pub(super) fn terminal_stdin(
    instance: &mut LinkerInstance<'_, State>,
    _view: ViewId,
) -> wasmtime::Result<()> {
    no_terminal(instance, "get-terminal-stdin")
}

pub(super) fn terminal_stdout(
    instance: &mut LinkerInstance<'_, State>,
    _view: ViewId,
) -> wasmtime::Result<()> {
    no_terminal(instance, "get-terminal-stdout")
}

pub(super) fn terminal_stderr(
    instance: &mut LinkerInstance<'_, State>,
    _view: ViewId,
) -> wasmtime::Result<()> {
    no_terminal(instance, "get-terminal-stderr")
}
