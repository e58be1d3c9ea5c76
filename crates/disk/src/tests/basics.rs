//! The kernel's suite, the model, and what only a disk promises.

use std::io::IoSlice;

use holm_abi::Errno;
use holm_kernel::testkit::model::{list, read_all, tree_of};
use holm_kernel::testkit::simulate::Simulation;
use holm_kernel::testkit::{Model, backend};
use holm_kernel::vfs::Lookup;

use super::{assert_clean, create, in_memory, open_on, put, reopen};
use crate::{Disk, OpenMode};

#[test]
fn the_suite_passes() {
    backend::check_backend(&mut || in_memory(256 << 20).1.root());
}

#[test]
fn agrees_with_the_model() {
    for seed in 0..12 {
        let (device, disk) = in_memory(64 << 20);
        let mut model = Model::new();
        Simulation::new(seed, 2_000).run(&disk.root(), &mut model);
        assert_clean(&disk);
        drop(disk);
        let disk = reopen(&device);
        assert_eq!(tree_of(&*disk.root()), model.tree(), "seed {seed}");
        assert_clean(&disk);
        Simulation::new(seed + 100, 500).run(&disk.root(), &mut model);
        assert_clean(&disk);
    }
}

#[test]
fn what_is_dropped_is_kept_on_the_device() {
    let (device, disk) = in_memory(16 << 20);
    let data: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    {
        let root = disk.root();
        root.create_directory_at("d").expect("room");
        let inner = root.descend("d").expect("a directory");
        put(&*inner, "f", &data);
        inner.symlink_at("l", &"x/".repeat(1_500)).expect("room");
    }
    let before = disk.info();
    drop(disk);
    let disk = open_on(&device, OpenMode::ReadOnly).expect("a disk");
    let info = disk.info();
    assert_eq!((info.label.as_str(), info.version), ("test", 1));
    assert_eq!((info.id, info.created_ns), (before.id, before.created_ns));
    let inner = disk.root().descend("d").expect("a directory");
    assert_eq!(read_all(&*create(&*inner, "f").expect("it is there")), data);
    assert_eq!(inner.read_link_at("l").map(|text| text.len()), Ok(3_000));
    assert_eq!(disk.root().unlink_at("d"), Err(Errno::ReadOnly));
    assert_eq!(inner.create_directory_at("x"), Err(Errno::ReadOnly));
    assert_clean(&disk);
    let image = device.to_vec();
    assert!(Disk::recognises(&image));
    drop((disk, inner));
    assert!(
        device.to_vec() == image,
        "a disk opened to be read is not written"
    );
}

#[test]
fn an_open_file_outlives_its_name_but_not_a_restart() {
    let (device, disk) = in_memory(16 << 20);
    let empty = disk.info().used_bytes;
    let root = disk.root();
    let file = put(&*root, "f", &vec![7; 1_000_000]);
    root.unlink_at("f").expect("it is there");
    disk.commit().expect("a commit");
    assert_eq!(read_all(&*file), vec![7; 1_000_000]);
    assert!(disk.info().used_bytes > 1_000_000);
    // As after a crash: another disk on what is on the device.
    let copy = std::sync::Arc::new(crate::MemoryDevice::new(device.to_vec()));
    let other = reopen(&copy);
    other.commit().expect("a commit");
    assert!(other.info().used_bytes <= empty);
    assert_clean(&other);
    drop(file);
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes <= empty);
    assert_clean(&disk);
}

#[test]
fn holes_take_no_room() {
    let (_device, disk) = in_memory(4 << 20);
    let file = create(&*disk.root(), "f").expect("room");
    file.set_size(1 << 60).expect("a hole");
    assert_eq!(file.write_at(1 << 59, &[IoSlice::new(b"x")]), Ok(1));
    let mut buffer = [1; 3];
    assert_eq!(file.read_at((1 << 59) - 1, &mut buffer), Ok(3));
    assert_eq!(&buffer, b"\0x\0");
    assert!(disk.info().used_bytes < 100_000);
    assert_eq!(file.allocate(0, 1 << 50), Err(Errno::NoSpace));
    assert_eq!(file.allocate(0, 1 << 20), Ok(()));
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes > 1 << 20);
    file.set_size(5).expect("cut");
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes < 100_000);
    assert_clean(&disk);
}

#[test]
fn many_names_in_one_directory() {
    let (device, disk) = in_memory(64 << 20);
    let root = disk.root();
    let name = |number: u32| format!("file number {number} of many");
    for number in 0..5_000 {
        drop(create(&*root, &name(number)).expect("room"));
    }
    for number in (0..5_000).step_by(3) {
        root.unlink_at(&name(number)).expect("it is there");
    }
    drop(root);
    drop(disk);
    let disk = reopen(&device);
    let names: Vec<String> = list(&*disk.root())
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    let wanted: Vec<String> = (0..5_000).filter(|at| at % 3 != 0).map(name).collect();
    assert_eq!(names, wanted, "in the order in which they were created");
    assert_clean(&disk);
    for name in names {
        disk.root().unlink_at(&name).expect("it is there");
    }
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes <= 8 * 4096, "{:?}", disk.info());
}

#[test]
fn deep_trees_are_walked_without_recursion() {
    let (_device, disk) = in_memory(64 << 20);
    let mut current = disk.root();
    for _ in 0..5_000 {
        current.create_directory_at("d").expect("room");
        current = match current.lookup("d") {
            Ok(Lookup::Directory(child)) => child,
            other => panic!("{other:?}"),
        };
    }
    let root = disk.root();
    assert_eq!(root.rename_at("d", &*current, "e"), Err(Errno::Invalid));
    assert_clean(&disk);
}

#[test]
fn other_disks_are_other_devices() {
    let (one, other) = (in_memory(4 << 20).1, in_memory(4 << 20).1);
    drop(create(&*one.root(), "f").expect("room"));
    let foreign = other.root();
    let root = one.root();
    assert_eq!(root.rename_at("f", &*foreign, "f"), Err(Errno::CrossDevice));
    assert_eq!(root.link_at("f", &*foreign, "f"), Err(Errno::CrossDevice));
}

#[test]
fn nothing_changed_is_nothing_written() {
    let (device, disk) = in_memory(4 << 20);
    put(&*disk.root(), "f", b"data");
    disk.commit().expect("a commit");
    let generation = disk.info().generation;
    let image = device.to_vec();
    disk.commit().expect("a commit");
    assert!(!disk.is_changed());
    assert_eq!(disk.info().generation, generation);
    assert!(device.to_vec() == image);
}
