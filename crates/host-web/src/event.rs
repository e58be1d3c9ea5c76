//! What the kernel tells the page, beside the answers to its orders.

use holm_explain::learn::Learned;
use serde::Serialize;

use crate::control::ProcessUsage;

/// Something that happened. Bytes that belong to it travel beside it.
#[derive(Debug, Serialize)]
#[serde(tag = "on", rename_all = "kebab-case")]
pub enum Event {
    /// A process wrote to a stream; its bytes follow.
    Output {
        /// The stream's number.
        stream: u32,
    },
    /// A stream has no writer any more, and all of it was told.
    Closed {
        /// The stream's number.
        stream: u32,
    },
    /// What was given to a stream has been taken, and more may be given.
    Taken {
        /// The stream's number.
        stream: u32,
    },
    /// Nobody reads the stream any more.
    Broken {
        /// The stream's number.
        stream: u32,
    },
    /// A process has ended.
    Ended(Ended),
    /// A mount that had to wait is there, or cannot be.
    Mounted {
        /// The ticket of its order.
        ticket: u32,
        /// Why it cannot be.
        error: Option<String>,
    },
    /// Bytes of an archive are needed; [`Order::Fetched`](crate::control::Order::Fetched)
    /// answers.
    Fetch {
        /// By which it is answered.
        ticket: u32,
        /// The archive.
        url: String,
        /// Offset of the first byte.
        offset: u64,
        /// How many.
        length: usize,
    },
    /// Lines of a process's trace follow, each with its newline.
    Trace {
        /// The process.
        pid: u32,
    },
}

/// How a process ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The process.
    pub pid: u32,
    /// The number by which its guest makes calls.
    pub task: u32,
    /// Exit code as a shell shows it.
    pub code: u8,
    /// Name of the signal that ended it.
    pub signal: Option<&'static str>,
    /// Whether its guest computes on, for all that is known: it was killed between two calls.
    pub computing: bool,
    /// What was refused to it, in sentences.
    pub refusals: Vec<String>,
    /// What it used.
    pub usage: ProcessUsage,
    /// What a command line says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<Report>>,
}

/// What a command line says of the end of a process.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Why a limit ended it.
    pub note: Option<String>,
    /// What was refused to it, all of it.
    pub refusals: Vec<String>,
    /// What it used, as lines of a table.
    pub stats: Vec<String>,
    /// What it turned out to need.
    pub learned: Option<Learned>,
}

/// Who is told.
pub trait Outside: std::fmt::Debug + Send + Sync {
    /// Passes an event on, with the bytes that belong to it.
    fn tell(&self, event: &Event, bytes: &[u8]);

    /// Nanoseconds since some time, which pass by themselves; `None` where the kernel's clock
    /// is as good.
    fn now_ns(&self) -> Option<u64> {
        None
    }

    /// CPU time that all workers have used together, in nanoseconds; `None` where nobody
    /// knows.
    fn cpu_ns(&self) -> Option<u64> {
        None
    }

    /// Most memory that was resident at one time, in bytes; 0 where nobody knows.
    fn peak_resident_bytes(&self) -> u64 {
        0
    }
}
