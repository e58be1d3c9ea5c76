//! Bytes that are elsewhere and fetched by range when they are read: a bounded cache of blocks.
//!
//! A [`RangeSource`] is what a host implements: a server that answers ranges, a file that
//! answers late. It is asked by [`RangeRequest`]s and answers each through the request itself,
//! at once or later, in any order, from any thread. [`RangeCache::poll_read`] never waits: it
//! gives what is there, or registers a waker and sees to it that the rest is on its way.
//!
//! Blocks of [`BLOCK_BYTES`] are kept, the least recently used thrown out first, those on
//! their way counted too. Who reads one block after the other is read ahead of, by twice as
//! much each time up to [`AHEAD_BLOCKS`]; each block is on its way once, whoever waits for it.
//!
//! The bytes must be those of one version. An answer of another length or entity tag ends the
//! cache for good: every read is `EIO`, and [`RangeCache::problem`] says why. A failed request
//! is `EIO` to those who waited for it, and tried again for who asks next.

mod blocks;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};

use holm_abi::Errno;

use self::blocks::{Blocks, Found};
use super::node::Result;
use crate::pipe::wake;

/// Size of a block.
pub const BLOCK_BYTES: usize = 256 << 10;
/// Most blocks in one request.
pub const AHEAD_BLOCKS: u64 = 4;
/// Fewest blocks that a cache keeps, whatever is asked: two readers, each read ahead of.
const BLOCKS_MIN: usize = 16;

/// Where the bytes are.
pub trait RangeSource: Debug + Send + Sync {
    /// Begins to fetch what `request` asks for. Called with no lock held; the request may be
    /// answered before this returns.
    fn request(&self, request: RangeRequest);
}

/// Which bytes they are: what must stay the same while they are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceVersion {
    /// How many there are.
    pub length: u64,
    /// What names this version among others of the same length (an HTTP `ETag`, a time), if
    /// the source has such a thing.
    pub tag: Option<String>,
}

impl SourceVersion {
    /// How `now` differs, in words.
    fn difference(&self, now: &SourceVersion) -> Option<String> {
        if self.length != now.length {
            let (was, is) = (self.length, now.length);
            return Some(format!("it was {was} bytes long and is {is} now"));
        }
        match (&self.tag, &now.tag) {
            (Some(was), Some(is)) if was != is => {
                Some(format!("it was version {was:?} and is {is:?} now"))
            }
            _ => None,
        }
    }
}

/// A range of bytes that a source is asked for. One that is dropped without an answer has
/// failed.
#[derive(Debug)]
pub struct RangeRequest {
    cache: Weak<Shared>,
    first: u64,
    count: u64,
    offset: u64,
    length: usize,
    answered: bool,
}

impl RangeRequest {
    /// Offset of the first byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes, at least 1.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Answers with all the bytes, and the version that they are of. What else comes is a
    /// failure.
    pub fn complete(mut self, bytes: &[u8], version: &SourceVersion) {
        self.answered = true;
        let Some(cache) = self.cache.upgrade() else {
            return;
        };
        if let Some(difference) = cache.version.difference(version) {
            let problem = format!("it changed while it was in use: {difference}");
            cache.answer(|blocks| blocks.end(problem));
        } else if bytes.len() == self.length {
            cache.answer(|blocks| blocks.fill(self.first, bytes));
        } else {
            let (came, length, offset) = (bytes.len(), self.length, self.offset);
            let problem = format!("{came} bytes came of the {length} at {offset}");
            cache.answer(|blocks| blocks.fail(self.first, self.count, problem));
        }
    }

    /// Answers that the bytes cannot be had now, and why.
    pub fn fail(mut self, why: &str) {
        self.give_up(why);
    }

    fn give_up(&mut self, why: &str) {
        self.answered = true;
        if let Some(cache) = self.cache.upgrade() {
            let (length, offset) = (self.length, self.offset);
            let problem = format!("{length} bytes at {offset} could not be fetched: {why}");
            cache.answer(|blocks| blocks.fail(self.first, self.count, problem));
        }
    }
}

impl Drop for RangeRequest {
    fn drop(&mut self) {
        if !self.answered {
            self.give_up("the request was dropped");
        }
    }
}

/// How much a cache has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeUse {
    /// Requests made.
    pub requests: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// Bytes held, or on their way.
    pub held_bytes: u64,
}

/// A cache before a source; clones are one cache.
#[derive(Clone, Debug)]
pub struct RangeCache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Arc<dyn RangeSource>,
    version: SourceVersion,
    blocks: Mutex<Blocks>,
}

impl Shared {
    fn answer(&self, change: impl FnOnce(&mut Blocks) -> Vec<Waker>) {
        let woken = change(&mut crate::lock(&self.blocks));
        wake(woken);
    }
}

impl RangeCache {
    /// What is kept at most unless somebody says otherwise: 32 MiB.
    pub const BYTES: usize = 32 << 20;

    /// A cache of up to `bytes` (4 MiB at least) before `source`, whose bytes are `version`.
    #[must_use]
    pub fn new(source: Arc<dyn RangeSource>, version: SourceVersion, bytes: usize) -> RangeCache {
        let capacity = (bytes / BLOCK_BYTES).max(BLOCKS_MIN);
        let blocks = Mutex::new(Blocks::new(version.length, capacity));
        RangeCache(Arc::new(Shared {
            source,
            version,
            blocks,
        }))
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.0.version.length
    }

    /// Reads at `offset`; 0 is the end. Short where the rest is not there yet. `Pending` when
    /// the first byte is not; `EIO` when it could not be fetched.
    pub fn poll_read(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        loop {
            let found = crate::lock(&self.0.blocks).read(offset, buffer, waker);
            let (answer, wanted) = match found {
                Found::Bytes(read, wanted) => (Poll::Ready(Ok(read)), wanted),
                Found::Failed => (Poll::Ready(Err(Errno::Io)), Vec::new()),
                Found::Coming(wanted) => (Poll::Pending, wanted),
            };
            let asked = !wanted.is_empty();
            for (first, count) in wanted {
                self.0.source.request(self.ask(first, count));
            }
            // A source that answers at once has the bytes here by now.
            if asked && answer.is_pending() && crate::lock(&self.0.blocks).is_settled(offset) {
                continue;
            }
            return answer;
        }
    }

    /// Reads what is there; `EAGAIN` when the first byte is not.
    ///
    /// # Errors
    ///
    /// `EIO` as [`RangeCache::poll_read`].
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match self.poll_read(offset, buffer, Waker::noop()) {
            Poll::Ready(read) => read,
            Poll::Pending => Err(Errno::Again),
        }
    }

    /// What went wrong last, in words for whoever mounted it. It goes on all the same unless
    /// the source changed.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        crate::lock(&self.0.blocks).problem()
    }

    /// How much was asked for so far.
    #[must_use]
    pub fn used(&self) -> RangeUse {
        crate::lock(&self.0.blocks).used()
    }

    fn ask(&self, first: u64, count: u64) -> RangeRequest {
        let (offset, length) = crate::lock(&self.0.blocks).range(first, count);
        RangeRequest {
            cache: Arc::downgrade(&self.0),
            first,
            count,
            offset,
            length,
            answered: false,
        }
    }
}
