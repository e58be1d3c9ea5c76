//! Terminals: editing, echo, signals, bounds, and who is woken.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Errno, Fd, FileType, Signal, Subscription, Whence};

use super::input::INPUT_CAPACITY;
use super::output::{ECHO_RESERVE, OUTPUT_CAPACITY};
use super::{MAX_CANON, Mode, TtyMaster, TtyOptions, TtySlave, tty};
use crate::deterministic::SeededEntropy;
use crate::testkit::SplitMix64;
use crate::testkit::host::{CountingWaker, HandClock};
use crate::vfs::node::{Interest, Stream};
use crate::{Kernel, Options, Ports, Process, ProcessSpec, StandardStreams, Task};

fn open(mode: Mode) -> (Arc<TtyMaster>, Arc<TtySlave>) {
    tty(TtyOptions {
        mode,
        ..TtyOptions::default()
    })
}

fn type_all(master: &TtyMaster, bytes: &[u8]) {
    assert_eq!(master.input(bytes, Waker::noop()).taken, bytes.len());
}

fn drawn(master: &TtyMaster) -> String {
    let mut buffer = vec![0; OUTPUT_CAPACITY + ECHO_RESERVE];
    match master.output(&mut buffer, Waker::noop()) {
        Poll::Ready(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Poll::Pending => String::new(),
    }
}

/// One read after the other until there is no more; an empty one is the end of the file.
fn reads(slave: &TtySlave) -> Vec<String> {
    let mut buffer = vec![0; INPUT_CAPACITY];
    let mut all = Vec::new();
    while let Poll::Ready(read) = slave.read(&mut buffer, Waker::noop()) {
        let length = read.expect("it can be read");
        all.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    all
}

fn write(slave: &TtySlave, text: &str) -> Poll<Result<usize, Errno>> {
    slave.write(&[IoSlice::new(text.as_bytes())], Waker::noop())
}

/// What a screen of 80 columns shows of the line with the cursor, and where that is.
fn screen(drawn: &str) -> (String, usize) {
    let mut cells: Vec<char> = Vec::new();
    let mut column = 0;
    for character in drawn.chars() {
        match character {
            '\r' => column = 0,
            '\n' => cells.clear(),
            '\u{8}' => column -= 1,
            '\t' => column = (column / 8 + 1) * 8,
            character => {
                let width = usize::from(super::character::cells(character));
                cells.resize(cells.len().max(column + width), ' ');
                for at in 0..width {
                    cells[column + at] = if at == 0 { character } else { '_' };
                }
                column += width;
            }
        }
    }
    let text: String = cells.into_iter().collect();
    (text.trim_end().to_owned(), column)
}

#[test]
fn a_line_is_read_when_it_ends_and_shown_as_it_is_typed() {
    let (master, slave) = open(Mode::COOKED);
    type_all(&master, b"hel");
    assert_eq!(drawn(&master), "hel");
    assert!(reads(&slave).is_empty());
    type_all(&master, b"lo\rnext\nunfinished");
    assert_eq!(reads(&slave), ["hello\n", "next\n"]);
    assert_eq!(drawn(&master), "lo\r\nnext\r\nunfinished");
    assert_eq!(write(&slave, "a\nb"), Poll::Ready(Ok(3)));
    assert_eq!(drawn(&master), "a\r\nb");
    assert_eq!(slave.file_type(), FileType::CharacterDevice);
    assert!(!slave.is_plain_device());
}

#[test]
fn a_line_is_split_only_by_a_small_buffer() {
    let (master, slave) = open(Mode::COOKED);
    type_all(&master, b"abcd\nef\n");
    let mut buffer = [0; 3];
    let mut all = Vec::new();
    while let Poll::Ready(Ok(length)) = slave.read(&mut buffer, Waker::noop()) {
        all.push(buffer[..length].to_vec());
    }
    assert_eq!(all, [&b"abc"[..], b"d\n", b"ef\n"]);
    assert_eq!(slave.read(&mut [], Waker::noop()), Poll::Ready(Ok(0)));
}

#[test]
fn erasing_takes_back_what_was_shown() {
    for (typed, read, shown) in [
        (&b"ab\x7fc"[..], "ac", "ac"),
        (b"ab\x08\x08\x08\x7fc", "c", "c"),
        ("é世e\u{301}\x7f".as_bytes(), "é世", "é世_"),
        ("é世\x7f\x7fx".as_bytes(), "x", "x"),
        (b"a\x16\x03b\x7f\x7fc", "ac", "ac"),
        (b"a\tb\x7f\x7fc", "ac", "ac"),
        (b"one two  \x17x", "one x", "one x"),
        (b"  \x17", "", ""),
        (b"some words\x15ok", "ok", "ok"),
        (b"a\xff\x7fb", "ab", "ab"),
        (b"a\xe4\xb8\x7fb", "ab", "ab"),
        (b"a\x16\x7fb", "a\x7fb", "a^?b"),
    ] {
        let (master, slave) = open(Mode::COOKED);
        assert_eq!(write(&slave, "$ "), Poll::Ready(Ok(2)));
        type_all(&master, typed);
        let (line, column) = screen(&drawn(&master));
        assert_eq!(line, format!("$ {shown}").trim_end(), "{typed:?}");
        assert_eq!(column, 2 + shown.chars().count(), "{typed:?}");
        type_all(&master, b"\n");
        assert_eq!(reads(&slave), [format!("{read}\n")], "{typed:?}");
    }
}

#[test]
fn modes_change_what_editing_shows() {
    let plain = Mode {
        echo_erase: false,
        ..Mode::COOKED
    };
    let (master, slave) = open(plain);
    type_all(&master, b"ab\x7f\x15c\n");
    assert_eq!(drawn(&master), "ab^?^U\r\nc\r\n");
    assert_eq!(reads(&slave), ["c\n"]);
    master.set_mode(Mode {
        echo: false,
        ..Mode::COOKED
    });
    type_all(&master, b"secret\x7f\x12t\n");
    assert_eq!(drawn(&master), "");
    assert_eq!(reads(&slave), ["secret\n"]);
    master.set_mode(Mode {
        extended: false,
        return_to_newline: false,
        newline_to_return: false,
        ..Mode::COOKED
    });
    type_all(&master, b"\x16\x17\r\n");
    assert_eq!(drawn(&master), "^V^W^M\n");
    assert_eq!(reads(&slave), ["\x16\x17\r\n"]);
    assert_eq!(write(&slave, "a\nb"), Poll::Ready(Ok(3)));
    assert_eq!(drawn(&master), "a\nb");
}

#[test]
fn the_line_can_be_shown_again() {
    let (master, slave) = open(Mode::COOKED);
    type_all(&master, b"ab");
    assert_eq!(write(&slave, "[a message]\n"), Poll::Ready(Ok(12)));
    type_all(&master, b"\x12\x7f");
    let all = drawn(&master);
    assert!(all.ends_with("^R\r\nab\x08 \x08"), "{all:?}");
    type_all(&master, b"\n");
    assert_eq!(reads(&slave), ["a\n"]);
}

#[test]
fn the_end_of_the_file_is_once_and_pushes_what_is_there() {
    let (master, slave) = open(Mode::COOKED);
    type_all(&master, b"\x04");
    assert_eq!(reads(&slave), [""]);
    type_all(&master, b"part\x04rest\x04\x04\x04after\n");
    assert_eq!(reads(&slave), ["part", "rest", "", "", "after\n"]);
    assert_eq!(drawn(&master), "partrestafter\r\n");
    // What was pushed cannot be erased any more.
    type_all(&master, b"ab\x04\x7fc\n");
    assert_eq!(reads(&slave), ["ab", "c\n"]);
}

#[test]
fn raw_bytes_come_as_they_are_and_what_was_typed_ahead_stays() {
    let (master, slave) = open(Mode::COOKED);
    type_all(&master, b"one\ntw\x04\x04\xe4");
    slave.set_mode(Mode::RAW);
    assert_eq!(master.mode(), Mode::RAW);
    let mut buffer = [0; 64];
    let read = slave.read(&mut buffer, Waker::noop());
    assert_eq!(read, Poll::Ready(Ok(7)));
    assert_eq!(&buffer[..7], b"one\ntw\xe4");
    type_all(&master, b"\x03\x04\r\x7f\x1b[A");
    let read = slave.read(&mut buffer, Waker::noop());
    assert_eq!(read, Poll::Ready(Ok(7)));
    assert_eq!(&buffer[..7], b"\x03\x04\r\x7f\x1b[A");
    drawn(&master);
    assert_eq!(write(&slave, "a\nb"), Poll::Ready(Ok(3)));
    assert_eq!(drawn(&master), "a\nb");
    type_all(&master, b"ahead");
    master.set_mode(Mode::COOKED);
    type_all(&master, b"line\n");
    assert_eq!(reads(&slave), ["ahead", "line\n"]);
}

#[test]
fn echo_cannot_drive_the_screen() {
    let (master, _slave) = open(Mode::COOKED);
    type_all(&master, "\x1b[2J\u{9b}2J\x00\u{85}".as_bytes());
    assert_eq!(drawn(&master), "^[[2J\u{fffd}2J^@\u{fffd}");
}

#[test]
fn a_full_line_rings_the_bell_and_can_still_end() {
    let (master, slave) = open(Mode::COOKED);
    let long = vec![b'x'; MAX_CANON + 10];
    type_all(&master, &long);
    let all = drawn(&master);
    assert_eq!(all.matches('x').count(), MAX_CANON - 1);
    assert_eq!(all.matches('\u{7}').count(), 11);
    type_all(&master, "\x7f\x7f世世\n".as_bytes());
    let read = reads(&slave);
    assert_eq!(
        read[0].len(),
        MAX_CANON - 3 + 1,
        "a character is never split"
    );
    assert!(read[0].ends_with("x\n"));
}

#[test]
fn typing_ahead_is_bounded_and_goes_on_when_there_is_room() {
    let (master, slave) = open(Mode::COOKED);
    let woken = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&woken));
    let text = b"0123456789abcde\n".repeat(INPUT_CAPACITY / 8);
    let typed = master.input(&text, &waker);
    assert!(typed.taken < INPUT_CAPACITY, "lines count too");
    assert!(typed.taken > INPUT_CAPACITY - INPUT_CAPACITY / 8);
    let mut all = Vec::new();
    let mut given = typed.taken;
    let mut buffer = [0; 64];
    while let Poll::Ready(Ok(length)) = slave.read(&mut buffer, Waker::noop()) {
        all.extend_from_slice(&buffer[..length]);
        drawn(&master);
        if woken.take() > 0 {
            given += master.input(&text[given..], &waker).taken;
        }
    }
    assert_eq!(all, text);
}

