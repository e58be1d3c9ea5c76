//! `wasi:io`: errors, waiting, streams.

use std::future::poll_fn;
use std::task::{Context, Poll};

use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::{p2, suspending, waiting};
use crate::stream::{BUDGET, PIECE};
use crate::{InputStream, IoError, OutputStream, Pollable, State, StreamFailure};

/// Most pollables that one `poll` takes.
const POLLABLES_MAX: usize = 4096;

type Answer<T> = Result<T, StreamFailure>;

impl p2::wasi::io::error::Host for State {}

impl p2::wasi::io::error::HostError for State {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> wasmtime::Result<String> {
        Ok(self.table.get(&error)?.to_string())
    }

    fn drop(&mut self, error: Resource<IoError>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}

impl State {
    fn ready(&mut self, pollable: &Resource<Pollable>) -> wasmtime::Result<bool> {
        let waker = self.guest.task.waker().clone();
        let mut context = Context::from_waker(&waker);
        let ready = self.poll_pollable(pollable.rep(), &mut context, &mut None)?;
        Ok(ready.is_ready())
    }

    /// Which of the pollables are ready; `Pending` when none is.
    fn poll_list(
        &mut self,
        list: &[Resource<Pollable>],
        context: &mut Context<'_>,
        deadline: &mut Option<u64>,
    ) -> Poll<wasmtime::Result<Vec<u32>>> {
        let mut ready = Vec::new();
        for (at, pollable) in (0..).zip(list) {
            match self.poll_pollable(pollable.rep(), context, deadline) {
                Ok(Poll::Ready(())) => ready.push(at),
                Ok(Poll::Pending) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if ready.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(ready))
        }
    }

