//! Scenarios about the bytes of a file.

use std::io::IoSlice;

use holm_abi::{Advice, Errno, SetTime, SetTimes};

use super::{CREATE, READ, open, put, write_all};
use crate::testkit::SplitMix64;
use crate::testkit::model::read_all;
use crate::vfs::{Directory, File, OpenOptions};

fn size(file: &dyn File) -> u64 {
    file.stat().expect("a stat").size
}

pub(super) fn read_and_write(root: &dyn Directory) {
    let file = open(root, "f", CREATE);
    let mut buffer = [0; 8];
    assert_eq!(file.read_at(0, &mut buffer), Ok(0));
    assert_eq!(file.read_at(1 << 40, &mut buffer), Ok(0));
    assert_eq!(file.write_at(5, &[]), Ok(0));
    assert_eq!(size(&*file), 0, "writing nothing does not extend");
    assert_eq!(write_all(&*file, 0, b"hello world"), Ok(()));
    assert_eq!(write_all(&*file, 6, b"W"), Ok(()));
    assert_eq!(file.read_at(6, &mut buffer), Ok(5));
    assert_eq!(&buffer[..5], b"World");
    assert_eq!(file.read_at(11, &mut buffer), Ok(0));
    assert_eq!(file.read_at(0, &mut []), Ok(0));
    let reader = open(root, "f", READ);
    assert_eq!(read_all(&*reader), b"hello World");
    // Larger than any block of a backend, at odd offsets.
    let mut random = SplitMix64::new(1);
    let data = random.bytes(300_001);
    assert_eq!(write_all(&*file, 3, &data), Ok(()));
    let all = read_all(&*reader);
    assert_eq!(&all[..3], b"hel");
    assert!(all[3..] == data, "what was written is read");
    assert_eq!(size(&*reader), 300_004);
    for (offset, length) in [(0, 1), (65_535, 2), (65_536, 65_536), (131_071, 100_000)] {
        let mut part = vec![0; length];
        let mut done = 0;
        while done < length {
            let at = u64::try_from(offset + done).expect("invariant: small");
            let read = file.read_at(at, &mut part[done..]).expect("a read");
            assert!(read > 0, "an end at {at}");
            done += read;
        }
        assert!(part == all[offset..offset + length], "from {offset}");
    }
}

pub(super) fn vectored(root: &dyn Directory) {
    let file = open(root, "f", CREATE);
    let slices = [
        IoSlice::new(b""),
        IoSlice::new(b"one"),
        IoSlice::new(b""),
        IoSlice::new(b"two"),
    ];
    assert_eq!(file.write_at(0, &slices), Ok(6));
    assert_eq!(file.append(&slices), Ok((6, 12)));
    assert_eq!(read_all(&*file), b"onetwoonetwo");
}

pub(super) fn append(root: &dyn Directory) {
    let file = put(root, "f", b"start");
    let other = open(root, "f", CREATE);
    assert_eq!(file.append(&[IoSlice::new(b"-one")]), Ok((4, 9)));
    assert_eq!(other.append(&[IoSlice::new(b"-two")]), Ok((4, 13)));
    assert_eq!(file.append(&[]), Ok((0, 13)));
    assert_eq!(file.set_size(5), Ok(()));
    assert_eq!(other.append(&[IoSlice::new(b"!")]), Ok((1, 6)));
    assert_eq!(read_all(&*file), b"start!");
}

pub(super) fn set_size(root: &dyn Directory) {
    let file = put(root, "f", b"0123456789");
    assert_eq!(file.set_size(4), Ok(()));
    assert_eq!(read_all(&*file), b"0123");
    // What was cut off does not come back.
    assert_eq!(file.set_size(8), Ok(()));
    assert_eq!(read_all(&*file), b"0123\0\0\0\0");
    assert_eq!(file.set_size(0), Ok(()));
    assert_eq!(size(&*file), 0);
    assert_eq!(write_all(&*file, 0, &vec![7; 200_000]), Ok(()));
    assert_eq!(file.set_size(70_000), Ok(()));
    assert_eq!(file.set_size(150_000), Ok(()));
    let all = read_all(&*file);
    assert!(all[..70_000].iter().all(|byte| *byte == 7));
    assert!(all[70_000..].iter().all(|byte| *byte == 0));
    assert_eq!(all.len(), 150_000);
}

