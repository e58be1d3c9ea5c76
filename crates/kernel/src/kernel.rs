//! The kernel of one system: its ports, its processes, its numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use holm_abi::{Errno, Pid};

use crate::net::answers::Answers;
use crate::net::loopback::Loopback;
use crate::port::{Clock, Entropy, Network};
use crate::process::Process;
use crate::process_ids::ProcessIds;

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
    /// Taken when a process starts, ends or is looked up; never by another system call.
    processes: Mutex<BTreeMap<Pid, Weak<Process>>>,
    /// Taken when a process starts and when the last who holds it lets go of it; never together
    /// with the other.
    ids: Mutex<ProcessIds>,
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
            processes: Mutex::new(BTreeMap::new()),
            ids: Mutex::new(ProcessIds::new()),
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

    /// A process id that no process has which somebody holds, be it over. `EAGAIN` when there is
    /// none.
    pub(crate) fn new_pid(&self) -> Result<Pid, Errno> {
        crate::lock(&self.ids).take()
    }

    /// Nobody holds the process of this id any more.
    pub(crate) fn release_pid(&self, pid: Pid) {
        crate::lock(&self.ids).release(pid);
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

#[cfg(test)]
mod tests {
    use holm_abi::ExitStatus;

    use super::*;
    use crate::deterministic::{SeededEntropy, VirtualClock};
    use crate::process::ProcessSpec;

    /// Ids come round again; one of a process that has ended and is held, to be asked how, does not.
    #[test]
    fn an_id_is_given_again_when_nobody_holds_its_process() {
        let ports = Ports {
            clock: Arc::new(VirtualClock::new()),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("it boots");
        let spawn = || {
            let spawned = kernel.spawn(&authority, ProcessSpec::default());
            spawned.expect("room")
        };
        let (first, second, third) = (spawn(), spawn(), spawn());
        assert_eq!(third.pid(), Pid(3));
        first.end(ExitStatus::Exited(7));
        second.end(ExitStatus::Exited(0));
        drop(second);
        crate::lock(&kernel.ids).go_to_the_last();
        let last = spawn();
        assert_eq!(last.pid(), Pid(i32::MAX.cast_unsigned()));
        let again = spawn();
        assert_eq!(again.pid(), Pid(2));
        // The end of the first one, long ago, is nothing to those after it.
        drop(first);
        assert_eq!(spawn().pid(), Pid(4));
        let known = kernel.process(Pid(2)).expect("it lives");
        assert!(Arc::ptr_eq(&known, &again));
    }
}
