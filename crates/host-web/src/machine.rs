//! The machine: a kernel with the guests' tasks, the page's streams, and who waits for what.

mod command;
mod orders;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{ExitStatus, Signal, Syscall};
use holm_explain::exit;
use holm_explain::refusals::{explain, shortened};
use holm_explain::trace::{Format, Tracer};
use holm_kernel::port::Entropy;
use holm_kernel::{Authority, Interrupt, Kernel, Options, Ports, Process, Task};
use holm_wasi_p1::{FUNCTIONS, call_by_index};

use self::command::{CommandRun, Stopwatch};
use crate::archives::Archives;
use crate::control::ProcessUsage;
use crate::disks::Disks;
use crate::event::{Ended, Event, Outside};
use crate::mounts::{Mounts, absolute};
use crate::pipes::Pipes;
use crate::ready::{ReadyQueue, Token};
use crate::streams::Streams;
use crate::terminals::Terminals;
use crate::wire::{OUTCOME_CONTINUE, OUTCOME_LEAVE, RemoteMemory, Reply, Request};

/// Exit code of a guest that could not be started, as the shells have it.
const CANNOT_START: u32 = 126;

/// What became of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// The reply is ready.
    Answered,
    /// It waits; the reply comes from [`Machine::turn`].
    Waits,
    /// There is no such task: its process is gone.
    Gone,
}

/// A guest's thread.
#[derive(Debug)]
struct Guest {
    task: Task,
    /// The request that waits.
    waiting: Option<Vec<u8>>,
    /// Whether the end was told.
    ended: bool,
    /// Bytes of the guest's memory at its last call.
    memory_bytes: u64,
    /// Grants as options, for listings.
    grants: Vec<String>,
    /// Lines of its trace that were not told yet.
    trace: Option<Trace>,
    /// What the command line that started it wants to hear.
    command: Option<CommandRun>,
    /// Runs while it computes, when that is limited.
    stopwatch: Option<Stopwatch>,
    /// When it began, on the clock of [`Machine::now_ns`].
    began_ns: u64,
}

/// The trace of a process.
#[derive(Debug)]
pub(crate) struct Trace {
    tracer: Arc<Tracer>,
    lines: Arc<TraceLines>,
}

impl Trace {
    pub(crate) fn new(format: Format) -> Trace {
        let lines = Arc::new(TraceLines::default());
        Trace {
            tracer: lines.observer(format),
            lines,
        }
    }
}

/// Lines of a trace, collected during a call.
#[derive(Debug, Default)]
pub(crate) struct TraceLines(Mutex<String>);

