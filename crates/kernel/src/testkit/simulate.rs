//! Random operations on a backend and on the model, compared step by step.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::{Errno, FileType};

use super::model::{Model, ModelOpened, NodeId, tree_of};
use super::random::SplitMix64;
use crate::vfs::{Directory, File, Lookup, OpenOptions, Opened, Result};

/// Few names, so that operations meet.
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "a-name-that-is-longer-than-others"];
/// Most open handles of a kind.
const HANDLES_MAX: usize = 12;
/// Operations shown when something differs.
const LOG_LENGTH: usize = 40;
/// Sizes stay below this, in bytes: a few chunks of any backend, and small in the model.
const SIZE_MAX: u64 = 90_000;

/// How to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    /// Everything follows from the seed.
    pub seed: u64,
    /// Number of operations.
    pub steps: u64,
    /// Whether the backend may answer `ENOSPC`, then having changed nothing.
    pub may_fill_up: bool,
    /// Operations between two comparisons of the whole tree.
    pub compare_every: u64,
}

impl Simulation {
    /// `steps` operations on a backend that never fills up.
    #[must_use]
    pub fn new(seed: u64, steps: u64) -> Simulation {
        Simulation {
            seed,
            steps,
            may_fill_up: false,
            compare_every: 100,
        }
    }

    /// Runs, with `model` holding what the backend below `root` holds. Every handle is
    /// dropped at the end.
    ///
    /// # Panics
    ///
    /// When the backend and the model differ; says the seed and the last operations.
    pub fn run(self, root: &Arc<dyn Directory>, model: &mut Model) {
        let mut run = Run {
            options: self,
            random: SplitMix64::new(self.seed),
            model,
            directories: vec![(Arc::clone(root), Model::ROOT)],
            files: Vec::new(),
            readers: Vec::new(),
            log: VecDeque::new(),
        };
        for step in 0..self.steps {
            run.step();
            if step % self.compare_every == 0 {
                run.compare(root);
            }
        }
        run.compare(root);
    }
}

struct Run<'a> {
    options: Simulation,
    random: SplitMix64,
    model: &'a mut Model,
    directories: Vec<(Arc<dyn Directory>, NodeId)>,
    files: Vec<(Arc<dyn File>, NodeId)>,
    /// Opened for reading alone: they must see what others write.
    readers: Vec<(Arc<dyn File>, NodeId)>,
    log: VecDeque<String>,
}

