//! Workers: tasks of their own for what goes on beside the guest's calls.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use holm_abi::Errno;
use holm_kernel::{SysResult, Task};

use crate::{State, Timer, ViewId};

/// A task that makes one call at a time, again and again, until it is answered.
#[derive(Debug)]
pub(crate) struct Worker {
    task: Task,
    alarm: Alarm,
}

impl Worker {
    /// A task of a view's process.
    pub(crate) fn new(state: &State, view: ViewId) -> Worker {
        Worker {
            task: Task::new(state.process(view).clone(), Waker::noop().clone()),
            alarm: Alarm::new(state),
        }
    }

    /// Makes the call; `Pending` has registered the context's waker.
    pub(crate) fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        call: impl FnOnce(&mut Task) -> SysResult<T>,
    ) -> Poll<Result<T, Errno>> {
        self.task.set_waker(context.waker());
        let answer = call(&mut self.task);
        match (&answer, self.task.deadline()) {
            (Poll::Pending, Some(deadline)) => self.alarm.set(deadline, context),
            _ => self.alarm.clear(),
        }
        answer
    }

    /// Lets go of a call that was not answered.
    pub(crate) fn abandon(&mut self) {
        self.task.abandon();
        self.alarm.clear();
    }
}

/// Wakes somebody at a time, unless it is dropped before.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: Arc<dyn Timer>,
    set: Option<(u64, Waker)>,
}

impl Alarm {
    pub(crate) fn new(state: &State) -> Alarm {
        Alarm {
            timer: state.timer().clone(),
            set: None,
        }
    }

    /// Wakes the context's waker at `deadline_ns`, and at no other time.
    pub(crate) fn set(&mut self, deadline_ns: u64, context: &Context<'_>) {
        if let Some((set, waker)) = &self.set
            && *set == deadline_ns
            && waker.will_wake(context.waker())
        {
            return;
        }
        self.clear();
        self.timer.wake_at(deadline_ns, context.waker());
        self.set = Some((deadline_ns, context.waker().clone()));
    }

    pub(crate) fn clear(&mut self) {
        if let Some((deadline_ns, waker)) = self.set.take() {
            self.timer.forget(deadline_ns, &waker);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}
