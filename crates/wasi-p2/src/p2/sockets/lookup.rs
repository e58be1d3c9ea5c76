//! `wasi:sockets/ip-name-lookup` of 0.2.

use std::task::Poll;

use wasmtime::component::Resource;

use crate::bindings::p2::wasi::sockets::ip_name_lookup::{Host, HostResolveAddressStream};
use crate::bindings::p2::wasi::sockets::network::IpAddress;
use crate::sockets::lookup::Lookup;
use crate::sockets::{Answer, Network, SocketError};
use crate::{Pollable, State, ViewId};

impl State {
    /// Begins to look a name up. What is known at once to fail, fails at once.
    pub(crate) fn resolve(
        &mut self,
        view: ViewId,
        network: &Resource<Network>,
        name: &str,
    ) -> Answer<Resource<Lookup>> {
        self.table.get(network)?;
        let lookup = self.table.push(Lookup::new(view, name)?)?;
        let first = self.attempt(|state, context| state.poll_lookup(&lookup, context));
        if let Poll::Ready(Err(error)) = first {
            self.table.delete(lookup)?;
            return Err(error);
        }
        Ok(lookup)
    }
}

impl Host for State {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Answer<Resource<Lookup>> {
        self.resolve(ViewId::PROGRAM, &network, &name)
    }
}

impl HostResolveAddressStream for State {
    fn resolve_next_address(&mut self, lookup: Resource<Lookup>) -> Answer<Option<IpAddress>> {
        match self.attempt(|state, context| state.poll_lookup(&lookup, context)) {
            Poll::Pending => Err(SocketError::WouldBlock),
            Poll::Ready(answer) => {
                answer?;
                Ok(self.table.get_mut(&lookup)?.next().map(IpAddress::from))
            }
        }
    }

    fn subscribe(&mut self, lookup: Resource<Lookup>) -> wasmtime::Result<Resource<Pollable>> {
        let pollable = Pollable::Lookup(lookup.rep());
        Ok(self.table.push_child(pollable, &lookup)?)
    }

    fn drop(&mut self, lookup: Resource<Lookup>) -> wasmtime::Result<()> {
        self.table.delete(lookup)?;
        Ok(())
    }
}
