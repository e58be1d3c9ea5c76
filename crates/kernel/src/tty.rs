//! Terminals: a pair like a pipe's, with a line discipline between its two sides.
//!
//! The [`TtySlave`] is what processes read and write as their standard streams; the
//! [`TtyMaster`] is for the host that has the keyboard and the screen. Between them stands
//! the general terminal interface of POSIX.1-2024, chapter 11: lines that are edited before
//! they are read, echo, signals from the keyboard, newlines made into what a screen needs.
//!
//! Where it differs from POSIX: there is no job control (the host says who is in the
//! foreground, and `^Z` is an ordinary character), no flow control by `^S` and `^Q`, no
//! `MIN` and `TIME` (a raw read gives what there is), the control characters cannot be
//! reassigned, and a signal throws away input but not output. Both `^H` and `^?` erase.
//! Erasing knows UTF-8, wide and combining characters and tabs, as with Linux's `IUTF8`.
//!
//! Everything is bounded: 64 KiB typed ahead, [`MAX_CANON`] bytes in a line (beyond it the
//! bell rings and the byte is dropped), 64 KiB to be drawn, after which who writes blocks,
//! and 4 KiB of echo beyond, after which echo is dropped. Output and echo are drawn in the
//! order in which they came.

mod character;
mod discipline;
mod input;
mod line;
mod mode;
mod output;
#[cfg(test)]
mod tests;

use std::io::IoSlice;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, Signal};

use self::discipline::Discipline;
pub use self::discipline::Typed;
use self::input::INPUT_CAPACITY;
pub use self::line::MAX_CANON;
pub use self::mode::Mode;
use crate::pipe::{PIPE_ATOMIC, register, wake};
use crate::process::Process;
use crate::vfs::node::{Interest, Readiness, Result, Stream};

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtySize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl TtySize {
    fn columns(self) -> usize {
        usize::from(self.cols.max(1))
    }
}

impl Default for TtySize {
    /// 80 columns, 24 rows.
    fn default() -> TtySize {
        TtySize { cols: 80, rows: 24 }
    }
}

/// What a terminal starts with.
#[derive(Clone, Copy, Debug, Default)]
pub struct TtyOptions {
    /// How large it is.
    pub size: TtySize,
    /// How it treats input and output.
    pub mode: Mode,
}

#[derive(Debug, Default)]
struct State {
    discipline: Discipline,
    /// Who is sent the keyboard's signals.
    foreground: Vec<Weak<Process>>,
    /// The host is gone.
    hung_up: bool,
    /// No process has it any more, nor ever will.
    unused: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
    /// The host, with more to type.
    typing: Vec<Waker>,
    /// The host, with time to draw.
    drawing: Vec<Waker>,
}

impl State {
    /// Takes those to be woken after something was typed.
    fn take_typed(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        if !self.discipline.input.is_empty() {
            woken.append(&mut self.readers);
        }
        if !self.discipline.output.is_empty() {
            woken.append(&mut self.drawing);
        }
        woken.append(&mut self.take_room());
        woken
    }

    /// Takes the host's wakers when it may type on. Not for every byte: half of the queue.
    fn take_room(&mut self) -> Vec<Waker> {
        match self.discipline.held() <= INPUT_CAPACITY / 2 {
            true => std::mem::take(&mut self.typing),
            false => Vec::new(),
        }
    }

    fn live_foreground(&self) -> Vec<Arc<Process>> {
        self.foreground.iter().filter_map(Weak::upgrade).collect()
    }
}

/// The side of the host: what is typed goes in, what is to be drawn comes out. Dropping it
/// hangs up.
#[derive(Debug)]
pub struct TtyMaster(Arc<Mutex<State>>);

/// The side of processes: a character device that programs take for a terminal.
#[derive(Debug)]
pub struct TtySlave(Arc<Mutex<State>>);

/// A new terminal.
#[must_use]
pub fn tty(options: TtyOptions) -> (Arc<TtyMaster>, Arc<TtySlave>) {
    let state = Arc::new(Mutex::new(State {
        discipline: Discipline::new(options),
        ..State::default()
    }));
    (
        Arc::new(TtyMaster(Arc::clone(&state))),
        Arc::new(TtySlave(state)),
    )
}

impl TtyMaster {
    /// Types `bytes`. When not all are taken, `waker` is woken once there is room again, and
    /// the others are to be offered again then, or at once together with what was typed since:
    /// a `^C` among them gets through at any time, for it throws away everything before it.
    ///
    /// Signals have been sent to the foreground processes when this returns.
    pub fn input(&self, bytes: &[u8], waker: &Waker) -> Typed {
        let mut state = crate::lock(&self.0);
        if state.hung_up || state.unused {
            // Nobody will ever read it.
            return Typed {
                taken: bytes.len(),
                signal: None,
            };
        }
        let typed = state.discipline.type_bytes(bytes);
        if typed.taken < bytes.len() {
            register(&mut state.typing, waker);
        }
        let woken = state.take_typed();
        let killed = match typed.signal {
            Some(_) => state.live_foreground(),
            None => Vec::new(),
        };
        drop(state);
        wake(woken);
        if let Some(signal) = typed.signal {
            for process in killed {
                process.kill(signal);
            }
        }
        typed
    }

