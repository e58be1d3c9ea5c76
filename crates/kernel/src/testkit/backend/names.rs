//! Scenarios about names: creating, opening, linking and removing them.

use holm_abi::{Errno, FileType, NAME_MAX, SetTime, SetTimes};

use super::{CREATE, READ, WRITE, content, enter, make_directory, names_in, open, open_error, put};
use crate::testkit::model::read_all;
use crate::vfs::{Directory, Lookup, OpenOptions, Opened};

pub(super) fn create(root: &dyn Directory) {
    assert_eq!(open_error(root, "f", READ), Errno::NoEntry);
    assert_eq!(open_error(root, "f", WRITE), Errno::NoEntry);
    assert_eq!(root.stat_at("f"), Err(Errno::NoEntry));
    assert_eq!(root.lookup("f").map(drop), Err(Errno::NoEntry));
    let file = open(root, "f", CREATE);
    let stat = file.stat().expect("a stat");
    assert_eq!(stat.file_type, FileType::RegularFile);
    assert_eq!((stat.size, stat.links), (0, 1));
    let named = root.stat_at("f").expect("a stat");
    assert_eq!(named.inode, stat.inode);
    assert!(matches!(root.lookup("f"), Ok(Lookup::Other)));
    assert_eq!(names_in(root), ["f"]);
}

pub(super) fn open_existing(root: &dyn Directory) {
    drop(put(root, "f", b"data"));
    make_directory(root, "d");
    assert_eq!(read_all(&*open(root, "f", CREATE)), b"data");
    let as_directory = OpenOptions {
        directory: true,
        ..READ
    };
    assert_eq!(open_error(root, "f", as_directory), Errno::NotDirectory);
    assert!(matches!(
        root.open_at("d", as_directory),
        Ok(Opened::Directory(_))
    ));
    assert!(matches!(root.open_at("d", READ), Ok(Opened::Directory(_))));
    assert_eq!(open_error(root, "d", WRITE), Errno::IsDirectory);
    assert_eq!(open_error(root, "d", CREATE), Errno::IsDirectory);
}

pub(super) fn exclusive(root: &dyn Directory) {
    let exclusive = OpenOptions {
        exclusive: true,
        ..CREATE
    };
    drop(open(root, "new", exclusive));
    assert_eq!(open_error(root, "new", exclusive), Errno::Exist);
    make_directory(root, "d");
    assert_eq!(open_error(root, "d", exclusive), Errno::Exist);
    assert_eq!(root.symlink_at("l", "nowhere"), Ok(()));
    assert_eq!(open_error(root, "l", exclusive), Errno::Exist);
    assert_eq!(root.stat_at("nowhere"), Err(Errno::NoEntry));
}

pub(super) fn truncate(root: &dyn Directory) {
    let truncating = OpenOptions {
        truncate: true,
        ..WRITE
    };
    let old = put(root, "f", b"something long");
    let file = open(root, "f", truncating);
    assert_eq!(file.stat().expect("a stat").size, 0);
    assert_eq!(read_all(&*old), b"", "an older handle sees it");
    assert_eq!(open_error(root, "missing", truncating), Errno::NoEntry);
    drop(put(root, "f", b"again"));
    let exclusive = OpenOptions {
        truncate: true,
        exclusive: true,
        ..CREATE
    };
    assert_eq!(open_error(root, "f", exclusive), Errno::Exist);
    assert_eq!(
        content(root, "f"),
        b"again",
        "a refused open changes nothing"
    );
}

pub(super) fn unlink(root: &dyn Directory) {
    assert_eq!(root.unlink_at("f"), Err(Errno::NoEntry));
    let file = put(root, "f", b"lives on");
    assert_eq!(root.unlink_at("f"), Ok(()));
    assert_eq!(root.stat_at("f"), Err(Errno::NoEntry));
    assert_eq!(root.unlink_at("f"), Err(Errno::NoEntry));
    assert_eq!(read_all(&*file), b"lives on");
    assert_eq!(file.stat().expect("a stat").links, 0);
    assert_eq!(super::write_all(&*file, 8, b" and on"), Ok(()));
    assert_eq!(read_all(&*file), b"lives on and on");
    // Another file of the same name is another file.
    let other = put(root, "f", b"new");
    assert_eq!(read_all(&*file), b"lives on and on");
    assert_eq!(read_all(&*other), b"new");
    make_directory(root, "d");
    assert_eq!(root.unlink_at("d"), Err(Errno::IsDirectory));
    assert_eq!(names_in(root), ["d", "f"]);
}

