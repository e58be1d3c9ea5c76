//! The byte format of trailers and records: little-endian numbers and length-prefixed text.

use crate::identity::StatIdentity;

/// Longest text that is kept; longer names are cut.
const MAXIMUM_TEXT_BYTES: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn array(&mut self, value: &[u8; 32]) {
        self.0.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        let mut end = value.len().min(MAXIMUM_TEXT_BYTES);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        self.u64(u64::try_from(end).unwrap_or(0));
        self.0.extend_from_slice(&value.as_bytes()[..end]);
    }

    pub(super) fn identity(&mut self, value: &StatIdentity) {
        self.u64(value.device);
        self.u64(value.inode);
        self.u64(value.size);
        self.i64(value.modified_ns);
        self.i64(value.changed_ns);
    }
}

/// Every method answers none when the bytes end too soon.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn array(&mut self) -> Option<[u8; 32]> {
        self.take(32)?.try_into().ok()
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u64()?).ok()?;
        if length > MAXIMUM_TEXT_BYTES {
            return None;
        }
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    pub(super) fn identity(&mut self) -> Option<StatIdentity> {
        Some(StatIdentity {
            device: self.u64()?,
            inode: self.u64()?,
            size: self.u64()?,
            modified_ns: self.i64()?,
            changed_ns: self.i64()?,
        })
    }

    /// Whether all bytes were read.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}
