//! A device that fails: typed errors, and nothing lost that was synchronised.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use holm_abi::Errno;
use holm_kernel::testkit::model::{read_all, tree_of};

use super::devices::Faulty;
use super::{assert_clean, create, create_on, put};
use crate::{Disk, DiskError, MemoryDevice, OpenMode};

fn faulty(halves: bool) -> Arc<Faulty> {
    let device = Faulty {
        halves,
        ..Faulty::default()
    };
    device.left.store(u64::MAX, Ordering::Relaxed);
    Arc::new(device)
}

/// What is on the device, as another disk.
fn copy_of(device: &Faulty) -> Disk {
    let copy = Arc::new(MemoryDevice::new(device.inner.to_vec()));
    super::open_on(&copy, OpenMode::ReadWrite).expect("a disk")
}

#[test]
fn a_write_that_fails_is_tried_again_by_the_next_commit() {
    for (left, halves) in (0..6).flat_map(|left| [(left, true), (left, false)]) {
        let device = faulty(halves);
        let disk = create_on(&device, 8 << 20);
        let root = disk.root();
        put(&*root, "kept", &vec![1; 100_000]);
        disk.commit().expect("a commit");
        let tree = tree_of(&*root);
        let file = put(&*root, "new", &vec![2; 200_000]);
        device.left.store(left, Ordering::Relaxed);
        device.failing.store(1, Ordering::Relaxed);
        let failed = disk.commit();
        assert!(
            matches!(failed, Err(DiskError::Device { .. })),
            "{failed:?}"
        );
        assert_eq!(tree_of(&*copy_of(&device).root()), tree);
        assert_eq!(read_all(&*file), vec![2; 200_000]);
        match disk.commit() {
            Ok(()) => {
                let copy = copy_of(&device);
                assert_eq!(tree_of(&*copy.root()), tree_of(&*root));
                assert_clean(&copy);
            }
            // Of what a failed flush has left, nobody knows.
            Err(error) => assert!(matches!(error, DiskError::Stopped(_)), "{error}"),
        }
    }
}

#[test]
fn after_a_failed_flush_nothing_more_is_written() {
    let device = faulty(false);
    let disk = create_on(&device, 8 << 20);
    let root = disk.root();
    put(&*root, "kept", b"data");
    disk.commit().expect("a commit");
    let file = put(&*root, "new", b"more");
    device.left.store(2, Ordering::Relaxed);
    device.failing.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(file.sync(false), Err(Errno::Io));
    device.failing.store(0, Ordering::Relaxed);
    let image = device.inner.to_vec();
    while !matches!(disk.commit(), Ok(()) | Err(DiskError::Stopped(_))) {}
    if let Err(error) = disk.commit() {
        assert!(error.to_string().contains("open the disk again"), "{error}");
        assert_eq!(root.unlink_at("kept"), Err(Errno::Io));
        assert_eq!(read_all(&*file), b"more", "reading goes on");
        drop((file, root, disk));
        assert!(device.inner.to_vec() == image);
    }
    let copy = copy_of(&device);
    let kept = create(&*copy.root(), "kept").expect("it is there");
    assert_eq!(read_all(&*kept), b"data");
    assert_clean(&copy);
}

#[test]
fn any_fault_leaves_what_was_synchronised() {
    for left in 0..150 {
        let device = faulty(left % 2 == 0);
        let disk = create_on(&device, 8 << 20);
        let root = disk.root();
        put(&*root, "kept", &vec![1; 300_000]);
        root.create_directory_at("d").expect("room");
        disk.commit().expect("a commit");
        device.left.store(left, Ordering::Relaxed);
        device.failing.store(1 + left % 3, Ordering::Relaxed);
        for number in 0..40_u8 {
            if let Ok(file) = create(&*root, &number.to_string()) {
                let _ = file.write_at(0, &[IoSlice::new(&vec![number; 30_000])]);
                if number % 4 == 0 {
                    let _ = file.sync(false);
                }
            }
            if number % 3 == 0 {
                let _ = root.rename_at(&number.to_string(), &*root, "renamed");
            }
        }
        drop((root, disk));
        let copy = copy_of(&device);
        assert_clean(&copy);
        let kept = create(&*copy.root(), "kept").expect("it is there");
        assert_eq!(read_all(&*kept), vec![1; 300_000]);
        assert!(copy.root().descend("d").is_some());
    }
}

#[test]
fn a_host_without_room_is_a_full_disk() {
    let device = Arc::new(Faulty {
        limit: 1 << 20,
        ..Faulty::default()
    });
    device.left.store(u64::MAX, Ordering::Relaxed);
    let disk = create_on(&device, 1 << 30);
    let file = create(&*disk.root(), "f").expect("room");
    let mut offset = 0;
    let failed = loop {
        match file.write_at(offset, &[IoSlice::new(&vec![3; 50_000])]) {
            Ok(written) => offset += u64::try_from(written).expect("invariant: small"),
            Err(errno) => break errno,
        }
    };
    assert_eq!(failed, Errno::NoSpace);
    assert!((600_000..1 << 20).contains(&offset), "{offset}");
    disk.commit().expect("a commit takes no room");
    assert_clean(&disk);
    let copy = copy_of(&device);
    let file = create(&*copy.root(), "f").expect("it is there");
    assert_eq!(u64::try_from(read_all(&*file).len()), Ok(offset));
}

#[test]
fn what_cannot_be_read_is_an_error_of_its_own() {
    let device = faulty(false);
    let disk = create_on(&device, 8 << 20);
    put(&*disk.root(), "f", &vec![5; 2_000_000]);
    drop(disk);
    let disk = super::reopen(&device);
    let root = disk.root();
    let file = create(&*root, "f").expect("it is there");
    device.unreadable.store(1, Ordering::Relaxed);
    let mut buffer = [0; 100];
    assert_eq!(file.read_at(70_000, &mut buffer), Err(Errno::Io));
    assert!(matches!(disk.problem(), Some(DiskError::Device { .. })));
    assert_eq!(file.write_at(70_000, &[IoSlice::new(b"x")]), Err(Errno::Io));
    device.unreadable.store(0, Ordering::Relaxed);
    assert_eq!(file.write_at(70_000, &[IoSlice::new(b"x")]), Ok(1));
    assert_eq!(file.read_at(69_999, &mut buffer), Ok(100));
    assert_eq!(&buffer[..3], &[5, b'x', 5]);
    assert_clean(&disk);
}