pub(super) fn directories(root: &dyn Directory) {
    let stat = root.stat().expect("a stat");
    assert_eq!(stat.file_type, FileType::Directory);
    let directory = make_directory(root, "d");
    assert_eq!(root.create_directory_at("d"), Err(Errno::Exist));
    drop(put(root, "f", b""));
    assert_eq!(root.create_directory_at("f"), Err(Errno::Exist));
    let named = root.stat_at("d").expect("a stat");
    assert_eq!(named.file_type, FileType::Directory);
    assert_eq!(named.inode, directory.stat().expect("a stat").inode);
    assert_ne!(named.inode, stat.inode);
    drop(put(&*directory, "inner", b"x"));
    assert_eq!(names_in(&*directory), ["inner"]);
    assert_eq!(root.remove_directory_at("d"), Err(Errno::NotEmpty));
    assert_eq!(root.remove_directory_at("f"), Err(Errno::NotDirectory));
    assert_eq!(root.remove_directory_at("none"), Err(Errno::NoEntry));
    assert_eq!(directory.unlink_at("inner"), Ok(()));
    assert_eq!(root.remove_directory_at("d"), Ok(()));
    assert_eq!(root.stat_at("d"), Err(Errno::NoEntry));
    assert_eq!(names_in(root), ["f"]);
    assert_eq!(names_in(&*make_directory(root, "d")), [""; 0]);
}

pub(super) fn hard_links(root: &dyn Directory) {
    let file = put(root, "f", b"one");
    let directory = make_directory(root, "d");
    assert_eq!(root.link_at("f", &*directory, "g"), Ok(()));
    let (one, other) = (root.stat_at("f"), directory.stat_at("g"));
    assert_eq!(one.map(|stat| stat.inode), other.map(|stat| stat.inode));
    assert_eq!(other.map(|stat| stat.links), Ok(2));
    assert_eq!(super::write_all(&*file, 0, b"two"), Ok(()));
    assert_eq!(content(&*directory, "g"), b"two");
    assert_eq!(root.link_at("f", &*directory, "g"), Err(Errno::Exist));
    assert_eq!(root.link_at("f", root, "d"), Err(Errno::Exist));
    assert_eq!(root.link_at("none", root, "h"), Err(Errno::NoEntry));
    assert_eq!(root.link_at("d", root, "h"), Err(Errno::NotPermitted));
    assert_eq!(root.unlink_at("f"), Ok(()));
    assert_eq!(content(&*directory, "g"), b"two");
    assert_eq!(directory.stat_at("g").map(|stat| stat.links), Ok(1));
    // A symbolic link is linked itself, not what it points to.
    assert_eq!(root.symlink_at("l", "nowhere"), Ok(()));
    assert_eq!(root.link_at("l", root, "m"), Ok(()));
    assert_eq!(root.read_link_at("m"), Ok("nowhere".to_owned()));
}

pub(super) fn symbolic_links(root: &dyn Directory) {
    drop(put(root, "f", b"target"));
    assert_eq!(root.symlink_at("l", "some/../f"), Ok(()));
    assert_eq!(root.symlink_at("l", "other"), Err(Errno::Exist));
    assert_eq!(root.symlink_at("f", "other"), Err(Errno::Exist));
    assert_eq!(root.read_link_at("l"), Ok("some/../f".to_owned()));
    assert_eq!(root.read_link_at("f"), Err(Errno::Invalid));
    assert_eq!(root.read_link_at("none"), Err(Errno::NoEntry));
    let stat = root.stat_at("l").expect("a stat");
    assert_eq!(stat.file_type, FileType::SymbolicLink);
    assert_eq!(stat.size, 9);
    let as_directory = OpenOptions {
        directory: true,
        ..READ
    };
    for options in [READ, WRITE, CREATE, as_directory] {
        match root.open_at("l", options) {
            Ok(Opened::Symlink(text)) => assert_eq!(text, "some/../f"),
            other => panic!("{options:?} should give the link, not {other:?}"),
        }
    }
    assert!(matches!(root.lookup("l"), Ok(Lookup::Symlink(text)) if text == "some/../f"));
    assert_eq!(root.remove_directory_at("l"), Err(Errno::NotDirectory));
    assert_eq!(root.unlink_at("l"), Ok(()));
    assert_eq!(content(root, "f"), b"target");
}

