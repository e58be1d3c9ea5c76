//! The records in which a system call travels between a guest's worker and the kernel's.
//!
//! A request: a header, the arguments, then what the call will read of the guest's memory,
//! as regions. A reply: a header, then what is to be written to the guest's memory. All
//! numbers are little-endian; regions and writes begin at multiples of 8.
//!
//! ```text
//! request                                reply
//!  0  u32  number of the function         0  u32  outcome: 0 goes on, 1 the process is over
//!  4  u32  number of regions              4  u32  errno, 0 for success
//!  8  u32  pages of the guest's memory    8  u32  number of writes
//! 12  u32  bytes of the request          12  u32  bytes of the reply
//! 16  u64  nine arguments                16  writes
//! 88  regions
//!
//! region, write: u32 address, u32 length, the bytes, zeros up to a multiple of 8
//! ```
//!
//! The guest's side is trusted with nothing: a request that lies about its sizes is a
//! [`Malformed`], and a range that it did not send along is outside the memory.

pub mod guest_side;
#[cfg(test)]
mod tests;

use std::io::IoSlice;
use std::ops::Range;
use std::task::Poll;

use holm_abi::{Errno, IOV_MAX};
use holm_wasi_p1::{ARGUMENTS_MAX, Filled, GuestMemory, Span, VECTOR_SIZE};

/// Most bytes that one call reads or writes through buffers; what is longer is cut, as a
/// short read or write.
pub const TRANSFER_BYTES: usize = 1 << 20;
/// Bytes of a request before its regions.
pub const REQUEST_HEADER: usize = 16 + 8 * ARGUMENTS_MAX;
/// Bytes of a reply before its writes.
pub const REPLY_HEADER: usize = 16;
/// Bytes of a region or write before its bytes.
pub const REGION_HEADER: usize = 8;
/// Most bytes of a request: a full array of vectors, each entry with a region of its own.
pub const REQUEST_MAX: usize =
    REQUEST_HEADER + TRANSFER_BYTES + IOV_MAX * (VECTOR_SIZE + 2 * REGION_HEADER) + 64;
/// Most bytes of one write of a reply. A call that asks for more fails with `ENOMEM`.
pub const WRITE_MAX: usize = 16 << 20;
/// Most regions of a request.
pub const REGIONS_MAX: usize = IOV_MAX + 2;

/// The guest goes on.
pub const OUTCOME_CONTINUE: u32 = 0;
/// The process has ended or was killed: the guest is to be left.
pub const OUTCOME_LEAVE: u32 = 1;

/// A request that no guest's side of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A request, taken apart.
#[derive(Debug)]
pub struct Request<'a> {
    /// Index of the function in [`holm_wasi_p1::FUNCTIONS`].
    pub function: usize,
    /// Its arguments.
    pub arguments: [u64; ARGUMENTS_MAX],
    /// Bytes of the guest's memory.
    memory_bytes: u64,
    bytes: &'a [u8],
    regions: Regions,
}

/// Where in a request the bytes of a range of the guest's memory are.
#[derive(Clone, Debug, Default)]
struct Region {
    at: u32,
    bytes: Range<usize>,
}

/// The few regions of most calls need no allocation.
#[derive(Debug)]
enum Regions {
    Few([Region; 3], usize),
    Many(Vec<Region>),
}

impl Regions {
    fn as_slice(&self) -> &[Region] {
        match self {
            Regions::Few(regions, count) => &regions[..*count],
            Regions::Many(regions) => regions,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
    word.map(|word| u32::from_le_bytes(*word)).ok_or(Malformed)
}

const fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

impl<'a> Request<'a> {
    /// Takes a request apart.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when its sizes do not fit together.
    pub fn parse(bytes: &'a [u8]) -> Result<Request<'a>, Malformed> {
        let function = word(bytes, 0)? as usize;
        let count = word(bytes, 4)? as usize;
        let memory_bytes = u64::from(word(bytes, 8)?) << 16;
        if count > REGIONS_MAX || word(bytes, 12)? as usize != bytes.len() {
            return Err(Malformed);
        }
        let header = bytes.get(16..REQUEST_HEADER).ok_or(Malformed)?;
        let (numbers, _) = header.as_chunks::<8>();
        let mut arguments = [0; ARGUMENTS_MAX];
        for (argument, number) in arguments.iter_mut().zip(numbers) {
            *argument = u64::from_le_bytes(*number);
        }
        let mut regions = Regions::Few(Default::default(), 0);
        let mut many = (count > 3).then(|| Vec::with_capacity(count));
        let mut at = REQUEST_HEADER;
        for number in 0..count {
            let address = word(bytes, at)?;
            let start = at + REGION_HEADER;
            let end = start.saturating_add(word(bytes, at + 4)? as usize);
            if end > bytes.len() {
                return Err(Malformed);
            }
            let region = Region {
                at: address,
                bytes: start..end,
            };
            match (&mut many, &mut regions) {
                (Some(many), _) => many.push(region),
                (None, Regions::Few(few, used)) => {
                    few[number] = region;
                    *used += 1;
                }
                (None, Regions::Many(_)) => {}
            }
            at = start + padded(end - start);
        }
        if let Some(many) = many {
            regions = Regions::Many(many);
        }
        Ok(Request {
            function,
            arguments,
            memory_bytes,
            bytes,
            regions,
        })
    }

    /// Bytes of the guest's memory.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    fn find(&self, at: u32, length: u32) -> Result<&'a [u8], Errno> {
        if length == 0 {
            return Ok(&[]);
        }
        let length = length as usize;
        self.regions
            .as_slice()
            .iter()
            .find_map(|region| {
                let offset = at.checked_sub(region.at)? as usize;
                let bytes = &self.bytes[region.bytes.clone()];
                bytes.get(offset..offset.checked_add(length)?)
            })
            .ok_or(Errno::Fault)
    }
}

/// A reply in the making. The buffer is used again for each call, and not cleared.
#[derive(Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
    used: usize,
    writes: u32,
}

impl Reply {
    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.used = REPLY_HEADER;
        self.writes = 0;
    }

