//! Processes: what one holds, what it used, how it ends.

mod spawn;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use holm_abi::{Errno, ExitStatus, Fd, Limits, Pid, Signal, Syscall};

pub use spawn::{ChildMount, ChildSpec, ListenerSpec, ProcessSpec, SpawnError, StandardStreams};

use crate::denial::{Cause, Denial, DenialLog, Limit};
use crate::descriptor::DescriptorTable;
use crate::kernel::Kernel;
use crate::net::NetworkPolicy;
use crate::port::Clock;
use crate::trace::Observer;
use crate::vfs::mount::Namespace;

/// Stops what executes a process, in a compute loop or wherever it is. The engine gives one
/// to the kernel; killing a process calls it.
pub trait Interrupt: std::fmt::Debug + Send + Sync {
    /// Makes the guest stop soon. May be called more than once, from any thread.
    fn interrupt(&self);
}

/// A running program.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    parent: Weak<Process>,
    kernel: Arc<Kernel>,
    program: String,
    arguments: Arc<[String]>,
    environment: Arc<[(String, String)]>,
    namespace: Arc<Namespace>,
    clock: Arc<dyn Clock>,
    pub(crate) network: NetworkPolicy,
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
    started_ns: u64,

    /// Locked for the time of a lookup, never while a backend works.
    pub(crate) descriptors: Mutex<DescriptorTable>,
    pub(crate) usage: Usage,
    denials: DenialLog,
    life: Mutex<Life>,
    /// Set once; read on the way out of every call that waited.
    signal: AtomicU8,
    ended: AtomicBool,
    children: Mutex<Vec<Arc<Process>>>,
    family: Arc<Family>,
    /// Whether this one is no longer counted in `family` and those above.
    left_family: AtomicBool,
}

#[derive(Debug, Default)]
struct Life {
    status: Option<ExitStatus>,
    /// Tasks of this process, to be woken when it is killed.
    tasks: Vec<(u64, Waker)>,
    /// Number of the next task.
    next_task: u64,
    /// Tasks of the parent that wait for the end.
    waiters: Vec<Waker>,
    interrupt: Option<Arc<dyn Interrupt>>,
}

/// What a process has used in total.
#[derive(Debug)]
pub struct Usage {
    calls: [AtomicU64; Syscall::COUNT],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    memory_bytes: AtomicU64,
    memory_peak_bytes: AtomicU64,
}

impl Usage {
    fn new() -> Usage {
        Usage {
            calls: [const { AtomicU64::new(0) }; Syscall::COUNT],
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            memory_bytes: AtomicU64::new(0),
            memory_peak_bytes: AtomicU64::new(0),
        }
    }

