//! Orders of the page to the kernel, and their answers.
//!
//! An order is JSON, with bytes behind it where it says so; so is an answer: either
//! `{"ok": …}` or `{"error": {"kind", "message"}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the page may ask for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Order {
    /// Mounts something into the system.
    Mount {
        /// Absolute path.
        path: String,
        /// What.
        source: Source,
        /// By which [`Event::Mounted`](crate::event::Event::Mounted) tells of an archive's.
        #[serde(default)]
        ticket: u32,
    },
    /// Brings the bytes behind the order, which were needed.
    Fetched {
        /// The event's.
        ticket: u32,
        /// Bytes of the whole archive.
        length: u64,
        /// Its entity tag.
        tag: Option<String>,
    },
    /// Says that bytes which were needed cannot be had.
    NotFetched {
        /// The event's.
        ticket: u32,
        /// Why.
        why: String,
    },
    /// Takes a mount out of the system; processes that were given it keep it.
    Unmount {
        /// Its path.
        path: String,
    },
    /// Lists the mounts.
    Mounts,
    /// Puts everything on disks on stable storage.
    Sync,
    /// Starts the process through which the page itself looks at the files; the last one
    /// ends. Answers a [`Files`].
    Files,
    /// Starts a process. Answers a [`Spawned`].
    Spawn(Box<Spawn>),
    /// Says that the guest of a task has ended by itself.
    End {
        /// The task.
        task: u32,
        /// How.
        how: End,
    },
    /// Kills a process and everything below it.
    Kill {
        /// The process.
        pid: u32,
        /// Number of the signal.
        signal: u32,
    },
    /// Lists the processes.
    Processes,
    /// Makes a pipe for two processes that are to be started. Answers a [`Pipe`].
    Pipe,
    /// Lets go of the ends of a pipe that no process was given.
    ClosePipe {
        /// The pipe.
        pipe: u32,
    },
    /// Makes a terminal. Answers a [`Terminal`].
    Terminal {
        /// Its width in characters.
        columns: u16,
        /// Its height in lines.
        rows: u16,
    },
    /// Types the bytes behind the order.
    Type {
        /// The terminal.
        terminal: u32,
    },
    /// Changes the size of a terminal.
    Resize {
        /// The terminal.
        terminal: u32,
        /// Its width in characters.
        columns: u16,
        /// Its height in lines.
        rows: u16,
    },
    /// Says how a terminal treats what is typed.
    Mode {
        /// The terminal.
        terminal: u32,
        /// Whether each key is passed on as it is.
        raw: bool,
    },
    /// Ends a terminal, and the processes in its foreground with it.
    HangUp {
        /// The terminal.
        terminal: u32,
    },
    /// A standard stream of the worker, for which a call waited, is ready.
    Ready {
        /// Its number, 0 to 2.
        stream: u8,
    },
    /// The page takes more bytes of a stream.
    Credit {
        /// The stream.
        stream: u32,
        /// How many more.
        bytes: usize,
    },
    /// Gives the bytes behind the order to a stream.
    Give {
        /// The stream.
        stream: u32,
    },
    /// Ends the page's side of a stream.
    Close {
        /// The stream.
        stream: u32,
    },
}

/// What is mounted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Source {
    /// A file system in memory of up to so many bytes.
    Memory {
        /// Its quota.
        bytes: u64,
    },
    /// The files of the archive behind the order.
    Archive {
        /// What it is called.
        name: String,
    },
    /// The files of an archive that is fetched by range.
    Remote {
        /// Where it is.
        url: String,
        /// Its bytes.
        length: u64,
        /// Its entity tag.
        tag: Option<String>,
    },
    /// A disk, on an image that the worker opened.
    Disk {
        /// The worker's number of the image.
        device: u32,
        /// What it is called.
        name: String,
        /// Size of the disk that is made when the image is empty.
        size: u64,
        /// Whether it may only be read.
        read_only: bool,
    },
    /// A directory of the host, in Node.
    Directory {
        /// Its path on the host.
        path: String,
        /// Whether it may only be read.
        read_only: bool,
    },
    /// Another source, with changes kept in memory.
    Copy {
        /// The source.
        of: Box<Source>,
        /// Most bytes of changes.
        bytes: u64,
    },
}

/// A process to start.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spawn {
    /// Its name, argument 0.
    pub name: String,
    /// Its arguments without its name.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// What it is granted, as options of `holm run`.
    pub grants: Vec<String>,
    /// Its three standard streams.
    pub stdio: [Stdio; 3],
    /// How its calls are traced.
    pub trace: Option<TraceFormat>,
    /// What the command line gives it beside `grants`.
    pub command: Option<CommandSpawn>,
}

/// What a command line gives a process, and wants to hear of its end. It has decided already
/// what is granted and says it in its own words.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CommandSpawn {
    /// Directories, in order.
    pub mounts: Vec<GivenMount>,
    /// Whether its clock has steps of 1 ms.
    pub coarse_clock: bool,
    /// Most bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Most CPU time, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Most time from start to end, in nanoseconds.
    pub wall_ns: Option<u64>,
    /// Most open descriptors.
    pub descriptors: Option<u32>,
    /// Whether the table of what was used is wanted.
    pub stats: bool,
    /// Nanoseconds from asking for the program to running it, for that table.
    pub start_ns: u64,
    /// What code is run, for that table.
    pub code: String,
    /// Whether what it turned out to need is wanted.
    pub learn: bool,
}

