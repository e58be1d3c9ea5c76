//! Tests of the overlay: the suite, the model over a filled lower layer, copying up.

use std::hash::{Hash, Hasher};
use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{Errno, FileType, SetTime, SetTimes, Stat};

use super::OverlayFs;
use crate::testkit::model::{list, read_all, tree_of};
use crate::testkit::simulate::Simulation;
use crate::testkit::{Model, SplitMix64, StepClock, backend};
use crate::vfs::memfs::{MemoryFs, Quota, Usage};
use crate::vfs::{Directory, File, Lookup, OpenOptions, Opened};

const READ: OpenOptions = OpenOptions {
    read: true,
    write: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    data_sync: false,
    sync: false,
};

fn memory(bytes: u64) -> Arc<MemoryFs> {
    let quota = Quota {
        bytes,
        inodes: 1 << 30,
    };
    MemoryFs::new(StepClock::new(), quota)
}

/// An overlay over `lower` whose upper layer holds `bytes`.
fn over(lower: &Arc<MemoryFs>, bytes: u64) -> (Arc<OverlayFs>, Arc<MemoryFs>) {
    let upper = memory(bytes);
    let overlay = OverlayFs::new(lower.root(), upper.root(), StepClock::new());
    (overlay, upper)
}

fn open(directory: &dyn Directory, name: &str, options: OpenOptions) -> Arc<dyn File> {
    match directory.open_at(name, options) {
        Ok(Opened::File(file)) => file,
        other => panic!("{name} should open as a file, not as {other:?}"),
    }
}

fn put(directory: &dyn Directory, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let options = OpenOptions {
        write: true,
        create: true,
        truncate: true,
        ..READ
    };
    let file = open(directory, name, options);
    let written = file.write_at(0, &[IoSlice::new(bytes)]);
    assert_eq!(written, Ok(bytes.len()));
    file
}

fn content(directory: &dyn Directory, name: &str) -> Vec<u8> {
    read_all(&*open(directory, name, READ))
}

fn enter(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name) {
        Ok(Lookup::Directory(child)) => child,
        other => panic!("{name} should be a directory, not {other:?}"),
    }
}

/// Everything of a tree but access times, which reading may change.
fn fingerprint(directory: &dyn Directory, path: &str, lines: &mut Vec<String>) {
    let stat = |stat: Stat| {
        let (links, size) = (stat.links, stat.size);
        let (modified, changed) = (stat.modified_ns, stat.changed_ns);
        format!("{} {links} {size} {modified} {changed}", stat.inode)
    };
    lines.push(format!(
        "{path}: {}",
        directory
            .stat()
            .map_or_else(|errno| errno.to_string(), stat)
    ));
    for (name, _, file_type) in list(directory) {
        let path = format!("{path}/{name}");
        let found = directory.stat_at(&name).map(stat);
        lines.push(format!("{path}: {file_type:?} {found:?}"));
        match file_type {
            FileType::Directory => fingerprint(&*enter(directory, &name), &path, lines),
            FileType::SymbolicLink => lines.push(format!("{:?}", directory.read_link_at(&name))),
            _ => {
                let mut hasher = std::hash::DefaultHasher::new();
                content(directory, &name).hash(&mut hasher);
                lines.push(format!("{:x}", hasher.finish()));
            }
        }
    }
}

fn print(directory: &dyn Directory) -> Vec<String> {
    let mut lines = Vec::new();
    fingerprint(directory, "", &mut lines);
    lines
}

/// A tree of the names that the simulator uses, without hard links.
fn fill_randomly(directory: &dyn Directory, random: &mut SplitMix64, depth: u32) {
    for name in ["a", "b", "c", "d", "e"] {
        match random.below(6) {
            0 | 1 if depth > 0 => {
                directory.create_directory_at(name).expect("room");
                fill_randomly(&*enter(directory, name), random, depth - 1);
            }
            2 => directory.symlink_at(name, "b").expect("room"),
            3 | 4 => {
                let length = *random.pick(&[0, 10, 300, 5_000, 80_000]);
                drop(put(directory, name, &random.bytes(length)));
            }
            _ => {}
        }
    }
}

fn remove_everything(directory: &dyn Directory) {
    for (name, _, file_type) in list(directory) {
        if file_type == FileType::Directory {
            remove_everything(&*enter(directory, &name));
            directory.remove_directory_at(&name).expect("it is empty");
        } else {
            directory.unlink_at(&name).expect("it is there");
        }
    }
}

#[test]
fn the_suite_passes() {
    backend::check_backend(&mut || over(&memory(1 << 40), 1 << 40).0.root());
}

