//! `wasi:sockets`: TCP, UDP and names.

mod accept;
mod convert;
mod tcp;
mod udp;

use std::future::poll_fn;
use std::task::{Context, Poll};

use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::p3::wasi::sockets::ip_name_lookup::{self, ErrorCode as LookupCode};
use crate::bindings::p3::wasi::sockets::types::{self, ErrorCode, IpAddress};
use crate::sockets::Answer;
use crate::sockets::lookup::Lookup;
use crate::{SocketError, State, ViewId};

pub(crate) use convert::error;

type Store = Accessor<State, HasSelf<State>>;

/// Waits, suspended, until `poll` is ready.
async fn wait<T>(
    store: &Store,
    mut poll: impl FnMut(&mut State, &mut Context<'_>) -> Poll<Answer<T>>,
) -> Answer<T> {
    poll_fn(|context| {
        store.with(|mut access| {
            let state = access.get();
            state.guest.check_signal()?;
            poll(state, context)
        })
    })
    .await
}

/// The addresses of a name, by the rules of a view.
pub(crate) async fn resolve(store: &Store, view: ViewId, name: &str) -> Answer<Vec<IpAddress>> {
    let lookup = Lookup::new(view, name)?;
    let lookup = store.with(|mut access| access.get().table.push(lookup))?;
    let over = wait(store, |state, context| state.poll_lookup(&lookup, context)).await;
    let mut found = store.with(|mut access| access.get().table.delete(lookup))?;
    over?;
    Ok(std::iter::from_fn(|| found.next())
        .map(IpAddress::from)
        .collect())
}

impl types::Host for State {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        convert::error(error)
    }
}

impl ip_name_lookup::Host for State {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<LookupCode> {
        convert::lookup_error(error)
    }
}

impl ip_name_lookup::HostWithStore<State> for HasSelf<State> {
    async fn resolve_addresses(store: &Store, name: String) -> Answer<Vec<IpAddress>> {
        resolve(store, ViewId::PROGRAM, &name).await
    }
}
