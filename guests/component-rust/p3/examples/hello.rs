//! A command of WASI 0.3: a line, then its arguments, through one asynchronous stream.

use wasip3::cli::{environment, stdout};
use wasip3::exports::cli::run::Guest;

struct Hello;

impl Guest for Hello {
    async fn run() -> Result<(), ()> {
        let mut text = "Hello from Rust on WASI 0.3!\n".to_owned();
        for argument in environment::get_arguments().iter().skip(1) {
            text.push_str(argument);
            text.push('\n');
        }
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = stdout::write_via_stream(reader);
        let left = writer.write_all(text.into_bytes()).await;
        drop(writer);
        match written.await {
            Ok(()) if left.is_empty() => Ok(()),
            _ => Err(()),
        }
    }
}

wasip3::cli::command::export!(Hello);
