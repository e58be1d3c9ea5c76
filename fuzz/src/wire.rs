//! The same calls on a guest's memory itself and over the wire of the web host.

use holm_host_web::wire::TRANSFER_BYTES;
use holm_host_web::wire::guest_side::call_remotely;
use holm_kernel::Options;
use holm_wasi_p1::{ARGUMENTS_MAX, FUNCTIONS, Input as Read, call_by_index, inputs};

use crate::Input;
use crate::guest::Guest;
use crate::system::System;

/// Most calls of an input.
const CALLS: usize = 128;

/// A system whose kernel sees the guest's memory, and one that is sent what a call reads.
#[derive(Debug)]
struct Twins {
    near: System,
    far: System,
    guest: Guest,
    far_memory: Vec<u8>,
}

/// Makes the calls that an input describes both ways.
///
/// # Panics
///
/// When an answer, the guest's memory, or what the files take up is not the same.
pub fn compare(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let [near, far] = std::array::from_fn(|_| {
        let options = Options {
            sorted_directories: settings & 1 != 0,
        };
        System::new(options, settings & 2 != 0)
    });
    let mut twins = Twins {
        near,
        far,
        guest: Guest::default(),
        far_memory: Vec::new(),
    };
    for _ in 0..CALLS {
        if input.is_empty() {
            break;
        }
        twins.step(&mut input);
    }
    assert_eq!(twins.near.usages(), twins.far.usages(), "the files");
    twins.far.check();
}

impl Twins {
    fn step(&mut self, input: &mut Input<'_>) {
        let at = if self.near.tasks.len() > 1 {
            input.below(self.near.tasks.len())
        } else {
            0
        };
        match usize::from(input.byte()) {
            index @ 0..=31 => {
                let arguments = Guest::any_arguments(input);
                self.call(at, index, arguments);
            }
            32..=47 => self.guest.scribble(input),
            48..=71 => {
                self.near.happen(at, &mut input.clone());
                self.far.happen(at, input);
            }
            other => {
                let index = other % FUNCTIONS.len();
                let descriptors = self.near.tasks[at].process().open_descriptors();
                let arguments = self.guest.arguments(index, descriptors, input);
                self.call(at, index, arguments);
            }
        }
    }

    fn call(&mut self, at: usize, index: usize, arguments: [u64; ARGUMENTS_MAX]) {
        if moves_too_much(index, &arguments, &self.guest.memory) {
            return;
        }
        self.far_memory.clone_from(&self.guest.memory);
        let name = FUNCTIONS
            .get(index)
            .map_or("none", |function| function.name);
        let (near, far) = (&mut self.guest.memory, &mut self.far_memory);
        let answer = self.near.call(at, |task| {
            call_by_index(task, near.as_mut_slice(), index, arguments)
        });
        let remote = self
            .far
            .call(at, |task| call_remotely(task, far, index, arguments));
        assert_eq!(answer, remote, "{name}{arguments:x?}");
        if near != far {
            let differs = near.iter().zip(&*far).position(|(near, far)| near != far);
            let place = differs.unwrap_or_default();
            let end = (place + 16).min(near.len());
            let (near, far) = (&near[place..end], &far[place..end]);
            panic!("{name}{arguments:x?}: at {place:#x} {near:x?}, and over the wire {far:x?}");
        }
    }
}

/// Whether the call names more bytes than one call moves over the wire, where it is cut.
fn moves_too_much(index: usize, arguments: &[u64; ARGUMENTS_MAX], memory: &[u8]) -> bool {
    let Some(function) = FUNCTIONS.get(index) else {
        return false;
    };
    inputs(function.name).iter().any(|input| {
        let (Read::Buffers { at, count } | Read::Data { at, count }) = input else {
            return false;
        };
        let argument = |wanted: &str| {
            let place = function
                .parameters
                .iter()
                .position(|(name, _)| *name == wanted);
            let low = place.map_or(0, |place| arguments[place] & u64::from(u32::MAX));
            usize::try_from(low).unwrap_or(usize::MAX)
        };
        let array = memory.get(argument(at)..).unwrap_or_default();
        let vectors = array.as_chunks::<8>().0.iter().take(argument(count));
        let lengths = vectors.map(|vector| {
            let [_, _, _, _, length @ ..] = vector;
            u64::from(u32::from_le_bytes(*length))
        });
        lengths.sum::<u64>() > TRANSFER_BYTES as u64
    })
}
