//! `wasi:cli/exit`: ends as the first argument says, `success`, `failure` or a number from 0 to 255.

use wasip2::cli::exit::{exit, exit_with_code};

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    println!("leaving: {way}");
    match way.as_str() {
        "success" => exit(Ok(())),
        "failure" => exit(Err(())),
        number => exit_with_code(number.parse().unwrap_or(99)),
    }
    unreachable!("exit does not return");
}