/// A directory of the system as a process is given it.
#[derive(Debug, Deserialize)]
pub struct GivenMount {
    /// Its path in the system.
    pub path: String,
    /// Its path for the process.
    pub guest: String,
    /// What may be done with it.
    pub access: GivenAccess,
    /// Where it comes from, as whoever granted it wrote it.
    pub source: String,
}

/// What a process may do with a directory.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum GivenAccess {
    /// Read.
    #[serde(rename = "ro")]
    ReadOnly,
    /// Read and change.
    #[serde(rename = "rw")]
    ReadWrite,
    /// Change a copy of it.
    #[serde(rename = "cow")]
    CopyOnWrite,
}

/// Where a standard stream leads.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdio {
    /// Nowhere: it is closed.
    #[default]
    Null,
    /// To the page.
    Pipe,
    /// To a terminal of the system.
    Terminal(u32),
    /// From a pipe of the system, or into one. Each of its ends is given once.
    Between(u32),
    /// To the worker's own stream of the same number, in Node.
    Standard {
        /// Whether escape sequences reach its terminal.
        escapes: bool,
    },
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TraceFormat {
    /// A line of text for each call.
    Text,
    /// A line of JSON for each call.
    Json,
}

/// How a guest ended by itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Its entry returned.
    Returned,
    /// It trapped.
    Trapped,
    /// It could not be started, or its worker was lost.
    Lost,
}

/// A process that was started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spawned {
    /// Its id.
    pub pid: u32,
    /// The number by which its guest makes calls.
    pub task: u32,
    /// Numbers of the page's ends of its standard streams.
    pub streams: [Option<u32>; 3],
    /// Most bytes of its memory; `None` when it has no limit of its own.
    pub memory_bytes: Option<u64>,
    /// What its worker may answer by itself; `None` when each call must reach the kernel.
    pub local: Option<Local>,
}

/// What a guest's worker knows of its process.
#[derive(Debug, Serialize)]
pub struct Local {
    /// Its arguments, its name first.
    pub arguments: Vec<String>,
    /// Its environment as `NAME=value`.
    pub environment: Vec<String>,
}

/// A pipe that was made.
#[derive(Debug, Serialize)]
pub struct Pipe {
    /// Its number.
    pub pipe: u32,
}

/// A terminal that was made.
#[derive(Debug, Serialize)]
pub struct Terminal {
    /// Its number.
    pub terminal: u32,
    /// Number of the stream with what is to be drawn.
    pub stream: u32,
}

/// The process by which the page looks at the files.
#[derive(Debug, Serialize)]
pub struct Files {
    /// The number by which calls are made for it.
    pub task: u32,
}

/// What a process used.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessUsage {
    /// System calls.
    pub calls: u64,
    /// Bytes read from descriptors.
    pub bytes_in: u64,
    /// Bytes written to descriptors.
    pub bytes_out: u64,
    /// Bytes of memory now.
    pub memory: u64,
    /// Most bytes of memory at one time.
    pub memory_peak: u64,
    /// Open descriptors.
    pub descriptors: u32,
}

/// A process as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: Option<u32>,
    /// Its name.
    pub name: String,
    /// Its arguments without its name.
    pub args: Vec<String>,
    /// `running` or `waiting`.
    pub state: &'static str,
    /// The function in which it waits.
    pub waits_in: Option<&'static str>,
    /// Its grants as options.
    pub grants: Vec<String>,
    /// What it used.
    pub usage: ProcessUsage,
    /// Seconds since it started.
    pub age: f64,
}

/// A mount as it is listed.
#[derive(Debug, Serialize)]
pub struct MountInfo {
    /// Its path.
    pub path: String,
    /// Where its files come from.
    pub source: String,
    /// `ro` or `rw`.
    pub access: &'static str,
    /// Bytes in use, of a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Bytes in all, of a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Why an order was not carried out.
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// Which kind of failure, for programs.
    pub kind: &'static str,
    /// What went wrong and what to do, for people.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(kind: &'static str, message: impl std::fmt::Display) -> Refusal {
        Refusal {
            kind,
            message: message.to_string(),
        }
    }
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done.
    Ok(Reply),
    /// Not done.
    Error(Refusal),
}

/// What a carried-out order answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// It is begun; an event tells when it is done.
    Begun {
        /// True.
        begun: bool,
    },
    /// Nothing but that it was done.
    Done(()),
    /// Of [`Order::Spawn`].
    Spawned(Box<Spawned>),
    /// Of [`Order::Files`].
    Files(Files),
    /// Of [`Order::Pipe`].
    Pipe(Pipe),
    /// Of [`Order::Terminal`].
    Terminal(Terminal),
    /// Of [`Order::Processes`].
    Processes(Vec<ProcessInfo>),
    /// Of [`Order::Mounts`].
    Mounts(Vec<MountInfo>),
}