#[test]
fn an_interrupt_gets_past_a_full_queue() {
    let (master, slave) = open(Mode::COOKED);
    let mut text = b"line\n".repeat(INPUT_CAPACITY);
    assert!(master.input(&text, Waker::noop()).taken < text.len());
    text.extend_from_slice(b"\x03after\n");
    let typed = master.input(&text, Waker::noop());
    assert_eq!(typed.taken, text.len());
    assert_eq!(typed.signal, Some(Signal::Interrupt));
    assert_eq!(reads(&slave), ["after\n"]);
}

#[test]
fn a_screen_that_is_not_drawn_blocks_who_writes_and_drops_echo() {
    let (master, slave) = open(Mode::COOKED);
    let woken = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&woken));
    let text = "x".repeat(OUTPUT_CAPACITY + 1);
    assert_eq!(write(&slave, &text), Poll::Ready(Ok(OUTPUT_CAPACITY)));
    assert!(slave.write(&[IoSlice::new(b"y")], &waker).is_pending());
    assert!(slave.readiness(Interest::Write, &waker).is_pending());
    assert_eq!(
        slave.write(&[IoSlice::new(b"")], &waker),
        Poll::Ready(Ok(0))
    );
    for _ in 0..ECHO_RESERVE {
        type_all(&master, b"zz\n");
    }
    let mut buffer = vec![0; 2 * OUTPUT_CAPACITY];
    let drawn = master.output(&mut buffer, Waker::noop());
    assert_eq!(drawn, Poll::Ready(OUTPUT_CAPACITY + ECHO_RESERVE));
    assert!(buffer[OUTPUT_CAPACITY..].starts_with(b"zz\r\nzz\r\n"));
    assert_eq!(
        woken.take(),
        1,
        "one waker, however often it was registered"
    );
    assert_eq!(write(&slave, "y"), Poll::Ready(Ok(1)));
    assert_eq!(reads(&slave).len(), ECHO_RESERVE, "input is not dropped");
}

