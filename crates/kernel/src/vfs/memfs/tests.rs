//! Tests of the memory file system: the suite, the model, quotas, faults, threads.

use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{Errno, FileType};

use super::{MemoryFs, Quota, Usage};
use crate::testkit::model::{list, read_all};
use crate::testkit::simulate::Simulation;
use crate::testkit::{Model, StepClock, backend};
use crate::vfs::{Directory, File, OpenOptions, Opened};

const ROOMY: Quota = Quota {
    bytes: 1 << 40,
    inodes: 1 << 30,
};

fn roomy() -> Arc<MemoryFs> {
    MemoryFs::new(StepClock::new(), ROOMY)
}

fn with_quota(bytes: u64, inodes: u64) -> Arc<MemoryFs> {
    MemoryFs::new(StepClock::new(), Quota { bytes, inodes })
}

fn create(directory: &dyn Directory, name: &str) -> Result<Arc<dyn File>, Errno> {
    let options = OpenOptions {
        read: true,
        write: true,
        create: true,
        ..OpenOptions::default()
    };
    match directory.open_at(name, options)? {
        Opened::File(file) => Ok(file),
        other => panic!("{name} should open as a file, not as {other:?}"),
    }
}

fn remove_everything(directory: &dyn Directory) {
    for (name, _, file_type) in list(directory) {
        if file_type == FileType::Directory {
            if let Ok(crate::vfs::Lookup::Directory(child)) = directory.lookup(&name) {
                remove_everything(&*child);
            }
            directory.remove_directory_at(&name).expect("it is empty");
        } else {
            directory.unlink_at(&name).expect("it is there");
        }
    }
}

#[test]
fn the_suite_passes() {
    backend::check_backend(&mut || roomy().root());
}

#[test]
fn agrees_with_the_model() {
    for seed in 0..20 {
        let fs = roomy();
        Simulation::new(seed, 3_000).run(&fs.root(), &mut Model::new());
        remove_everything(&*fs.root());
        assert_eq!(fs.usage(), Usage::default(), "seed {seed}");
    }
}

#[test]
fn stays_whole_at_any_quota() {
    for seed in 0..40 {
        let fs = with_quota(1_000 + seed * 9_000, 3 + seed / 4);
        let mut simulation = Simulation::new(seed, 600);
        simulation.may_fill_up = true;
        simulation.run(&fs.root(), &mut Model::new());
        assert!(fs.usage().bytes <= fs.quota().bytes);
        assert!(fs.usage().inodes <= fs.quota().inodes);
        remove_everything(&*fs.root());
        assert_eq!(fs.usage(), Usage::default(), "seed {seed}");
    }
}

#[test]
fn stays_whole_when_any_charge_fails() {
    for charge in 0..120 {
        let fs = roomy();
        fs.fail_charge_after(charge);
        let mut simulation = Simulation::new(charge % 3, 300);
        simulation.may_fill_up = true;
        simulation.compare_every = 10;
        simulation.run(&fs.root(), &mut Model::new());
        remove_everything(&*fs.root());
        assert_eq!(fs.usage(), Usage::default(), "charge {charge}");
    }
}

#[test]
fn an_unlinked_file_holds_its_space_until_it_is_closed() {
    let fs = roomy();
    let root = fs.root();
    let file = create(&*root, "f").expect("room");
    file.write_at(0, &[IoSlice::new(&vec![7; 100_000])])
        .expect("room");
    root.unlink_at("f").expect("it is there");
    assert!(fs.usage().bytes > 100_000);
    assert_eq!(fs.usage().inodes, 1);
    assert_eq!(file.stat().expect("a stat").links, 0);
    assert_eq!(read_all(&*file), vec![7; 100_000]);
    drop(file);
    assert_eq!(fs.usage(), Usage::default());
}

#[test]
fn sparse_files_cost_what_is_in_them() {
    let fs = with_quota(1 << 20, 10);
    let file = create(&*fs.root(), "f").expect("room");
    file.set_size(1 << 60).expect("a hole costs nothing");
    let empty = fs.usage().bytes;
    assert!(empty < 1_000, "{empty}");
    file.write_at(1 << 59, &[IoSlice::new(b"x")]).expect("room");
    assert!(fs.usage().bytes - empty <= 4_096);
    let mut buffer = [1; 3];
    assert_eq!(file.read_at((1 << 59) - 1, &mut buffer), Ok(3));
    assert_eq!(&buffer, b"\0x\0");
    assert_eq!(file.allocate(0, 1 << 50), Err(Errno::NoSpace));
    assert_eq!(file.allocate(0, 1 << 19), Ok(()));
    assert!(fs.usage().bytes > 1 << 19);
    file.set_size(0).expect("smaller");
    assert_eq!(fs.usage().bytes, empty);
}

