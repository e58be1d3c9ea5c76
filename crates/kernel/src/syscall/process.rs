//! Arguments, environment, ending, signals and waiting.

use std::task::Poll;

use holm_abi::{Errno, ExitStatus, ListSizes, Pid, Signal};

use super::{count, done};
use crate::task::{SysResult, Task};
use crate::vfs::node::Result;

fn sizes(count_of: usize, bytes: usize) -> Result<ListSizes> {
    Ok(ListSizes {
        count: count(count_of)?,
        bytes: count(bytes)?,
    })
}

/// Writes parts one after the other; answers the bytes written.
fn pack<'a>(buffer: &mut [u8], parts: impl Iterator<Item = &'a [u8]>) -> Result<u32> {
    let mut used = 0;
    for part in parts {
        let room = buffer
            .get_mut(used..used + part.len())
            .ok_or(Errno::Overflow)?;
        room.copy_from_slice(part);
        used += part.len();
    }
    count(used)
}

pub(crate) fn args_sizes_get(task: &mut Task) -> SysResult<ListSizes> {
    let arguments = task.process.arguments();
    done(sizes(
        arguments.len(),
        arguments.iter().map(|argument| argument.len() + 1).sum(),
    ))
}

pub(crate) fn args_get(task: &mut Task, buffer: &mut [u8]) -> SysResult<u32> {
    let parts = task.process.arguments().iter();
    done(pack(
        buffer,
        parts.flat_map(|argument| [argument.as_bytes(), b"\0"]),
    ))
}

pub(crate) fn environ_sizes_get(task: &mut Task) -> SysResult<ListSizes> {
    let variables = task.process.environment();
    let bytes = variables
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    done(sizes(variables.len(), bytes))
}

pub(crate) fn environ_get(task: &mut Task, buffer: &mut [u8]) -> SysResult<u32> {
    let parts = task.process.environment().iter();
    done(pack(
        buffer,
        parts.flat_map(|(name, value)| {
            [
                name.as_bytes(),
                b"=".as_slice(),
                value.as_bytes(),
                b"\0".as_slice(),
            ]
        }),
    ))
}

pub(crate) fn sched_yield(_task: &mut Task) -> SysResult<()> {
    // The host's scheduler decides; a process that spins loses its CPU budget, not ours.
    std::hint::spin_loop();
    done(Ok(()))
}

pub(crate) fn proc_id(task: &mut Task) -> SysResult<Pid> {
    done(Ok(task.process.pid()))
}

pub(crate) fn proc_exit(task: &mut Task, code: u32) -> SysResult<()> {
    task.process.end(ExitStatus::Exited(code));
    done(Ok(()))
}

pub(crate) fn proc_raise(task: &mut Task, signal: Signal) -> SysResult<()> {
    task.process.kill(signal);
    done(Ok(()))
}

pub(crate) fn proc_kill(task: &mut Task, pid: Pid, signal: Signal) -> SysResult<()> {
    done(match task.process.find_below(pid) {
        Some(process) => {
            process.kill(signal);
            Ok(())
        }
        None => Err(Errno::NoProcess),
    })
}

pub(crate) fn proc_wait(task: &mut Task, pid: Pid) -> Poll<Result<ExitStatus>> {
    task.process.wait_for(pid, &task.waker)
}
