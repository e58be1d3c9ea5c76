//! What was typed and can be read: lines, and bytes that come one by one.

use std::collections::VecDeque;

use super::output::drain;

/// Bytes typed ahead, an unfinished line included, before no more are taken.
pub(super) const INPUT_CAPACITY: usize = 64 << 10;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: VecDeque<u8>,
    /// What `bytes` is made of, from the front.
    pieces: VecDeque<Piece>,
}

/// What one read in canonical mode gives at most.
#[derive(Debug)]
struct Piece {
    length: usize,
    /// Whether it is a line, or the end of the file if empty; otherwise loose bytes.
    line: bool,
}

impl Input {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What it counts for: bytes, and one for each line, so that ends of files count too.
    pub(super) fn held(&self) -> usize {
        self.bytes.len() + self.pieces.len()
    }

    /// Adds a line; an empty one is the end of the file.
    pub(super) fn push_line(&mut self, line: &[u8]) {
        self.bytes.extend(line);
        self.pieces.push_back(Piece {
            length: line.len(),
            line: true,
        });
    }

    /// Adds bytes that are no line.
    pub(super) fn push_loose(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend(bytes);
        match self.pieces.back_mut() {
            Some(last) if !last.line => last.length += bytes.len(),
            _ => self.pieces.push_back(Piece {
                length: bytes.len(),
                line: false,
            }),
        }
    }

    /// Bytes that one read would give at most.
    pub(super) fn readable(&self, canonical: bool) -> usize {
        match self.pieces.front() {
            Some(first) if canonical => first.length,
            _ => self.bytes.len(),
        }
    }

    /// Reads a line, or the part of it that fits; or, outside of canonical mode, what there
    /// is. There must be something.
    pub(super) fn read(&mut self, buffer: &mut [u8], canonical: bool) -> usize {
        let most = self.readable(canonical).min(buffer.len());
        let read = drain(&mut self.bytes, &mut buffer[..most]);
        let mut left = read;
        while let Some(first) = self.pieces.front_mut() {
            if first.length > left {
                first.length -= left;
                break;
            }
            left -= first.length;
            self.pieces.pop_front();
            if left == 0 {
                break;
            }
        }
        read
    }

    /// Makes loose bytes of everything: lines end to mean something, and ends of files too.
    pub(super) fn loosen(&mut self) {
        self.pieces.clear();
        if !self.bytes.is_empty() {
            self.pieces.push_back(Piece {
                length: self.bytes.len(),
                line: false,
            });
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
        self.pieces = VecDeque::new();
    }
}
