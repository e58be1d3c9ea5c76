//! A system with one process: a file system in memory at `/tmp`, a pipe as standard input.

use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::Errno;
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::vfs::memfs::{MemoryFs, Quota};
use holm_kernel::{
    Access, Kernel, Namespace, Options, PipeWriter, Ports, ProcessSpec, StandardStreams, Task,
};
use holm_wasi_p1::{Answer, GuestMemory, functions};

/// The descriptor of `/tmp`.
pub(crate) const TMP: i32 = 3;

/// Where tests put paths.
pub(crate) const PATH: i32 = 256;

/// Where tests have results written.
pub(crate) const RESULT: i32 = 1024;

pub(crate) struct System {
    pub(crate) task: Task,
    pub(crate) memory: Vec<u8>,
    pub(crate) stdin: Arc<PipeWriter>,
}

impl System {
    /// A process with the arguments `one`, an empty one and `three`, one variable, and a
    /// memory of 64 KiB full of 0xaa, so that bytes which were not written show.
    pub(crate) fn new() -> System {
        let clock = Arc::new(VirtualClock::new());
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let quota = Quota {
            bytes: 1 << 20,
            inodes: 100,
        };
        let mut namespace = Namespace::builder();
        namespace
            .mount(
                "/tmp",
                MemoryFs::new(clock, quota).root(),
                Access::ReadWrite,
                "memory",
            )
            .expect("nothing is mounted there");
        let (reader, stdin) = holm_kernel::pipe();
        let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("boots");
        let spec = ProcessSpec {
            program: "test".to_owned(),
            arguments: ["one", "", "three"].map(str::to_owned).to_vec(),
            environment: vec![("NAME".to_owned(), "value".to_owned())],
            namespace,
            streams: StandardStreams {
                stdin: Some(reader),
                ..StandardStreams::default()
            },
            ..ProcessSpec::default()
        };
        let process = kernel.spawn(&authority, spec).expect("spawns");
        System {
            task: Task::new(process, Waker::noop().clone()),
            memory: vec![0xaa; 1 << 16],
            stdin,
        }
    }

    /// Writes bytes into the guest's memory.
    pub(crate) fn put(&mut self, at: i32, bytes: &[u8]) {
        self.memory
            .as_mut_slice()
            .write(at.cast_unsigned(), bytes)
            .expect("the test's bytes fit");
    }

    /// Writes numbers of 32 bits one after the other.
    pub(crate) fn put_words(&mut self, at: i32, words: &[u32]) {
        for (at, word) in (at..).step_by(4).zip(words) {
            self.put(at, &word.to_le_bytes());
        }
    }

    /// Writes a path where the tests have paths; answers address and length.
    pub(crate) fn path(&mut self, path: &str) -> (i32, i32) {
        self.put(PATH, path.as_bytes());
        (PATH, i32::try_from(path.len()).expect("short"))
    }

    /// Bytes of the guest's memory.
    pub(crate) fn bytes<const N: usize>(&self, at: i32) -> [u8; N] {
        self.memory
            .as_slice()
            .read(at.cast_unsigned())
            .expect("inside the memory")
    }

    /// A number of 32 bits of the guest's memory.
    pub(crate) fn word(&self, at: i32) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    /// A number of 64 bits of the guest's memory.
    pub(crate) fn long(&self, at: i32) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    /// Opens a file below `/tmp`, creating it, for reading and writing.
    pub(crate) fn create(&mut self, path: &str) -> Result<i32, Errno> {
        let (at, length) = self.path(path);
        let answer = functions::path_open(
            &mut self.task,
            self.memory.as_mut_slice(),
            TMP,
            0,
            at,
            length,
            1,
            -1,
            -1,
            0,
            RESULT,
        );
        match answer {
            Poll::Ready(result) => result.map(|()| self.word(RESULT).cast_signed()),
            Poll::Pending => panic!("opening never waits"),
        }
    }
}

/// Calls a function of a system and answers what it answered.
macro_rules! call {
    ($system:ident.$name:ident($($argument:expr),* $(,)?)) => {
        holm_wasi_p1::functions::$name(
            &mut $system.task,
            $system.memory.as_mut_slice(),
            $($argument),*
        )
    };
}

pub(crate) use call;

/// An answer that failed.
pub(crate) fn failed(errno: Errno) -> Answer {
    Poll::Ready(Err(errno))
}

/// An answer that succeeded.
pub(crate) const DONE: Answer = Poll::Ready(Ok(()));
