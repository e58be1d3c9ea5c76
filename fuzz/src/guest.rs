//! A guest that makes calls as an input says: its memory, and calls of the right shape.

use holm_wasi_p1::{ARGUMENTS_MAX, FUNCTIONS, GuestMemory, Span, ValueKind};

use crate::{Input, tree};

/// Bytes of the guest's memory.
const MEMORY_BYTES: usize = 1 << 16;

/// Where calls of the right shape put what they point to, 4 KiB each.
const VECTORS: u32 = 0x1000;
const PATHS: u32 = 0x3000;
const RESULTS: u32 = 0x8000;
const BUFFER: u32 = 0xa000;

/// A guest's memory, and what it puts there.
#[derive(Debug)]
pub struct Guest {
    /// Its linear memory.
    pub memory: Vec<u8>,
}

impl Default for Guest {
    fn default() -> Guest {
        Guest {
            memory: vec![0xaa; MEMORY_BYTES],
        }
    }
}

impl Guest {
    /// Writes where it fits.
    fn put(&mut self, at: u32, bytes: &[u8]) {
        // What does not fit is not written: the guest would have trapped.
        let _ = self.memory.as_mut_slice().write(at, bytes);
    }

    fn put_words(&mut self, at: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(at, &bytes);
    }

    /// Writes any bytes anywhere.
    pub fn scribble(&mut self, input: &mut Input<'_>) {
        let at = u32::from(input.byte()) << 8 | u32::from(input.byte());
        let length = usize::from(input.byte() & 63);
        self.put(at, input.bytes(length));
    }

    /// Arguments that mean nothing by intent.
    pub fn any_arguments(input: &mut Input<'_>) -> [u64; ARGUMENTS_MAX] {
        std::array::from_fn(|_| match input.byte() {
            small @ 0..=95 => u64::from(small),
            page @ 96..=191 => u64::from(page) << 8,
            _ => input.number(),
        })
    }

    /// Arguments of the function with this index as a program would pass them, with what
    /// they point to put into memory: paths, vectors, subscriptions. Of the descriptors
    /// nearly all are below `descriptors`.
    pub fn arguments(
        &mut self,
        index: usize,
        descriptors: u32,
        input: &mut Input<'_>,
    ) -> [u64; ARGUMENTS_MAX] {
        let mut arguments = [0; ARGUMENTS_MAX];
        let mut paths_at = PATHS;
        let mut length = 0;
        let Some(function) = FUNCTIONS.get(index) else {
            return arguments;
        };
        for ((name, kind), argument) in function.parameters.iter().zip(&mut arguments) {
            *argument = match *name {
                "fd" | "old_fd" | "new_fd" | "to" => {
                    u64::from(u32::from(input.byte()) % (descriptors + 2))
                }
                "path" | "old_path" | "new_path" => {
                    let path = tree::path(input);
                    self.put(paths_at, path.as_bytes());
                    length = path.len() as u64;
                    paths_at += 0x1800;
                    u64::from(paths_at - 0x1800)
                }
                "path_len" | "old_path_len" | "new_path_len" => length,
                "iovs" | "ri_data" | "si_data" => {
                    length = self.put_vectors(input);
                    u64::from(VECTORS)
                }
                "subscriptions" => {
                    length = self.put_subscriptions(input);
                    u64::from(VECTORS)
                }
                "iovs_len" | "ri_data_len" | "si_data_len" | "nsubscriptions" => length,
                "result" | "nread" | "nwritten" | "bufused" | "nevents" | "count"
                | "ro_datalen" | "so_datalen" => u64::from(RESULTS),
                "ro_flags" | "environ" | "argv" => u64::from(RESULTS) + 0x100,
                "size" if *kind == ValueKind::I32 => u64::from(RESULTS) + 0x200,
                "buf" | "events" | "argv_buf" | "environ_buf" => u64::from(BUFFER),
                "buf_len" => u64::from(input.byte()) * 16,
                "rights_base" | "rights_inheriting" => match input.byte() {
                    0..=199 => u64::MAX,
                    200..=220 => 0x42,
                    _ => input.long(),
                },
                "offset" | "cookie" | "length" | "size" => match input.byte() {
                    200.. => input.number(),
                    other => u64::from(other) * 37,
                },
                _ if *kind == ValueKind::I64 => input.number(),
                // Flags and enumerations.
                _ => u64::from(input.byte() % 64),
            };
        }
        arguments
    }

    fn put_vectors(&mut self, input: &mut Input<'_>) -> u64 {
        let count = input.byte() % 24;
        for at in 0..u32::from(count) {
            let span = match input.byte() {
                255 => Span {
                    at: u32::from(input.byte()) << 24,
                    length: 8,
                },
                254 => Span {
                    at: BUFFER,
                    length: u32::MAX,
                },
                length => Span {
                    at: BUFFER + u32::from(length),
                    length: u32::from(length) * 3,
                },
            };
            self.put_words(VECTORS + 8 * at, &[span.at, span.length]);
        }
        u64::from(count)
    }

    fn put_subscriptions(&mut self, input: &mut Input<'_>) -> u64 {
        let count = input.byte() % 8;
        for at in 0..u32::from(count) {
            let at = VECTORS + 48 * at;
            let kind = input.byte() % 4;
            let mut record = [0; 48];
            record[0] = input.byte();
            record[8] = kind;
            record[16] = input.byte() % 16;
            if kind == 0 {
                record[24..32].copy_from_slice(&input.number().to_le_bytes());
                record[40] = input.byte() % 4;
            }
            self.put(at, &record);
        }
        u64::from(count)
    }
}
