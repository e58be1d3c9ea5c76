//! A command of WASI 0.3: has a dependency make each attempt that is named in an argument, and prints what it says.
//!
//! `forever:ATTEMPT` makes the same one again and again.

use holm::attempts::attempts::attempt;
use wasip3::cli::{environment, stdout};
use wasip3::exports::cli::run::Guest;

wasip3::wit_bindgen::generate!({
    path: "wit",
    world: "asker",
    runtime_path: "::wasip3::wit_bindgen::rt",
});

struct Asker;

impl Guest for Asker {
    async fn run() -> Result<(), ()> {
        let mut text = String::new();
        for what in environment::get_arguments().into_iter().skip(1) {
            if let Some(what) = what.strip_prefix("forever:") {
                loop {
                    attempt(what.to_owned()).await;
                }
            }
            let answer = attempt(what.clone()).await;
            text.push_str(&format!("{what}: {}\n", answer.trim_end()));
        }
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(text.into_bytes()).await;
        drop(writer);
        written.await.map_err(|_| ())
    }
}

wasip3::cli::command::export!(Asker);
