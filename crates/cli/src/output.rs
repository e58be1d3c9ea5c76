//! Printing that survives a reader who went away: `println!` panics then.

use std::fmt::Arguments;
use std::io::{self, Write};

/// A line on standard output.
macro_rules! show {
    ($($text:tt)*) => { $crate::output::on_stdout(format_args!("{}\n", format_args!($($text)*))) };
}

/// A line on standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::on_stderr(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) fn on_stdout(text: Arguments<'_>) {
    // Nobody is left to be told.
    let _: io::Result<()> = io::stdout().lock().write_fmt(text);
}

pub(crate) fn on_stderr(text: Arguments<'_>) {
    // Nobody is left to be told.
    let _: io::Result<()> = io::stderr().lock().write_fmt(text);
}
