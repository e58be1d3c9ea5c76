//! Sockets that were granted open: accepting, receiving, sending, shutting down.

use std::task::{Poll, ready};

use holm_abi::{Errno, Fd, Received};
use holm_kernel::Task;

use crate::memory::SPANS_INLINE;
use crate::{Answer, GuestMemory, Span, decode, vectors};

/// Most bytes received at once into more than one range.
const RECEIVE_MAX: usize = 1 << 20;

/// Takes a connection; writes its descriptor (4 bytes) to `result`.
pub fn sock_accept<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    flags: i32,
    result: i32,
) -> Answer {
    memory.check(result.cast_unsigned(), 4)?;
    let flags = decode::fd_flags(flags)?;
    let Fd(accepted) = ready!(task.sock_accept(decode::fd(fd), flags))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &accepted.to_le_bytes()))
}

/// Receives into the ranges of an array of `iovec`; writes the number of bytes (4 bytes)
/// to `ro_datalen` and the flags (2 bytes) to `ro_flags`.
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn sock_recv<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    ri_data: i32,
    ri_data_len: i32,
    ri_flags: i32,
    ro_datalen: i32,
    ro_flags: i32,
) -> Answer {
    let (size_at, flags_at) = (ro_datalen.cast_unsigned(), ro_flags.cast_unsigned());
    memory.check(size_at, 4)?;
    memory.check(flags_at, 2)?;
    let (fd, flags) = (decode::fd(fd), decode::recv_flags(ri_flags)?);
    let mut inline = [Span::default(); SPANS_INLINE];
    let mut spill = Vec::new();
    let spans = vectors::spans(memory, ri_data, ri_data_len, &mut inline, &mut spill)?;
    let receive = |buffer: &mut [u8]| task.sock_recv(fd, buffer, flags);
    let received = ready!(match spans {
        [] => receive_one(memory, Span::default(), receive),
        [span] => receive_one(memory, *span, receive),
        spans => receive_many(memory, spans, receive),
    })?;
    memory.write(size_at, &received.size.to_le_bytes())?;
    Poll::Ready(memory.write(flags_at, &received.status.bits().to_le_bytes()))
}

/// Sends the ranges of an array of `ciovec`; writes the number of bytes to `so_datalen`.
/// `EINVAL` for any flag: the standard has none.
pub fn sock_send<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    si_data: i32,
    si_data_len: i32,
    si_flags: i32,
    so_datalen: i32,
) -> Answer {
    memory.check(so_datalen.cast_unsigned(), 4)?;
    if si_flags != 0 {
        return Poll::Ready(Err(Errno::Invalid));
    }
    let fd = decode::fd(fd);
    let count = ready!(vectors::gather(memory, si_data, si_data_len, |data| {
        task.sock_send(fd, data)
    })?)?;
    Poll::Ready(memory.write(so_datalen.cast_unsigned(), &count.to_le_bytes()))
}

/// Shuts directions of a socket down.
pub fn sock_shutdown<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    how: i32,
) -> Answer {
    task.sock_shutdown(decode::fd(fd), decode::shutdown_flags(how)?)
}

fn receive_one<M: GuestMemory + ?Sized>(
    memory: &mut M,
    span: Span,
    receive: impl FnOnce(&mut [u8]) -> Poll<Result<Received, Errno>>,
) -> Poll<Result<Received, Errno>> {
    memory.receive(span.at, span.length, receive)
}

/// One receive for all the ranges, through a buffer of the host: two receives would take
/// two messages, or look at the same bytes twice.
fn receive_many<M: GuestMemory + ?Sized>(
    memory: &mut M,
    spans: &[Span],
    receive: impl FnOnce(&mut [u8]) -> Poll<Result<Received, Errno>>,
) -> Poll<Result<Received, Errno>> {
    let total: usize = spans.iter().map(|span| span.length as usize).sum();
    let mut buffer = vec![0; total.min(RECEIVE_MAX)];
    let received = ready!(receive(&mut buffer))?;
    let mut rest = buffer.get(..received.size as usize).unwrap_or(&buffer);
    for span in spans {
        let (now, later) = rest.split_at(rest.len().min(span.length as usize));
        memory.write(span.at, now)?;
        rest = later;
    }
    Poll::Ready(Ok(received))
}
