//! What a component's store holds: the processes that it acts as, and its resources.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use holm_abi::{Errno, Fd, Stat};
use holm_engine::StoreBounds;
use holm_engine::process::{Blocker, Guest};
use holm_kernel::{Process, SysResult, Task};
use wasmtime::component::ResourceTable;

use crate::http::{Body, ErrorCode, HttpBounds, HttpClient, RequestOptions, ResponseFuture};

use crate::unsent::Unsent;

/// Wakes futures at a time; the host gives one to components that are suspended when they wait.
pub trait Timer: Debug + Send + Sync {
    /// Wakes `waker` once the monotonic clock of the process has reached `deadline_ns`.
    fn wake_at(&self, deadline_ns: u64, waker: &Waker);

    /// Need not wake `waker` at `deadline_ns` any more. A timer that does not hear it wakes in
    /// vain, and holds what guests no longer wait for.
    fn forget(&self, _deadline_ns: u64, _waker: &Waker) {}
}

/// Which process a resource belongs to: that of the program, or that of a dependency which has
/// grants of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ViewId(u16);

impl ViewId {
    /// The program itself.
    pub const PROGRAM: ViewId = ViewId(0);

    /// The dependency that was added as number `at`, from 0.
    pub(crate) fn dependency(at: usize) -> ViewId {
        ViewId(u16::try_from(at + 1).unwrap_or(u16::MAX))
    }
}

/// Bounds of what a component holds beside descriptors and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Resources: streams, pollables, futures, sockets, fields.
    pub resources: usize,
    /// Memories, tables and instances.
    pub store: StoreBounds,
    /// Bytes that one call may bring into the host.
    pub call_bytes: usize,
    /// Messages of HTTP.
    pub http: HttpBounds,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            resources: 16_384,
            store: StoreBounds::default(),
            call_bytes: 64 << 20,
            http: HttpBounds::default(),
        }
    }
}

/// A descriptor of a process that is closed when the last resource lets go of it.
#[derive(Clone, Debug)]
pub struct Owned(Arc<Place>);

#[derive(Debug)]
struct Place {
    view: ViewId,
    fd: Fd,
    process: Arc<Process>,
    /// Whether it is closed in the end; the standard streams stay.
    closes: bool,
}

impl Owned {
    /// The process.
    #[must_use]
    pub fn view(&self) -> ViewId {
        self.0.view
    }

    /// The number.
    #[must_use]
    pub fn fd(&self) -> Fd {
        self.0.fd
    }

    /// Whether both are one descriptor of one process.
    #[must_use]
    pub fn is(&self, other: &Owned) -> bool {
        (self.view(), self.fd()) == (other.view(), other.fd())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.closes {
            // A task of its own: the store's may be in the middle of a call.
            let _ = Task::new(self.process.clone(), Waker::noop().clone()).fd_close(self.fd);
        }
    }
}

/// `wasi:filesystem` descriptor.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The descriptor.
    pub owned: Owned,
    /// What it was opened for (`descriptor-flags`), in the kernel's words.
    pub readable: bool,
    /// Whether it may be written, or, for a directory, changed.
    pub writable: bool,
    /// Whether it was opened to be changed (`mutate-directory`): what guests are told.
    pub changes: bool,
}

/// What a component's store holds.
#[derive(Debug)]
pub struct State {
    /// The program's process, its memory and who waits for it.
    pub guest: Guest,
    /// Its resources.
    pub table: ResourceTable,
    /// Tasks of dependencies that have grants of their own; the program's is in `guest`.
    views: Vec<Task>,
    /// Wakes the thread that the blocker puts to sleep; the tasks' wakers move.
    thread: Waker,
    /// The seeds of `insecure-seed`, which stay the same.
    pub(crate) seeds: Vec<(ViewId, (u64, u64))>,
    timer: Arc<dyn Timer>,
    http: Option<Arc<dyn HttpClient>>,
    bounds: Bounds,
    /// What the last call was told of a path, when that call was `stat-at`.
    pub(crate) last_stat: Option<PathStat>,
    /// What descriptors did not take yet.
    pub(crate) unsent: Unsent,
}

/// Metadata of a path, as a call found it.
#[derive(Debug)]
pub(crate) struct PathStat {
    pub(crate) owned: Owned,
    pub(crate) path: String,
    pub(crate) stat: Stat,
    /// Whether it is what stands at the path, not what a link there leads to.
    pub(crate) is_itself: bool,
}

impl State {
    /// For the process of `task`. `blocker` waits when a call blocks its thread, `timer` wakes
    /// those that are suspended.
    #[must_use]
    pub fn new(
        task: Task,
        blocker: Arc<dyn Blocker>,
        timer: Arc<dyn Timer>,
        bounds: Bounds,
    ) -> State {
        let mut table = ResourceTable::new();
        table.set_max_capacity(bounds.resources);
        let thread = task.waker().clone();
        State {
            guest: Guest::new(task, blocker, bounds.store),
            table,
            views: Vec::new(),
            thread,
            seeds: Vec::new(),
            timer,
            http: None,
            bounds,
            last_stat: None,
            unsent: Unsent::default(),
        }
    }

    /// Lets it send requests, as far as the rules of its process go.
    #[must_use]
    pub fn with_http(mut self, client: Arc<dyn HttpClient>) -> State {
        self.http = Some(client);
        self
    }

