//! Which blocks are in use: bitmaps in memory, rebuilt from the tree when a disk is opened.
//!
//! Nothing of it is stored, so it cannot disagree with the tree after a crash. A block freed
//! in a transaction stays taken until the commit is on stable storage, since what was
//! committed before still leads to it, unless it was taken in that same transaction.

use crate::layout::{FIRST_BLOCK, index};

/// The blocks of a disk.
#[derive(Debug)]
pub(crate) struct Allocator {
    used: Bits,
    /// Taken since the last commit: nothing on stable storage leads there.
    fresh: Bits,
    /// Freed since the last commit.
    pending: Vec<u32>,
    /// Blocks that the device has room for now.
    length: u32,
    /// Blocks that the disk may have.
    limit: u32,
    /// Blocks in use, of those below `limit`.
    taken: u32,
    /// Where the last allocation ended.
    next: u32,
}

#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn resize(&mut self, length: u32) {
        self.words.resize(index(length).div_ceil(64), 0);
    }

    fn get(&self, bit: u32) -> bool {
        let word = self.words.get(index(bit) / 64).copied().unwrap_or(0);
        word >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, bit: u32, value: bool) {
        if let Some(word) = self.words.get_mut(index(bit) / 64) {
            let mask = 1 << (bit % 64);
            if value {
                *word |= mask;
            } else {
                *word &= !mask;
            }
        }
    }

    /// The first bit from `from` on, below `end`, that is not set.
    fn first_clear(&self, from: u32, end: u32) -> Option<u32> {
        let mut at = from;
        while at < end {
            let word = self.words.get(index(at) / 64).copied()?;
            let clear = !word >> (at % 64);
            if clear != 0 {
                let found = at + clear.trailing_zeros();
                return (found < end).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}

impl Allocator {
    /// All blocks free, on a device with room for `length` blocks.
    pub(crate) fn new(length: u32, limit: u32) -> Allocator {
        let mut allocator = Allocator {
            used: Bits::default(),
            fresh: Bits::default(),
            pending: Vec::new(),
            length: 0,
            limit,
            taken: 0,
            next: FIRST_BLOCK,
        };
        allocator.grow(length);
        for block in 0..FIRST_BLOCK {
            allocator.mark(block);
        }
        allocator
    }

    /// Notes a block that the tree leads to; false when it was noted before or does not exist.
    pub(crate) fn mark(&mut self, block: u32) -> bool {
        if block >= self.length || self.used.get(block) {
            return false;
        }
        self.used.set(block, true);
        self.taken += 1;
        true
    }

    /// Blocks that can be taken now, the device growing where it must.
    pub(crate) fn available(&self) -> u32 {
        self.limit - self.taken
    }

    /// Blocks in use, those freed since the last commit included.
    pub(crate) fn taken(&self) -> u32 {
        self.taken
    }

    /// Blocks that the next commit frees.
    pub(crate) fn pending(&self) -> u32 {
        u32::try_from(self.pending.len()).unwrap_or(u32::MAX)
    }

    /// Blocks that the device has room for.
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    /// Blocks that the disk may have.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Free blocks that the device has room for.
    pub(crate) fn room(&self) -> u32 {
        self.length - self.taken
    }

    /// The device has room for `length` blocks now.
    pub(crate) fn grow(&mut self, length: u32) {
        self.length = self.length.max(length.min(self.limit));
        self.used.resize(self.length);
        self.fresh.resize(self.length);
    }

    /// Takes up to `wanted` adjacent blocks, near the last ones; at least one, when one is
    /// free on the device.
    pub(crate) fn take(&mut self, wanted: u32) -> Option<(u32, u32)> {
        if self.room() == 0 {
            return None;
        }
        let start = self
            .used
            .first_clear(self.next, self.length)
            .or_else(|| self.used.first_clear(FIRST_BLOCK, self.length))?;
        let mut count = 0;
        while count < wanted && start + count < self.length && !self.used.get(start + count) {
            self.used.set(start + count, true);
            self.fresh.set(start + count, true);
            count += 1;
        }
        self.taken += count;
        self.next = start + count;
        Some((start, count))
    }

    /// Whether the block was taken since the last commit.
    pub(crate) fn is_fresh(&self, block: u32) -> bool {
        self.fresh.get(block)
    }

    /// Gives a block back: at once when it is fresh, with the next commit otherwise.
    pub(crate) fn free(&mut self, block: u32) {
        if self.fresh.get(block) {
            self.fresh.set(block, false);
            self.used.set(block, false);
            self.taken -= 1;
        } else {
            self.pending.push(block);
        }
    }

    /// What was freed is free, and nothing is fresh any more.
    pub(crate) fn committed(&mut self) {
        for block in std::mem::take(&mut self.pending) {
            if self.used.get(block) {
                self.used.set(block, false);
                self.taken -= 1;
            }
        }
        self.fresh.words.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::Allocator;

    #[test]
    fn takes_runs_and_wraps_around() {
        let mut blocks = Allocator::new(200, 300);
        assert_eq!(blocks.available(), 297);
        assert_eq!(blocks.take(100), Some((3, 100)));
        assert_eq!(blocks.take(100), Some((103, 97)));
        assert_eq!(blocks.take(1), None);
        blocks.free(70);
        assert_eq!(
            blocks.take(5),
            Some((70, 1)),
            "fresh blocks are free at once"
        );
        blocks.committed();
        blocks.free(64);
        blocks.free(65);
        assert_eq!(blocks.take(5), None, "the commit before leads there");
        assert_eq!((blocks.pending(), blocks.available()), (2, 100));
        blocks.committed();
        assert_eq!(blocks.take(5), Some((64, 2)));
        blocks.grow(1_000);
        assert_eq!(blocks.length(), 300, "never beyond the limit");
        assert_eq!(blocks.take(500), Some((200, 100)));
        assert_eq!(blocks.available(), 0);
    }

    #[test]
    fn marks_each_block_once() {
        let mut blocks = Allocator::new(10, 10);
        assert!(!blocks.mark(0), "the header's");
        assert!(blocks.mark(5));
        assert!(!blocks.mark(5));
        assert!(!blocks.mark(10));
        assert_eq!(blocks.take(9), Some((3, 2)));
    }
}