    /// Takes bytes that are to be drawn; how many. 0 is the end: it was hung up, or nobody is
    /// left who could write, and all was drawn.
    pub fn output(&self, buffer: &mut [u8], waker: &Waker) -> Poll<usize> {
        let mut state = crate::lock(&self.0);
        if state.discipline.output.is_empty() && !buffer.is_empty() {
            if state.hung_up || state.unused {
                return Poll::Ready(0);
            }
            register(&mut state.drawing, waker);
            return Poll::Pending;
        }
        let drawn = state.discipline.output.drain(buffer);
        let writers = match state.discipline.output.room() >= PIPE_ATOMIC {
            true => std::mem::take(&mut state.writers),
            false => Vec::new(),
        };
        drop(state);
        wake(writers);
        Poll::Ready(drawn)
    }

    /// Says who is in the foreground: those whom `^C` and `^\` end, and a hang-up.
    pub fn set_foreground(&self, processes: Vec<Weak<Process>>) {
        crate::lock(&self.0).foreground = processes;
    }

    /// Changes the size.
    pub fn resize(&self, cols: u16, rows: u16) {
        crate::lock(&self.0).discipline.size = TtySize { cols, rows };
    }

    /// The size.
    #[must_use]
    pub fn size(&self) -> TtySize {
        crate::lock(&self.0).discipline.size
    }

    /// How it treats input and output.
    #[must_use]
    pub fn mode(&self) -> Mode {
        crate::lock(&self.0).discipline.mode
    }

    /// Changes how it treats input and output; what was typed ahead stays.
    pub fn set_mode(&self, mode: Mode) {
        set_mode(&self.0, mode);
    }

    /// Ends it: what was typed is forgotten, reads give the end of the file, writes `EIO`, and
    /// the foreground processes are sent [`Signal::Hangup`] (section 11.1.10). What was
    /// written before can still be drawn.
    pub fn hangup(&self) {
        let mut state = crate::lock(&self.0);
        if std::mem::replace(&mut state.hung_up, true) {
            return;
        }
        state.discipline.flush_input();
        let mut woken = std::mem::take(&mut state.readers);
        woken.append(&mut state.writers);
        woken.append(&mut state.typing);
        woken.append(&mut state.drawing);
        let foreground = state.live_foreground();
        state.foreground = Vec::new();
        drop(state);
        wake(woken);
        for process in foreground {
            process.kill(Signal::Hangup);
        }
    }
}

impl Drop for TtyMaster {
    fn drop(&mut self) {
        self.hangup();
    }
}

fn set_mode(state: &Mutex<State>, mode: Mode) {
    let mut state = crate::lock(state);
    state.discipline.set_mode(mode);
    let woken = state.take_typed();
    drop(state);
    wake(woken);
}

impl TtySlave {
    /// The size.
    #[must_use]
    pub fn size(&self) -> TtySize {
        crate::lock(&self.0).discipline.size
    }

    /// How it treats input and output.
    #[must_use]
    pub fn mode(&self) -> Mode {
        crate::lock(&self.0).discipline.mode
    }

    /// Changes how it treats input and output; what was typed ahead stays.
    pub fn set_mode(&self, mode: Mode) {
        set_mode(&self.0, mode);
    }
}

impl Stream for TtySlave {
    fn file_type(&self) -> FileType {
        FileType::CharacterDevice
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = crate::lock(&self.0);
        if state.hung_up || buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if state.discipline.input.is_empty() {
            register(&mut state.readers, waker);
            return Poll::Pending;
        }
        let canonical = state.discipline.mode.canonical;
        let read = state.discipline.input.read(buffer, canonical);
        let woken = state.take_room();
        drop(state);
        wake(woken);
        Poll::Ready(Ok(read))
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = crate::lock(&self.0);
        if state.hung_up {
            return Poll::Ready(Err(Errno::Io));
        }
        let mut written = 0;
        for slice in data {
            let taken = state.discipline.write(slice);
            written += taken;
            if taken < slice.len() {
                break;
            }
        }
        if written == 0 && data.iter().any(|slice| !slice.is_empty()) {
            register(&mut state.writers, waker);
            return Poll::Pending;
        }
        let woken = std::mem::take(&mut state.drawing);
        drop(state);
        wake(woken);
        Poll::Ready(Ok(written))
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        let mut state = crate::lock(&self.0);
        let hangup = state.hung_up;
        let bytes = match interest {
            Interest::Read => {
                if !hangup && state.discipline.input.is_empty() {
                    register(&mut state.readers, waker);
                    return Poll::Pending;
                }
                let canonical = state.discipline.mode.canonical;
                state.discipline.input.readable(canonical)
            }
            Interest::Write => {
                let room = state.discipline.output.room();
                if !hangup && room < PIPE_ATOMIC {
                    register(&mut state.writers, waker);
                    return Poll::Pending;
                }
                if hangup { 0 } else { room }
            }
        };
        Poll::Ready(Ok(Readiness {
            bytes: bytes as u64,
            hangup,
        }))
    }
}

impl Drop for TtySlave {
    fn drop(&mut self) {
        let mut state = crate::lock(&self.0);
        state.unused = true;
        let mut woken = std::mem::take(&mut state.drawing);
        woken.append(&mut state.typing);
        drop(state);
        wake(woken);
    }
}
