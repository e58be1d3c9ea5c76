//! A system whose processes see writable, read-only and layered directories, and streams.

use std::sync::Arc;
use std::task::Waker;

use holm_kernel::abi::{Fd, Limits, Rights, Signal};
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::port::Clock;
use holm_kernel::testkit::host::{HandClock, ScriptedListener, ScriptedStream};
use holm_kernel::testkit::model::{Tree, tree_of};
use holm_kernel::vfs::Directory;
use holm_kernel::vfs::imagefs::ImageBuilder;
use holm_kernel::vfs::memfs::{MemoryFs, Quota, Usage};
use holm_kernel::vfs::overlayfs::OverlayFs;
use holm_kernel::{
    Access, ChildMount, ChildSpec, Kernel, ListenerSpec, Namespace, Options, Ports, ProcessSpec,
    StandardStreams, Task,
};
use holm_wasi_p1::Answer;

use crate::Input;
use crate::tree::{child, make, write};

const QUOTA: Quota = Quota {
    bytes: 1 << 20,
    inodes: 64,
};
const LIMITS: Limits = Limits {
    memory_bytes: 1 << 20,
    descriptors: 24,
    processes: 4,
    cpu_ns: u64::MAX,
    bytes_out: 1 << 20,
    wall_ns: u64::MAX,
};

/// A system, with a task of each of its processes.
#[derive(Debug)]
pub struct System {
    clock: Arc<HandClock>,
    /// A task of each process.
    pub tasks: Vec<Task>,
    stdin: Arc<ScriptedStream>,
    listener: Arc<ScriptedListener>,
    memories: Vec<Arc<MemoryFs>>,
    /// Roots that nothing may change, and what is in them.
    fixed: Vec<(Arc<dyn Directory>, Tree)>,
}

/// `canary`, `a/b/c`, `d` (a link to it), `b` (a link that leads out).
fn fill(root: &dyn Directory) {
    write(root, "canary", b"canary");
    let below = make(&*make(root, "a"), "b");
    write(&*below, "c", b"content");
    root.symlink_at("d", "a/b/c").expect("the name is free");
    root.symlink_at("b", "../../a").expect("the name is free");
}

impl System {
    /// The same system each time, with one process.
    ///
    /// # Panics
    ///
    /// When the kernel refuses what is good.
    #[must_use]
    pub fn new(options: Options, virtual_time: bool) -> System {
        let clock = Arc::new(HandClock::default());
        let mut memories = Vec::new();
        let mut memory = || {
            let memory = MemoryFs::new(clock.clone(), QUOTA);
            memories.push(memory.clone());
            memory.root()
        };
        let [writable, read_only, lower, nested] = std::array::from_fn(|_| {
            let root = memory();
            fill(&*root);
            root
        });
        let overlay = OverlayFs::new(lower.clone(), memory(), clock.clone()).root();
        let mut image = ImageBuilder::new();
        image
            .add_file("a/canary", Arc::new(b"canary".to_vec()), 0, false)
            .and_then(|()| image.add_symlink("b", "a/canary"))
            .expect("these are good names");
        let image = image.build().expect("a small image").root();
        let mut namespace = Namespace::builder();
        for (path, root, access) in [
            ("/rw", &writable, Access::ReadWrite),
            ("/ro", &read_only, Access::ReadOnly),
            ("/rw/a/jail", &nested, Access::ReadOnly),
            ("/cow", &overlay, Access::ReadWrite),
            ("/img", &image, Access::ReadOnly),
            // The same directory again, below and read-only.
            ("/rw/same", &child(&*writable, "a"), Access::ReadOnly),
        ] {
            namespace
                .mount(path, root.clone(), access, "memory")
                .expect("nothing is there");
        }
        let fixed = [read_only, lower, nested, image]
            .map(|root| (root.clone(), tree_of(&*root)))
            .into();
        let stdin = ScriptedStream::terminal();
        let (reader, writer) = holm_kernel::pipe();
        drop(reader);
        let listener = Arc::new(ScriptedListener::default());
        let spec = ProcessSpec {
            program: "fuzz".to_owned(),
            arguments: vec!["fuzz".to_owned(), String::new(), "three".to_owned()],
            environment: vec![("NAME".to_owned(), "value".to_owned())],
            namespace,
            streams: StandardStreams {
                stdin: Some(stdin.clone()),
                stdout: Some(ScriptedStream::terminal()),
                stderr: Some(writer),
            },
            listeners: vec![ListenerSpec {
                name: "net".to_owned(),
                listener: listener.clone(),
            }],
            limits: LIMITS,
            ..ProcessSpec::default()
        };
        let granted: Arc<dyn Clock> = if virtual_time {
            Arc::new(VirtualClock::new())
        } else {
            clock.clone()
        };
        let ports = Ports {
            clock: granted,
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, options).expect("there is randomness");
        let process = kernel
            .spawn(&authority, spec)
            .expect("there is room for a process");
        let tasks = vec![Task::new(process, Waker::noop().clone())];
        System {
            clock,
            tasks,
            stdin,
            listener,
            memories,
            fixed,
        }
    }

