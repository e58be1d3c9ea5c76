//! The process itself: arguments, environment, clocks, randomness, its end.

use std::task::{Poll, ready};

use holm_abi::{Errno, ListSizes};
use holm_kernel::Task;

use crate::{Answer, GuestMemory, decode};

/// Most random bytes asked of the kernel at once; between two askings a killed process is
/// let go of.
const RANDOM_CHUNK: u32 = 1 << 20;

/// Writes the arguments, each with a final NUL, to `argv_buf` and a pointer to each to `argv`.
pub fn args_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    argv: i32,
    argv_buf: i32,
) -> Answer {
    let sizes = ready!(task.args_sizes_get())?;
    write_list(memory, argv, argv_buf, sizes, |buffer| {
        task.args_get(buffer)
    })
}

/// Writes the number of arguments and the bytes they take (4 bytes each).
pub fn args_sizes_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    count: i32,
    size: i32,
) -> Answer {
    let sizes = ready!(task.args_sizes_get())?;
    Poll::Ready(write_sizes(memory, count, size, sizes))
}

/// Writes the environment as `NAME=value`, each with a final NUL, to `environ_buf` and a
/// pointer to each to `environ`.
pub fn environ_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    environ: i32,
    environ_buf: i32,
) -> Answer {
    let sizes = ready!(task.environ_sizes_get())?;
    write_list(memory, environ, environ_buf, sizes, |buffer| {
        task.environ_get(buffer)
    })
}

/// Writes the number of environment variables and the bytes they take (4 bytes each).
pub fn environ_sizes_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    count: i32,
    size: i32,
) -> Answer {
    let sizes = ready!(task.environ_sizes_get())?;
    Poll::Ready(write_sizes(memory, count, size, sizes))
}

/// Writes the resolution of a clock in nanoseconds (8 bytes) to `result`.
pub fn clock_res_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    id: i32,
    result: i32,
) -> Answer {
    let resolution = ready!(task.clock_res_get(decode::clock(id)?))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &resolution.to_le_bytes()))
}

/// Writes the time of a clock in nanoseconds (8 bytes) to `result`.
#[inline]
pub fn clock_time_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    id: i32,
    precision: i64,
    result: i32,
) -> Answer {
    let clock = decode::clock(id)?;
    let time = ready!(task.clock_time_get(clock, precision.cast_unsigned()))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &time.to_le_bytes()))
}

/// Ends the process with an exit code. The guest must not be resumed when this is done.
pub fn proc_exit<M: GuestMemory + ?Sized>(task: &mut Task, _memory: &mut M, code: i32) -> Answer {
    task.proc_exit(code.cast_unsigned())
}

/// Sends a signal to the process itself. `ENOTSUP` for a signal of the standard that has
/// no effect here.
pub fn proc_raise<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    signal: i32,
) -> Answer {
    task.proc_raise(decode::signal(signal)?)
}

/// Gives up the processor.
pub fn sched_yield<M: GuestMemory + ?Sized>(task: &mut Task, _memory: &mut M) -> Answer {
    task.sched_yield()
}

/// Fills a buffer of any size with random bytes.
pub fn random_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    buf: i32,
    buf_len: i32,
) -> Answer {
    let (mut at, mut left) = (buf.cast_unsigned(), buf_len.cast_unsigned());
    memory.check(at, left)?;
    loop {
        let chunk = left.min(RANDOM_CHUNK);
        let filled = ready!(memory.receive(at, chunk, |buffer| task.random_get(buffer)))?;
        if chunk > 0 && filled == 0 {
            return Poll::Ready(Err(Errno::Io));
        }
        left -= filled.min(chunk);
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        at += filled.min(chunk);
        if task.process().signaled().is_some() {
            return Poll::Ready(Err(Errno::Interrupted));
        }
    }
}

fn write_sizes<M: GuestMemory + ?Sized>(
    memory: &mut M,
    count: i32,
    size: i32,
    sizes: ListSizes,
) -> Result<(), Errno> {
    memory.check(size.cast_unsigned(), 4)?;
    memory.write(count.cast_unsigned(), &sizes.count.to_le_bytes())?;
    memory.write(size.cast_unsigned(), &sizes.bytes.to_le_bytes())
}

/// Has `fetch` write NUL-terminated strings to `target` and writes the address of each to
/// `pointers`.
fn write_list<M: GuestMemory + ?Sized>(
    memory: &mut M,
    pointers: i32,
    target: i32,
    sizes: ListSizes,
    fetch: impl FnOnce(&mut [u8]) -> Poll<Result<u32, Errno>>,
) -> Answer {
    let (mut pointer, target) = (pointers.cast_unsigned(), target.cast_unsigned());
    let pointers_size = sizes.count.checked_mul(4).ok_or(Errno::Fault)?;
    memory.check(pointer, pointers_size)?;
    let mut starts = Vec::new();
    ready!(memory.receive(target, sizes.bytes, |buffer| {
        let used = ready!(fetch(buffer))?;
        let text = buffer.get(..used as usize).unwrap_or(buffer);
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == 0);
        starts = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            .collect();
        Poll::Ready(Ok(used))
    }))?;
    for start in starts.into_iter().take(sizes.count as usize) {
        let start = u32::try_from(start).map_err(|_| Errno::Fault)?;
        memory.write(pointer, &(target + start).to_le_bytes())?;
        pointer += 4;
    }
    Poll::Ready(Ok(()))
}
