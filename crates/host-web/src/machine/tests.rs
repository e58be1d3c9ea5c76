//! Tests of the machine, which need no worker: time by hand, and what it tells kept.

use std::sync::{Arc, Mutex, PoisonError};

use holm_abi::Signal;
use holm_kernel::Ports;
use holm_kernel::deterministic::SeededEntropy;
use holm_kernel::port::Clock;
use holm_kernel::testkit::host::HandClock;
use holm_wasi_p1::{ARGUMENTS_MAX, index_of};
use serde_json::{Value, json};

use super::{Called, Machine};
use crate::event::{Event, Outside};
use crate::wire::guest_side::{apply, encode};
use crate::wire::{OUTCOME_CONTINUE, OUTCOME_LEAVE, REQUEST_MAX};

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Page(Mutex<Vec<(Value, Vec<u8>)>>);

impl Outside for Page {
    fn tell(&self, event: &Event, bytes: &[u8]) {
        let event = serde_json::to_value(event).expect("an event is JSON");
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((event, bytes.to_vec()));
    }
}

/// Time by hand that does not jump to what is waited for: a real clock.
#[derive(Debug)]
struct Steady(Arc<HandClock>);

impl Clock for Steady {
    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
    fn realtime_ns(&self) -> u64 {
        self.0.realtime_ns()
    }
    fn resolution_ns(&self) -> u64 {
        self.0.resolution_ns()
    }
    fn thread_cpu_ns(&self) -> Option<u64> {
        None
    }
}

/// A machine with its page.
struct Bench {
    machine: Machine,
    page: Arc<Page>,
    clock: Arc<HandClock>,
}

/// A process with its memory.
struct Guest {
    task: u32,
    pid: u32,
    streams: [Option<u32>; 3],
    memory: Vec<u8>,
}

