//! Signals, in a process of their own: the test program starts itself again as the victim.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use holm_abi::Signal as Abi;
use holm_host_native::{Interrupts, Parker, reactor};
use rustix::process::{Pid, Signal, kill_process};

const ROLE: &str = "HOLM_TEST_ROLE";

/// What the child does; not a test when started by hand.
#[test]
fn victim() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let start = Instant::now();
    let interrupts = Interrupts::install(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    })
    .expect("catching signals");
    let cost = start.elapsed();
    let mut out = std::io::stderr();
    writeln!(out, "ready {}", cost.as_micros()).expect("telling");
    let parker = Arc::new(Parker::new());
    // Blocked for ever, but for the signal.
    while interrupts.received().is_none() {
        reactor().wait(&parker, None);
    }
    let first = if role == "acknowledge" {
        interrupts.acknowledge()
    } else {
        interrupts.received()
    };
    writeln!(out, "{first:?} {}", calls.load(Ordering::SeqCst)).expect("telling");
    loop {
        if role == "acknowledge" && interrupts.received().is_some() {
            writeln!(out, "again {}", calls.load(Ordering::SeqCst)).expect("telling");
            std::process::exit(7);
        }
        reactor().wait(&parker, None);
    }
}

struct Victim {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Victim {
    fn start(role: &str, ignore_hangup: bool) -> Victim {
        let program = std::env::current_exe().expect("this program");
        let mut command = if ignore_hangup {
            let mut command = Command::new("nohup");
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let mut child = command
            .args(["--exact", "victim", "--nocapture"])
            .env(ROLE, role)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting the victim");
        let stderr = child.stderr.take().expect("it is piped");
        let mut victim = Victim {
            child,
            lines: BufReader::new(stderr).lines(),
        };
        victim.line_with("ready");
        victim
    }

    fn line_with(&mut self, text: &str) -> String {
        self.lines
            .by_ref()
            .map(|line| line.expect("reading"))
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("the victim ended without {text:?}"))
    }

    fn kill(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sending a signal");
    }
}

#[test]
fn a_signal_wakes_a_blocked_thread_and_a_second_one_kills() {
    for (signal, word) in [
        (Signal::INT, format!("{:?}", Abi::Interrupt)),
        (Signal::TERM, format!("{:?}", Abi::Terminate)),
        (Signal::HUP, format!("{:?}", Abi::Hangup)),
    ] {
        let mut victim = Victim::start("stubborn", false);
        victim.kill(signal);
        let told = victim.line_with("Some");
        assert!(told.contains(&word) && told.ends_with(" 1"), "{told}");
        victim.kill(signal);
        let status = victim.child.wait().expect("waiting");
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
    }
}

#[test]
fn an_acknowledged_signal_makes_room_for_the_next() {
    let mut victim = Victim::start("acknowledge", false);
    victim.kill(Signal::INT);
    victim.line_with("Some");
    victim.kill(Signal::INT);
    assert!(victim.line_with("again").ends_with(" 2"));
    let status = victim.child.wait().expect("waiting");
    assert_eq!(status.code(), Some(7), "{status}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_was_ignored_stays_ignored() {
    let mut victim = Victim::start("stubborn", true);
    victim.kill(Signal::HUP);
    std::thread::sleep(Duration::from_millis(50));
    assert!(
        victim.child.try_wait().expect("looking").is_none(),
        "still there"
    );
    victim.kill(Signal::TERM);
    assert!(victim.line_with("Some").contains("Terminate"));
    victim.kill(Signal::TERM);
    victim.child.wait().expect("waiting");
}