pub(super) fn sparse(root: &dyn Directory) {
    let file = open(root, "f", CREATE);
    assert_eq!(write_all(&*file, 100_000, b"end"), Ok(()));
    let all = read_all(&*file);
    assert_eq!(all.len(), 100_003);
    assert!(all[..100_000].iter().all(|byte| *byte == 0));
    assert_eq!(&all[100_000..], b"end");
    // Far out: a hole of half a gigabyte costs nothing.
    assert_eq!(file.set_size(1 << 30), Ok(()));
    assert_eq!(write_all(&*file, 1 << 29, b"x"), Ok(()));
    let mut buffer = [1; 5];
    assert_eq!(file.read_at((1 << 29) - 2, &mut buffer), Ok(5));
    assert_eq!(&buffer, b"\0\0x\0\0");
    assert_eq!(file.read_at((1 << 30) - 1, &mut buffer), Ok(1));
    assert_eq!(size(&*file), 1 << 30);
}

pub(super) fn allocate(root: &dyn Directory) {
    let file = put(root, "f", b"data");
    assert_eq!(file.allocate(0, 2), Ok(()));
    assert_eq!(read_all(&*file), b"data", "allocating does not cut");
    assert_eq!(file.allocate(2, 6), Ok(()));
    assert_eq!(read_all(&*file), b"data\0\0\0\0");
    assert_eq!(file.allocate(100_000, 1), Ok(()));
    assert_eq!(size(&*file), 100_001);
    assert_eq!(file.allocate(0, 0), Err(Errno::Invalid));
    assert_eq!(size(&*file), 100_001);
}

pub(super) fn too_big(root: &dyn Directory) {
    let file = put(root, "f", b"data");
    assert_eq!(file.set_size(u64::MAX).map_err(too_large), Err(true));
    assert_eq!(file.set_size(1 << 63).map_err(too_large), Err(true));
    let far = file.write_at(u64::MAX - 2, &[IoSlice::new(b"12345")]);
    assert_eq!(far.map_err(too_large), Err(true));
    let far = file.allocate(u64::MAX - 2, 5);
    assert_eq!(far.map_err(too_large), Err(true));
    let mut buffer = [0; 4];
    let far = file.read_at(u64::MAX - 2, &mut buffer);
    assert!(matches!(far, Ok(0) | Err(Errno::Invalid | Errno::Overflow)));
    assert_eq!(read_all(&*file), b"data");
}

/// Systems differ in whether such a number is too large or not a number at all.
fn too_large(errno: Errno) -> bool {
    matches!(errno, Errno::FileTooBig | Errno::Invalid | Errno::Overflow)
}

pub(super) fn times(root: &dyn Directory) {
    const EARLY: u64 = 900_000_000_000_000_000;
    let early = SetTimes {
        accessed: SetTime::At(EARLY),
        modified: SetTime::At(EARLY),
    };
    let file = put(root, "f", b"data");
    let modified = || file.stat().expect("a stat").modified_ns;
    let changes: [(&str, &dyn Fn()); 4] = [
        ("write", &|| assert_eq!(write_all(&*file, 0, b"x"), Ok(()))),
        ("append", &|| {
            assert!(file.append(&[IoSlice::new(b"x")]).is_ok());
        }),
        ("cut", &|| assert_eq!(file.set_size(1), Ok(()))),
        ("truncate", &|| {
            let truncating = OpenOptions {
                truncate: true,
                ..CREATE
            };
            drop(open(root, "f", truncating));
        }),
    ];
    for (name, change) in changes {
        assert_eq!(file.set_times(early), Ok(()));
        assert_eq!(modified(), EARLY);
        let changed = file.stat().expect("a stat").changed_ns;
        change();
        assert!(modified() > EARLY, "{name} is a change of the data");
        assert!(file.stat().expect("a stat").changed_ns >= changed);
    }
    assert_eq!(file.set_times(early), Ok(()));
    assert_eq!(file.set_times(SetTimes::default()), Ok(()));
    let stat = file.stat().expect("a stat");
    assert_eq!((stat.accessed_ns, stat.modified_ns), (EARLY, EARLY));
    let mut buffer = [0; 1];
    assert!(file.read_at(0, &mut buffer).is_ok());
    assert_eq!(modified(), EARLY, "reading changes no data");
}

pub(super) fn synchronise(root: &dyn Directory) {
    let file = put(root, "f", b"data");
    assert_eq!(file.sync(true), Ok(()));
    assert_eq!(file.sync(false), Ok(()));
    assert_eq!(root.sync(true), Ok(()));
    assert_eq!(root.sync(false), Ok(()));
    assert_eq!(file.set_sync(false, false), Ok(()));
    assert_eq!(file.advise(0, 4, Advice::WillNeed), Ok(()));
    let synchronous = OpenOptions {
        data_sync: true,
        sync: true,
        ..CREATE
    };
    let file = open(root, "f", synchronous);
    assert_eq!(write_all(&*file, 0, b"kept"), Ok(()));
    assert_eq!(read_all(&*file), b"kept");
}