    /// Makes a call of preview 1, once more when it waited for a time; answers what came last.
    ///
    /// # Panics
    ///
    /// When it waits beyond its deadline.
    pub fn call(&mut self, at: usize, mut make: impl FnMut(&mut Task) -> Answer) -> Answer {
        let task = &mut self.tasks[at];
        let mut answer = make(task);
        if answer.is_pending() {
            if let Some(deadline) = task.deadline() {
                task.process().clock().jump_to(deadline);
                answer = make(task);
                assert!(answer.is_ready(), "a call waits beyond its deadline");
            }
            task.abandon();
        }
        answer
    }

    /// What the host does, or a process by a call that preview 1 has not.
    pub fn happen(&mut self, at: usize, input: &mut Input<'_>) {
        let fd = Fd(u32::from(input.byte() % 32));
        let task = &mut self.tasks[at];
        match input.byte() % 8 {
            0 => self.stdin.push(input.bytes(16)),
            1 => self.stdin.end(),
            2 => self.listener.connect().push(b"request"),
            3 => drop(task.pipe()),
            4 => drop(task.fd_dup(fd)),
            5 if at > 0 => task.process().kill(Signal::Terminate),
            6 => self.clock.advance_ns(input.number() >> 8),
            _ => {
                let read_only = ChildMount {
                    path: "/rw".to_owned(),
                    access: Access::ReadOnly,
                };
                let spec = ChildSpec {
                    mounts: vec![read_only],
                    descriptors: vec![(Fd(0), fd, Rights::ALL)],
                    limits: LIMITS,
                    ..ChildSpec::default()
                };
                // Refused when too many live, when `fd` is closed, or leads elsewhere.
                if let Ok(child) = task.process().clone().spawn_child(spec) {
                    self.tasks.push(Task::new(child, Waker::noop().clone()));
                }
            }
        }
    }

    /// Whether what must hold does.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn check(&self) {
        for (root, tree) in &self.fixed {
            assert_eq!(tree_of(&**root), *tree, "what is read-only was changed");
        }
        for memory in &self.memories {
            let usage = memory.usage();
            assert!(
                usage.bytes <= QUOTA.bytes && usage.inodes <= QUOTA.inodes,
                "{usage:?}"
            );
        }
        for task in &self.tasks {
            let process = task.process();
            assert!(process.open_descriptors() <= LIMITS.descriptors);
            assert!(process.usage().bytes_out() <= LIMITS.bytes_out);
        }
        let live = self
            .tasks
            .iter()
            .filter(|task| task.process().status().is_none())
            .count();
        assert!(live <= LIMITS.processes as usize, "{live} processes");
    }

    /// How full each of its file systems is. Files may be sparse and too large to look at.
    #[must_use]
    pub fn usages(&self) -> Vec<Usage> {
        let usages = self.memories.iter().map(|memory| memory.usage());
        usages.collect()
    }
}
