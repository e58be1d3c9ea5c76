//! `wasi:random`: the kernel's randomness, in its secure and its insecure words alike.

use crate::bindings::p3::wasi::random::{insecure, insecure_seed, random};
use crate::{State, ViewId};

/// Most random bytes of one call: 0.3 lets the host answer fewer than it is asked for.
const BYTES_MAX: u64 = 64 << 10;

impl State {
    fn some_random_bytes(&mut self, most: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(ViewId::PROGRAM, most.min(BYTES_MAX))
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, most: u64) -> wasmtime::Result<Vec<u8>> {
        self.some_random_bytes(most)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64(ViewId::PROGRAM)
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, most: u64) -> wasmtime::Result<Vec<u8>> {
        self.some_random_bytes(most)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64(ViewId::PROGRAM)
    }
}

impl insecure_seed::Host for State {
    fn get_insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.seed(ViewId::PROGRAM)
    }
}