#[test]
fn agrees_with_the_model_over_a_filled_layer() {
    for seed in 0..40 {
        let lower = memory(1 << 40);
        fill_randomly(&*lower.root(), &mut SplitMix64::new(seed), 3);
        let before = print(&*lower.root());
        let (overlay, upper) = over(&lower, 1 << 40);
        let root = overlay.root();
        let mut model = Model::capture(&*lower.root());
        Simulation::new(seed, 1_500).run(&root, &mut model);
        assert_eq!(
            print(&*lower.root()),
            before,
            "seed {seed}: the lower layer"
        );
        remove_everything(&*root);
        assert_eq!(upper.usage(), Usage::default(), "seed {seed}");
    }
}

#[test]
fn agrees_with_the_model_when_both_layers_are_filled() {
    for seed in 0..20 {
        let (lower, upper) = (memory(1 << 40), memory(1 << 40));
        let mut random = SplitMix64::new(seed);
        fill_randomly(&*lower.root(), &mut random, 3);
        fill_randomly(&*upper.root(), &mut random, 3);
        let before = print(&*lower.root());
        let root = OverlayFs::new(lower.root(), upper.root(), StepClock::new()).root();
        let mut model = Model::capture(&*root);
        Simulation::new(seed, 1_000).run(&root, &mut model);
        assert_eq!(
            print(&*lower.root()),
            before,
            "seed {seed}: the lower layer"
        );
    }
}

#[test]
fn stays_whole_when_the_upper_layer_fills_up() {
    for seed in 0..40 {
        let lower = memory(1 << 40);
        fill_randomly(&*lower.root(), &mut SplitMix64::new(seed), 3);
        let before = print(&*lower.root());
        let (overlay, upper) = over(&lower, seed * 15_000);
        let root = overlay.root();
        let mut simulation = Simulation::new(seed, 500);
        simulation.may_fill_up = true;
        simulation.compare_every = 20;
        simulation.run(&root, &mut Model::capture(&*lower.root()));
        assert_eq!(
            print(&*lower.root()),
            before,
            "seed {seed}: the lower layer"
        );
        remove_everything(&*root);
        assert_eq!(list(&*root), [], "what is removed needs no room");
        assert_eq!(upper.usage(), Usage::default(), "seed {seed}");
    }
}

#[test]
fn stays_whole_when_any_charge_fails() {
    for charge in 0..100 {
        let lower = memory(1 << 40);
        fill_randomly(&*lower.root(), &mut SplitMix64::new(charge % 5), 3);
        let (overlay, upper) = over(&lower, 1 << 40);
        upper.fail_charge_after(charge);
        let root = overlay.root();
        let mut simulation = Simulation::new(charge % 5, 200);
        simulation.may_fill_up = true;
        simulation.compare_every = 10;
        simulation.run(&root, &mut Model::capture(&*lower.root()));
        remove_everything(&*root);
        assert_eq!(upper.usage(), Usage::default(), "charge {charge}");
    }
}

#[test]
fn copying_up_keeps_times_and_inodes() {
    let lower = memory(1 << 40);
    let early = SetTimes {
        accessed: SetTime::At(1_000),
        modified: SetTime::At(2_000),
    };
    lower.root().create_directory_at("d").expect("room");
    let below = enter(&*lower.root(), "d");
    drop(put(&*below, "f", b"data"));
    below.set_times_at("f", early).expect("it is there");
    below.set_times(early).expect("it is there");
    let (overlay, _) = over(&lower, 1 << 20);
    let root = overlay.root();
    let directory = enter(&*root, "d");
    let before = (directory.stat_at("f"), directory.stat());
    let writing = OpenOptions {
        write: true,
        ..READ
    };
    let file = open(&*directory, "f", writing);
    let after = (directory.stat_at("f"), directory.stat());
    for (before, after) in [(before.0, after.0), (before.1, after.1)] {
        let (before, after) = (before.expect("a stat"), after.expect("a stat"));
        assert_eq!(before.inode, after.inode);
        assert_eq!((after.accessed_ns, after.modified_ns), (1_000, 2_000));
    }
    assert_eq!(
        file.stat().map(|stat| stat.inode),
        directory.stat_at("f").map(|stat| stat.inode)
    );
}

#[test]
fn handles_for_reading_see_what_is_written_later() {
    let lower = memory(1 << 40);
    drop(put(&*lower.root(), "f", b"old"));
    let root = over(&lower, 1 << 20).0.root();
    let reader = open(&*root, "f", READ);
    let again = open(&*root, "f", READ);
    assert_eq!(read_all(&*reader), b"old");
    drop(put(&*root, "f", b"new content"));
    assert_eq!(read_all(&*reader), b"new content");
    assert_eq!(read_all(&*again), b"new content");
    assert_eq!(content(&*lower.root(), "f"), b"old");
    // Times can be set through a handle for reading; that copies up as well.
    drop(put(&*lower.root(), "g", b"old"));
    let reader = open(&*root, "g", READ);
    let times = SetTimes {
        accessed: SetTime::Keep,
        modified: SetTime::At(5),
    };
    assert_eq!(reader.set_times(times), Ok(()));
    assert_eq!(root.stat_at("g").map(|stat| stat.modified_ns), Ok(5));
    assert_ne!(
        lower.root().stat_at("g").map(|stat| stat.modified_ns),
        Ok(5)
    );
}

