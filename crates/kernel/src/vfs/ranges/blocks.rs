//! Which blocks are there, which are on their way, and which are worth asking for.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use super::{AHEAD_BLOCKS, BLOCK_BYTES, RangeUse};
use crate::pipe::register;

/// Readers whose place is remembered, to read ahead of them.
const STREAMS: usize = 8;
/// Failures that are remembered for who waited and has not asked again.
const FAILURES: usize = 256;

const BLOCK: u64 = BLOCK_BYTES as u64;

/// The blocks of one source.
#[derive(Debug)]
pub(super) struct Blocks {
    length: u64,
    capacity: usize,
    blocks: HashMap<u64, Block>,
    /// Counts uses, to know the least recent.
    uses: u64,
    /// The one that was followed last at the end.
    streams: VecDeque<Stream>,
    /// Who waited for a block that failed.
    failures: VecDeque<(u64, Waker)>,
    /// Who waits for any block to come, for there is no room for another.
    crowded: Vec<Waker>,
    problem: Option<String>,
    ended: bool,
    requests: u64,
    bytes: u64,
}

#[derive(Debug)]
enum Block {
    Coming(Vec<Waker>),
    Here { bytes: Box<[u8]>, used: u64 },
}

/// Somebody who reads one block after the other.
#[derive(Clone, Copy, Debug)]
struct Stream {
    /// The first block that was not asked for yet.
    next: u64,
    /// The block that, when it is read, makes the next ones be asked for.
    trigger: u64,
    /// How many were asked for last.
    group: u64,
}

/// Ranges of blocks: the first, and how many.
pub(super) type Wanted = Vec<(u64, u64)>;

/// What a read found.
#[derive(Debug)]
pub(super) enum Found {
    /// So many bytes; more that is worth asking for.
    Bytes(usize, Wanted),
    /// Nothing yet; what is to be asked for. The waker is registered.
    Coming(Wanted),
    /// The bytes could not be had.
    Failed,
}

