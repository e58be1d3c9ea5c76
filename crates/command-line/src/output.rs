//! Saying something to the person, through the host.

/// A line on standard output.
macro_rules! show {
    ($host:expr, $($text:tt)*) => {
        $crate::host::Host::say($host, $crate::host::Output::Out, &format!("{}\n", format_args!($($text)*)))
    };
}

/// Text on standard output, as it is.
macro_rules! show_part {
    ($host:expr, $($text:tt)*) => {
        $crate::host::Host::say($host, $crate::host::Output::Out, &format!($($text)*))
    };
}

/// A line on standard error.
macro_rules! note {
    ($host:expr, $($text:tt)*) => {
        $crate::host::Host::say($host, $crate::host::Output::Error, &format!("{}\n", format_args!($($text)*)))
    };
}

/// Text on standard error, as it is.
macro_rules! note_part {
    ($host:expr, $($text:tt)*) => {
        $crate::host::Host::say($host, $crate::host::Output::Error, &format!($($text)*))
    };
}
