//! The line discipline: what becomes of each typed byte (POSIX.1-2024, sections 11.1 and 11.2).

use holm_abi::Signal;

use super::character::{Decoded, Decoder, cells};
use super::input::{INPUT_CAPACITY, Input};
use super::line::{Line, Shown};
use super::mode::Mode;
use super::output::Output;
use super::{TtyOptions, TtySize};

const INTERRUPT: u8 = 0x03;
const END_OF_FILE: u8 = 0x04;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const REPRINT: u8 = 0x12;
const KILL: u8 = 0x15;
const LITERAL_NEXT: u8 = 0x16;
const WORD_ERASE: u8 = 0x17;
const QUIT: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// What a character that is none looks like.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// A terminal without who waits for it.
#[derive(Debug, Default)]
pub(super) struct Discipline {
    pub(super) mode: Mode,
    pub(super) size: TtySize,
    pub(super) input: Input,
    pub(super) output: Output,
    line: Line,
    /// A character of the line, as far as it was typed.
    character: Decoder,
    /// The next byte is taken as it is.
    literal: bool,
}

/// What became of typed bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// How many were taken; offer the others again when woken.
    pub taken: usize,
    /// The first signal that was among them; it has been sent to the foreground already.
    pub signal: Option<Signal>,
}

impl Discipline {
    pub(super) fn new(options: TtyOptions) -> Discipline {
        Discipline {
            mode: options.mode,
            size: options.size,
            ..Discipline::default()
        }
    }

    /// Bytes typed ahead and not read, with what separates lines.
    pub(super) fn held(&self) -> usize {
        self.input.held() + self.line.len() + self.character.len()
    }

    /// Takes typed bytes, until there is no room for more.
    pub(super) fn type_bytes(&mut self, bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        while let Some(byte) = bytes.get(typed.taken) {
            if let Some(signal) = self.signal_of(*byte) {
                self.interrupt(*byte);
                typed.signal.get_or_insert(signal);
            } else if !self.edit(*byte) {
                // One for the byte, one for the end of a line.
                if self.held() + 2 > INPUT_CAPACITY {
                    // A signal throws away everything typed before it, this rest included.
                    let rest = &bytes[typed.taken..];
                    match rest.iter().position(|byte| self.is_signal(*byte)) {
                        Some(skipped) => typed.taken += skipped,
                        None => break,
                    }
                    continue;
                }
                self.store(*byte);
            }
            typed.taken += 1;
        }
        typed
    }

    /// Changes the mode. What was typed stays: an unfinished line can be read at once when
    /// lines end to mean something.
    pub(super) fn set_mode(&mut self, mode: Mode) {
        if self.mode.canonical && !mode.canonical {
            self.finish_character();
            let line = std::mem::take(&mut self.line);
            self.input.push_loose(line.bytes());
            self.input.loosen();
        }
        self.literal = false;
        self.mode = mode;
    }

    /// Forgets what was typed and not read.
    pub(super) fn flush_input(&mut self) {
        self.input.clear();
        self.line.clear();
        self.character.take();
        self.literal = false;
    }

    /// Takes as much as there is room for of what a program writes.
    pub(super) fn write(&mut self, data: &[u8]) -> usize {
        let newlines = self.newline_to_return();
        self.output.write(data, newlines, self.size.columns())
    }

    fn newline_to_return(&self) -> bool {
        self.mode.process_output && self.mode.newline_to_return
    }

    fn is_signal(&self, byte: u8) -> bool {
        self.mode.signals && matches!(byte, INTERRUPT | QUIT)
    }

    fn signal_of(&self, byte: u8) -> Option<Signal> {
        if self.literal || !self.is_signal(byte) {
            return None;
        }
        match byte {
            INTERRUPT => Some(Signal::Interrupt),
            _ => Some(Signal::Quit),
        }
    }

    /// Input is flushed, as without `NOFLSH`. Output is not: it is little, and cut off within
    /// an escape sequence it would garble the screen.
    fn interrupt(&mut self, byte: u8) {
        self.flush_input();
        if self.mode.echo {
            self.show(&[byte]);
        }
    }

    /// Editing, which takes no room; whether the byte was that.
    fn edit(&mut self, byte: u8) -> bool {
        if !self.mode.canonical || self.literal {
            return false;
        }
        match byte {
            BACKSPACE | DELETE => self.erase(byte, Line::erase),
            WORD_ERASE if self.mode.extended => self.erase(byte, Line::erase_word),
            KILL => self.kill(),
            REPRINT if self.mode.extended => self.reprint(),
            LITERAL_NEXT if self.mode.extended => {
                self.finish_character();
                self.literal = true;
                if self.mode.echo && self.mode.echo_control {
                    self.echo(b"^\x08");
                }
            }
            _ => return false,
        }
        true
    }