/// What a handle to a directory without a name may still do.
pub(super) fn removed_directory(root: &dyn Directory) {
    let gone = make_directory(root, "d");
    drop(put(root, "f", b"x"));
    make_directory(root, "e");
    assert_eq!(root.remove_directory_at("d"), Ok(()));
    assert_eq!(open_error(&*gone, "x", CREATE), Errno::NoEntry);
    assert_eq!(gone.create_directory_at("x"), Err(Errno::NoEntry));
    assert_eq!(gone.symlink_at("x", "y"), Err(Errno::NoEntry));
    assert_eq!(root.link_at("f", &*gone, "x"), Err(Errno::NoEntry));
    assert_eq!(root.rename_at("f", &*gone, "x"), Err(Errno::NoEntry));
    assert_eq!(root.rename_at("e", &*gone, "x"), Err(Errno::NoEntry));
    assert_eq!(gone.stat_at("x"), Err(Errno::NoEntry));
    assert_eq!(names_in(&*gone), [""; 0]);
    // One of the same name is another one.
    let new = make_directory(root, "d");
    drop(put(&*new, "inner", b""));
    assert_eq!(gone.stat_at("inner"), Err(Errno::NoEntry));
    assert_eq!(content(root, "f"), b"x");
}

pub(super) fn odd_names(root: &dyn Directory) {
    let longest = "x".repeat(NAME_MAX);
    let names = [
        "...",
        " ",
        "a b",
        "ä→𝄞",
        "-rf",
        "\\",
        "\u{1b}[31m",
        "a\nb",
        ".wh.f",
        &longest,
    ];
    for name in names {
        drop(put(root, name, name.as_bytes()));
    }
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(names_in(root), sorted);
    for name in names {
        assert_eq!(content(root, name), name.as_bytes());
        assert_eq!(root.unlink_at(name), Ok(()));
    }
    assert_eq!(names_in(root), [""; 0]);
}

pub(super) fn times(root: &dyn Directory) {
    const EARLY: u64 = 900_000_000_000_000_000;
    let both = SetTimes {
        accessed: SetTime::At(EARLY),
        modified: SetTime::At(EARLY + 5_000_000),
    };
    drop(put(root, "f", b"x"));
    let directory = make_directory(root, "d");
    assert_eq!(root.symlink_at("l", "f"), Ok(()));
    for name in ["f", "d", "l"] {
        assert_eq!(root.set_times_at(name, both), Ok(()), "{name}");
        let stat = root.stat_at(name).expect("a stat");
        assert_eq!(stat.accessed_ns, EARLY, "{name}");
        assert_eq!(stat.modified_ns, EARLY + 5_000_000, "{name}");
    }
    let one = SetTimes {
        accessed: SetTime::Keep,
        modified: SetTime::Now,
    };
    assert_eq!(root.set_times_at("f", one), Ok(()));
    let stat = root.stat_at("f").expect("a stat");
    assert_eq!(stat.accessed_ns, EARLY);
    assert!(stat.modified_ns > EARLY + 5_000_000);
    assert_eq!(root.set_times_at("none", one), Err(Errno::NoEntry));
    // A change of the entries is a change of the directory.
    drop(put(&*directory, "inner", b""));
    let modified = |directory: &dyn Directory| directory.stat().expect("a stat").modified_ns;
    assert!(modified(&*directory) > EARLY + 5_000_000);
    assert_eq!(directory.set_times(both), Ok(()));
    assert_eq!(modified(&*enter(root, "d")), EARLY + 5_000_000);
    assert_eq!(directory.unlink_at("inner"), Ok(()));
    assert!(modified(&*directory) > EARLY + 5_000_000);
}
