//! On a terminal: escape sequences are filtered unless granted, and lines arrive as they are typed.

use crate::support::pty::Terminal;
use crate::support::run;

#[test]
fn escape_sequences_do_not_reach_the_terminal() {
    let (code, screen) = Terminal::start(run::<&str>([]).guest("rust/terminal")).end();
    assert_eq!(code, 0, "{screen}");
    // Colours do: they change how text looks and nothing else.
    let rest = screen.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    for never in ['\u{1b}', '\u{9b}', '\u{7}'] {
        assert!(!rest.contains(never), "{never:?}\n{screen:?}");
    }
    for text in [
        "colour: \u{1b}[31mred\u{1b}[0m",
        "clear: ^[[2J^[[H",
        "title: ^[]0;owned^G",
        "cut in two: \u{1b}[31mred",
        "plain: tab\there, åéîøü, 日本語, 🏝",
    ] {
        assert!(screen.contains(text), "{text:?}\n{screen:?}");
    }
}

#[test]
fn granted_they_do() {
    let (code, screen) = Terminal::start(run(["--terminal-escapes"]).guest("rust/terminal")).end();
    assert_eq!(code, 0);
    for sequence in [
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}[2J",
        "\u{1b}]0;owned\u{7}",
        "safe\revil",
    ] {
        assert!(screen.contains(sequence), "{sequence:?}\n{screen:?}");
    }
}

#[test]
fn into_a_pipe_everything_goes_as_it_is() {
    run::<&str>([])
        .guest("rust/terminal")
        .go()
        .code(0)
        .shows("\u{1b}[2J")
        .shows("\u{1b}]0;owned\u{7}")
        .shows("safe\revil\n");
}

#[test]
fn standard_error_is_filtered_as_well() {
    let holm = run::<&str>([]).guest("rust/trap").arg("\u{1b}[2J");
    let (code, screen) = Terminal::start(holm).end();
    assert_eq!(code, 64, "{screen}");
    assert!(screen.contains("usage: trap"), "{screen}");
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
}

#[test]
fn lines_are_read_as_they_are_typed() {
    let mut terminal = Terminal::start(run::<&str>([]).guest("rust/stdio_echo"));
    terminal.wait_for("ready> ");
    terminal.write("first\n");
    terminal.wait_for("1: first\r\nready> ");
    terminal.write("second\n");
    terminal.wait_for("2: second\r\nready> ");
    // Ctrl-D at the beginning of a line is the end.
    terminal.write("\u{4}");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("2 lines"), "{screen}");
}
