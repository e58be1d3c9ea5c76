//! Tests of read-only images: building, reading, refusing.

use std::sync::Arc;

use holm_abi::{Errno, FileType, SetTimes};

use super::{Blob, ImageBuilder, ImageError, ImageFs};
use crate::testkit::model::{list, read_all, tree_of};
use crate::testkit::{SplitMix64, StepClock};
use crate::vfs::memfs::{MemoryFs, Quota};
use crate::vfs::overlayfs::OverlayFs;
use crate::vfs::{Directory, Lookup, OpenOptions, Opened};

fn blob(bytes: &[u8]) -> Arc<dyn Blob> {
    Arc::new(bytes.to_vec())
}

fn sample() -> Arc<ImageFs> {
    let mut builder = ImageBuilder::new();
    let added = [
        builder.add_file("./usr/bin/tool", blob(b"code"), 7, true),
        builder.add_file("/etc/z", blob(b"last"), 8, false),
        builder.add_file("etc//a", blob(b"first"), 9, false),
        builder.add_symlink("etc/link", "../usr"),
        builder.add_directory("etc/"),
        builder.add_directory("empty/"),
    ];
    assert!(added.iter().all(Result::is_ok), "{added:?}");
    assert!(builder.set_modified("etc", 11));
    assert!(builder.set_modified("/", 12));
    assert!(!builder.set_modified("none", 12));
    builder.build().expect("few entries")
}

fn names(directory: &dyn Directory) -> Vec<String> {
    let listed = list(directory).into_iter();
    listed.map(|(name, ..)| name).collect()
}

fn enter(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name) {
        Ok(Lookup::Directory(child)) => child,
        other => panic!("{name} should be a directory, not {other:?}"),
    }
}

#[test]
fn entries_are_found_sorted_and_read() {
    let image = sample();
    let root = image.root();
    assert_eq!(names(&*root), ["empty", "etc", "usr"]);
    let etc = enter(&*root, "etc");
    assert_eq!(names(&*etc), ["a", "link", "z"]);
    assert_eq!(names(&*enter(&*root, "empty")), [""; 0]);
    assert_eq!(etc.read_link_at("link"), Ok("../usr".to_owned()));
    assert_eq!(etc.read_link_at("a"), Err(Errno::Invalid));
    assert_eq!(etc.stat_at("b").map(drop), Err(Errno::NoEntry));
    let stat = etc.stat_at("a").expect("a stat");
    assert_eq!((stat.size, stat.links, stat.modified_ns), (5, 1, 9));
    let stat = root.stat().expect("a stat");
    assert_eq!((stat.links, stat.modified_ns), (5, 12));
    assert_eq!(etc.stat().map(|stat| stat.modified_ns), Ok(11));
    let bin = root.descend("usr/bin").expect("directories");
    let read = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    let Ok(Opened::File(file)) = bin.open_at("tool", read) else {
        panic!("a file");
    };
    assert_eq!(read_all(&*file), b"code");
    assert_eq!(file.read_at(u64::MAX, &mut [0; 4]), Ok(0));
    assert!(root.descend("etc/link").is_none());
    assert_eq!(image.is_executable("usr/bin/tool"), Some(true));
    assert_eq!(image.is_executable("etc/a"), Some(false));
    assert_eq!(image.is_executable("etc"), None);
    // The whole tree agrees with itself: listing, stat, lookup, content.
    assert_eq!(tree_of(&*root).len(), image.entries());
}

#[test]
fn nothing_can_be_changed() {
    let root = sample().root();
    let options = |write, create, truncate| OpenOptions {
        read: true,
        write,
        create,
        truncate,
        ..OpenOptions::default()
    };
    let etc = enter(&*root, "etc");
    for options in [options(true, false, false), options(false, false, true)] {
        assert!(matches!(etc.open_at("a", options), Err(Errno::ReadOnly)));
    }
    let create = options(false, true, false);
    assert!(matches!(etc.open_at("new", create), Err(Errno::ReadOnly)));
    let Ok(Opened::File(file)) = etc.open_at("a", create) else {
        panic!("a file that exists need not be created");
    };
    let times = SetTimes::default();
    let results = [
        file.set_size(0),
        file.allocate(0, 1),
        file.set_times(times),
        file.append(&[]).map(drop),
        file.write_at(0, &[]).map(drop),
        etc.set_times(times),
        etc.set_times_at("a", times),
        etc.create_directory_at("new"),
        etc.symlink_at("new", "a"),
        etc.unlink_at("a"),
        root.remove_directory_at("empty"),
        etc.rename_at("a", &*root, "b"),
        etc.link_at("a", &*root, "b"),
    ];
    assert_eq!(results, [Err(Errno::ReadOnly); 13]);
}