#[test]
fn the_host_is_woken_to_draw_and_programs_to_read() {
    let (master, slave) = open(Mode::COOKED);
    let draw = Arc::new(CountingWaker::default());
    let read = Arc::new(CountingWaker::default());
    let (draw_waker, read_waker) = (
        Waker::from(Arc::clone(&draw)),
        Waker::from(Arc::clone(&read)),
    );
    let mut buffer = [0; 16];
    assert!(master.output(&mut buffer, &draw_waker).is_pending());
    assert!(slave.read(&mut buffer, &read_waker).is_pending());
    assert!(slave.readiness(Interest::Read, &read_waker).is_pending());
    type_all(&master, b"a");
    assert_eq!((draw.take(), read.take()), (1, 0), "the line goes on");
    type_all(&master, b"\n");
    assert_eq!(read.take(), 1);
    let ready = slave.readiness(Interest::Read, &read_waker);
    assert!(matches!(ready, Poll::Ready(Ok(ready)) if ready.bytes == 2 && !ready.hangup));
    assert_eq!(drawn(&master), "a\r\n");
    assert!(master.output(&mut buffer, &draw_waker).is_pending());
    assert_eq!(write(&slave, "b"), Poll::Ready(Ok(1)));
    assert_eq!(draw.take(), 1);
    assert_eq!(reads(&slave), ["a\n"]);
    assert!(slave.read(&mut buffer, &read_waker).is_pending());
    drawn(&master);
    assert!(master.output(&mut buffer, &draw_waker).is_pending());
    drop(slave);
    assert_eq!(draw.take(), 1);
    assert_eq!(master.output(&mut buffer, &draw_waker), Poll::Ready(0));
}