    /// Waits while the guest is suspended.
    async fn suspend_on<T>(
        &mut self,
        mut poll: impl FnMut(&mut State, &mut Context<'_>, &mut Option<u64>) -> Poll<T>,
    ) -> T {
        poll_fn(|context| {
            let mut deadline = None;
            let answer = poll(self, context, &mut deadline);
            if answer.is_pending() {
                let _ = self.poll_unsent(context);
            }
            if let (true, Some(deadline)) = (answer.is_pending(), deadline) {
                self.timer().wake_at(deadline, context.waker());
            }
            answer
        })
        .await
    }

    fn check_list(list: &[Resource<Pollable>]) -> wasmtime::Result<()> {
        // The standard says that an empty list is a trap: nothing would ever wake the guest.
        if list.is_empty() {
            return Err(wasmtime::Error::msg("poll: the list of pollables is empty"));
        }
        if list.len() > POLLABLES_MAX {
            let text = format!(
                "poll: {} pollables at once, and at most {POLLABLES_MAX} are waited for",
                list.len()
            );
            return Err(wasmtime::Error::msg(text));
        }
        Ok(())
    }

    /// Reads without waiting: nothing yet is an empty list.
    fn read_now(&mut self, stream: &Resource<InputStream>, length: u64) -> Answer<Vec<u8>> {
        let waker = self.guest.task.waker().clone();
        match self.poll_read(stream.rep(), length, &mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => answer,
            Poll::Pending => Ok(Vec::new()),
        }
    }

    fn poll_read_some(
        &mut self,
        stream: u32,
        length: u64,
        context: &mut Context<'_>,
    ) -> Poll<Answer<Vec<u8>>> {
        // A file answers an empty read as the end where it has one.
        if length == 0 {
            return Poll::Ready(Ok(Vec::new()));
        }
        self.poll_read(stream, length, context)
    }

    fn room(&mut self, stream: &Resource<OutputStream>) -> Answer<u64> {
        if self.takes_at_once(stream.rep())? {
            return Ok(BUDGET);
        }
        let waker = self.guest.task.waker().clone();
        self.check_write(stream.rep(), &mut Context::from_waker(&waker))
    }

    fn flush_now(&mut self, stream: &Resource<OutputStream>) -> Answer<()> {
        if self.takes_at_once(stream.rep())? {
            return Ok(());
        }
        let waker = self.guest.task.waker().clone();
        match self.poll_flush(stream.rep(), &mut Context::from_waker(&waker))? {
            Poll::Ready(answer) => answer,
            Poll::Pending => Ok(()),
        }
    }

    /// Writes all of `rest`, as room comes, and waits until it is taken.
    fn poll_write_all(
        &mut self,
        stream: u32,
        rest: &mut &[u8],
        context: &mut Context<'_>,
    ) -> Poll<Answer<()>> {
        while !rest.is_empty() {
            let room = self.check_write(stream, context)?;
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            if room == 0 {
                return Poll::Pending;
            }
            let (now, later) = rest.split_at(room);
            self.write(stream, now)?;
            *rest = later;
        }
        self.poll_flush(stream, context)?
    }

    fn write_zeroes_now(&mut self, stream: &Resource<OutputStream>, length: u64) -> Answer<()> {
        let length = zeroes(length)?;
        self.write(stream.rep(), &vec![0; length])
    }

    fn poll_splice(
        &mut self,
        from: u32,
        to: u32,
        length: u64,
        context: &mut Context<'_>,
    ) -> Poll<Answer<u64>> {
        let room = self.check_write(to, context)?;
        if room == 0 && length > 0 {
            return Poll::Pending;
        }
        match self.poll_read_some(from, length.min(room), context)? {
            Poll::Ready(bytes) => {
                self.write(to, &bytes)?;
                Poll::Ready(Ok(bytes.len() as u64))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn splice_now(
        &mut self,
        to: &Resource<OutputStream>,
        from: &Resource<InputStream>,
        length: u64,
    ) -> Answer<u64> {
        let waker = self.guest.task.waker().clone();
        let mut context = Context::from_waker(&waker);
        match self.poll_splice(from.rep(), to.rep(), length, &mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => Ok(0),
        }
    }

    fn subscribe_input(
        &mut self,
        stream: &Resource<InputStream>,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let pollable = Pollable::Input(stream.rep());
        Ok(self.table.push_child(pollable, stream)?)
    }

    fn subscribe_output(
        &mut self,
        stream: &Resource<OutputStream>,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let pollable = Pollable::Output(stream.rep());
        Ok(self.table.push_child(pollable, stream)?)
    }

    /// Drops a stream; what was written to it goes out all the same.
    fn drop_output(&mut self, stream: Resource<OutputStream>) -> wasmtime::Result<()> {
        if let OutputStream::Stream(owned) = self.table.delete(stream)? {
            self.unsent.forget_failure(&owned);
        }
        Ok(())
    }

    fn stream_error(
        &mut self,
        failure: StreamFailure,
    ) -> wasmtime::Result<Option<Resource<IoError>>> {
        match failure {
            StreamFailure::Closed => Ok(None),
            StreamFailure::Failed(error) => Ok(Some(self.table.push(error)?)),
            StreamFailure::Trap(error) => Err(error),
        }
    }
}

fn zeroes(length: u64) -> Answer<usize> {
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= PIECE)
        .ok_or_else(|| {
            let text = "write-zeroes: more than check-write allowed";
            wasmtime::Error::msg(text).into()
        })
}

/// Implements the traits once for guests whose thread waits, once for suspended ones.
macro_rules! hosts {
    ($bindings:ident, $wait:ident, [$($async:tt)?]) => {
        impl $bindings::wasi::io::poll::Host for State {
            $($async)? fn poll(
                &mut self,
                list: Vec<Resource<Pollable>>,
            ) -> wasmtime::Result<Vec<u32>> {
                State::check_list(&list)?;
                $wait!(self, |state, context, deadline| state
                    .poll_list(&list, context, deadline))
            }
        }

        impl $bindings::wasi::io::poll::HostPollable for State {
            fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
                State::ready(self, &pollable)
            }

            $($async)? fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
                let list = [pollable];
                $wait!(self, |state, context, deadline| state
                    .poll_list(&list, context, deadline))?;
                Ok(())
            }

            fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
                self.table.delete(pollable)?;
                Ok(())
            }
        }

        impl $bindings::wasi::io::streams::Host for State {
            fn convert_stream_error(
                &mut self,
                failure: StreamFailure,
            ) -> wasmtime::Result<$bindings::wasi::io::streams::StreamError> {
                use $bindings::wasi::io::streams::StreamError;
                Ok(match self.stream_error(failure)? {
                    Some(error) => StreamError::LastOperationFailed(error),
                    None => StreamError::Closed,
                })
            }
        }

        impl $bindings::wasi::io::streams::HostInputStream for State {
            fn read(&mut self, stream: Resource<InputStream>, length: u64) -> Answer<Vec<u8>> {
                self.read_now(&stream, length)
            }

            $($async)? fn blocking_read(
                &mut self,
                stream: Resource<InputStream>,
                length: u64,
            ) -> Answer<Vec<u8>> {
                $wait!(self, |state, context, _deadline| state
                    .poll_read_some(stream.rep(), length, context))
            }

            fn skip(&mut self, stream: Resource<InputStream>, length: u64) -> Answer<u64> {
                Ok(self.read_now(&stream, length)?.len() as u64)
            }

            $($async)? fn blocking_skip(
                &mut self,
                stream: Resource<InputStream>,
                length: u64,
            ) -> Answer<u64> {
                let bytes = $wait!(self, |state, context, _deadline| state
                    .poll_read_some(stream.rep(), length, context))?;
                Ok(bytes.len() as u64)
            }

            fn subscribe(
                &mut self,
                stream: Resource<InputStream>,
            ) -> wasmtime::Result<Resource<Pollable>> {
                self.subscribe_input(&stream)
            }

            fn drop(&mut self, stream: Resource<InputStream>) -> wasmtime::Result<()> {
                self.table.delete(stream)?;
                Ok(())
            }
        }

        impl $bindings::wasi::io::streams::HostOutputStream for State {
            fn check_write(&mut self, stream: Resource<OutputStream>) -> Answer<u64> {
                self.room(&stream)
            }

            fn write(&mut self, stream: Resource<OutputStream>, bytes: Vec<u8>) -> Answer<()> {
                State::write(self, stream.rep(), &bytes)
            }

            $($async)? fn blocking_write_and_flush(
                &mut self,
                stream: Resource<OutputStream>,
                bytes: Vec<u8>,
            ) -> Answer<()> {
                let mut rest = &bytes[..];
                if bytes.len() as u64 <= BUDGET && self.takes_at_once(stream.rep())? {
                    State::write(self, stream.rep(), rest)?;
                    if self.takes_at_once(stream.rep())? {
                        return Ok(());
                    }
                    rest = &[];
                }
                $wait!(self, |state, context, _deadline| state
                    .poll_write_all(stream.rep(), &mut rest, context))
            }

            fn flush(&mut self, stream: Resource<OutputStream>) -> Answer<()> {
                self.flush_now(&stream)
            }

            $($async)? fn blocking_flush(&mut self, stream: Resource<OutputStream>) -> Answer<()> {
                if self.takes_at_once(stream.rep())? {
                    return Ok(());
                }
                $wait!(self, |state, context, _deadline| state
                    .poll_write_all(stream.rep(), &mut &[][..], context))
            }

            fn subscribe(
                &mut self,
                stream: Resource<OutputStream>,
            ) -> wasmtime::Result<Resource<Pollable>> {
                self.subscribe_output(&stream)
            }

            fn write_zeroes(&mut self, stream: Resource<OutputStream>, length: u64) -> Answer<()> {
                self.write_zeroes_now(&stream, length)
            }

            $($async)? fn blocking_write_zeroes_and_flush(
                &mut self,
                stream: Resource<OutputStream>,
                length: u64,
            ) -> Answer<()> {
                let bytes = vec![0; zeroes(length)?];
                let mut rest = &bytes[..];
                $wait!(self, |state, context, _deadline| state
                    .poll_write_all(stream.rep(), &mut rest, context))
            }

            fn splice(
                &mut self,
                to: Resource<OutputStream>,
                from: Resource<InputStream>,
                length: u64,
            ) -> Answer<u64> {
                self.splice_now(&to, &from, length)
            }

            $($async)? fn blocking_splice(
                &mut self,
                to: Resource<OutputStream>,
                from: Resource<InputStream>,
                length: u64,
            ) -> Answer<u64> {
                $wait!(self, |state, context, _deadline| state
                    .poll_splice(from.rep(), to.rep(), length, context))
            }

            fn drop(&mut self, stream: Resource<OutputStream>) -> wasmtime::Result<()> {
                self.drop_output(stream)
            }
        }
    };
}

macro_rules! block {
    ($state:ident, $poll:expr) => {
        $state.block_on($poll)?
    };
}

macro_rules! suspend {
    ($state:ident, $poll:expr) => {
        $state.suspend_on($poll).await
    };
}

hosts!(waiting, block, []);
hosts!(suspending, suspend, [async]);

/// Adds `wasi:io/poll` and `wasi:io/streams`.
pub(crate) fn link_poll(linker: &mut Linker<State>, suspends: bool) -> wasmtime::Result<()> {
    if suspends {
        suspending::wasi::io::poll::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
    } else {
        waiting::wasi::io::poll::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
    }
}

/// Adds `wasi:io/streams`.
pub(crate) fn link_streams(linker: &mut Linker<State>, suspends: bool) -> wasmtime::Result<()> {
    if suspends {
        suspending::wasi::io::streams::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
    } else {
        waiting::wasi::io::streams::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
    }
}