#[test]
fn hostile_entries_are_refused() {
    let mut builder = ImageBuilder::new();
    let long = "x".repeat(256);
    let file =
        |builder: &mut ImageBuilder, path: &str| builder.add_file(path, blob(b"x"), 0, false).err();
    assert_eq!(file(&mut builder, "d/f"), None);
    assert_eq!(builder.add_symlink("d/l", "/outside"), Ok(()));
    for path in ["..", "../x", "a/../../x", "a/..", "/.."] {
        assert_eq!(
            file(&mut builder, path),
            Some(ImageError::Climbs(path.to_owned()))
        );
        let climbs = builder.add_directory(path);
        assert_eq!(climbs, Err(ImageError::Climbs(path.to_owned())));
    }
    for path in ["", "/", ".", "a\0b"] {
        assert_eq!(
            file(&mut builder, path),
            Some(ImageError::BadPath(path.to_owned()))
        );
    }
    for path in ["d/f/x", "d/l/x", "d/f/x/y"] {
        let under = ImageError::UnderFile(path.to_owned());
        assert_eq!(file(&mut builder, path), Some(under.clone()));
        assert_eq!(builder.add_directory(path), Err(under));
    }
    assert_eq!(
        file(&mut builder, "d"),
        Some(ImageError::ReplacesDirectory("d".to_owned()))
    );
    assert_eq!(
        file(&mut builder, &long),
        Some(ImageError::TooLong(long.clone()))
    );
    assert_eq!(
        builder.add_symlink("e", ""),
        Err(ImageError::TooLong("e".to_owned()))
    );
    let image = builder.build().expect("few entries");
    assert_eq!(image.entries(), 3, "what was refused left nothing behind");
}

#[test]
fn the_last_of_two_entries_counts() {
    let mut builder = ImageBuilder::new();
    let file = |builder: &mut ImageBuilder, path: &str, bytes: &[u8]| {
        assert_eq!(builder.add_file(path, blob(bytes), 0, false), Ok(()));
    };
    file(&mut builder, "f", b"one");
    file(&mut builder, "f", b"two");
    file(&mut builder, "d", b"a file first");
    assert_eq!(builder.add_directory("d"), Ok(()));
    file(&mut builder, "d/inner", b"x");
    assert_eq!(builder.add_directory("d"), Ok(()));
    assert_eq!(builder.add_directory("e"), Ok(()));
    assert_eq!(builder.add_symlink("e", "d"), Ok(()));
    let tree = tree_of(&*builder.build().expect("few entries").root());
    let found: Vec<_> = tree
        .iter()
        .map(|(path, entry)| (path.as_str(), entry.file_type, &entry.content[..]))
        .collect();
    assert_eq!(
        found,
        [
            ("d", FileType::Directory, &b""[..]),
            ("d/inner", FileType::RegularFile, b"x"),
            ("e", FileType::SymbolicLink, b"d"),
            ("f", FileType::RegularFile, b"two"),
        ]
    );
}

#[test]
fn many_entries_are_listed_in_steps() {
    let mut builder = ImageBuilder::new();
    let data = blob(b"x");
    let mut random = SplitMix64::new(3);
    let mut wanted: Vec<String> = (0..20_000)
        .map(|_| format!("{:x}", random.next_u64()))
        .collect();
    for name in &wanted {
        let added = builder.add_file(&format!("d/{name}"), Arc::clone(&data), 0, false);
        assert_eq!(added, Ok(()));
    }
    wanted.sort();
    wanted.dedup();
    let image = builder.build().expect("enough room");
    let directory = enter(&*image.root(), "d");
    let mut got = Vec::new();
    let mut cursor = 0;
    loop {
        let before = got.len();
        let listed = directory.read_dir(cursor, &mut |entry| {
            got.push(entry.name.to_owned());
            cursor = entry.next;
            if got.len() == before + 999 {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        });
        assert_eq!(listed, Ok(()));
        if got.len() == before {
            break;
        }
    }
    assert_eq!(got, wanted);
    assert_eq!(
        directory.read_dir(u64::MAX, &mut |_| panic!("past the end")),
        Ok(())
    );
}

#[test]
fn an_image_below_an_overlay_can_be_written_over() {
    let image = sample();
    let quota = Quota {
        bytes: 1 << 20,
        inodes: 100,
    };
    let upper = MemoryFs::new(StepClock::new(), quota);
    let overlay = OverlayFs::new(image.root(), upper.root(), StepClock::new());
    let root = overlay.root();
    let mut model = crate::testkit::Model::capture(&*image.root());
    let mut simulation = crate::testkit::simulate::Simulation::new(1, 500);
    simulation.may_fill_up = true;
    simulation.run(&root, &mut model);
    assert_eq!(names(&*image.root()), ["empty", "etc", "usr"]);
    assert_eq!(root.rename_at("etc", &*root, "moved"), Ok(()));
    assert_eq!(
        enter(&*root, "moved").read_link_at("link"),
        Ok("../usr".to_owned())
    );
}