#[test]
fn an_unlinked_lower_file_lives_on() {
    let lower = memory(1 << 40);
    drop(put(&*lower.root(), "f", b"old"));
    let root = over(&lower, 1 << 20).0.root();
    let reader = open(&*root, "f", READ);
    assert_eq!(root.unlink_at("f"), Ok(()));
    drop(put(&*root, "f", b"another"));
    assert_eq!(read_all(&*reader), b"old");
    assert_eq!(reader.stat().map(|stat| stat.links), Ok(0));
    assert_eq!(reader.set_times(SetTimes::default()), Err(Errno::ReadOnly));
    assert_eq!(content(&*root, "f"), b"another");
}

#[test]
fn truncating_copies_no_data() {
    let lower = memory(1 << 40);
    drop(put(&*lower.root(), "f", &vec![7; 1 << 20]));
    let (overlay, upper) = over(&lower, 4_096);
    let root = overlay.root();
    let writing = OpenOptions {
        write: true,
        ..READ
    };
    assert!(matches!(root.open_at("f", writing), Err(Errno::NoSpace)));
    assert_eq!(content(&*root, "f").len(), 1 << 20, "the old state is left");
    assert_eq!(upper.usage(), Usage::default());
    drop(put(&*root, "f", b"x"));
    assert_eq!(content(&*root, "f"), b"x");
}

#[test]
fn lower_directories_are_renamed_without_copying_files() {
    let lower = memory(1 << 40);
    lower.root().create_directory_at("d").expect("room");
    let below = enter(&*lower.root(), "d");
    drop(put(&*below, "f", &vec![7; 1 << 20]));
    below.create_directory_at("inner").expect("room");
    drop(put(&*enter(&*below, "inner"), "g", b"deep"));
    let (overlay, upper) = over(&lower, 1 << 14);
    let root = overlay.root();
    assert_eq!(root.rename_at("d", &*root, "e"), Ok(()));
    assert!(upper.usage().bytes < 4_096);
    assert_eq!(root.stat_at("d"), Err(Errno::NoEntry));
    assert_eq!(root.create_directory_at("d"), Ok(()));
    assert_eq!(list(&*enter(&*root, "d")), [], "a new directory is empty");
    let moved = enter(&*root, "e");
    assert_eq!(content(&*moved, "f").len(), 1 << 20);
    let inner = enter(&*moved, "inner");
    drop(put(&*inner, "g", b"changed"));
    assert_eq!(
        content(&*enter(&*enter(&*root, "e"), "inner"), "g"),
        b"changed"
    );
    assert_eq!(tree_of(&*root).len(), 5);
    assert_eq!(content(&*enter(&*below, "inner"), "g"), b"deep");
}

#[test]
fn removing_works_when_nothing_can_be_written() {
    let lower = memory(1 << 40);
    lower.root().create_directory_at("d").expect("room");
    let below = enter(&*lower.root(), "d");
    drop(put(&*below, "f", b"x"));
    drop(put(&*below, "g", b"x"));
    let early = SetTimes {
        accessed: SetTime::Keep,
        modified: SetTime::At(1_000),
    };
    below.set_times(early).expect("it is there");
    let root = over(&lower, 0).0.root();
    let modified = enter(&*root, "d").stat().map(|stat| stat.modified_ns);
    assert_eq!(modified, Ok(1_000));
    // No handle stays: what was removed is remembered all the same.
    assert_eq!(enter(&*root, "d").unlink_at("f"), Ok(()));
    assert_eq!(list(&*enter(&*root, "d")).len(), 1);
    assert!(enter(&*root, "d").stat().map(|stat| stat.modified_ns) > modified);
    assert_eq!(enter(&*root, "d").unlink_at("g"), Ok(()));
    assert_eq!(root.remove_directory_at("d"), Ok(()));
    assert_eq!(list(&*root), []);
    assert!(matches!(root.create_directory_at("d"), Err(Errno::NoSpace)));
}

#[test]
fn deep_trees_are_dropped_without_recursion() {
    let lower = memory(1 << 40);
    let mut current = lower.root();
    for _ in 0..20_000 {
        current.create_directory_at("d").expect("room");
        current = enter(&*current, "d");
    }
    for writes in [false, true] {
        let (overlay, _) = over(&lower, 1 << 40);
        let mut current = overlay.root();
        for _ in 0..20_000 {
            current = enter(&*current, "d");
        }
        if writes {
            drop(put(&*current, "f", b"x"));
        }
        drop(overlay);
        drop(current);
    }
}
