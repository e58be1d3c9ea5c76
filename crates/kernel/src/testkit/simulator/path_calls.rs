//! Calls on paths relative to a grant, each compared with the oracle.

use std::task::Poll;

use holm_abi::{Errno, Fd, FdFlags, FileType, LookupFlags, OpenFlags, Rights};

use super::oracle::{Call, Oracle, Says};
use super::{NAMES, Run, TARGETS};
use crate::task::{SysResult, Task};
use crate::testkit::model::tree_of;
use crate::vfs::{OpenOptions, Result};

impl Run {
    pub(super) fn random_path(&mut self) -> String {
        let mut path = String::new();
        let most = 1 + self.random.below(4);
        for at in 0..=self.random.below(most) {
            if at > 0 {
                path.push_str(if self.random.chance(1, 12) { "//" } else { "/" });
            }
            path.push_str(NAMES[self.random.index(NAMES.len())]);
        }
        if self.random.chance(1, 8) {
            path.push('/');
        }
        if self.random.chance(1, 60) {
            path.insert(0, '/');
        }
        path
    }

    /// A call on a path relative to a grant, compared with the oracle.
    pub(super) fn path_call(&mut self) {
        let at = self.some_guest();
        if self.guests[at].bases.is_empty() || self.guests[at].process.status().is_some() {
            return;
        }
        let (fd, base) = *self.random.pick(&self.guests[at].bases.clone());
        let (new_fd, new_base) = *self.random.pick(&self.guests[at].bases.clone());
        let path = self.random_path();
        let new_path = self.random_path();
        let call = match self.random.below(20) {
            0..=3 => Call::Stat {
                follow: self.random.chance(1, 2),
            },
            4..=6 => Call::CreateDirectory,
            7 => Call::RemoveDirectory,
            8 => Call::Unlink,
            9 | 10 => Call::Symlink {
                target: (*self.random.pick(&TARGETS)).to_owned(),
            },
            11 => Call::ReadLink,
            12 | 13 => Call::Link {
                follow: self.random.chance(1, 4),
                new_base,
                new_path,
            },
            14 | 15 => Call::Rename { new_base, new_path },
            _ => Call::Open {
                follow: self.random.chance(2, 3),
                options: self.open_options(),
            },
        };
        self.note(format!(
            "{} at {base}: {path} {call:?}",
            self.guests[at].process.pid()
        ));
        self.counts.calls += 1;
        self.recapture();
        let keep_open = self.random.chance(1, 3);
        let got = perform(
            &mut self.guests[at].task,
            fd,
            new_fd,
            &path,
            &call,
            keep_open,
        );
        if got.is_ok() {
            self.counts.succeeded += 1;
        }
        let full = matches!(got, Err(Errno::NoSpace | Errno::TooManyFds));
        if self.faults.take_fired() || full {
            self.counts.faults += u64::from(!full);
            self.stale = true;
            return;
        }
        self.counts.compared += 1;
        let view = self.guests[at].view.clone();
        let wanted = Oracle {
            mounts: &mut self.mounts,
            view: &view,
        }
        .call(base, &path, &call);
        // Linux looks for an ancestor in the target's place before it compares kinds.
        let tolerated = got == Err(Errno::NotEmpty) && wanted == Err(Errno::IsDirectory);
        if got != wanted && !tolerated {
            self.fail(&format!("the kernel says {got:?}, the oracle {wanted:?}"));
        }
        if wanted.is_ok() && !matches!(call, Call::Stat { .. } | Call::ReadLink) {
            for (mount, root) in self.mounts.iter().zip(&self.roots) {
                if mount.model.tree() != tree_of(&**root) {
                    self.fail(&format!("{} differs", mount.path));
                }
            }
        }
    }

    fn open_options(&mut self) -> OpenOptions {
        let create = self.random.chance(1, 2);
        OpenOptions {
            read: true,
            write: self.random.chance(1, 2),
            create,
            exclusive: create && self.random.chance(1, 4),
            truncate: self.random.chance(1, 6),
            directory: self.random.chance(1, 8),
            ..OpenOptions::default()
        }
    }
}

/// A call that never blocks.
fn now<T>(answer: SysResult<T>) -> Result<T> {
    match answer {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Errno::Again),
    }
}

/// Makes a call that the oracle knows too.
fn perform(
    task: &mut Task,
    fd: Fd,
    new_fd: Fd,
    path: &str,
    call: &Call,
    keep_open: bool,
) -> Result<Says> {
    let lookup = |follow: bool| {
        if follow {
            LookupFlags::SYMLINK_FOLLOW
        } else {
            LookupFlags::NONE
        }
    };
    let done = |answer: SysResult<()>| now(answer).map(|()| Says::Done);
    match call {
        Call::Stat { follow } => {
            let stat = now(task.path_filestat_get(fd, lookup(*follow), path))?;
            let directory = stat.file_type == FileType::Directory;
            Ok(Says::Stat(
                stat.file_type,
                if directory { 0 } else { stat.size },
            ))
        }
        Call::CreateDirectory => done(task.path_create_directory(fd, path)),
        Call::RemoveDirectory => done(task.path_remove_directory(fd, path)),
        Call::Unlink => done(task.path_unlink_file(fd, path)),
        Call::Symlink { target } => done(task.path_symlink(target, fd, path)),
        Call::ReadLink => {
            let mut buffer = [0; 100];
            let length = now(task.path_readlink(fd, path, &mut buffer))? as usize;
            Ok(Says::Text(
                String::from_utf8_lossy(&buffer[..length]).into_owned(),
            ))
        }
        Call::Link {
            follow, new_path, ..
        } => done(task.path_link(fd, lookup(*follow), path, new_fd, new_path)),
        Call::Rename { new_path, .. } => done(task.path_rename(fd, path, new_fd, new_path)),
        Call::Open { follow, options } => {
            let flags = [
                (options.create, OpenFlags::CREATE),
                (options.exclusive, OpenFlags::EXCLUSIVE),
                (options.truncate, OpenFlags::TRUNCATE),
                (options.directory, OpenFlags::DIRECTORY),
            ];
            let flags = flags
                .iter()
                .filter(|(set, _)| *set)
                .fold(OpenFlags::NONE, |all, (_, flag)| all.union(*flag));
            let writing = Rights::FD_WRITE | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
            let rights = if options.write {
                Rights::ALL
            } else {
                Rights::ALL.without(writing)
            };
            let answer = task.path_open(
                fd,
                lookup(*follow),
                path,
                flags,
                rights,
                Rights::ALL,
                FdFlags::NONE,
            );
            let opened = now(answer)?;
            if !keep_open {
                now(task.fd_close(opened))?;
            }
            Ok(Says::Done)
        }
    }
}