#[test]
fn hanging_up_ends_both_directions() {
    let (master, slave) = open(Mode::COOKED);
    let woken = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&woken));
    type_all(&master, b"unread");
    assert_eq!(write(&slave, "last words"), Poll::Ready(Ok(10)));
    assert!(slave.read(&mut [0; 8], &waker).is_pending());
    master.hangup();
    assert_eq!(woken.take(), 1);
    assert_eq!(slave.read(&mut [0; 8], &waker), Poll::Ready(Ok(0)));
    assert_eq!(write(&slave, "x"), Poll::Ready(Err(Errno::Io)));
    for interest in [Interest::Read, Interest::Write] {
        let ready = slave.readiness(interest, &waker);
        assert!(matches!(ready, Poll::Ready(Ok(ready)) if ready.hangup));
    }
    type_all(&master, b"to nobody\n");
    assert_eq!(drawn(&master), "unreadlast words");
    assert_eq!(master.output(&mut [0; 8], &waker), Poll::Ready(0));
}

#[test]
fn the_size_is_told_and_tabs_go_by_it() {
    let (master, slave) = open(Mode::COOKED);
    assert_eq!((slave.size().cols, slave.size().rows), (80, 24));
    master.resize(10, 5);
    assert_eq!(slave.size(), master.size());
    type_all(&master, b"abcdefgh\t\x7f");
    assert_eq!(
        drawn(&master),
        "abcdefgh\t\u{8}",
        "the last column stops a tab"
    );
    master.resize(0, 0);
    type_all(&master, b"\t\t\x7f\x7f");
}

