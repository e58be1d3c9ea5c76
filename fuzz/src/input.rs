//! An input read from its start, as instructions for a target.
//!
//! A byte or two stand for each decision, so that a mutation of one byte changes one
//! decision and leaves what follows it in place.

/// The part of an input that is not read yet. Past its end everything is zero.
#[derive(Clone, Debug)]
pub struct Input<'d> {
    rest: &'d [u8],
}

impl<'d> Input<'d> {
    /// Reads from the start of `data`.
    #[must_use]
    pub fn new(data: &'d [u8]) -> Input<'d> {
        Input { rest: data }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// One of a table.
    pub fn pick<'t, T: ?Sized>(&mut self, table: &[&'t T]) -> &'t T {
        table[self.below(table.len())]
    }

    /// Whether a byte is odd.
    pub fn odd(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// At most `length` bytes.
    pub fn bytes(&mut self, length: usize) -> &'d [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Eight bytes, the least significant first.
    pub fn long(&mut self) -> u64 {
        (0..8).fold(0, |long, place| {
            long | u64::from(self.byte()) << (8 * place)
        })
    }

    /// A number of 64 bits of the kind that means something: small, a power of two or one
    /// less, near the top; or any at all.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=127 => u64::from(small),
            power @ 128..=191 => 1 << (power - 128),
            power @ 192..=222 => (1 << (2 * (power - 191))) - 1,
            near @ 223..=238 => u64::MAX - u64::from(near - 223),
            near @ 239..=250 => (1 << 32) - u64::from(near - 238),
            _ => self.long(),
        }
    }
}
