//! Pollables: what a component can wait for.

use std::fmt::Debug;
use std::task::{Context, Poll};

use holm_kernel::vfs::Interest;
use wasmtime::component::Resource;

use crate::{InputStream, Owned, State, ViewId};

/// Something that becomes ready and is no descriptor: a response that is on its way.
pub trait Wake: Debug + Send {
    /// Whether it is ready; else registers the waker.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// `wasi:io/poll.pollable`.
#[derive(Debug)]
pub enum Pollable {
    /// Ready from the start.
    Ready,
    /// A time on the monotonic clock of a process, in nanoseconds.
    Until(ViewId, u64),
    /// A descriptor is ready, or has failed.
    Descriptor(Owned, Interest),
    /// An input stream has something to read; its parent in the table.
    Input(u32),
    /// An output stream has room; its parent in the table.
    Output(u32),
    /// A TCP socket has done what it was told to; its parent in the table.
    Tcp(u32),
    /// A name was looked up; its parent in the table.
    Lookup(u32),
    /// Something else.
    Other(Box<dyn Wake>),
}

impl State {
    /// Whether a pollable is ready; else `deadline` becomes no later than its own.
    pub(crate) fn poll_pollable(
        &mut self,
        pollable: u32,
        context: &mut Context<'_>,
        deadline: &mut Option<u64>,
    ) -> wasmtime::Result<Poll<()>> {
        let handle = Resource::<Pollable>::new_borrow(pollable);
        let ready = match self.table.get_mut(&handle)? {
            Pollable::Ready => Poll::Ready(()),
            Pollable::Other(other) => other.poll_ready(context),
            Pollable::Until(view, at) => {
                let (view, at) = (*view, *at);
                if self.process(view).clock().monotonic_ns() >= at {
                    Poll::Ready(())
                } else {
                    *deadline = Some(deadline.map_or(at, |first| first.min(at)));
                    Poll::Pending
                }
            }
            Pollable::Descriptor(owned, interest) => {
                let (owned, interest) = (owned.clone(), *interest);
                self.poll_descriptor(&owned, interest, context)
            }
            Pollable::Tcp(socket) => {
                let socket = Resource::new_borrow(*socket);
                self.poll_tcp(&socket, context)?
            }
            Pollable::Lookup(lookup) => {
                let lookup = Resource::new_borrow(*lookup);
                self.poll_lookup(&lookup, context).map(|_| ())
            }
            Pollable::Input(stream) => {
                let stream = *stream;
                self.poll_input(stream, context)?
            }
            Pollable::Output(stream) => {
                let stream = *stream;
                // Ready is what `check-write` would not answer 0 to.
                self.poll_room(stream, context)?.map(|_| ())
            }
        };
        Ok(ready)
    }

    pub(crate) fn poll_descriptor(
        &mut self,
        owned: &Owned,
        interest: Interest,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        // What has failed is ready: the next call says how.
        let ready = self.poll_call(owned.view(), context, |task| {
            task.poll_ready(owned.fd(), interest)
        });
        ready.map(|_| ())
    }

    fn poll_input(&mut self, stream: u32, context: &mut Context<'_>) -> wasmtime::Result<Poll<()>> {
        let handle = Resource::<InputStream>::new_borrow(stream);
        let owned = match self.table.get_mut(&handle)? {
            InputStream::File { .. } => return Ok(Poll::Ready(())),
            InputStream::Source(source) => return Ok(source.poll_ready(context)),
            InputStream::Stream(owned) => owned.clone(),
        };
        Ok(self.poll_descriptor(&owned, Interest::Read, context))
    }
}
