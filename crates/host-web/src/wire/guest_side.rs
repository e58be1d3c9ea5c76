//! The guest's side of the wire in Rust: what `web/src/guest` does, for tests.
//!
//! Requests and replies go through here and through a real [`Request`], so that a call made
//! this way can be compared with the same call on the memory itself.

use holm_abi::Errno;
use holm_kernel::Task;
use holm_wasi_p1::{
    ARGUMENTS_MAX, Answer, FUNCTIONS, Input, Span, VECTOR_SIZE, VECTORS_MAX, call_by_index, inputs,
};

use super::{
    OUTCOME_CONTINUE, REPLY_HEADER, REQUEST_HEADER, RemoteMemory, Reply, Request, TRANSFER_BYTES,
    padded, word,
};

/// Bytes of a page of linear memory, as a shift.
const PAGE_SHIFT: u32 = 16;

/// The request of a call: its arguments, and what of the memory the function reads.
#[must_use]
pub fn encode(index: usize, arguments: &[u64; ARGUMENTS_MAX], memory: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder {
        memory,
        request: vec![0; REQUEST_HEADER],
        regions: 0,
    };
    for (place, argument) in encoder.request[16..]
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip(arguments)
    {
        *place = argument.to_le_bytes();
    }
    if let Some(function) = FUNCTIONS.get(index) {
        let argument = |wanted: &str| {
            let at = function
                .parameters
                .iter()
                .position(|(name, _)| *name == wanted);
            low(arguments[at.expect("inputs name parameters")])
        };
        for input in inputs(function.name) {
            match *input {
                Input::Records {
                    at,
                    count,
                    size,
                    most,
                } => encoder.records(argument(at), argument(count), size, most),
                Input::Buffers { at, count } => {
                    encoder.vectors(argument(at), argument(count));
                }
                Input::Data { at, count } => {
                    for span in encoder.vectors(argument(at), argument(count)) {
                        if span.length > 0 {
                            encoder.region(span.at, &memory[range(span)]);
                        }
                    }
                }
            }
        }
    }
    encoder.finish(index)
}

/// Applies a reply to the memory; answers its outcome and its errno, 0 for success.
///
/// # Panics
///
/// When the reply does not fit together, or writes beyond the memory.
pub fn apply(reply: &[u8], memory: &mut [u8]) -> (u32, u32) {
    let number = |at| word(reply, at).expect("a reply holds what it says");
    assert_eq!(number(12) as usize, reply.len(), "bytes of the reply");
    let mut at = REPLY_HEADER;
    for _ in 0..number(8) {
        let span = Span {
            at: number(at),
            length: number(at + 4),
        };
        let start = at + 8;
        let bytes = &reply[start..start + span.length as usize];
        memory[range(span)].copy_from_slice(bytes);
        at = start + padded(bytes.len());
    }
    assert_eq!(at, reply.len(), "nothing follows the writes");
    (number(0), number(4))
}

/// Makes a call of a guest whose memory the kernel cannot see.
///
/// # Panics
///
/// When a record of the wire is wrong: what is sent is not understood, or what comes back
/// says something else than the call.
pub fn call_remotely(
    task: &mut Task,
    memory: &mut [u8],
    index: usize,
    arguments: [u64; ARGUMENTS_MAX],
) -> Answer {
    let request = encode(index, &arguments, memory);
    let request = Request::parse(&request).expect("a request of ours");
    assert_eq!(request.memory_bytes(), memory.len() as u64);
    let mut reply = Reply::default();
    let answer = call_by_index(
        task,
        &mut RemoteMemory::new(&request, &mut reply),
        request.function,
        request.arguments,
    );
    if let std::task::Poll::Ready(result) = answer {
        reply.finish(OUTCOME_CONTINUE, result.err());
        let errno = result
            .err()
            .map_or(0, |errno: Errno| u32::from(errno.raw()));
        assert_eq!(apply(reply.bytes(), memory), (OUTCOME_CONTINUE, errno));
    }
    answer
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.at as usize..span.at as usize + span.length as usize
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an i32 travels in the low half"
)]
fn low(argument: u64) -> u32 {
    argument as u32
}

struct Encoder<'m> {
    memory: &'m [u8],
    request: Vec<u8>,
    regions: u32,
}

impl Encoder<'_> {
    fn has(&self, at: u32, length: u64) -> bool {
        length == 0 || u64::from(at) + length <= self.memory.len() as u64
    }

    fn records(&mut self, at: u32, count: u32, size: usize, most: usize) {
        let length = u64::from(count) * size as u64;
        if count > 0 && count as usize <= most && self.has(at, length) {
            let start = at as usize;
            self.region(at, &self.memory[start..start + count as usize * size]);
        }
    }

    /// Sends an array of vectors, cut to what one call moves; answers them, or none when the
    /// call will fail before it moves a byte.
    fn vectors(&mut self, at: u32, count: u32) -> Vec<Span> {
        let size = count as usize * VECTOR_SIZE;
        if count == 0 || count as usize > VECTORS_MAX || !self.has(at, size as u64) {
            return Vec::new();
        }
        let start = at as usize;
        let array = &self.memory[start..start + size];
        let (words, _) = array.as_chunks::<4>();
        let mut spans: Vec<Span> = words
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[at, length]| Span {
                at: u32::from_le_bytes(*at),
                length: u32::from_le_bytes(*length),
            })
            .collect();
        if !spans
            .iter()
            .all(|span| self.has(span.at, u64::from(span.length)))
        {
            self.region(at, array);
            return Vec::new();
        }
        let mut room = u32::try_from(TRANSFER_BYTES).unwrap_or(u32::MAX);
        for span in &mut spans {
            span.length = span.length.min(room);
            room -= span.length;
        }
        let cut: Vec<u8> = spans
            .iter()
            .flat_map(|span| [span.at.to_le_bytes(), span.length.to_le_bytes()])
            .flatten()
            .collect();
        self.region(at, &cut);
        spans
    }

    fn region(&mut self, at: u32, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.request.extend(at.to_le_bytes());
        self.request.extend(length.to_le_bytes());
        self.request.extend(bytes);
        self.request.resize(padded(self.request.len()), 0);
        self.regions += 1;
    }

    fn finish(mut self, index: usize) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let pages = number(self.memory.len() >> PAGE_SHIFT);
        let header = [
            number(index),
            self.regions,
            pages,
            number(self.request.len()),
        ];
        for (place, word) in self.request.as_chunks_mut::<4>().0.iter_mut().zip(header) {
            *place = word.to_le_bytes();
        }
        self.request
    }
}
