//! The power goes at any moment: the disk is as it was at a commit at or after the last sync.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::Arc;

use holm_kernel::testkit::model::{ModelOpened, NodeId, Tree, tree_of};
use holm_kernel::testkit::{Model, SplitMix64};
use holm_kernel::vfs::{Directory, File, Lookup, Opened};

use super::devices::{Recorder, after_power_loss};
use super::{CREATE, assert_clean, create, create_on, open_on};
use crate::{Disk, MemoryDevice, OpenMode};

const NAMES: [&str; 7] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "a longer name than the others have",
];

/// A random workload, and what was true at each commit.
struct Run {
    device: Arc<Recorder>,
    disk: Disk,
    model: Model,
    random: SplitMix64,
    directories: Vec<(Arc<dyn Directory>, NodeId)>,
    files: Vec<(Arc<dyn File>, NodeId)>,
    /// By generation: what the disk may hold, and the deeds after which it must.
    commits: BTreeMap<u64, (Vec<Tree>, usize)>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let device = Arc::new(Recorder::default());
        let disk = create_on(&device, 6 << 20);
        let mut random = SplitMix64::new(seed);
        disk.with_volume(|volume| volume.commit_after(20_000 + random.below(400_000)));
        let directories = vec![(disk.root(), Model::ROOT)];
        let model = Model::new();
        let first = (vec![model.tree()], device.count());
        Run {
            commits: BTreeMap::from([(disk.info().generation, first)]),
            device,
            disk,
            model,
            random,
            directories,
            files: Vec::new(),
        }
    }

    fn step(&mut self, operate: impl FnOnce(&mut Run)) {
        let generation = self.disk.info().generation;
        let before = self.model.clone();
        operate(self);
        let now = self.disk.info().generation;
        if now != generation {
            let trees = vec![before.tree(), self.model.tree()];
            let deeds = self.device.count();
            for generation in generation + 1..=now {
                self.commits.insert(generation, (trees.clone(), deeds));
            }
        }
    }

    fn operate(&mut self) {
        let (directory, id) = self.random.pick(&self.directories).clone();
        let name = *self.random.pick(&NAMES);
        match self.random.below(16) {
            0..=2 => self.open(&*directory, id, name),
            3..=6 if !self.files.is_empty() => self.write(),
            7 if !self.files.is_empty() => {
                let (file, file_id) = self.random.pick(&self.files).clone();
                let size = usize::try_from(self.random.below(200_000)).expect("invariant: small");
                let wanted = self.model.set_size(file_id, size);
                let size = u64::try_from(size).expect("invariant: small");
                assert_eq!(file.set_size(size), wanted);
            }
            8 => {
                let wanted = self.model.create_directory(id, name);
                assert_eq!(directory.create_directory_at(name), wanted);
                if wanted.is_ok()
                    && let Ok(Lookup::Directory(child)) = directory.lookup(name)
                    && self.directories.len() < 8
                {
                    let child_id = self.model.lookup(id, name).expect("just made");
                    self.directories.push((child, child_id));
                }
            }
            9 => {
                let wanted = self.model.unlink(id, name);
                assert_eq!(directory.unlink_at(name), wanted);
            }
            10 => {
                let wanted = self.model.remove_directory(id, name);
                assert_eq!(directory.remove_directory_at(name), wanted);
            }
            11 => {
                let target = "t".repeat(1 + self.random.index(3_000));
                let wanted = self.model.symlink(id, name, &target);
                assert_eq!(directory.symlink_at(name, &target), wanted);
            }
            12 | 13 => {
                let (to, to_id) = self.random.pick(&self.directories).clone();
                let new_name = *self.random.pick(&NAMES);
                if self.random.chance(1, 3) {
                    let wanted = self.model.link(id, name, to_id, new_name);
                    assert_eq!(directory.link_at(name, &*to, new_name), wanted);
                } else {
                    let wanted = self.model.rename(id, name, to_id, new_name);
                    assert_eq!(directory.rename_at(name, &*to, new_name), wanted);
                }
            }
            14 if !self.files.is_empty() => {
                let index = self.random.index(self.files.len());
                if self.random.chance(1, 2) {
                    assert_eq!(self.files[index].0.sync(false), Ok(()));
                } else {
                    self.files.swap_remove(index);
                }
            }
            15 if self.random.chance(1, 2) => self.disk.commit().expect("a commit"),
            _ => {}
        }
    }

    fn open(&mut self, directory: &dyn Directory, id: NodeId, name: &str) {
        let wanted = self.model.open(id, name, CREATE);
        match (directory.open_at(name, CREATE), wanted) {
            (Ok(Opened::File(file)), Ok(ModelOpened::File(id))) => {
                if self.files.len() == 8 {
                    self.files.swap_remove(self.random.index(8));
                }
                self.files.push((file, id));
            }
            (Ok(Opened::Symlink(_)), Ok(ModelOpened::Symlink(_))) => {}
            (Err(got), Err(wanted)) => assert_eq!(got, wanted),
            (got, wanted) => panic!("{got:?}, the model {wanted:?}"),
        }
    }

    fn write(&mut self) {
        let (file, id) = self.random.pick(&self.files).clone();
        let end = self.model.data(id).expect("invariant: a file").len();
        let offset = self.random.index(end + 5_000);
        let length = match self.random.below(3) {
            0 => self.random.index(100),
            1 => self.random.index(10_000),
            _ => self.random.index(150_000),
        };
        let bytes = self.random.bytes(length);
        self.model
            .write(id, offset, &bytes)
            .expect("invariant: a file");
        let offset = u64::try_from(offset).expect("invariant: small");
        assert_eq!(file.write_at(offset, &[IoSlice::new(&bytes)]), Ok(length));
    }
}

