//! Requests of any bytes never panic the web host.
//!
//! A guest's calls answer the same over the wire as on its memory.
#![no_main]

use holm_fuzz::system::System;
use holm_fuzz::wire::compare;
use holm_host_web::wire::{RemoteMemory, Reply, Request};
use holm_kernel::Options;
use holm_wasi_p1::call_by_index;
use libfuzzer_sys::fuzz_target;

/// Makes the call that a request of any bytes describes.
fn call_any(request: &[u8]) {
    let Ok(request) = Request::parse(request) else {
        return;
    };
    let mut system = System::new(Options::default(), false);
    let mut reply = Reply::default();
    // Whatever it answers: that it does is what matters.
    let _ = system.call(0, |task| {
        let mut memory = RemoteMemory::new(&request, &mut reply);
        call_by_index(task, &mut memory, request.function, request.arguments)
    });
    reply.finish(0, None);
}

fuzz_target!(|data: &[u8]| match data.split_first() {
    // A request has the length of the rest at its byte 12: libFuzzer would seldom guess it.
    Some((0..=63, rest)) => {
        let mut request = rest.to_vec();
        let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        if let Some(place) = request.get_mut(12..16) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        call_any(&request);
    }
    Some((64..=79, rest)) => call_any(rest),
    Some((_, rest)) => compare(rest),
    None => {}
});