impl Blocks {
    pub(super) fn new(length: u64, capacity: usize) -> Blocks {
        Blocks {
            length,
            capacity,
            blocks: HashMap::new(),
            uses: 0,
            streams: VecDeque::new(),
            failures: VecDeque::new(),
            crowded: Vec::new(),
            problem: None,
            ended: false,
            requests: 0,
            bytes: 0,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    pub(super) fn used(&self) -> RangeUse {
        RangeUse {
            requests: self.requests,
            bytes: self.bytes,
            held_bytes: self.blocks.keys().map(|block| self.size(*block)).sum(),
        }
    }

    /// Offset and length of blocks.
    pub(super) fn range(&self, first: u64, count: u64) -> (u64, usize) {
        let offset = first.saturating_mul(BLOCK);
        let end = (offset + count * BLOCK).min(self.length);
        let length = usize::try_from(end - offset).expect("invariant: some blocks fit memory");
        (offset, length)
    }

    fn size(&self, block: u64) -> u64 {
        self.length.saturating_sub(block * BLOCK).min(BLOCK)
    }

    /// Whether a read at `offset` would answer without waiting.
    pub(super) fn is_settled(&self, offset: u64) -> bool {
        self.ended || !matches!(self.blocks.get(&(offset / BLOCK)), Some(Block::Coming(_)))
    }

    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Found {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let buffer = &mut buffer[..length];
        if buffer.is_empty() {
            return Found::Bytes(0, Vec::new());
        }
        if self.ended {
            return Found::Failed;
        }
        let first = offset / BLOCK;
        let read = self.copy(offset, buffer);
        let last = (offset + u64::try_from(length - 1).unwrap_or(0)) / BLOCK;
        if read > 0 {
            let wanted = self.follow(first, last);
            return Found::Bytes(read, wanted);
        }
        if self.take_failure(first, waker) {
            return Found::Failed;
        }
        let mut wanted = self.follow(first, last);
        if !self.blocks.contains_key(&first) {
            wanted.extend(self.want(first, 1, 0));
        }
        match self.blocks.get_mut(&first) {
            Some(Block::Coming(waiting)) => register(waiting, waker),
            // Everything in the cache is on its way: one of them comes first.
            _ => register(&mut self.crowded, waker),
        }
        Found::Coming(wanted)
    }

    /// Copies from the blocks that are here, up to the first that is not.
    fn copy(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        self.uses += 1;
        while done < buffer.len() {
            let position = offset + u64::try_from(done).unwrap_or(0);
            let within = usize::try_from(position % BLOCK).unwrap_or(0);
            let Some(Block::Here { bytes, used }) = self.blocks.get_mut(&(position / BLOCK)) else {
                break;
            };
            *used = self.uses;
            let from = bytes.get(within..).unwrap_or_default();
            let length = from.len().min(buffer.len() - done);
            if length == 0 {
                break;
            }
            buffer[done..done + length].copy_from_slice(&from[..length]);
            done += length;
        }
        done
    }

    /// Notes that somebody reads from block `first` to `last`; answers what to ask for.
    fn follow(&mut self, first: u64, last: u64) -> Wanted {
        let is_at = |stream: &Stream| (stream.trigger..=stream.next).contains(&first);
        let needed = (last - first + 1).min(AHEAD_BLOCKS);
        let at = self.streams.iter().position(is_at);
        let (stream, start, spare) = match at.and_then(|at| self.streams.remove(at)) {
            Some(known) => {
                let group = (known.group * 2).max(needed).min(AHEAD_BLOCKS);
                let stream = Stream {
                    next: known.next + group,
                    trigger: known.next,
                    group,
                };
                // What nobody has asked for leaves half of the cache to those who do.
                (stream, known.next, self.capacity / 2)
            }
            None if self.blocks.contains_key(&first) => return Vec::new(),
            None => {
                let next = first + needed;
                let stream = Stream {
                    next,
                    trigger: next,
                    group: needed,
                };
                (stream, first, 0)
            }
        };
        if self.streams.len() >= STREAMS {
            self.streams.pop_front();
        }
        self.streams.push_back(stream);
        self.want(start, stream.next - start, spare)
    }

    /// Marks those of `count` blocks from `first` on as coming that are not here nor coming,
    /// as far as there is room for them beside `spare` others; answers them.
    fn want(&mut self, first: u64, count: u64, spare: usize) -> Wanted {
        let mut wanted: Wanted = Vec::new();
        for block in first..first.saturating_add(count) {
            if block.saturating_mul(BLOCK) >= self.length {
                break;
            }
            if self.blocks.contains_key(&block) {
                continue;
            }
            if !self.make_room(spare) {
                break;
            }
            self.blocks.insert(block, Block::Coming(Vec::new()));
            match wanted.last_mut() {
                Some((start, length)) if *start + *length == block => *length += 1,
                _ => wanted.push((block, 1)),
            }
        }
        self.requests += u64::try_from(wanted.len()).unwrap_or(0);
        wanted
    }

    /// Throws the least recently used block out if there is no room for one more; whether
    /// there is room now.
    fn make_room(&mut self, spare: usize) -> bool {
        let coming = self
            .blocks
            .values()
            .filter(|block| matches!(block, Block::Coming(_)))
            .count();
        if coming + spare >= self.capacity {
            return false;
        }
        if self.blocks.len() < self.capacity {
            return true;
        }
        let oldest = self
            .blocks
            .iter()
            .filter_map(|(at, block)| match block {
                Block::Here { used, .. } => Some((*used, *at)),
                Block::Coming(_) => None,
            })
            .min();
        match oldest {
            Some((_, at)) => self.blocks.remove(&at).is_some(),
            None => false,
        }
    }

    /// Whether a block failed for who asks: those who waited are known by their wakers. Two of
    /// one task may not compare as equal, so somebody unknown is taken for one of them: who
    /// waited always learns of it, at the price that one who gave up leaves the failure to the
    /// next.
    fn take_failure(&mut self, block: u64, waker: &Waker) -> bool {
        let of_block = |(failed, _): &(u64, Waker)| *failed == block;
        let known = |(failed, who): &(u64, Waker)| *failed == block && who.will_wake(waker);
        let at = self.failures.iter().position(known);
        match at.or_else(|| self.failures.iter().position(of_block)) {
            Some(at) => self.failures.remove(at).is_some(),
            None => false,
        }
    }

    /// The bytes of blocks from `first` on have come.
    pub(super) fn fill(&mut self, first: u64, bytes: &[u8]) -> Vec<Waker> {
        let mut woken = std::mem::take(&mut self.crowded);
        for (at, bytes) in (first..).zip(bytes.chunks(BLOCK_BYTES)) {
            if let Some(block @ Block::Coming(_)) = self.blocks.get_mut(&at) {
                let here = Block::Here {
                    bytes: bytes.into(),
                    used: self.uses,
                };
                if let Block::Coming(mut waiting) = std::mem::replace(block, here) {
                    woken.append(&mut waiting);
                }
            }
        }
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        woken
    }

    /// Blocks could not be had.
    pub(super) fn fail(&mut self, first: u64, count: u64, problem: String) -> Vec<Waker> {
        let mut woken = std::mem::take(&mut self.crowded);
        for at in first..first.saturating_add(count) {
            if let Some(Block::Coming(_)) = self.blocks.get(&at)
                && let Some(Block::Coming(waiting)) = self.blocks.remove(&at)
            {
                for waker in waiting {
                    self.failures.push_back((at, waker.clone()));
                    woken.push(waker);
                }
            }
        }
        while self.failures.len() > FAILURES {
            self.failures.pop_front();
        }
        if !self.ended {
            self.problem = Some(problem);
        }
        woken
    }

    /// Nothing can be had any more, and nothing that was is to be trusted beside it.
    pub(super) fn end(&mut self, problem: String) -> Vec<Waker> {
        let mut woken = std::mem::take(&mut self.crowded);
        for (_, block) in self.blocks.drain() {
            if let Block::Coming(mut waiting) = block {
                woken.append(&mut waiting);
            }
        }
        self.failures.clear();
        if !self.ended {
            self.problem = Some(problem);
        }
        self.ended = true;
        woken
    }
}