/// Opens what a power loss left, and compares it with what must be there.
fn survives(image: Vec<u8>, run: &Run, deeds: usize, at: &str) {
    let device = Arc::new(MemoryDevice::new(image));
    let disk =
        open_on(&device, OpenMode::ReadWrite).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(disk.recovery(), [""; 0], "{at}");
    let generation = disk.info().generation;
    let known = run
        .commits
        .iter()
        .rev()
        .find(|(_, (_, after))| *after <= deeds);
    let (known, _) = known.expect("the creation was committed");
    assert!(generation >= *known, "{at}: commit {generation} of {known}");
    let (trees, _) = &run.commits[&generation];
    let got = tree_of(&*disk.root());
    assert!(trees.contains(&got), "{at}: commit {generation}: {got:#?}");
    assert_clean(&disk);
    // It goes on from there.
    drop(create(&*disk.root(), "new after all").expect("room"));
    disk.commit().expect("a commit");
    assert_clean(&disk);
}

#[test]
fn any_moment_leaves_a_commit() {
    let mut moments = 0;
    for seed in 0..12 {
        let mut run = Run::new(seed);
        for _ in 0..250 {
            run.step(Run::operate);
        }
        run.step(|run| run.disk.commit().expect("a commit"));
        assert_clean(&run.disk);
        let deeds = run.device.deeds();
        let first = run.commits.values().next().expect("the creation").1;
        let mut random = SplitMix64::new(seed);
        for _ in 0..100 {
            let span = u64::try_from(deeds.len() - first).expect("invariant: small");
            let count = usize::try_from(random.below(span + 1)).expect("invariant: small") + first;
            let image = after_power_loss(&deeds, count, &mut random);
            survives(
                image,
                &run,
                count,
                &format!("seed {seed}, after {count} deeds"),
            );
            moments += 1;
        }
    }
    assert_eq!(moments, 1_200);
}

/// A crash while it is being created leaves nothing, or a disk.
#[test]
fn a_creation_is_whole_or_an_error() {
    let device = Arc::new(Recorder::default());
    drop(create_on(&device, 1 << 20));
    let deeds = device.deeds();
    let mut random = SplitMix64::new(7);
    for round in 0..200 {
        let image = after_power_loss(&deeds, round % (deeds.len() + 1), &mut random);
        let device = Arc::new(MemoryDevice::new(image));
        if let Ok(disk) = open_on(&device, OpenMode::ReadWrite) {
            assert_clean(&disk);
        }
    }
}
