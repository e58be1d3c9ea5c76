//! Scenarios about renaming: every kind onto every kind.

use holm_abi::Errno;

use super::{content, enter, make_directory, names_in, put};
use crate::testkit::model::read_all;
use crate::vfs::Directory;

pub(super) fn file(root: &dyn Directory) {
    drop(put(root, "f", b"source"));
    drop(put(root, "g", b"target"));
    make_directory(root, "d");
    assert_eq!(root.symlink_at("l", "g"), Ok(()));
    assert_eq!(root.rename_at("none", root, "f"), Err(Errno::NoEntry));
    assert_eq!(root.rename_at("f", root, "d"), Err(Errno::IsDirectory));
    let inode = root.stat_at("f").expect("a stat").inode;
    assert_eq!(root.rename_at("f", root, "g"), Ok(()));
    assert_eq!(content(root, "g"), b"source");
    assert_eq!(root.stat_at("g").map(|stat| stat.inode), Ok(inode));
    assert_eq!(root.rename_at("g", root, "h"), Ok(()));
    // A link is renamed, and replaced, itself.
    assert_eq!(root.rename_at("l", root, "m"), Ok(()));
    assert_eq!(root.read_link_at("m"), Ok("g".to_owned()));
    assert_eq!(root.rename_at("h", root, "m"), Ok(()));
    assert_eq!(content(root, "m"), b"source");
    assert_eq!(names_in(root), ["d", "m"]);
}

pub(super) fn directory(root: &dyn Directory) {
    let source = make_directory(root, "source");
    drop(put(&*source, "inner", b"x"));
    drop(put(root, "f", b""));
    assert_eq!(root.symlink_at("l", "empty"), Ok(()));
    make_directory(root, "empty");
    drop(put(&*make_directory(root, "full"), "y", b""));
    let rename = |to: &str| root.rename_at("source", root, to);
    assert_eq!(rename("f"), Err(Errno::NotDirectory));
    assert_eq!(rename("l"), Err(Errno::NotDirectory));
    assert_eq!(rename("full"), Err(Errno::NotEmpty));
    assert_eq!(content(&*source, "inner"), b"x");
    let inode = source.stat().expect("a stat").inode;
    assert_eq!(rename("empty"), Ok(()));
    assert_eq!(names_in(root), ["empty", "f", "full", "l"]);
    let moved = enter(root, "empty");
    assert_eq!(moved.stat().map(|stat| stat.inode), Ok(inode));
    assert_eq!(content(&*moved, "inner"), b"x");
    // The handle from before leads to the same place.
    drop(put(&*source, "later", b"z"));
    assert_eq!(names_in(&*moved), ["inner", "later"]);
    assert_eq!(root.rename_at("empty", root, "new"), Ok(()));
    assert_eq!(names_in(&*enter(root, "new")), ["inner", "later"]);
}

pub(super) fn into_itself(root: &dyn Directory) {
    let a = make_directory(root, "a");
    let b = make_directory(&*a, "b");
    let c = make_directory(&*b, "c");
    assert_eq!(root.rename_at("a", &*a, "x"), Err(Errno::Invalid));
    assert_eq!(root.rename_at("a", &*b, "x"), Err(Errno::Invalid));
    assert_eq!(root.rename_at("a", &*c, "x"), Err(Errno::Invalid));
    assert_eq!(root.rename_at("a", &*b, "c"), Err(Errno::Invalid));
    // Onto an ancestor: it is not empty.
    assert_eq!(b.rename_at("c", root, "a"), Err(Errno::NotEmpty));
    // Out of it, and what was above goes below.
    assert_eq!(a.rename_at("b", root, "b"), Ok(()));
    assert_eq!(root.rename_at("a", &*c, "a"), Ok(()));
    assert_eq!(root.rename_at("b", &*a, "x"), Err(Errno::Invalid));
    assert_eq!(names_in(root), ["b"]);
    assert_eq!(names_in(&*enter(&*b, "c")), ["a"]);
}

pub(super) fn onto_itself(root: &dyn Directory) {
    drop(put(root, "f", b"x"));
    make_directory(root, "d");
    assert_eq!(root.rename_at("f", root, "f"), Ok(()));
    assert_eq!(root.rename_at("d", root, "d"), Ok(()));
    assert_eq!(root.link_at("f", root, "g"), Ok(()));
    // Two names of one file: nothing happens, says POSIX.
    assert_eq!(root.rename_at("f", root, "g"), Ok(()));
    assert_eq!(names_in(root), ["d", "f", "g"]);
    assert_eq!(root.stat_at("f").map(|stat| stat.links), Ok(2));
}

pub(super) fn across(root: &dyn Directory) {
    let one = make_directory(root, "one");
    let other = make_directory(root, "other");
    drop(put(&*one, "f", b"x"));
    let inner = make_directory(&*one, "d");
    drop(put(&*inner, "deep", b"y"));
    assert_eq!(one.rename_at("f", &*other, "g"), Ok(()));
    assert_eq!(one.rename_at("d", &*other, "e"), Ok(()));
    assert_eq!(names_in(&*one), [""; 0]);
    assert_eq!(names_in(&*other), ["e", "g"]);
    assert_eq!(content(&*other, "g"), b"x");
    assert_eq!(content(&*enter(&*other, "e"), "deep"), b"y");
    assert_eq!(root.remove_directory_at("one"), Ok(()));
    // A replaced directory is a removed one.
    let replaced = make_directory(root, "one");
    assert_eq!(other.rename_at("e", root, "one"), Ok(()));
    assert_eq!(replaced.create_directory_at("x"), Err(Errno::NoEntry));
    assert_eq!(content(&*enter(root, "one"), "deep"), b"y");
}

pub(super) fn while_open(root: &dyn Directory) {
    let source = put(root, "f", b"source");
    let target = put(root, "g", b"target");
    assert_eq!(root.rename_at("f", root, "g"), Ok(()));
    assert_eq!(read_all(&*target), b"target", "replaced, yet open");
    assert_eq!(target.stat().expect("a stat").links, 0);
    assert_eq!(super::write_all(&*source, 0, b"SOURCE"), Ok(()));
    assert_eq!(content(root, "g"), b"SOURCE");
}