    /// Begins a request on behalf of a view.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::HttpRequestDenied`] where there is no client.
    pub(crate) fn send(
        &self,
        view: ViewId,
        request: ::http::Request<Body>,
        options: RequestOptions,
    ) -> Result<ResponseFuture, ErrorCode> {
        match &self.http {
            Some(client) => Ok(client.send(request, options, self.process(view))),
            None => Err(ErrorCode::HttpRequestDenied),
        }
    }

    /// Adds the process of a dependency; its interfaces are linked with the answer.
    pub fn add_view(&mut self, process: &Arc<Process>) -> ViewId {
        let waker = Waker::noop().clone();
        self.views.push(Task::new(process.clone(), waker));
        ViewId(u16::try_from(self.views.len()).unwrap_or(u16::MAX))
    }

    /// All processes that it acts as, the program's first.
    pub(crate) fn processes(&self) -> Vec<Arc<Process>> {
        let program = self.guest.task.process();
        core::iter::once(program)
            .chain(self.views())
            .cloned()
            .collect()
    }

    /// The processes of dependencies.
    pub fn views(&self) -> impl Iterator<Item = &Arc<Process>> {
        self.views.iter().map(Task::process)
    }

    /// Its bounds.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Who wakes those that are suspended.
    #[must_use]
    pub fn timer(&self) -> &Arc<dyn Timer> {
        &self.timer
    }

    /// The task that calls of a view are made on.
    pub fn task(&mut self, view: ViewId) -> &mut Task {
        match usize::from(view.0) {
            0 => &mut self.guest.task,
            at => &mut self.views[at - 1],
        }
    }

    /// The process of a view.
    #[must_use]
    pub fn process(&self, view: ViewId) -> &Arc<Process> {
        match usize::from(view.0) {
            0 => self.guest.task.process(),
            at => self.views[at - 1].process(),
        }
    }

    /// Makes a new descriptor of a view a resource's.
    #[must_use]
    pub fn own(&self, view: ViewId, fd: Fd) -> Owned {
        self.hold(view, fd, true)
    }

    /// Lets resources use a descriptor that stays open: the standard streams.
    #[must_use]
    pub fn lend(&self, view: ViewId, fd: Fd) -> Owned {
        self.hold(view, fd, false)
    }

    fn hold(&self, view: ViewId, fd: Fd, closes: bool) -> Owned {
        Owned(Arc::new(Place {
            view,
            fd,
            process: self.process(view).clone(),
            closes,
        }))
    }

    /// Makes a call that waits as long as it must, on the calling thread.
    ///
    /// # Errors
    ///
    /// A trap when the process was killed; what the call answers.
    #[inline]
    pub fn call<T>(
        &mut self,
        view: ViewId,
        mut call: impl FnMut(&mut Task) -> SysResult<T>,
    ) -> wasmtime::Result<Result<T, Errno>> {
        self.last_stat = None;
        loop {
            let answer = call(self.task(view));
            self.guest.check_signal()?;
            match answer {
                Poll::Ready(result) => return Ok(result),
                Poll::Pending => self.wait(view)?,
            }
        }
    }

    /// Waits on the calling thread for what a view's task waits for.
    #[cold]
    fn wait(&mut self, view: ViewId) -> wasmtime::Result<()> {
        // Somebody who was suspended was the last to be woken: made again, the call wakes the
        // thread.
        let thread = self.thread.clone();
        if !self.task(view).waker().will_wake(&thread) {
            self.task(view).set_waker(&thread);
            return Ok(());
        }
        if view != ViewId::PROGRAM {
            // The host waits on the program's task: lend it the deadline.
            let deadline = self.task(view).deadline();
            self.guest.task.wait_until(deadline);
        }
        self.guest.block()
    }

    /// Makes a call for somebody who is suspended: `Pending` has registered the context's waker.
    pub fn poll_call<T>(
        &mut self,
        view: ViewId,
        context: &mut Context<'_>,
        call: impl FnOnce(&mut Task) -> SysResult<T>,
    ) -> Poll<Result<T, Errno>> {
        self.last_stat = None;
        let task = self.task(view);
        task.set_waker(context.waker());
        let answer = call(task);
        if answer.is_pending() {
            let deadline = task.deadline();
            // Others make calls on the same task before this one is made again.
            task.abandon();
            if let Some(deadline) = deadline {
                self.timer.wake_at(deadline, context.waker());
            }
        }
        answer
    }

    /// Waits on the calling thread until `poll` is ready; it is called with the waker of the
    /// thread, and says until when to wait at most.
    ///
    /// # Errors
    ///
    /// A trap when the process was killed.
    pub fn block_on<T>(
        &mut self,
        mut poll: impl FnMut(&mut State, &mut Context<'_>, &mut Option<u64>) -> Poll<T>,
    ) -> wasmtime::Result<T> {
        let waker = self.thread.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            let mut deadline = None;
            let answer = poll(self, &mut context, &mut deadline);
            if answer.is_pending() {
                let _ = self.poll_unsent(&mut context);
            }
            self.guest.check_signal()?;
            match answer {
                Poll::Ready(answer) => {
                    self.guest.task.abandon();
                    return Ok(answer);
                }
                Poll::Pending => {
                    self.guest.task.wait_until(deadline);
                    self.guest.block()?;
                }
            }
        }
    }
}