fn process(slave: &Arc<TtySlave>) -> Arc<Process> {
    let ports = Ports {
        clock: Arc::new(HandClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: None,
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("it boots");
    let spec = ProcessSpec {
        program: "program".to_owned(),
        streams: StandardStreams {
            stdin: Some(Arc::clone(slave) as Arc<dyn Stream>),
            stdout: Some(Arc::clone(slave) as Arc<dyn Stream>),
            stderr: Some(Arc::clone(slave) as Arc<dyn Stream>),
        },
        ..ProcessSpec::default()
    };
    kernel.spawn(&authority, spec).expect("it starts")
}

/// A session as a person has it: a prompt, a line with a slip, an interrupt in a wait.
#[test]
fn a_session_at_a_terminal() {
    let (master, slave) = open(Mode::COOKED);
    let process = process(&slave);
    master.set_foreground(vec![Arc::downgrade(&process)]);
    let woken = Arc::new(CountingWaker::default());
    let mut task = Task::new(Arc::clone(&process), Waker::from(Arc::clone(&woken)));
    let (stdin, stdout) = (Fd(0), Fd(1));
    // wasi-libc's `isatty`: a character device that cannot be asked for its offset.
    let stat = task.fd_fdstat_get(stdin);
    assert!(matches!(stat, Poll::Ready(Ok(stat)) if stat.file_type == FileType::CharacterDevice));
    let told = task.fd_seek(stdin, 0, Whence::Current);
    assert_eq!(told, Poll::Ready(Err(Errno::NotSeekable)));

    let prompt = [IoSlice::new(b"name? ")];
    assert_eq!(task.fd_write(stdout, &prompt), Poll::Ready(Ok(6)));
    let mut buffer = [0; 64];
    assert!(task.fd_read(stdin, &mut buffer).is_pending());
    type_all(&master, b"Gretw\x7fa\r");
    assert_eq!(woken.take(), 1);
    assert_eq!(task.fd_read(stdin, &mut buffer), Poll::Ready(Ok(6)));
    assert_eq!(&buffer[..6], b"Greta\n");
    assert_eq!(drawn(&master), "name? Gretw\u{8} \u{8}a\r\n");

    let wait = [Subscription::Read {
        user_data: 7,
        fd: stdin,
    }];
    let mut events = [holm_abi::Event::default()];
    assert!(task.poll_oneoff(&wait, &mut events).is_pending());
    type_all(&master, b"half");
    assert!(task.poll_oneoff(&wait, &mut events).is_pending());
    type_all(&master, b"\x04");
    assert_eq!(task.poll_oneoff(&wait, &mut events), Poll::Ready(Ok(1)));
    assert_eq!((events[0].user_data, events[0].bytes), (7, 4));
    assert_eq!(task.fd_read(stdin, &mut buffer), Poll::Ready(Ok(4)));
    drawn(&master);

    assert!(task.fd_read(stdin, &mut buffer).is_pending());
    woken.take();
    let typed = master.input(b"gone\x03", Waker::noop());
    assert_eq!((typed.taken, typed.signal), (5, Some(Signal::Interrupt)));
    assert_eq!(process.signaled(), Some(Signal::Interrupt));
    assert!(woken.take() > 0, "a blocked call looks again");
    assert_eq!(drawn(&master), "gone^C");
}

#[test]
fn quit_and_hang_up_reach_the_foreground() {
    let (master, slave) = open(Mode::COOKED);
    let first = process(&slave);
    master.set_foreground(vec![Arc::downgrade(&first)]);
    assert_eq!(
        master.input(b"\x1c", Waker::noop()).signal,
        Some(Signal::Quit)
    );
    assert_eq!(first.signaled(), Some(Signal::Quit));
    let second = process(&slave);
    master.set_foreground(vec![Arc::downgrade(&second)]);
    drop(master);
    assert_eq!(second.signaled(), Some(Signal::Hangup));
}

/// Whatever is typed and written, in whatever mode: nothing panics and the bounds hold.
#[test]
fn any_bytes_stay_within_the_bounds() {
    for seed in 0..10 {
        let mut random = SplitMix64::new(seed);
        let (master, slave) = open(Mode::COOKED);
        let mut buffer = vec![0; 70_000];
        for _ in 0..400 {
            match random.next_u64() % 12 {
                0 => {
                    let bit = |at: u32, bits: u64| bits >> at & 1 == 1;
                    let bits = random.next_u64();
                    let canonical = bit(0, bits);
                    slave.set_mode(Mode {
                        canonical,
                        echo: bit(1, bits) || bit(2, bits),
                        echo_erase: bit(3, bits),
                        echo_kill: bit(4, bits),
                        echo_control: bit(5, bits),
                        signals: bit(6, bits),
                        return_to_newline: bit(7, bits),
                        extended: bit(8, bits),
                        process_output: bit(9, bits),
                        newline_to_return: bit(10, bits),
                    });
                }
                1 => {
                    let cols = u16::try_from(random.next_u64() % 200).expect("small");
                    master.resize(cols, 1);
                }
                2 | 3 => {
                    let length = some_length(&mut random);
                    let _ = slave.read(&mut buffer[..length], Waker::noop());
                }
                4 | 5 => {
                    let length = some_length(&mut random);
                    let _ = master.output(&mut buffer[..length], Waker::noop());
                }
                6 => {
                    let bytes = some_bytes(&mut random);
                    let _ = slave.write(&[IoSlice::new(&bytes)], Waker::noop());
                }
                _ => {
                    let bytes = some_bytes(&mut random);
                    let typed = master.input(&bytes, Waker::noop());
                    assert!(typed.taken <= bytes.len());
                }
            }
            let state = crate::lock(&master.0);
            assert!(state.discipline.held() <= INPUT_CAPACITY);
            assert!(state.discipline.output.len() <= OUTPUT_CAPACITY + ECHO_RESERVE);
        }
    }
}

fn some_length(random: &mut SplitMix64) -> usize {
    let most = if random.next_u64().is_multiple_of(4) {
        70_000
    } else {
        100
    };
    usize::try_from(random.next_u64() % most).expect("small")
}

/// Bytes of every kind, control characters and parts of characters often.
fn some_bytes(random: &mut SplitMix64) -> Vec<u8> {
    let length = some_length(random).min(20_000);
    let kind = random.next_u64() % 4;
    (0..length)
        .map(|_| {
            let byte = random.next_u64().to_le_bytes()[0];
            match kind {
                0 => byte,
                1 => byte & 0x1f,
                2 => b"\x7f\x17\x15\x12\x04\x16\t\n ax\xe4\xb8\x96\xcc\x81"[usize::from(byte) % 16],
                _ => b'a' + byte % 26,
            }
        })
        .collect()
}