    fn erase(&mut self, byte: u8, erase: fn(&mut Line, &mut Vec<u8>)) {
        self.finish_character();
        if self.line.is_empty() {
            return;
        }
        let mut erased = Vec::new();
        erase(&mut self.line, &mut erased);
        if self.mode.echo {
            if self.mode.echo_erase {
                self.echo(&erased);
            } else {
                self.show(&[byte]);
            }
        }
    }

    fn kill(&mut self) {
        self.finish_character();
        let mut erased = Vec::new();
        self.line.erase_all(&mut erased);
        self.line.clear();
        if !self.mode.echo {
            return;
        }
        if self.mode.echo_kill && self.mode.echo_erase {
            self.echo(&erased);
        } else {
            self.show(&[KILL]);
            if self.mode.echo_kill {
                self.echo(b"\n");
            }
        }
    }

    fn reprint(&mut self) {
        self.finish_character();
        if !self.mode.echo {
            return;
        }
        self.show(&[REPRINT]);
        self.echo(b"\n");
        let mut line = std::mem::take(&mut self.line);
        line.show_again(|character| self.show(character));
        self.line = line;
    }

    /// Takes a byte that is input. There is room for it.
    fn store(&mut self, byte: u8) {
        if std::mem::take(&mut self.literal) {
            return self.character(&[byte]);
        }
        let byte = match byte {
            b'\r' if self.mode.return_to_newline => b'\n',
            other => other,
        };
        if !self.mode.canonical {
            self.input.push_loose(&[byte]);
            if self.mode.echo {
                match byte {
                    0x80.. => drop(self.echo(&[byte])),
                    _ => drop(self.show(&[byte])),
                }
            }
            return;
        }
        match byte {
            b'\n' => {
                self.finish_character();
                if self.mode.echo {
                    self.echo(b"\n");
                }
                self.line.push(b"\n", Shown::Cells(0));
                self.finish_line();
            }
            END_OF_FILE => {
                self.finish_character();
                self.finish_line();
            }
            _ => self.collect(byte),
        }
    }

    /// Makes what was typed readable; nothing at all is the end of the file.
    fn finish_line(&mut self) {
        self.input.push_line(self.line.bytes());
        self.line.clear();
    }

    /// Puts a character together.
    fn collect(&mut self, byte: u8) {
        loop {
            match self.character.push(byte) {
                Decoded::Incomplete => return,
                Decoded::Character(_) | Decoded::Broken => return self.finish_character(),
                Decoded::BrokenBefore => self.finish_character(),
            }
        }
    }

    /// Adds what there is of a character to the line.
    fn finish_character(&mut self) {
        if !self.character.is_empty() {
            let (bytes, length) = self.character.take();
            self.character(&bytes[..length]);
        }
    }

    /// Adds a character to the line, unless the line is full.
    fn character(&mut self, bytes: &[u8]) {
        if !self.line.has_room(bytes.len()) {
            self.echo(&[BELL]);
            return;
        }
        let shown = match self.mode.echo {
            true => self.show(bytes),
            false => Shown::Cells(0),
        };
        self.line.push(bytes, shown);
    }

    /// Shows a character, so that no control character among them reaches the terminal.
    fn show(&mut self, bytes: &[u8]) -> Shown {
        let character = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.chars().next());
        let (shown, cells): (&[u8], Shown) = match character {
            Some('\t') => {
                let cells = self.output.tab_cells(self.size.columns());
                (b"\t", Shown::Tab(u8::try_from(cells).unwrap_or(0)))
            }
            Some('\n') if !self.mode.canonical => (b"\n", Shown::Cells(0)),
            Some(control) if control.is_ascii_control() => {
                if self.mode.echo_control {
                    let caret = [b'^', bytes[0] ^ 0x40];
                    return self.shown_if(&caret, Shown::Cells(2));
                }
                (bytes, Shown::Cells(0))
            }
            Some(control) if control.is_control() => (REPLACEMENT, Shown::Cells(1)),
            Some(character) => match cells(character) {
                0 => (bytes, Shown::Combined),
                cells => (bytes, Shown::Cells(cells)),
            },
            None => (REPLACEMENT, Shown::Cells(1)),
        };
        self.shown_if(shown, cells)
    }

    /// What was not drawn for lack of room takes no cells.
    fn shown_if(&mut self, bytes: &[u8], shown: Shown) -> Shown {
        match (self.echo(bytes), shown) {
            (true, _) | (false, Shown::Combined) => shown,
            (false, _) => Shown::Cells(0),
        }
    }

    fn echo(&mut self, bytes: &[u8]) -> bool {
        let newlines = self.newline_to_return();
        self.output.echo(bytes, newlines, self.size.columns())
    }
}
