//! `wasi:random`: the kernel's randomness, in its secure and its insecure words alike.

use holm_abi::Errno;

use crate::bindings::p2::wasi::random::{insecure, insecure_seed, random};
use crate::{State, ViewId};

/// Most random bytes of one call: the interface has no short answer, so more is a trap.
const BYTES_MAX: u64 = 64 << 20;

impl State {
    /// Random bytes of a view.
    pub(crate) fn random_bytes(&mut self, view: ViewId, length: u64) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length)
            .ok()
            .filter(|_| length <= BYTES_MAX)
            .ok_or_else(|| {
                wasmtime::Error::msg(format!(
                    "{length} random bytes at once, and at most {BYTES_MAX} are given"
                ))
            })?;
        let mut bytes = vec![0; length];
        let mut done = 0;
        while done < length {
            let filled = self.call(view, |task| task.random_get(&mut bytes[done..]))?;
            done += filled.map_err(no_randomness)? as usize;
        }
        Ok(bytes)
    }

    /// The seed of a view: the same however often it is asked for.
    pub(crate) fn seed(&mut self, view: ViewId) -> wasmtime::Result<(u64, u64)> {
        if let Some((_, seed)) = self.seeds.iter().find(|(of, _)| *of == view) {
            return Ok(*seed);
        }
        let seed = (self.random_u64(view)?, self.random_u64(view)?);
        self.seeds.push((view, seed));
        Ok(seed)
    }

    /// Eight random bytes of a view.
    pub(crate) fn random_u64(&mut self, view: ViewId) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        let filled = self.call(view, |task| task.random_get(&mut bytes))?;
        filled.map_err(no_randomness)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

fn no_randomness(errno: Errno) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the host gives no randomness: {errno}"))
}

impl random::Host for State {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(ViewId::PROGRAM, length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64(ViewId::PROGRAM)
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(ViewId::PROGRAM, length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64(ViewId::PROGRAM)
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.seed(ViewId::PROGRAM)
    }
}