    /// Room for a write of `length` bytes after its header.
    fn room(&mut self, length: usize) -> &mut [u8] {
        let start = self.used + REGION_HEADER;
        let end = start + padded(length);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[start..start + length]
    }

    /// Keeps the first `length` bytes of the room as a write to `at`.
    fn keep(&mut self, at: u32, length: usize) {
        if length == 0 {
            return;
        }
        let size = u32::try_from(length).unwrap_or(u32::MAX);
        let header = &mut self.bytes[self.used..self.used + REGION_HEADER];
        header[..4].copy_from_slice(&at.to_le_bytes());
        header[4..].copy_from_slice(&size.to_le_bytes());
        self.used += REGION_HEADER + padded(length);
        self.writes += 1;
    }

    /// The reply, once it is complete.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Completes the reply.
    pub fn finish(&mut self, outcome: u32, errno: Option<Errno>) {
        if self.bytes.len() < self.used {
            self.bytes.resize(self.used, 0);
        }
        let errno = errno.map_or(0, |errno| u32::from(errno.raw()));
        let size = u32::try_from(self.used).unwrap_or(u32::MAX);
        for (place, number) in
            self.bytes
                .as_chunks_mut::<4>()
                .0
                .iter_mut()
                .zip([outcome, errno, self.writes, size])
        {
            *place = number.to_le_bytes();
        }
    }
}

/// A guest's memory as far as a request brought it.
#[derive(Debug)]
pub struct RemoteMemory<'a> {
    request: &'a Request<'a>,
    reply: &'a mut Reply,
}

impl<'a> RemoteMemory<'a> {
    /// The memory that `request` speaks of; what is written to it goes into `reply`.
    pub fn new(request: &'a Request<'a>, reply: &'a mut Reply) -> RemoteMemory<'a> {
        reply.clear();
        RemoteMemory { request, reply }
    }
}

impl GuestMemory for RemoteMemory<'_> {
    fn check(&self, at: u32, length: u32) -> Result<(), Errno> {
        let end = u64::from(at) + u64::from(length);
        if length == 0 || end <= self.request.memory_bytes {
            Ok(())
        } else {
            Err(Errno::Fault)
        }
    }

    fn read<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        let length = u32::try_from(N).map_err(|_| Errno::Fault)?;
        let bytes = self.request.find(at, length)?;
        bytes.first_chunk().copied().ok_or(Errno::Fault)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.check(at, length)?;
        self.reply.room(bytes.len()).copy_from_slice(bytes);
        self.reply.keep(at, bytes.len());
        Ok(())
    }

    fn with<R>(&self, at: u32, length: u32, see: impl FnOnce(&[u8]) -> R) -> Result<R, Errno> {
        Ok(see(self.request.find(at, length)?))
    }

    fn receive<R: Filled>(
        &mut self,
        at: u32,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> Poll<Result<R, Errno>>,
    ) -> Poll<Result<R, Errno>> {
        self.check(at, length)?;
        let length = length as usize;
        if length > WRITE_MAX {
            return Poll::Ready(Err(Errno::NoMemory));
        }
        let answer = fill(self.reply.room(length));
        if let Poll::Ready(Ok(received)) = &answer {
            self.reply.keep(at, received.filled().min(length));
        }
        answer
    }

    fn gather<R>(&self, spans: &[Span], see: impl FnOnce(&[IoSlice<'_>]) -> R) -> Result<R, Errno> {
        let mut slices = Vec::with_capacity(spans.len());
        for span in spans {
            slices.push(IoSlice::new(self.request.find(span.at, span.length)?));
        }
        Ok(see(&slices))
    }
}
