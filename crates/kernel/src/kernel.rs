//! The kernel of one system: its ports, its processes, its numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use holm_abi::{Errno, Pid};

use crate::net::answers::Answers;
use crate::net::loopback::Loopback;
use crate::port::{Clock, Entropy, Network};
use crate::process::Process;

/// What a system is made with.
#[derive(Debug)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The network; a system without one still has the virtual loopback.
    pub network: Option<Arc<dyn Network>>,
}

/// How a system behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Directories are listed in order of name, whatever the backend's order: needed where
    /// two runs must give the same bytes.
    pub sorted_directories: bool,
}

/// The right to make processes out of nothing, minted once at boot. Whoever holds it is
/// the host; a process can only make children that hold no more than itself.
#[derive(Debug)]
pub struct Authority(());

/// A system: a kernel and its processes.
#[derive(Debug)]
pub struct Kernel {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) network: Option<Arc<dyn Network>>,
    pub(crate) loopback: Arc<Loopback>,
    pub(crate) answers: Answers,
    pub(crate) options: Options,
    /// Inode numbers are shown through a secret permutation, so that a guest cannot tell
    /// one host's disk from another's.
    inode_key: u64,
    next_pid: AtomicU32,
    /// Taken when a process starts, ends or is looked up; never by another system call.
    processes: Mutex<BTreeMap<Pid, Weak<Process>>>,
}

impl Kernel {
    /// Starts a system.
    ///
    /// # Errors
    ///
    /// `EIO` when the host has no randomness.
    pub fn boot(ports: Ports, options: Options) -> Result<(Arc<Kernel>, Authority), Errno> {
        let mut key = [0; 8];
        ports.entropy.fill(&mut key)?;
        let kernel = Kernel {
            clock: ports.clock,
            entropy: ports.entropy,
            network: ports.network,
            loopback: Arc::default(),
            answers: Answers::default(),
            options,
            inode_key: u64::from_le_bytes(key),
            next_pid: AtomicU32::new(1),
            processes: Mutex::new(BTreeMap::new()),
        };
        Ok((Arc::new(kernel), Authority(())))
    }

    /// The system's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The live process with this id.
    #[must_use]
    pub fn process(&self, pid: Pid) -> Option<Arc<Process>> {
        crate::lock(&self.processes)
            .get(&pid)
            .and_then(Weak::upgrade)
    }

    /// Every live process, in order of id.
    #[must_use]
    pub fn processes(&self) -> Vec<Arc<Process>> {
        crate::lock(&self.processes)
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// A process id never given before. `EAGAIN` after four billion of them.
    pub(crate) fn new_pid(&self) -> Result<Pid, Errno> {
        self.next_pid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |pid| {
                pid.checked_add(1)
            })
            .map(Pid)
            .map_err(|_| Errno::Again)
    }

    pub(crate) fn register(&self, process: &Arc<Process>) {
        crate::lock(&self.processes).insert(process.pid(), Arc::downgrade(process));
    }

    pub(crate) fn unregister(&self, pid: Pid) {
        crate::lock(&self.processes).remove(&pid);
    }

    /// What a backend's inode is shown as: a permutation of 64-bit numbers (the finaliser
    /// of `SplitMix64`, keyed), so two files never share a number because of it.
    pub(crate) fn shown_inode(&self, inode: u64) -> u64 {
        let mut mixed = inode ^ self.inode_key;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