#[test]
fn a_full_file_system_takes_what_fits() {
    let fs = with_quota(200_000, 10);
    let root = fs.root();
    let file = create(&*root, "f").expect("room");
    let data = vec![1; 300_000];
    let written = file.write_at(0, &[IoSlice::new(&data)]).expect("a part");
    assert!((100_000..200_000).contains(&written), "{written}");
    assert_eq!(read_all(&*file).len(), written);
    assert_eq!(file.append(&[IoSlice::new(&data)]), Err(Errno::NoSpace));
    root.unlink_at("f").expect("unlinking needs no space");
    drop(file);
    let file = create(&*root, "f").expect("room again");
    assert_eq!(file.write_at(0, &[IoSlice::new(&data[..1000])]), Ok(1000));
}

#[test]
fn empty_files_run_into_the_quota_too() {
    let fs = with_quota(1 << 20, u64::MAX);
    let root = fs.root();
    let made = (0..100_000)
        .take_while(|number| create(&*root, &number.to_string()).is_ok())
        .count();
    assert!((1_000..4_000).contains(&made), "{made}");
    let fs = with_quota(u64::MAX, 5);
    let root = fs.root();
    let made = (0..10)
        .take_while(|number| create(&*root, &number.to_string()).is_ok())
        .count();
    assert_eq!(made, 5);
}

#[test]
fn deep_trees_are_dropped_without_recursion() {
    let fs = roomy();
    let mut current = fs.root();
    for _ in 0..100_000 {
        current.create_directory_at("d").expect("room");
        current = match current.lookup("d") {
            Ok(crate::vfs::Lookup::Directory(child)) => child,
            other => panic!("{other:?}"),
        };
    }
    drop(current);
    assert_eq!(fs.usage().inodes, 100_000);
    let other = fs.root();
    other.create_directory_at("x").expect("room");
    drop(other);
    drop(fs);
}

#[test]
fn descends_through_plain_directories_only() {
    let fs = roomy();
    let root = fs.root();
    root.create_directory_at("a").expect("room");
    let inner = root.descend("a").expect("a directory");
    inner.create_directory_at("b").expect("room");
    inner.symlink_at("l", "b").expect("room");
    let deep = root.descend("a/b").expect("directories");
    let wanted = inner.stat_at("b").expect("a stat").inode;
    assert_eq!(deep.stat().expect("a stat").inode, wanted);
    assert!(root.descend("a/l").is_none());
    assert!(root.descend("a/x").is_none());
}

#[test]
fn other_file_systems_are_other_devices() {
    let one = roomy();
    let other = roomy();
    let (root, foreign) = (one.root(), other.root());
    create(&*root, "f").expect("room");
    assert_eq!(root.rename_at("f", &*foreign, "f"), Err(Errno::CrossDevice));
    assert_eq!(root.link_at("f", &*foreign, "f"), Err(Errno::CrossDevice));
}

/// Renames between directories in both directions, removals and creations at once: no
/// deadlock, no cycle, nothing lost.
#[test]
fn threads_rename_and_remove_at_once() {
    let fs = roomy();
    let root = fs.root();
    for name in ["a", "b", "c"] {
        root.create_directory_at(name).expect("room");
    }
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let root = fs.root();
            scope.spawn(move || {
                let mut random = crate::testkit::SplitMix64::new(thread);
                for _ in 0..5_000 {
                    let mut pick = || *random.pick(&["a", "b", "c"]);
                    let (name, other, inner) = (pick(), pick(), pick());
                    let Some(directory) = root.descend(name) else {
                        // Moved into another; bring one back.
                        if let Some(other) = root.descend(other) {
                            let _ = other.rename_at(inner, &*root, inner);
                        }
                        continue;
                    };
                    match random.below(5) {
                        0 => drop(root.rename_at(other, &*directory, inner)),
                        1 => drop(directory.rename_at(inner, &*root, other)),
                        2 => drop(directory.create_directory_at(inner)),
                        3 => drop(directory.remove_directory_at(inner)),
                        _ => drop(create(&*directory, inner)),
                    }
                }
            });
        }
    });
    let before = fs.usage().inodes;
    let listed = crate::testkit::model::tree_of(&*root).len();
    assert_eq!(u64::try_from(listed), Ok(before));
    remove_everything(&*root);
    assert_eq!(fs.usage(), Usage::default());
}
