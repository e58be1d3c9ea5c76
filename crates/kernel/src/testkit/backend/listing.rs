//! Scenarios about listing a directory, also while it changes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use holm_abi::FileType;

use super::{make_directory, put};
use crate::testkit::model::list;
use crate::vfs::Directory;

/// Lists up to `count` entries from `cursor` on; answers the cursor after them.
fn step(directory: &dyn Directory, cursor: u64, count: usize) -> (Vec<String>, u64) {
    let mut names = Vec::new();
    let mut next = cursor;
    directory
        .read_dir(cursor, &mut |entry| {
            names.push(entry.name.to_owned());
            next = entry.next;
            if names.len() == count {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .expect("a directory lists");
    assert!(names.len() <= count, "a break was not obeyed");
    (names, next)
}

fn fill(root: &dyn Directory, count: usize) {
    for number in 0..count {
        drop(put(root, &format!("{number:03}"), b""));
    }
}

/// Lists in steps of `count`, with something happening after each, and counts the names.
fn count_names(
    root: &dyn Directory,
    count: usize,
    mut between: impl FnMut(usize, &[String]),
) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    let mut cursor = 0;
    for round in 0..10_000 {
        let (names, next) = step(root, cursor, count);
        if names.is_empty() {
            return seen;
        }
        cursor = next;
        between(round, &names);
        for name in names {
            *seen.entry(name).or_default() += 1;
        }
    }
    panic!("the listing has no end");
}

pub(super) fn whole(root: &dyn Directory) {
    assert_eq!(list(root), []);
    drop(put(root, "f", b""));
    make_directory(root, "d");
    assert_eq!(root.symlink_at("l", "f"), Ok(()));
    let mut listed = list(root);
    listed.sort_by(|one, other| one.0.cmp(&other.0));
    let wanted = [
        ("d", FileType::Directory),
        ("f", FileType::RegularFile),
        ("l", FileType::SymbolicLink),
    ];
    assert_eq!(listed.len(), wanted.len());
    for ((name, inode, file_type), wanted) in listed.iter().zip(wanted) {
        assert_eq!((name.as_str(), *file_type), wanted);
        assert_eq!(root.stat_at(name).map(|stat| stat.inode), Ok(*inode));
    }
}

pub(super) fn small_steps(root: &dyn Directory) {
    fill(root, 150);
    for count in [1, 2, 7, 149, 150, 151] {
        let seen = count_names(root, count, |_, _| {});
        assert_eq!(seen.len(), 150, "in steps of {count}");
        assert!(seen.values().all(|times| *times == 1));
    }
    // A cursor can be used again.
    let (_, cursor) = step(root, 0, 50);
    assert_eq!(step(root, cursor, 20), step(root, cursor, 20));
}

/// As `rm -r` does: what was listed is removed before the rest is asked for.
pub(super) fn while_entries_go(root: &dyn Directory) {
    fill(root, 150);
    let seen = count_names(root, 4, |_, names| {
        for name in names {
            assert_eq!(root.unlink_at(name), Ok(()));
        }
    });
    assert_eq!(seen.len(), 150);
    assert_eq!(list(root), []);
    // What is removed before it was listed is not listed; the others are, once.
    fill(root, 100);
    let seen = count_names(root, 3, |round, _| {
        if round == 0 {
            for number in (0..100).step_by(2) {
                assert_eq!(root.unlink_at(&format!("{number:03}")), Ok(()));
            }
        }
    });
    for number in (1..100).step_by(2) {
        assert_eq!(seen.get(&format!("{number:03}")), Some(&1), "{number}");
    }
}

pub(super) fn while_entries_come(root: &dyn Directory) {
    fill(root, 60);
    let seen = count_names(root, 5, |round, _| {
        if round < 20 {
            drop(put(root, &format!("new {round}"), b""));
        }
    });
    for number in 0..60 {
        assert_eq!(seen.get(&format!("{number:03}")), Some(&1), "{number}");
    }
    assert!(seen.values().all(|times| *times == 1));
}

/// The others are listed once, whatever some are called meanwhile.
pub(super) fn while_renaming(root: &dyn Directory) {
    fill(root, 60);
    drop(put(root, "moving 0", b""));
    let seen = count_names(root, 5, |round, _| {
        let (old, new) = (format!("moving {round}"), format!("moving {}", round + 1));
        if round < 10 {
            assert_eq!(root.rename_at(&old, root, &new), Ok(()));
        }
        // Writing to a file, new or not, keeps its name where it is.
        drop(put(root, &format!("{round:03}"), b"changed"));
    });
    for number in 0..60 {
        assert_eq!(seen.get(&format!("{number:03}")), Some(&1), "{number}");
    }
}