impl Run<'_> {
    fn step(&mut self) {
        let (directory, id) = self.random.pick(&self.directories).clone();
        let name = *self.random.pick(&NAMES);
        match self.random.below(20) {
            0..=3 => self.open(&*directory, id, name),
            4 => {
                let got = directory.create_directory_at(name);
                self.change(format!("mkdir {id}/{name}"), &got, |model| {
                    model.create_directory(id, name)
                });
            }
            5 => {
                let got = directory.remove_directory_at(name);
                self.change(format!("rmdir {id}/{name}"), &got, |model| {
                    model.remove_directory(id, name)
                });
            }
            6 => {
                let got = directory.unlink_at(name);
                self.change(format!("unlink {id}/{name}"), &got, |model| {
                    model.unlink(id, name)
                });
            }
            7 => {
                let target = *self.random.pick(&NAMES);
                let got = directory.symlink_at(name, target);
                self.change(format!("symlink {id}/{name} -> {target}"), &got, |model| {
                    model.symlink(id, name, target)
                });
            }
            8..=10 => self.rename_or_link(&*directory, id, name),
            11 => self.enter(&*directory, id, name),
            12 => self.look(&*directory, id, name),
            13 => self.list(&*directory, id),
            _ if self.files.is_empty() => {}
            14 | 15 => self.read(),
            16 | 17 => self.write(),
            18 => self.set_size(),
            _ => self.close(),
        }
    }

    fn note(&mut self, what: String) {
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(what);
    }

    fn fail(&self, message: &str) -> ! {
        let log: Vec<&str> = self.log.iter().map(String::as_str).collect();
        panic!(
            "seed {}: {message}\nlast operations:\n  {}",
            self.options.seed,
            log.join("\n  ")
        );
    }

    /// Applies to the model what the backend has answered. What ran out of space must not
    /// have happened.
    fn change<T: Debug + PartialEq>(
        &mut self,
        what: String,
        got: &Result<T>,
        apply: impl FnOnce(&mut Model) -> Result<T>,
    ) {
        self.note(what);
        if self.options.may_fill_up && *got == Err(Errno::NoSpace) {
            self.note("  (no space)".to_owned());
        } else {
            let wanted = apply(self.model);
            self.agree(got, &wanted);
        }
    }

    fn agree<T: Debug + PartialEq>(&self, got: &T, wanted: &T) {
        if got != wanted {
            self.fail(&format!(
                "the backend answers {got:?}, the model {wanted:?}"
            ));
        }
    }

    fn open(&mut self, directory: &dyn Directory, id: NodeId, name: &str) {
        let write = self.random.chance(1, 2);
        let create = self.random.chance(1, 2);
        let options = OpenOptions {
            read: true,
            write,
            create,
            exclusive: create && self.random.chance(1, 4),
            truncate: write && self.random.chance(1, 4),
            directory: !create && self.random.chance(1, 8),
            ..OpenOptions::default()
        };
        self.note(format!("open {id}/{name} {options:?}"));
        let got = directory.open_at(name, options);
        if self.options.may_fill_up && matches!(got, Err(Errno::NoSpace)) {
            return;
        }
        match (got, self.model.open(id, name, options)) {
            (Ok(Opened::File(file)), Ok(ModelOpened::File(id))) => {
                self.compare_content(&*file, id);
                let handles = if write {
                    &mut self.files
                } else {
                    &mut self.readers
                };
                if handles.len() == HANDLES_MAX {
                    handles.swap_remove(self.random.index(HANDLES_MAX));
                }
                handles.push((file, id));
            }
            (Ok(Opened::Directory(directory)), Ok(ModelOpened::Directory(id))) => {
                self.keep_directory(directory, id);
            }
            (Ok(Opened::Symlink(got)), Ok(ModelOpened::Symlink(wanted))) => {
                self.agree(&got, &wanted);
            }
            (Err(got), Err(wanted)) => self.agree(&got, &wanted),
            (got, wanted) => self.fail(&format!("opened {got:?}, the model {wanted:?}")),
        }
    }

    fn keep_directory(&mut self, directory: Arc<dyn Directory>, id: NodeId) {
        if self.directories.len() == HANDLES_MAX {
            // The root, first in the list, always stays.
            let index = 1 + self.random.index(HANDLES_MAX - 1);
            self.directories.swap_remove(index);
        }
        self.directories.push((directory, id));
    }

    fn compare_content(&self, file: &dyn File, id: NodeId) {
        let wanted = self.model.data(id).expect("invariant: a file");
        let got = super::model::read_all(file);
        if got != wanted {
            let differs = got
                .iter()
                .zip(wanted)
                .position(|(got, wanted)| got != wanted);
            self.fail(&format!(
                "{} bytes, the model {}; first difference at {differs:?}",
                got.len(),
                wanted.len()
            ));
        }
    }

    fn rename_or_link(&mut self, directory: &dyn Directory, id: NodeId, name: &str) {
        let (to, to_id) = self.random.pick(&self.directories).clone();
        let new_name = *self.random.pick(&NAMES);
        if self.random.chance(1, 3) {
            let got = directory.link_at(name, &*to, new_name);
            let what = format!("link {id}/{name} {to_id}/{new_name}");
            self.change(what, &got, |model| model.link(id, name, to_id, new_name));
            return;
        }
        let got = directory.rename_at(name, &*to, new_name);
        let what = format!("rename {id}/{name} {to_id}/{new_name}");
        self.change(what, &got, |model| {
            let wanted = model.rename(id, name, to_id, new_name);
            // Linux looks for an ancestor in the target's place before it compares kinds.
            if got == Err(Errno::NotEmpty) && wanted == Err(Errno::IsDirectory) {
                got
            } else {
                wanted
            }
        });
    }

    fn enter(&mut self, directory: &dyn Directory, id: NodeId, name: &str) {
        self.note(format!("enter {id}/{name}"));
        match (directory.lookup(name), self.model.lookup(id, name)) {
            (Ok(Lookup::Directory(child)), Ok(id)) => {
                self.agree(&FileType::Directory, &self.model.file_type(id));
                self.keep_directory(child, id);
            }
            (Ok(Lookup::Symlink(got)), _) => {
                self.agree(&Ok(got), &self.model.read_link(id, name));
            }
            (Ok(Lookup::Other), Ok(id)) => {
                self.agree(&FileType::RegularFile, &self.model.file_type(id));
            }
            (got, wanted) => self.agree(&got.map(|_| 0).err(), &wanted.err()),
        }
    }

    fn look(&mut self, directory: &dyn Directory, id: NodeId, name: &str) {
        self.note(format!("stat {id}/{name}"));
        let got = directory.stat_at(name).map(|stat| {
            let directory = stat.file_type == FileType::Directory;
            let size = if directory { 0 } else { stat.size };
            let links = if directory { 0 } else { stat.links };
            (stat.file_type, size, links)
        });
        let wanted = self.model.lookup(id, name).map(|found| {
            let file_type = self.model.file_type(found);
            let (size, links) = match file_type {
                FileType::Directory => (0, 0),
                FileType::SymbolicLink => {
                    let text = self.model.read_link(id, name);
                    (text.map_or(0, |text| text.len()), self.model.links(found))
                }
                _ => (
                    self.model.data(found).map_or(0, <[u8]>::len),
                    self.model.links(found),
                ),
            };
            let size = u64::try_from(size).expect("invariant: lengths fit 64 bits");
            (file_type, size, links)
        });
        self.agree(&got, &wanted);
        let got = directory.read_link_at(name);
        self.agree(&got, &self.model.read_link(id, name));
    }

    /// Lists in small steps, each going on from the cursor of the last.
    fn list(&mut self, directory: &dyn Directory, id: NodeId) {
        self.note(format!("list {id}"));
        let mut got = Vec::new();
        let mut cursor = 0;
        loop {
            let mut left = 1 + self.random.below(3);
            let before = got.len();
            let listed = directory.read_dir(cursor, &mut |entry| {
                got.push((entry.name.to_owned(), entry.file_type));
                cursor = entry.next;
                left -= 1;
                if left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            self.agree(&listed, &Ok(()));
            if got.len() == before {
                break;
            }
        }
        got.sort_by(|one, other| one.0.cmp(&other.0));
        self.agree(&Ok(got), &self.model.list(id));
    }

    fn read(&mut self) {
        let (file, id) = self.random.pick(&self.files).clone();
        let offset = self.random.below(SIZE_MAX * 2);
        let length = usize::try_from(self.random.below(70_000)).expect("invariant: small");
        self.note(format!("read {length} bytes of {id} at {offset}"));
        let start = usize::try_from(offset).expect("invariant: small");
        let wanted = self.model.read(id, start, length);
        let wanted = wanted.expect("invariant: a file");
        let mut buffer = vec![0xee; length];
        let mut done = 0;
        // A short read is allowed, an end before the end is not.
        while done < wanted.len() {
            let at = offset + u64::try_from(done).expect("invariant: small");
            match file.read_at(at, &mut buffer[done..]) {
                Ok(read) if read > 0 => done += read,
                other => self.fail(&format!("{other:?} after {done} of {}", wanted.len())),
            }
        }
        if buffer[..done] != wanted[..] {
            self.fail("the bytes differ");
        }
        let links = file.stat().map(|stat| stat.links);
        self.agree(&links, &Ok(self.model.links(id)));
    }

    fn write(&mut self) {
        let (file, id) = self.random.pick(&self.files).clone();
        let append = self.random.chance(1, 3);
        let end = self.model.data(id).expect("invariant: a file").len();
        let end = u64::try_from(end).expect("invariant: small");
        let offset = match self.random.below(3) {
            _ if append => end,
            0 => self.random.below(SIZE_MAX),
            _ => self.random.below(end + 100),
        };
        let length = match self.random.below(8) {
            0..=3 => self.random.below(20),
            4..=6 => self.random.below(3_000),
            _ => self.random.below(100_000),
        };
        let length = if offset > SIZE_MAX { 0 } else { length };
        let length = usize::try_from(length).expect("invariant: small");
        let bytes = self.random.bytes(length);
        let (first, second) = bytes.split_at(self.random.index(length + 1));
        self.note(format!(
            "write {length} bytes to {id} at {offset} ({append})"
        ));
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        let written = if append {
            file.append(&slices).map(|(written, after)| {
                let grown = u64::try_from(written).expect("invariant: small");
                self.agree(&after, &(end + grown));
                written
            })
        } else {
            file.write_at(offset, &slices)
        };
        match written {
            Err(Errno::NoSpace) if self.options.may_fill_up => {}
            Ok(written) if written > 0 || length == 0 => {
                let offset = usize::try_from(offset).expect("invariant: small");
                let stored = self.model.write(id, offset, &bytes[..written]);
                stored.expect("invariant: a file");
            }
            other => self.fail(&format!("{other:?} for {length} bytes")),
        }
        self.compare_content(&*file, id);
    }

    fn set_size(&mut self) {
        let (file, id) = self.random.pick(&self.files).clone();
        let size = self.random.below(SIZE_MAX);
        let small = usize::try_from(size).expect("invariant: small");
        if self.random.chance(1, 4) {
            let length = 1 + self.random.below(50_000);
            let end = small + usize::try_from(length).expect("invariant: small");
            let got = file.allocate(size, length);
            self.change(format!("allocate {id} {size} {length}"), &got, |model| {
                let old = model.data(id).map_or(0, <[u8]>::len);
                model.set_size(id, old.max(end))
            });
        } else {
            let got = file.set_size(size);
            self.change(format!("set_size {id} {size}"), &got, |model| {
                model.set_size(id, small)
            });
        }
        self.compare_content(&*file, id);
    }

    fn close(&mut self) {
        let index = self.random.index(self.files.len());
        let (_, id) = self.files.swap_remove(index);
        self.note(format!("close {id}"));
    }

    /// Compares the whole tree and all open files.
    fn compare(&mut self, root: &Arc<dyn Directory>) {
        let got = tree_of(&**root);
        let wanted = self.model.tree();
        if got != wanted {
            let differing: Vec<_> = got
                .keys()
                .chain(wanted.keys())
                .filter(|path| got.get(*path) != wanted.get(*path))
                .map(|path| {
                    format!(
                        "{path}: {:?}, the model {:?}",
                        got.get(path),
                        wanted.get(path)
                    )
                })
                .collect();
            self.fail(&format!("the trees differ:\n  {}", differing.join("\n  ")));
        }
        for (file, id) in self.files.iter().chain(&self.readers) {
            self.compare_content(&**file, *id);
        }
    }
}
