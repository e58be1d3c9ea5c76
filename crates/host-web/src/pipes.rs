//! Pipes between processes: both ends wait here until a process is given them.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_kernel::vfs::Stream;
use holm_kernel::{PipeReader, PipeWriter, pipe};

/// Most pipes whose ends were not given yet.
const PIPES_MAX: usize = 1024;

#[derive(Debug)]
struct Ends {
    reader: Option<Arc<PipeReader>>,
    writer: Option<Arc<PipeWriter>>,
}

/// The pipes of a machine that still have an end to give.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pipes: BTreeMap<u32, Ends>,
    next: u32,
}

impl Pipes {
    /// A new pipe; `None` when there are too many.
    pub(crate) fn add(&mut self) -> Option<u32> {
        if self.pipes.len() >= PIPES_MAX {
            return None;
        }
        let (reader, writer) = pipe();
        self.next += 1;
        let ends = Ends {
            reader: Some(reader),
            writer: Some(writer),
        };
        self.pipes.insert(self.next, ends);
        Some(self.next)
    }

    /// The end of a pipe that a process reads, or writes. It stays here until
    /// [`Pipes::given`], as a process may have two streams that write to one pipe.
    pub(crate) fn end(&self, number: u32, reads: bool) -> Option<Arc<dyn Stream>> {
        let ends = self.pipes.get(&number)?;
        if reads {
            ends.reader.clone().map(|end| end as Arc<dyn Stream>)
        } else {
            ends.writer.clone().map(|end| end as Arc<dyn Stream>)
        }
    }

    /// An end was given to a process, which alone keeps it open from here on.
    pub(crate) fn given(&mut self, number: u32, reads: bool) {
        if let Some(ends) = self.pipes.get_mut(&number) {
            if reads {
                ends.reader = None;
            } else {
                ends.writer = None;
            }
            if ends.reader.is_none() && ends.writer.is_none() {
                self.pipes.remove(&number);
            }
        }
    }

    /// Lets go of what was not given.
    pub(crate) fn remove(&mut self, number: u32) {
        self.pipes.remove(&number);
    }
}