impl TraceLines {
    /// An observer that puts each call's line here.
    fn observer(self: &Arc<TraceLines>, format: Format) -> Arc<Tracer> {
        let lines = self.clone();
        let sink = move |line: &str| {
            let mut text = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(line);
            text.push('\n');
        };
        Arc::new(Tracer::new(format, Box::new(sink)))
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A kernel in a worker.
#[derive(Debug)]
pub struct Machine {
    kernel: Arc<Kernel>,
    authority: Authority,
    outside: Arc<dyn Outside>,
    ready: Arc<ReadyQueue>,
    guests: BTreeMap<u32, Guest>,
    next_guest: u32,
    streams: Streams,
    terminals: Terminals,
    pipes: Pipes,
    archives: Archives<MountPlan>,
    mounts: Mounts,
    disks: Disks,
    entropy: Arc<dyn Entropy>,
    /// The task by which the page looks at the files.
    files: Option<u32>,
    reply: Reply,
    seeded: bool,
}

/// What is to be done with an archive once it is open.
#[derive(Debug)]
struct MountPlan {
    ticket: u32,
    path: String,
    source: String,
    /// Bytes of changes that a copy of it keeps, when a copy is wanted.
    copies: Vec<u64>,
}

/// Ends what computes: the machine is told, and tells the page.
#[derive(Debug)]
struct KillSwitch(Waker);

impl Interrupt for KillSwitch {
    fn interrupt(&self) {
        self.0.wake_by_ref();
    }
}

impl Machine {
    /// A machine with a kernel of its own.
    ///
    /// # Errors
    ///
    /// `EIO` when the host has no randomness.
    pub fn boot(
        ports: Ports,
        seeded: bool,
        outside: Arc<dyn Outside>,
    ) -> Result<Machine, holm_abi::Errno> {
        let options = Options {
            sorted_directories: seeded,
        };
        let entropy = ports.entropy.clone();
        let (kernel, authority) = Kernel::boot(ports, options)?;
        Ok(Machine {
            kernel,
            authority,
            outside,
            ready: Arc::new(ReadyQueue::default()),
            guests: BTreeMap::new(),
            next_guest: 1,
            streams: Streams::default(),
            terminals: Terminals::default(),
            pipes: Pipes::default(),
            archives: Archives::default(),
            mounts: Mounts::default(),
            disks: Disks::default(),
            entropy,
            files: None,
            reply: Reply::default(),
            seeded,
        })
    }

    fn add_guest(
        &mut self,
        process: Arc<Process>,
        grants: Vec<String>,
        trace: Option<Trace>,
        command: Option<CommandRun>,
    ) -> u32 {
        let number = self.next_guest;
        self.next_guest += 1;
        let switch = KillSwitch(self.ready.waker(Token::Killed(number)));
        process.set_interrupt(Arc::new(switch));
        let began_ns = self.now_ns();
        let limited = process.limits().cpu_ns != u64::MAX;
        let stopwatch = limited.then(|| Stopwatch::started(began_ns));
        let guest = Guest {
            task: Task::new(process, self.ready.waker(Token::Task(number))),
            waiting: None,
            ended: false,
            memory_bytes: 0,
            grants,
            trace,
            command,
            stopwatch,
            began_ns,
        };
        self.guests.insert(number, guest);
        number
    }

    /// Nanoseconds of the host's own clock: a virtual one would move when it is read.
    fn now_ns(&self) -> u64 {
        now(&*self.outside, &self.kernel)
    }

    /// Makes the system call that `request` describes for a task. The reply, when there is
    /// one, is [`Machine::reply`].
    pub fn call(&mut self, number: u32, request: &[u8]) -> Called {
        let Some(guest) = self.guests.get_mut(&number) else {
            return Called::Gone;
        };
        if guest.waiting.is_some() {
            // One thread makes one call at a time; this one is no guest's side of ours.
            guest.task.process().kill(Signal::Kill);
            return Called::Waits;
        }
        if let Some(stopwatch) = &mut guest.stopwatch {
            stopwatch.stop(now(&*self.outside, &self.kernel));
        }
        match perform(guest, request, &mut self.reply) {
            Poll::Ready(()) => {
                self.after_call(number);
                Called::Answered
            }
            Poll::Pending => {
                guest.waiting = Some(request.to_vec());
                Called::Waits
            }
        }
    }

    /// The reply of the last call.
    #[must_use]
    pub fn reply(&mut self) -> &mut Reply {
        &mut self.reply
    }

    /// Whether somebody was woken: there is something for [`Machine::turn`] to do.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Does what has become possible; answers the task whose call was completed, with its
    /// reply in [`Machine::reply`], or `None` when nothing is left to do now.
    pub fn turn(&mut self) -> Option<u32> {
        loop {
            while let Some(token) = self.ready.pop() {
                match token {
                    Token::Task(number) => {
                        if self.retry(number) {
                            return Some(number);
                        }
                    }
                    Token::Stream(number) => self.streams.turn(number, &*self.outside),
                    Token::Archive(number) => {
                        if let Some((plan, opened)) = self.archives.turn(number) {
                            self.mount_opened(plan, opened);
                        }
                    }
                    Token::Terminal(number) => self.terminals.turn(number),
                    Token::Killed(number) => {
                        let waits = self
                            .guests
                            .get(&number)
                            .is_some_and(|g| g.waiting.is_some());
                        if let Some(guest) = self.guests.get(&number) {
                            let process = guest.task.process();
                            let signal = process.signaled().unwrap_or(Signal::Kill);
                            process.end(ExitStatus::Signaled(signal));
                        }
                        self.note_end(number, !waits);
                    }
                }
            }
            if !self.expire() {
                return None;
            }
        }
    }

    /// Wakes the tasks whose time has come; answers whether there were any.
    fn expire(&mut self) -> bool {
        let now_ns = self.now_ns();
        self.disks.turn(now_ns);
        let mut due = false;
        for (number, guest) in &self.guests {
            if guest.ended {
                continue;
            }
            let process = guest.task.process();
            let ends = guest.began_ns.saturating_add(process.limits().wall_ns);
            if ends <= now_ns {
                process.kill(Signal::Alarm);
                due = true;
            }
            if command::cpu_left_ns(guest, now_ns, &*self.outside) == Some(0) {
                process.kill(Signal::CpuExceeded);
                due = true;
            }
            let waited = waits_until(guest);
            if let Some(deadline) = waited
                // A virtual clock moves when it is read, so it is not.
                && (process.clock().jump_to(deadline) || process.clock().monotonic_ns() >= deadline)
            {
                self.ready.waker(Token::Task(*number)).wake();
                due = true;
            }
        }
        due
    }

    /// Nanoseconds until [`Machine::turn`] is to be called again; `None` is when somebody
    /// asks.
    #[must_use]
    pub fn wait_ns(&self) -> Option<u64> {
        if !self.ready.is_empty() {
            return Some(0);
        }
        let now_ns = self.now_ns();
        let commit = self.disks.deadline(now_ns);
        let deadline = self.deadline().into_iter().chain(commit).min()?;
        Some(deadline.saturating_sub(now_ns))
    }

    fn deadline(&self) -> Option<u64> {
        let now_ns = self.now_ns();
        let deadlines = self
            .guests
            .values()
            .filter(|guest| !guest.ended)
            .flat_map(|guest| {
                let process = guest.task.process();
                let limit = process.limits().wall_ns;
                let end = (limit != u64::MAX).then(|| guest.began_ns.saturating_add(limit));
                let cpu = command::looks_at_cpu(guest, now_ns, &*self.outside);
                [end, waits_until(guest), cpu]
            });
        deadlines.flatten().min()
    }

    /// Makes a call that waited again; answers whether it is complete.
    fn retry(&mut self, number: u32) -> bool {
        let Some(guest) = self.guests.get_mut(&number) else {
            return false;
        };
        let Some(request) = guest.waiting.take() else {
            return false;
        };
        match perform(guest, &request, &mut self.reply) {
            Poll::Ready(()) => {
                self.after_call(number);
                true
            }
            Poll::Pending => {
                guest.waiting = Some(request);
                false
            }
        }
    }

    /// What a call brought beside its answer: lines of the trace, the end of the process.
    fn after_call(&mut self, number: u32) {
        if let Some(guest) = self.guests.get_mut(&number)
            && let Some(stopwatch) = &mut guest.stopwatch
        {
            stopwatch.go_on(now(&*self.outside, &self.kernel));
        }
        let Some(guest) = self.guests.get(&number) else {
            return;
        };
        self.tell_trace(number);
        if guest.task.process().status().is_some() {
            self.note_end(number, false);
        }
    }

    fn tell_trace(&self, number: u32) {
        if let Some(guest) = self.guests.get(&number)
            && let Some(trace) = &guest.trace
        {
            let lines = trace.lines.take();
            if !lines.is_empty() {
                let pid = guest.task.process().pid().0;
                self.outside.tell(&Event::Trace { pid }, lines.as_bytes());
            }
        }
    }

    /// Tells the page of an end, once.
    fn note_end(&mut self, number: u32, computing: bool) {
        let Some(guest) = self.guests.get_mut(&number).filter(|guest| !guest.ended) else {
            return;
        };
        let process = guest.task.process().clone();
        let Some(status) = process.status() else {
            return;
        };
        guest.ended = true;
        process.shrink_memory(guest.memory_bytes);
        if self.files == Some(number) {
            return;
        }
        let failed = status != ExitStatus::Exited(0);
        let is_directory = |path: &str| match guest.command {
            Some(_) => orders::host_directory(path).is_ok(),
            None => self.mounts.directory(&absolute(path)).is_ok(),
        };
        let told = explain(&process.denials(), failed, &is_directory);
        let report = guest.command.as_ref().map(|run| {
            let wall_ns = now(&*self.outside, &self.kernel).saturating_sub(guest.began_ns);
            Box::new(run.report(status, &process, told.clone(), wall_ns, &*self.outside))
        });
        if let (Some(trace), true) = (&guest.trace, report.is_some()) {
            trace.tracer.note(&status.to_string());
        }
        let mut refusals = shortened(told);
        refusals.extend(exit::note(status, process.limits()));
        let ended = Ended {
            pid: process.pid().0,
            task: number,
            code: exit::of(status),
            signal: match status {
                ExitStatus::Signaled(signal) => Some(signal.name()),
                _ => None,
            },
            computing,
            refusals,
            usage: usage(&process),
            report,
        };
        self.tell_trace(number);
        self.outside.tell(&Event::Ended(ended), &[]);
    }
}

fn now(outside: &dyn Outside, kernel: &Kernel) -> u64 {
    let own = outside.now_ns();
    own.unwrap_or_else(|| kernel.clock().monotonic_ns())
}

/// Until when a guest's call waits at most. A coarse clock gets there at its next step.
fn waits_until(guest: &Guest) -> Option<u64> {
    guest.waiting.as_ref()?;
    let deadline = guest.task.deadline()?;
    let step = guest.task.process().clock().resolution_ns().max(1);
    Some(deadline.checked_next_multiple_of(step).unwrap_or(u64::MAX))
}

/// Makes a call; `Pending` when it waits.
fn perform(guest: &mut Guest, request: &[u8], reply: &mut Reply) -> Poll<()> {
    let process = guest.task.process().clone();
    let Ok(request) = Request::parse(request) else {
        process.kill(Signal::Kill);
        reply.clear();
        reply.finish(OUTCOME_LEAVE, None);
        return Poll::Ready(());
    };
    account(guest, &process, request.memory_bytes());
    let over = |process: &Process| process.signaled().is_some() || process.status().is_some();
    if over(&process) {
        reply.clear();
        reply.finish(OUTCOME_LEAVE, None);
        return Poll::Ready(());
    }
    let mut memory = RemoteMemory::new(&request, reply);
    let answer = call_by_index(
        &mut guest.task,
        &mut memory,
        request.function,
        request.arguments,
    );
    let outcome = if over(&process) {
        OUTCOME_LEAVE
    } else {
        OUTCOME_CONTINUE
    };
    match answer {
        Poll::Pending if outcome == OUTCOME_CONTINUE => Poll::Pending,
        answer => {
            let errno = match answer {
                Poll::Ready(Err(errno)) => Some(errno),
                _ => None,
            };
            reply.finish(outcome, errno);
            Poll::Ready(())
        }
    }
}

/// Counts what the guest's memory has grown by. Its engine enforces the limit; one that lets
/// it grow beyond is stopped here.
fn account(guest: &mut Guest, process: &Process, bytes: u64) {
    if bytes == guest.memory_bytes {
        return;
    }
    if bytes > guest.memory_bytes {
        if !process.grow_memory(bytes - guest.memory_bytes) {
            process.kill(Signal::Kill);
            return;
        }
    } else {
        process.shrink_memory(guest.memory_bytes - bytes);
    }
    guest.memory_bytes = bytes;
}

fn usage(process: &Process) -> ProcessUsage {
    let usage = process.usage();
    ProcessUsage {
        calls: Syscall::ALL.iter().map(|call| usage.calls(*call)).sum(),
        bytes_in: usage.bytes_in(),
        bytes_out: usage.bytes_out(),
        memory: usage.memory_bytes(),
        memory_peak: usage.memory_peak_bytes(),
        descriptors: process.open_descriptors(),
    }
}

/// Name of the function that a request asks for.
fn function_name(request: &[u8]) -> Option<&'static str> {
    let number = Request::parse(request).ok()?.function;
    FUNCTIONS.get(number).map(|function| function.name)
}

#[cfg(test)]
mod tests;
