//! Signals that stop a server.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::Stop;

/// How much longer than the grace a worker may take to notice.
const SLACK: Duration = Duration::from_secs(1);

/// Waits for signals on a thread of its own: workers may be busy with a guest that computes.
pub(super) fn listen(stop: Stop, grace: Duration, exit: fn(u8) -> !) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _runtime = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        (interrupt, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.stop();
            let code = tokio::select! {
                _ = interrupt.recv() => 128 + 2,
                _ = terminate.recv() => 128 + 15,
                () = sleep(grace.saturating_add(SLACK)) => 0,
            };
            exit(code)
        })
    };
    let named = thread::Builder::new().name("holm-signals".to_owned());
    named.spawn(wait).map(drop)
}
