//! Connections to a listening socket as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use holm_abi::{AddressFamily, Errno, FdFlags};
use holm_kernel::vfs::Interest;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, Resource, StreamProducer, StreamResult, VecBuffer};

use crate::p3::worker::Worker;
use crate::sockets::tcp::{Stage, TcpSocket};
use crate::{Owned, State};

/// The writing end of a stream of connections. It holds the descriptor: the guest may drop the
/// socket and go on to accept.
#[derive(Debug)]
pub(super) struct Accepting {
    worker: Worker,
    owned: Owned,
    family: AddressFamily,
}

impl Accepting {
    pub(super) fn new(state: &State, owned: Owned, family: AddressFamily) -> Accepting {
        Accepting {
            worker: Worker::new(state, owned.view()),
            owned,
            family,
        }
    }

    fn wait(&mut self, finish: bool) -> Poll<wasmtime::Result<StreamResult>> {
        if !finish {
            return Poll::Pending;
        }
        self.worker.abandon();
        Poll::Ready(Ok(StreamResult::Cancelled))
    }
}

/// Errors of a connection that was gone before it was taken, not of the listening socket
/// (accept(2): "treat them like EAGAIN by retrying").
fn passes(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ConnectionAborted
            | Errno::ConnectionReset
            | Errno::HostUnreachable
            | Errno::NetworkDown
            | Errno::NetworkUnreachable
            | Errno::NoProtocolOption
            | Errno::TimedOut
    )
}

impl StreamProducer<State> for Accepting {
    type Item = Resource<TcpSocket>;
    type Buffer = VecBuffer<Resource<TcpSocket>>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        store.data_mut().guest.check_signal()?;
        let fd = this.owned.fd();
        if destination.remaining(&mut store) == Some(0) {
            let ready = this
                .worker
                .poll(context, |task| task.poll_ready(fd, Interest::Read));
            return match ready {
                Poll::Ready(_) => Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Pending => this.wait(finish),
            };
        }
        loop {
            let accepted = this
                .worker
                .poll(context, |task| task.sock_accept(fd, FdFlags::NONE));
            match accepted {
                Poll::Ready(Ok(accepted)) => {
                    let state = store.data_mut();
                    let owned = state.own(this.owned.view(), accepted);
                    let socket = TcpSocket::new(owned, this.family, Stage::Connected);
                    let socket = state.table.push(socket)?;
                    destination.set_buffer(vec![socket].into());
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                Poll::Ready(Err(errno)) if passes(errno) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Pending => return this.wait(finish),
            }
        }
    }
}
