//! A command of WASI 0.3 that makes things without end, each of them held.
//!
//! What: `streams`, `futures`, `input`, `output`, `resources`, `subtasks`; or `one-by-one`, many of which none is kept, or a
//! number of streams.

use holm_component_guests_p3::flood::flood;
use wasip3::cli::environment;
use wasip3::exports::cli::run::Guest;

struct Flood;

impl Guest for Flood {
    async fn run() -> Result<(), ()> {
        for kind in environment::get_arguments().into_iter().skip(1) {
            flood(&kind).await;
        }
        Ok(())
    }
}

wasip3::cli::command::export!(Flood);