impl Bench {
    fn new() -> Bench {
        let page = Arc::new(Page::default());
        let clock = Arc::new(HandClock::default());
        let ports = Ports {
            clock: Arc::new(Steady(clock.clone())),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let machine = Machine::boot(ports, false, page.clone()).expect("it boots");
        Bench {
            machine,
            page,
            clock,
        }
    }

    /// What an order answers: its `ok`, or the sentence of its refusal.
    fn order(&mut self, order: &Value, bytes: &[u8]) -> Result<Value, String> {
        let text = order.to_string();
        let answer = self.machine.order(text.as_bytes(), bytes.to_vec());
        let answer = serde_json::to_value(answer).expect("an answer is JSON");
        match answer.get("error") {
            Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }

    fn spawn(&mut self, more: &Value) -> Guest {
        let mut order =
            json!({ "do": "spawn", "name": "guest", "stdio": ["pipe", "pipe", "pipe"] });
        for (name, value) in more.as_object().expect("an object") {
            order[name] = value.clone();
        }
        let spawned = self.order(&order, &[]).expect("it starts");
        let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        Guest {
            task: number(&spawned["task"]).expect("a task"),
            pid: number(&spawned["pid"]).expect("a process"),
            streams: [0, 1, 2].map(|at| number(&spawned["streams"][at])),
            memory: vec![0; 65536],
        }
    }

    /// Makes a call: what became of it, then the outcome and the errno of its reply.
    fn call(&mut self, guest: &mut Guest, name: &str, given: &[u64]) -> (Called, u32, u32) {
        let mut arguments = [0; ARGUMENTS_MAX];
        arguments[..given.len()].copy_from_slice(given);
        let index = index_of(name).expect("a function of the standard");
        let request = encode(index, &arguments, &guest.memory);
        let called = self.machine.call(guest.task, &request);
        let (outcome, errno) = match called {
            Called::Answered => apply(self.machine.reply().bytes(), &mut guest.memory),
            _ => (OUTCOME_CONTINUE, 0),
        };
        (called, outcome, errno)
    }

    /// Writes `text` to a descriptor.
    fn write(&mut self, guest: &mut Guest, fd: u64, text: &str) -> (Called, u32, u32) {
        let length = u32::try_from(text.len()).expect("a short text");
        guest.memory[64..64 + text.len()].copy_from_slice(text.as_bytes());
        vector(guest, length);
        self.call(guest, "fd_write", &[fd, 0, 1, 16])
    }

    /// Reads up to 100 bytes from descriptor 0.
    fn read(&mut self, guest: &mut Guest) -> (Called, u32, u32) {
        vector(guest, 100);
        self.call(guest, "fd_read", &[0, 0, 1, 16])
    }

    /// The task whose call is completed now.
    fn turn(&mut self, guest: &mut Guest) -> Option<(u32, u32)> {
        let task = self.machine.turn()?;
        assert_eq!(task, guest.task);
        Some(apply(self.machine.reply().bytes(), &mut guest.memory))
    }

    /// What was told since the last look.
    fn told(&self) -> Vec<(Value, Vec<u8>)> {
        std::mem::take(&mut *self.page.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The event of this kind among those told since the last look.
    fn event(&self, on: &str) -> Option<(Value, Vec<u8>)> {
        self.told().into_iter().find(|(event, _)| event["on"] == on)
    }
}

/// One vector at 0, of `length` bytes at 64.
fn vector(guest: &mut Guest, length: u32) {
    guest.memory[..4].copy_from_slice(&64_u32.to_le_bytes());
    guest.memory[4..8].copy_from_slice(&length.to_le_bytes());
}

fn count(guest: &Guest) -> u32 {
    let word = guest.memory[16..].first_chunk().expect("four bytes");
    u32::from_le_bytes(*word)
}

#[test]
fn output_goes_as_far_as_the_page_will_take_it() {
    let mut bench = Bench::new();
    let mut guest = bench.spawn(&json!({}));
    let done = (Called::Answered, OUTCOME_CONTINUE, 0);
    assert_eq!(bench.write(&mut guest, 1, "hello"), done);
    assert_eq!(count(&guest), 5);
    assert_eq!(bench.turn(&mut guest), None);
    assert!(bench.event("output").is_none(), "nothing without credit");
    let credit = json!({ "do": "credit", "stream": guest.streams[1], "bytes": 3 });
    bench.order(&credit, &[]).expect("credit");
    assert_eq!(bench.turn(&mut guest), None);
    assert_eq!(bench.event("output").expect("output").1, b"hel");
}

#[test]
fn a_read_waits_until_the_page_gives_and_ends_when_it_closes() {
    let mut bench = Bench::new();
    let mut guest = bench.spawn(&json!({}));
    assert_eq!(bench.read(&mut guest).0, Called::Waits);
    assert_eq!(bench.turn(&mut guest), None);
    let stdin = guest.streams[0];
    bench
        .order(&json!({ "do": "give", "stream": stdin }), b"abc")
        .expect("room");
    assert_eq!(bench.turn(&mut guest), Some((OUTCOME_CONTINUE, 0)));
    assert_eq!((count(&guest), &guest.memory[64..67]), (3, &b"abc"[..]));
    assert!(bench.event("taken").is_some());
    bench
        .order(&json!({ "do": "close", "stream": stdin }), &[])
        .expect("closed");
    bench.machine.turn();
    assert_eq!(bench.read(&mut guest).0, Called::Answered);
    assert_eq!(count(&guest), 0, "the end of the input");
}

#[test]
fn a_kill_ends_a_guest_that_waits_and_one_that_computes() {
    for waits in [true, false] {
        let mut bench = Bench::new();
        let mut guest = bench.spawn(&json!({}));
        if waits {
            assert_eq!(bench.read(&mut guest).0, Called::Waits);
        }
        let signal = Signal::Kill as u32;
        bench
            .order(
                &json!({ "do": "kill", "pid": guest.pid, "signal": signal }),
                &[],
            )
            .expect("killed");
        let woken = bench.turn(&mut guest);
        assert_eq!(woken.is_some(), waits);
        assert!(woken.is_none_or(|(outcome, _)| outcome == OUTCOME_LEAVE));
        let (ended, _) = bench.event("ended").expect("its end is told");
        assert_eq!(ended["code"], 137);
        assert_eq!(ended["computing"], !waits);
        let later = bench.write(&mut guest, 1, "too late");
        assert_eq!((later.0, later.1), (Called::Answered, OUTCOME_LEAVE));
    }
}

#[test]
fn a_request_that_lies_ends_its_process_alone() {
    let mut bench = Bench::new();
    let mut honest = bench.spawn(&json!({}));
    for lie in [vec![], vec![0xff; 88], vec![0xff; REQUEST_MAX]] {
        let liar = bench.spawn(&json!({}));
        assert_eq!(bench.machine.call(liar.task, &lie), Called::Answered);
        bench.machine.turn();
        assert_eq!(bench.event("ended").expect("it is over").0["code"], 137);
    }
    let done = (Called::Answered, OUTCOME_CONTINUE, 0);
    assert_eq!(bench.write(&mut honest, 1, "still here"), done);
    assert_eq!(bench.machine.call(999, &[]), Called::Gone);
}

#[test]
fn time_runs_out_and_waits_end_by_the_clock() {
    let mut bench = Bench::new();
    let mut guest = bench.spawn(&json!({ "grants": ["--timeout 2s"] }));
    // One subscription: the monotonic clock (1), in a second, relative.
    guest.memory[100 + 16..100 + 20].copy_from_slice(&1_u32.to_le_bytes());
    guest.memory[100 + 24..100 + 32].copy_from_slice(&1_000_000_000_u64.to_le_bytes());
    let poll = [100, 200, 1, 300];
    assert_eq!(
        bench.call(&mut guest, "poll_oneoff", &poll).0,
        Called::Waits
    );
    assert_eq!(bench.turn(&mut guest), None);
    assert_eq!(bench.machine.wait_ns(), Some(1_000_000_000));
    bench.clock.advance_ns(1_000_000_000);
    assert_eq!(bench.turn(&mut guest), Some((OUTCOME_CONTINUE, 0)));
    assert_eq!(bench.machine.wait_ns(), Some(1_000_000_000), "the limit");
    bench.clock.advance_ns(1_000_000_000);
    assert_eq!(bench.turn(&mut guest), None);
    let (ended, _) = bench.event("ended").expect("its time is over");
    assert_eq!(
        (&ended["code"], &ended["computing"]),
        (&json!(124), &json!(true))
    );
}

#[test]
fn computing_counts_and_waiting_does_not() {
    let mut bench = Bench::new();
    let mut guest = bench.spawn(&json!({ "grants": ["--cpu 2s"] }));
    assert_eq!(bench.turn(&mut guest), None);
    bench.clock.advance_ns(1_500_000_000);
    assert_eq!(bench.read(&mut guest).0, Called::Waits);
    bench.clock.advance_ns(60_000_000_000);
    assert_eq!(bench.turn(&mut guest), None);
    assert!(bench.event("ended").is_none(), "it waited for a minute");
    let stdin = guest.streams[0];
    bench
        .order(&json!({ "do": "give", "stream": stdin }), b"x")
        .expect("room");
    assert!(bench.turn(&mut guest).is_some());
    bench.clock.advance_ns(600_000_000);
    assert_eq!(bench.turn(&mut guest), None);
    let (ended, _) = bench.event("ended").expect("2.1 s of computing");
    assert_eq!(ended["signal"], "SIGXCPU");
}

#[test]
fn a_refusal_names_the_grant() {
    let mut bench = Bench::new();
    bench
        .order(
            &json!({ "do": "mount", "path": "/data", "source": { "memory": { "bytes": 1 << 20 } } }),
            &[],
        )
        .expect("a free place");
    let mut guest = bench.spawn(&json!({ "grants": ["--dir /data:ro"] }));
    guest.memory[64..67].copy_from_slice(b"new");
    let open = [3, 0, 64, 3, 1, u64::MAX, u64::MAX, 0, 16];
    let (_, _, errno) = bench.call(&mut guest, "path_open", &open);
    assert_ne!(errno, 0);
    bench.call(&mut guest, "proc_exit", &[1]);
    let (ended, _) = bench.event("ended").expect("it has ended");
    let refusal = ended["refusals"][0].as_str().unwrap_or_default();
    assert!(
        refusal.contains("--dir /data:rw") || refusal.contains("/data::/data:rw"),
        "{refusal}"
    );
    let bad = json!({ "do": "spawn", "grants": ["--dir /nowhere"] });
    let message = bench.order(&bad, &[]).expect_err("nothing is there");
    assert!(
        message.contains("nothing is mounted at /nowhere"),
        "{message}"
    );
}

#[test]
fn a_pipe_ends_with_the_process_that_writes_it() {
    let mut bench = Bench::new();
    let pipe = bench.order(&json!({ "do": "pipe" }), &[]).expect("a pipe")["pipe"].clone();
    let between = json!({ "between": pipe });
    let mut writer = bench.spawn(&json!({ "stdio": ["null", between, "null"] }));
    let mut reader = bench.spawn(&json!({ "stdio": [between, "null", "null"] }));
    assert_eq!(bench.read(&mut reader).0, Called::Waits);
    bench.write(&mut writer, 1, "through");
    assert_eq!(bench.turn(&mut reader), Some((OUTCOME_CONTINUE, 0)));
    assert_eq!(&reader.memory[64..71], b"through");
    assert_eq!(bench.read(&mut reader).0, Called::Waits);
    bench.call(&mut writer, "proc_exit", &[0]);
    assert_eq!(bench.turn(&mut reader), Some((OUTCOME_CONTINUE, 0)));
    assert_eq!(count(&reader), 0, "the end of the input");
    let again = json!({ "do": "spawn", "stdio": [between, "null", "null"] });
    assert!(bench.order(&again, &[]).is_err(), "each end is given once");
}
