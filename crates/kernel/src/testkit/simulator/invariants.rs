//! What must hold after every step of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_abi::{Fd, Rights};

use super::{MOUNTS, Run, SECRET};
use crate::descriptor::Object;
use crate::testkit::model::tree_of;
use crate::vfs::mount::{Access, Mount, Origin};

/// What a process should have used, and what its descriptors were.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) memory: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// By number: the open file's address, and the rights.
    rights: BTreeMap<Fd, (usize, Rights, Rights)>,
}

impl Run {
    /// Checks every process and every mount.
    pub(super) fn check(&mut self) {
        for at in 0..self.guests.len() {
            self.check_table(at);
            self.check_usage(at);
        }
        let whole = self.steps.is_multiple_of(16);
        if whole && tree_of(&*self.roots[3]) != self.read_only {
            self.fail("the read-only mount has changed");
        }
        let live = self.kernel.processes();
        let ended = self
            .guests
            .iter()
            .filter(|guest| guest.process.status().is_none())
            .count();
        if live.len() != ended {
            self.fail(&format!("{} processes are known, {ended} live", live.len()));
        }
        if live.len() > super::GUESTS_MAX as usize {
            self.fail("more processes than the limit");
        }
    }

    fn check_table(&mut self, at: usize) {
        let guest = &self.guests[at];
        let process = guest.process.clone();
        let limit = process.limits().descriptors;
        let mut rights = BTreeMap::new();
        let table = crate::lock(&process.descriptors);
        for (fd, entry) in table.iter() {
            let (most, mount) = match &entry.open.object {
                Object::File(_, mount) => (Rights::FILE, Some(mount)),
                Object::Directory(place, _) => (Rights::DIRECTORY, Some(&place.mount)),
                Object::Stream(_) => (Rights::SOCKET | Rights::DEVICE, None),
                Object::Listener(_) => (Rights::LISTENER, None),
                Object::Socket(_) => (Rights::NETWORK, None),
            };
            if !most.contains(entry.rights) {
                self.fail(&format!("{fd} has {}", entry.rights));
            }
            if let Some(mount) = mount {
                self.check_mount(at, fd, entry.rights, mount, &entry.open.object);
            }
            let address = Arc::as_ptr(&entry.open) as usize;
            let known = guest.account.rights.get(&fd);
            if let Some((_, before, inheriting)) = known.filter(|known| known.0 == address)
                && (!before.contains(entry.rights) || !inheriting.contains(entry.inheriting))
                // A duplicate that took the number may hold what this one gave up.
                && !guest.account.rights.values().any(|other| {
                    other.0 == address
                        && other.1.contains(entry.rights)
                        && other.2.contains(entry.inheriting)
                })
            {
                self.fail(&format!("the rights of {fd} have grown"));
            }
            rights.insert(fd, (address, entry.rights, entry.inheriting));
        }
        let count = u32::try_from(rights.len()).unwrap_or(u32::MAX);
        if count != table.open_count() || count > limit {
            self.fail(&format!(
                "{count} descriptors, {} counted",
                table.open_count()
            ));
        }
        if process.status().is_some() && count > 0 {
            self.fail("a process that has ended holds descriptors");
        }
        drop(table);
        self.guests[at].account.rights = rights;
    }

    /// A descriptor leads to a mount that the process has, with no more access.
    fn check_mount(&self, at: usize, fd: Fd, rights: Rights, mount: &Mount, object: &Object) {
        if mount.access == Access::ReadOnly
            && matches!(object, Object::File(..))
            && rights.intersects(Rights::CHANGES)
        {
            self.fail(&format!("{fd} has {rights} on a read-only mount"));
        }
        if let Origin::Granted(_) = mount.origin {
            let guest = &self.guests[at];
            let seen = guest
                .view
                .iter()
                .find(|(known, _)| MOUNTS[*known].0 == mount.path);
            match seen {
                None => self.fail(&format!("{fd} leads to {}", mount.path)),
                Some((SECRET, _)) if guest.child => self.fail("a child has the secret"),
                Some((_, false)) if mount.access == Access::ReadWrite => {
                    self.fail(&format!("{fd} may change {}", mount.path));
                }
                Some(_) => {}
            }
        }
    }

    fn check_usage(&self, at: usize) {
        let guest = &self.guests[at];
        let usage = guest.process.usage();
        let limits = guest.process.limits();
        let account = &guest.account;
        if usage.memory_bytes() != account.memory || usage.memory_bytes() > limits.memory_bytes {
            self.fail("memory is miscounted");
        }
        if usage.bytes_out() != account.bytes_out || usage.bytes_out() > limits.bytes_out {
            self.fail(&format!(
                "{} bytes out, {}",
                usage.bytes_out(),
                account.bytes_out
            ));
        }
        if usage.bytes_in() != account.bytes_in {
            self.fail(&format!(
                "{} bytes in, {}",
                usage.bytes_in(),
                account.bytes_in
            ));
        }
        if guest.process.denials().len() > crate::denial::DENIALS_MAX {
            self.fail("denials are not bounded");
        }
    }
}