    /// Adds to a counter that one thread writes: a plain add, not a locked one. Should two
    /// threads of one process race, a count is lost, which accounting bears.
    fn add(counter: &AtomicU64, amount: u64) {
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn count(&self, call: Syscall) {
        Usage::add(&self.calls[call as usize], 1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        Usage::add(&self.bytes_in, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        Usage::add(&self.bytes_out, bytes as u64);
    }

    /// How often a call was made.
    #[must_use]
    pub fn calls(&self, call: Syscall) -> u64 {
        self.calls[call as usize].load(Ordering::Relaxed)
    }

    /// Bytes read from descriptors.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    /// Bytes written to descriptors.
    #[must_use]
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// Bytes of memories and tables now.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Most bytes of memories and tables at one time.
    #[must_use]
    pub fn memory_peak_bytes(&self) -> u64 {
        self.memory_peak_bytes.load(Ordering::Relaxed)
    }
}

impl Process {
    /// Its id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Id of the process that made it; `None` for one that the host made, and when the
    /// parent is gone.
    #[must_use]
    pub fn parent(&self) -> Option<Pid> {
        self.parent.upgrade().map(|parent| parent.pid)
    }

    /// The system it belongs to.
    #[must_use]
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Name of the program.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments, the program's name first.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Its environment.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// What it sees as its files.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// The clock that it was granted.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What it may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it has used.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Who listens to its calls.
    #[must_use]
    pub fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// When it started, on the system's monotonic clock, in nanoseconds.
    #[must_use]
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// How many descriptors are open.
    #[must_use]
    pub fn open_descriptors(&self) -> u32 {
        crate::lock(&self.descriptors).open_count()
    }

    /// The directories that were granted to it and are open: number and name.
    #[must_use]
    pub fn granted_directories(&self) -> Vec<(Fd, String)> {
        crate::lock(&self.descriptors)
            .iter()
            .filter_map(|(fd, entry)| Some((fd, entry.granted_as.as_deref()?.to_owned())))
            .collect()
    }

    /// What was refused to it so far, the first cause first.
    #[must_use]
    pub fn denials(&self) -> Vec<Denial> {
        self.denials.list()
    }

    pub(crate) fn deny(&self, cause: Cause, call: Option<Syscall>, errno: Errno) {
        self.denials.record(cause, call, errno);
    }

    /// Asks for `bytes` more of linear memory or tables; the engine calls this before it
    /// grows one. `false` when the total would exceed the limit: then nothing changes but
    /// that the refusal is noted.
    #[must_use]
    pub fn grow_memory(&self, bytes: u64) -> bool {
        let limit = self.limits.memory_bytes;
        let grown =
            self.usage
                .memory_bytes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                    now.checked_add(bytes).filter(|total| *total <= limit)
                });
        match grown {
            Ok(before) => {
                self.usage
                    .memory_peak_bytes
                    .fetch_max(before + bytes, Ordering::Relaxed);
                true
            }
            Err(_) => {
                self.deny(Cause::Limit(Limit::Memory(limit)), None, Errno::NoMemory);
                false
            }
        }
    }

    /// Gives memory back.
    pub fn shrink_memory(&self, bytes: u64) {
        // The closure never answers `None`, so the update cannot fail.
        let _ = self
            .usage
            .memory_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                Some(now.saturating_sub(bytes))
            });
    }

    /// The signal that is to end it, when there is one.
    #[must_use]
    pub fn signaled(&self) -> Option<Signal> {
        match self.signal.load(Ordering::Acquire) {
            0 => None,
            raw => Signal::from_raw(u32::from(raw)),
        }
    }

    /// How it ended; `None` while it lives.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        if !self.ended.load(Ordering::Acquire) {
            return None;
        }
        crate::lock(&self.life).status
    }

    /// Lets `interrupt` stop it from now on.
    pub fn set_interrupt(&self, interrupt: Arc<dyn Interrupt>) {
        if self.signaled().is_some() {
            interrupt.interrupt();
        }
        crate::lock(&self.life).interrupt = Some(interrupt);
        // Killed between the two lines above: the killer has not seen the new interrupt.
        if self.signaled().is_some() {
            let interrupt = crate::lock(&self.life).interrupt.clone();
            if let Some(interrupt) = interrupt {
                interrupt.interrupt();
            }
        }
    }

    /// Notes the signal that is to end it, and no more: an atomic operation, which a handler
    /// of a host's signals may do. The handler must then make the guest look, by the
    /// engine's interrupt and by ending the host's wait. Everything else, [`Process::kill`].
    pub fn note_signal(&self, signal: Signal) {
        // A signal that came before counts.
        let _ = self
            .signal
            .compare_exchange(0, signal as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Ends it from outside, with everything below it: it stops in a compute loop as in a
    /// call that waits. The first signal counts.
    pub fn kill(&self, signal: Signal) {
        if signal == Signal::None || self.ended.load(Ordering::Acquire) {
            return;
        }
        let first =
            self.signal
                .compare_exchange(0, signal as u8, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            let (tasks, interrupt) = {
                let life = crate::lock(&self.life);
                let tasks: Vec<Waker> = life.tasks.iter().map(|(_, waker)| waker.clone()).collect();
                (tasks, life.interrupt.clone())
            };
            if let Some(interrupt) = interrupt {
                interrupt.interrupt();
            }
            for waker in tasks {
                waker.wake();
            }
        }
        self.kill_children(signal);
    }

    fn kill_children(&self, signal: Signal) {
        // Copied first: a waker or an interrupt runs a host's code, which must find no lock
        // held. (A temporary in the head of a `for` lives until its end.)
        let children = crate::lock(&self.children).clone();
        for child in children {
            child.kill(signal);
        }
    }

    /// Records its end: closes its descriptors, wakes who waits for it, ends its children.
    /// The engine calls this when the guest has returned, exited or trapped. Only the first
    /// status counts.
    pub fn end(&self, status: ExitStatus) {
        let waiters = {
            let mut life = crate::lock(&self.life);
            if life.status.is_some() {
                return;
            }
            life.status = Some(status);
            life.tasks.clear();
            life.interrupt = None;
            std::mem::take(&mut life.waiters)
        };
        self.ended.store(true, Ordering::SeqCst);
        // Dropped after the lock is free: the last handle to a file may do I/O.
        let entries = crate::lock(&self.descriptors).clear();
        drop(entries);
        self.kill_children(Signal::Kill);
        // Nobody is left to wait for those of them that had ended before.
        let children = std::mem::take(&mut *crate::lock(&self.children));
        for child in children
            .iter()
            .filter(|child| child.ended.load(Ordering::SeqCst))
        {
            child.leave_family();
        }
        // One whose parent may yet wait for it keeps its place among the parent's processes:
        // its status is kept, and what is kept is bounded.
        let awaited = self
            .parent
            .upgrade()
            .is_some_and(|p| !p.ended.load(Ordering::SeqCst));
        if !awaited {
            self.leave_family();
        }
        self.kernel.unregister(self.pid);
        for waker in waiters {
            waker.wake();
        }
    }

    pub(crate) fn add_task(&self, waker: &Waker) -> u64 {
        let mut life = crate::lock(&self.life);
        let number = life.next_task;
        life.next_task += 1;
        life.tasks.push((number, waker.clone()));
        number
    }

    pub(crate) fn set_task_waker(&self, number: u64, waker: &Waker) {
        let mut life = crate::lock(&self.life);
        if let Some(known) = life.tasks.iter_mut().find(|(task, _)| *task == number) {
            known.1 = waker.clone();
        }
    }

    pub(crate) fn remove_task(&self, number: u64) {
        // Dropped after the lock is free: a waker is a host's code.
        let removed = {
            let mut life = crate::lock(&self.life);
            let at = life.tasks.iter().position(|(task, _)| *task == number);
            at.map(|at| life.tasks.swap_remove(at))
        };
        drop(removed);
    }

    /// Takes the status of a child that has ended, or registers to be woken then.
    pub(crate) fn wait_for(
        &self,
        pid: Pid,
        waker: &Waker,
    ) -> std::task::Poll<Result<ExitStatus, Errno>> {
        use std::task::Poll;
        let child = {
            let children = crate::lock(&self.children);
            children.iter().find(|child| child.pid == pid).cloned()
        };
        let Some(child) = child else {
            return Poll::Ready(Err(Errno::Child));
        };
        let status = {
            let mut life = crate::lock(&child.life);
            match life.status {
                Some(status) => status,
                None => {
                    if !life.waiters.iter().any(|known| known.will_wake(waker)) {
                        life.waiters.push(waker.clone());
                    }
                    return Poll::Pending;
                }
            }
        };
        crate::lock(&self.children).retain(|child| child.pid != pid);
        child.leave_family();
        Poll::Ready(Ok(status))
    }

    /// The process itself or one below it.
    pub(crate) fn find_below(self: &Arc<Process>, pid: Pid) -> Option<Arc<Process>> {
        if self.pid == pid {
            return Some(self.clone());
        }
        let children = crate::lock(&self.children).clone();
        children.iter().find_map(|child| child.find_below(pid))
    }

    /// Gives its place among the processes of those above back, once.
    fn leave_family(&self) {
        if !self.left_family.swap(true, Ordering::Relaxed) {
            self.family.leave();
        }
    }
}

/// How many processes there are below one process and including it: those that have not
/// ended, or that ended and may yet be waited for. Kept apart from the process, so that the
/// count above holds also when one in between is gone.
#[derive(Debug)]
struct Family {
    count: AtomicU32,
    limit: u32,
    above: Option<Arc<Family>>,
}

impl Family {
    /// A family of one, counted above too. The limit that leaves no room for it, if any.
    fn join(limit: u32, above: Option<&Arc<Family>>) -> Result<Arc<Family>, u32> {
        let mut next = above;
        while let Some(family) = next {
            let joined = family
                .count
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                    (count < family.limit).then_some(count + 1)
                });
            if joined.is_err() {
                // Those below it were counted already.
                let mut counted = above;
                while let Some(below) = counted.filter(|below| !Arc::ptr_eq(below, family)) {
                    below.count.fetch_sub(1, Ordering::Relaxed);
                    counted = below.above.as_ref();
                }
                return Err(family.limit);
            }
            next = family.above.as_ref();
        }
        Ok(Arc::new(Family {
            count: AtomicU32::new(1),
            limit,
            above: above.cloned(),
        }))
    }

    fn leave(&self) {
        let mut next = Some(self);
        while let Some(family) = next {
            family.count.fetch_sub(1, Ordering::Relaxed);
            next = family.above.as_deref();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process whose engine went away without a word must not stay in the table.
        self.leave_family();
        self.kernel.unregister(self.pid);
        // Only now: another process of this id would have been unregistered.
        self.kernel.release_pid(self.pid);
    }
}
