//! Full disks: `ENOSPC`, nothing half done, and room again after removing something.

use std::io::IoSlice;

use holm_abi::Errno;
use holm_kernel::testkit::Model;
use holm_kernel::testkit::model::{read_all, tree_of};
use holm_kernel::testkit::simulate::Simulation;

use super::{assert_clean, create, in_memory, names, put, reopen};
use crate::BlockDevice as _;

#[test]
fn stays_whole_when_it_is_full() {
    for seed in 0..16 {
        let (device, disk) = in_memory((1 << 20) + seed * 20_000);
        // Something that is in the way, so that it is soon full.
        put(&*disk.root(), "ballast", &vec![9; 400_000]);
        let mut model = Model::capture(&*disk.root());
        let mut simulation = Simulation::new(seed, 1_500);
        simulation.may_fill_up = true;
        simulation.run(&disk.root(), &mut model);
        assert_clean(&disk);
        drop(disk);
        assert!(
            device
                .len()
                .is_ok_and(|length| length <= (1 << 20) + seed * 20_000)
        );
        let disk = reopen(&device);
        assert_eq!(tree_of(&*disk.root()), model.tree(), "seed {seed}");
        assert_clean(&disk);
    }
}

#[test]
fn a_full_disk_takes_what_fits_and_can_be_emptied() {
    let (device, disk) = in_memory(2 << 20);
    let root = disk.root();
    let mut total = 0;
    for round in 0..200_u32 {
        let name = format!("file {round}");
        let Ok(file) = create(&*root, &name) else {
            break;
        };
        loop {
            let end = file.stat().expect("a stat").size;
            match file.write_at(end, &[IoSlice::new(&vec![1; 10_000])]) {
                Ok(written) if end < 90_000 => total += written,
                Ok(written) => {
                    total += written;
                    break;
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::NoSpace);
                    break;
                }
            }
        }
    }
    assert!(total > 1_400_000, "{total}");
    assert_eq!(create(&*root, "one more").map(drop), Err(Errno::NoSpace));
    assert_eq!(root.create_directory_at("d"), Err(Errno::NoSpace));
    disk.commit().expect("a commit takes no room");
    assert!(device.len().is_ok_and(|length| length <= 2 << 20));
    assert_clean(&disk);
    let files = names(&*root);
    for name in &files {
        root.unlink_at(name).expect("removing takes no room");
    }
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes < 50_000, "{:?}", disk.info());
    put(&*root, "again", &vec![4; 1_000_000]);
    assert_clean(&disk);
}

#[test]
fn a_file_that_fills_the_disk_can_be_overwritten_and_cut() {
    let (_device, disk) = in_memory(2 << 20);
    let root = disk.root();
    let file = create(&*root, "f").expect("room");
    let mut size = 0;
    while let Ok(written) = file.write_at(size, &[IoSlice::new(&vec![1; 65_536])]) {
        size += u64::try_from(written).expect("invariant: small");
    }
    disk.commit().expect("a commit");
    let mut tail = vec![1; usize::try_from(size).expect("invariant: small")];
    tail.truncate(123_456);
    file.set_size(123_456).expect("cutting takes no room");
    assert_eq!(read_all(&*file), tail);
    // Each block takes another one until the commit: what is full can still be rewritten.
    for round in 0..50_u8 {
        let written = file.write_at(0, &[IoSlice::new(&vec![round; 120_000])]);
        assert_eq!(written, Ok(120_000), "round {round}");
    }
    assert_clean(&disk);
    root.unlink_at("f").expect("removing takes no room");
    drop(file);
    disk.commit().expect("a commit");
    assert!(disk.info().used_bytes < 50_000, "{:?}", disk.info());
}

#[test]
fn the_smallest_disk_holds_something() {
    let (_device, disk) = in_memory(crate::SIZE_MIN);
    put(&*disk.root(), "f", &vec![1; 500_000]);
    assert_clean(&disk);
}
