//! A small host for the tests: clocks, streams that capture, a waker that parks its thread.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use holm_abi::{Errno, FileType, Limits};
use holm_engine::StoreBounds;
use holm_engine::process::{Blocker, Entry, Finished, RunOptions, Stop, run};
use holm_kernel::deterministic::SeededEntropy;
use holm_kernel::port::Clock;
use holm_kernel::vfs::{Interest, Readiness, Stream};
use holm_kernel::{Kernel, Options, Ports, Process, ProcessSpec, StandardStreams, Task};
use wasmtime::{Config, Module, Strategy};

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct RealClock {
    started: Instant,
}

impl Clock for RealClock {
    fn monotonic_ns(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }

    fn realtime_ns(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, nanoseconds)
    }

    fn resolution_ns(&self) -> u64 {
        1
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        None
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Takes everything that is written to it.
#[derive(Debug, Default)]
pub(crate) struct Capture(Mutex<Vec<u8>>);

impl Capture {
    /// What was written so far, as text.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Stream for Capture {
    fn file_type(&self) -> FileType {
        FileType::Unknown
    }

    fn read(&self, _buffer: &mut [u8], _waker: &Waker) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Err(Errno::BadFd))
    }

    fn write(&self, data: &[IoSlice<'_>], _waker: &Waker) -> Poll<Result<usize, Errno>> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = bytes.len();
        for slice in data {
            bytes.extend_from_slice(slice);
        }
        Poll::Ready(Ok(bytes.len() - before))
    }

    fn readiness(&self, _: Interest, _: &Waker) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness::default()))
    }
}

/// Parks the thread that made it until its waker is used or a deadline has passed.
#[derive(Debug)]
pub(crate) struct ParkingBlocker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for ParkingBlocker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Blocker for ParkingBlocker {
    fn block(&self, task: &mut Task) -> Result<(), Stop> {
        while !self.woken.swap(false, Ordering::Acquire) {
            match task.deadline() {
                None => thread::park(),
                Some(deadline) => {
                    let now = task.process().clock().monotonic_ns();
                    if now >= deadline {
                        break;
                    }
                    thread::park_timeout(Duration::from_nanos(deadline - now));
                }
            }
        }
        Ok(())
    }
}

/// Compilers to test with.
pub(crate) const TIERS: [Strategy; 2] = [Strategy::Winch, Strategy::Cranelift];

/// A program in the text format as an interruptible module.
pub(crate) fn module(text: &str, tier: Strategy) -> Module {
    let mut config = Config::new();
    config.strategy(tier).epoch_interruption(true);
    if tier == Strategy::Winch {
        config
            .wasm_gc(false)
            .wasm_exceptions(false)
            .wasm_tail_call(false);
        config
            .wasm_function_references(false)
            .wasm_relaxed_simd(false)
            .gc_support(false);
    }
    let engine = wasmtime::Engine::new(&config).expect("the configuration is valid");
    let bytes = wat::parse_str(text).expect("the test's text is valid");
    Module::new(&engine, bytes).expect("the test's module is valid")
}

/// A process that has not started.
pub(crate) struct Prepared {
    pub(crate) process: Arc<Process>,
    pub(crate) stdout: Arc<Capture>,
    task: Task,
    blocker: Arc<ParkingBlocker>,
}

/// Makes a process on a kernel of its own; it will run on the calling thread.
pub(crate) fn prepare(
    arguments: &[&str],
    stdin: Option<Arc<dyn Stream>>,
    limits: Limits,
) -> Prepared {
    let ports = Ports {
        clock: Arc::new(RealClock {
            started: Instant::now(),
        }),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: None,
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("boots");
    let stdout = Arc::new(Capture::default());
    let spec = ProcessSpec {
        program: "test".to_owned(),
        arguments: arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect(),
        streams: StandardStreams {
            stdin,
            stdout: Some(stdout.clone()),
            stderr: None,
        },
        limits,
        ..ProcessSpec::default()
    };
    let process = kernel.spawn(&authority, spec).expect("spawns");
    let blocker = Arc::new(ParkingBlocker {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let task = Task::new(process.clone(), Waker::from(blocker.clone()));
    Prepared {
        process,
        stdout,
        task,
        blocker,
    }
}

impl Prepared {
    /// Runs a module as this process.
    pub(crate) fn run(self, module: &Module, entry: Entry<'_>) -> Finished {
        let options = RunOptions {
            entry,
            blocker: self.blocker,
            bounds: StoreBounds::default(),
        };
        run(module, self.task, &options)
    }
}

/// Runs a program in the text format as a command with the default limits.
pub(crate) fn run_text(text: &str, tier: Strategy) -> (Finished, String) {
    let prepared = prepare(&["test"], None, Limits::default());
    let stdout = prepared.stdout.clone();
    let finished = prepared.run(&module(text, tier), Entry::Command);
    (finished, stdout.text())
}
