//! What components wrote and descriptors did not take yet: it goes out while they wait.
//!
//! `check-write` of `wasi:io/streams` promises room before the kernel has said that there is
//! some, so a part of a write can be left over. It must reach the other side whether or not
//! the guest touches the stream again: one that waits for a reply, or drops the stream, or ends,
//! has written all the same. What is left over therefore belongs to the store, not to a stream,
//! and moves on whenever the guest waits.

use std::io::IoSlice;
use std::task::{Context, Poll};

use holm_abi::{Errno, ShutdownFlags};

use crate::{Owned, State};

/// Most bytes that are left over at a time, of all streams of a component.
pub(crate) const UNSENT_MAX: usize = 16 << 20;

/// What is left over, in the order of the descriptors that could not take it.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    entries: Vec<Entry>,
    total: usize,
}

#[derive(Debug)]
struct Entry {
    owned: Owned,
    bytes: Vec<u8>,
    /// How many of them have gone out.
    gone: usize,
    /// Whether the sending direction ends with the last byte.
    shuts: bool,
    /// Why the rest cannot go out; the next operation of the guest says so.
    failed: Option<Errno>,
}

impl Unsent {
    /// Whether nothing is left over.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that may be left over besides.
    pub(crate) fn room(&self) -> usize {
        UNSENT_MAX.saturating_sub(self.total)
    }

    /// Bytes that are left over for a descriptor.
    pub(crate) fn of(&self, owned: &Owned) -> usize {
        self.find(owned).map_or(0, |at| self.entries[at].left())
    }

    fn find(&self, owned: &Owned) -> Option<usize> {
        self.entries.iter().position(|entry| entry.owned.is(owned))
    }

    /// Leaves bytes over.
    pub(crate) fn add(&mut self, owned: &Owned, bytes: &[u8]) {
        let at = self.find(owned).unwrap_or_else(|| {
            self.entries.push(Entry {
                owned: owned.clone(),
                bytes: Vec::new(),
                gone: 0,
                shuts: false,
                failed: None,
            });
            self.entries.len() - 1
        });
        self.entries[at].bytes.extend_from_slice(bytes);
        self.total += bytes.len();
    }

    /// Ends the sending direction after the last byte; `false` when none is left.
    pub(crate) fn shut_after(&mut self, owned: &Owned) -> bool {
        let found = self.find(owned);
        if let Some(at) = found {
            self.entries[at].shuts = true;
        }
        found.is_some()
    }

    /// Forgets a failure that nobody will ask about.
    pub(crate) fn forget_failure(&mut self, owned: &Owned) {
        if let Some(at) = self.find(owned)
            && self.entries[at].failed.is_some()
        {
            self.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        let entry = self.entries.swap_remove(at);
        self.total -= entry.left();
    }
}

impl Entry {
    fn left(&self) -> usize {
        self.bytes.len() - self.gone
    }
}

impl State {
    /// Moves what is left over for a descriptor on; ready when nothing is.
    pub(crate) fn poll_unsent_of(
        &mut self,
        owned: &Owned,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Errno>> {
        let Some(at) = self.unsent.find(owned) else {
            return Poll::Ready(Ok(()));
        };
        let answer = self.move_on(at, context);
        if answer.is_ready() {
            self.unsent.remove(at);
        }
        answer
    }

    /// Moves all on that is left over; ready when nothing can be done about it any more.
    pub(crate) fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut at = 0;
        let mut pending = false;
        while let Some(entry) = self.unsent.entries.get(at) {
            if entry.failed.is_some() {
                at += 1;
                continue;
            }
            match self.move_on(at, context) {
                Poll::Ready(Ok(())) => self.unsent.remove(at),
                Poll::Ready(Err(_)) => at += 1,
                Poll::Pending => {
                    pending = true;
                    at += 1;
                }
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Waits on the calling thread until what was written has gone out, or cannot go out.
    ///
    /// # Errors
    ///
    /// A trap when the process was killed.
    pub fn send_the_rest(&mut self) -> wasmtime::Result<()> {
        self.block_on(|state, context, _deadline| state.poll_unsent(context))
    }

    /// Writes as much of an entry as its descriptor takes.
    fn move_on(&mut self, at: usize, context: &mut Context<'_>) -> Poll<Result<(), Errno>> {
        let entry = &mut self.unsent.entries[at];
        if let Some(errno) = entry.failed {
            return Poll::Ready(Err(errno));
        }
        let owned = entry.owned.clone();
        let (bytes, mut gone) = (std::mem::take(&mut entry.bytes), entry.gone);
        let before = gone;
        let answer = loop {
            if gone == bytes.len() {
                break Poll::Ready(Ok(()));
            }
            let written = self.poll_call(owned.view(), context, |task| {
                task.fd_write(owned.fd(), &[IoSlice::new(&bytes[gone..])])
            });
            match written {
                Poll::Ready(Ok(written)) => gone += written as usize,
                Poll::Ready(Err(errno)) => break Poll::Ready(Err(errno)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.unsent.total -= gone - before;
        let entry = &mut self.unsent.entries[at];
        (entry.bytes, entry.gone) = (bytes, gone);
        if let Poll::Ready(Err(errno)) = answer {
            // What cannot go out is let go of.
            let left = std::mem::take(&mut entry.bytes).len() - std::mem::take(&mut entry.gone);
            entry.failed = Some(errno);
            self.unsent.total -= left;
        } else if answer.is_ready() && entry.shuts {
            let _ = self.poll_call(owned.view(), context, |task| {
                task.sock_shutdown(owned.fd(), ShutdownFlags::WRITE)
            });
        }
        answer
    }
}
