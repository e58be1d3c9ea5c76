//! Floods: one kind of thing after the other, all of them held, until the host says that it is enough.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use wasip3::cli::{stdin, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::http::types::{ErrorCode, Fields};

/// Makes things of a kind without end: a host that lets it never gets an answer. `one-by-one` makes more of them
/// than a host may hold, lets go of each, and returns; a number makes so many streams, and lets go of them.
pub async fn flood(kind: &str) {
    match kind {
        "streams" => hold(|| wasip3::wit_stream::new::<u8>()),
        "futures" => hold(|| wasip3::wit_future::new::<Result<(), ErrorCode>>(|| Ok(()))),
        "input" => hold(stdin::read_via_stream),
        "output" => hold(|| {
            let (writer, reader) = wasip3::wit_stream::new();
            // The host holds the other end of each.
            (writer, stdout::write_via_stream(reader))
        }),
        "resources" => hold(Fields::new),
        "subtasks" => subtasks().await,
        "one-by-one" => {
            for _ in 0..100_000 {
                drop(wasip3::wit_stream::new::<u8>());
                drop(stdin::read_via_stream());
                drop(Fields::new());
            }
        }
        count => {
            let count = count.parse().unwrap_or(0);
            let held: Vec<_> = (0..count)
                .map(|_| wasip3::wit_stream::new::<u8>())
                .collect();
            drop(held);
        }
    }
}

fn hold<T>(make: impl Fn() -> T) {
    let mut held = Vec::new();
    loop {
        held.push(make());
    }
}

/// Calls that the host has begun and not answered.
async fn subtasks() {
    let mut held: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    loop {
        let mut wait: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(monotonic_clock::wait_for(u64::MAX / 2));
        once(&mut wait).await;
        held.push(wait);
    }
}

/// Polls a future once.
async fn once<F: Future>(future: &mut Pin<Box<F>>)
where
    F: ?Sized,
{
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}
