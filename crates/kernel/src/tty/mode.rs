//! How a terminal treats what is typed and what is written.

/// Settings of a terminal: those of POSIX.1-2024, section 11.2, that have a use here, with
/// their names there. Extensions that every Unix has are marked so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Input comes line by line and can be edited until the line ends (`ICANON`).
    pub canonical: bool,
    /// What is typed is shown (`ECHO`).
    pub echo: bool,
    /// Erasing shows as such; without it the erasing character itself is shown (`ECHOE`).
    pub echo_erase: bool,
    /// Killing a line clears it from the screen, when `echo_erase` is on too; alone, a new
    /// line is begun (`ECHOK`).
    pub echo_kill: bool,
    /// Control characters are shown as `^X` (`ECHOCTL`, an extension).
    pub echo_control: bool,
    /// `^C` and `^\` are signals (`ISIG`).
    pub signals: bool,
    /// A typed carriage return is a newline (`ICRNL`).
    pub return_to_newline: bool,
    /// `^V` takes the next character as it is, `^W` erases a word, `^R` shows the line again
    /// (`IEXTEN`, which needs `canonical` here).
    pub extended: bool,
    /// Output is processed (`OPOST`).
    pub process_output: bool,
    /// A written newline moves to the start of the line too (`ONLCR`; with `process_output`).
    pub newline_to_return: bool,
}

impl Mode {
    /// Lines that can be edited: what a shell or a program without an editor of its own wants.
    pub const COOKED: Mode = Mode {
        canonical: true,
        echo: true,
        echo_erase: true,
        echo_kill: true,
        echo_control: true,
        signals: true,
        return_to_newline: true,
        extended: true,
        process_output: true,
        newline_to_return: true,
    };

    /// Every byte as it is, both ways (`cfmakeraw`).
    pub const RAW: Mode = Mode {
        canonical: false,
        echo: false,
        echo_erase: false,
        echo_kill: false,
        echo_control: false,
        signals: false,
        return_to_newline: false,
        extended: false,
        process_output: false,
        newline_to_return: false,
    };
}

impl Default for Mode {
    fn default() -> Mode {
        Mode::COOKED
    }
}
