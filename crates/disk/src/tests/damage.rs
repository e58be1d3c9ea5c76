//! Damaged, foreign and newer images: errors in words, and never a panic.

use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::FileType;
use holm_kernel::testkit::SplitMix64;
use holm_kernel::vfs::{Directory, Lookup, OpenOptions, Opened};

use super::{assert_clean, create, in_memory, open_on, put, reopen};
use crate::checksum::xxh64;
use crate::{CreateOptions, Disk, DiskError, MemoryDevice, OpenMode};

/// An image with a bit of everything, committed several times.
fn image() -> Vec<u8> {
    let (device, disk) = in_memory(16 << 20);
    let root = disk.root();
    for number in 0..60_u8 {
        put(
            &*root,
            &format!("file {number}"),
            &vec![number; 200 * usize::from(number)],
        );
        if number % 20 == 0 {
            disk.commit().expect("a commit");
        }
    }
    root.create_directory_at("d").expect("room");
    let inner = root.descend("d").expect("a directory");
    inner.symlink_at("l", &"long/".repeat(500)).expect("room");
    put(&*inner, "large", &vec![1; 300_000]);
    root.link_at("file 7", &*inner, "linked").expect("room");
    drop((inner, root));
    disk.commit().expect("a commit");
    put(&*disk.root(), "last", b"x");
    drop(disk);
    device.to_vec()
}

/// Uses everything there is; errors are fine.
fn use_all(directory: &dyn Directory, depth: u32) {
    let mut entries = Vec::new();
    let _ = directory.read_dir(0, &mut |entry| {
        entries.push((entry.name.to_owned(), entry.file_type));
        if entries.len() < 10_000 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    for (name, file_type) in entries {
        let _ = directory.stat_at(&name);
        let _ = directory.read_link_at(&name);
        if let Ok(Opened::File(file)) = directory.open_at(
            &name,
            OpenOptions {
                read: true,
                ..OpenOptions::default()
            },
        ) {
            let mut buffer = vec![0; 50_000];
            for offset in [0, 50_000, 1 << 40] {
                let _ = file.read_at(offset, &mut buffer);
            }
            let _ = file.write_at(3, &[std::io::IoSlice::new(b"over")]);
            let _ = file.set_size(100);
        }
        if file_type == FileType::Directory
            && depth < 5
            && let Ok(Lookup::Directory(child)) = directory.lookup(&name)
        {
            use_all(&*child, depth + 1);
            let _ = directory.rename_at(&name, &*child, "into itself");
        }
        let _ = directory.rename_at(&name, directory, "renamed");
        let _ = directory.link_at("renamed", directory, &name);
    }
    let _ = create(directory, "new");
    for name in ["renamed", "new"] {
        let _ = directory.unlink_at(name);
        let _ = directory.remove_directory_at(name);
    }
    let _ = directory.create_directory_at("new directory");
}

fn try_image(image: Vec<u8>) -> bool {
    let device = Arc::new(MemoryDevice::new(image));
    for mode in [OpenMode::ReadOnly, OpenMode::ReadWrite] {
        let Ok(disk) = open_on(&device, mode) else {
            continue;
        };
        let _ = disk.check(true);
        use_all(&*disk.root(), 0);
        let _ = disk.commit();
        let _ = disk.check(false);
        if mode == OpenMode::ReadWrite {
            return true;
        }
    }
    false
}

#[test]
fn random_damage_is_an_error_and_never_a_panic() {
    let good = image();
    assert!(try_image(good.clone()));
    let mut opened = 0;
    for seed in 0..600 {
        let mut random = SplitMix64::new(seed);
        let mut bad = good.clone();
        for _ in 0..=random.below(12) {
            let at = random.index(bad.len());
            bad[at] ^= random.next_u64().to_le_bytes()[0];
        }
        if random.chance(1, 8) {
            bad.truncate(random.index(bad.len()));
        }
        if random.chance(1, 8) {
            let (from, to) = (
                random.index(bad.len() / 4096),
                random.index(bad.len() / 4096),
            );
            bad.copy_within(from * 4096..(from + 1) * 4096, to * 4096);
        }
        opened += u32::from(try_image(bad));
    }
    assert!(
        opened > 50,
        "{opened}: damage of data alone does not close a disk"
    );
}

/// Somebody who forges an image makes the checksums right.
#[test]
fn forged_nodes_are_errors_and_never_a_panic() {
    let good = image();
    for seed in 0..600 {
        let mut random = SplitMix64::new(seed);
        let mut bad = good.clone();
        // Small numbers are likelier to mean something.
        for _ in 0..=random.below(3) {
            forge(&mut bad, &mut random);
        }
        try_image(bad);
    }
}

/// Changes a byte of a node, then every checksum above it.
fn forge(image: &mut [u8], random: &mut SplitMix64) {
    let commit = (1..3)
        .filter(|block| image[block * 4096..][..8] == *b"HolmRoot")
        .max_by_key(|block| {
            u64::from_le_bytes(image[block * 4096 + 8..][..8].try_into().expect("8"))
        });
    let Some(commit) = commit.map(|block| block * 4096) else {
        return;
    };
    if random.chance(1, 12) {
        let at = commit + 8 + random.index(32);
        image[at] = random.next_u64().to_le_bytes()[0];
    } else {
        let root = u32::from_le_bytes(image[commit + 16..][..4].try_into().expect("4"));
        let level = image[commit + 20];
        let Some(sum) = forge_node(image, root, level, random) else {
            return;
        };
        image[commit + 24..][..8].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = xxh64(&image[commit..commit + 4088], 0);
    image[commit + 4088..][..8].copy_from_slice(&sum.to_le_bytes());
}

fn forge_node(image: &mut [u8], block: u32, level: u8, random: &mut SplitMix64) -> Option<u64> {
    let start = usize::try_from(block).ok()?.checked_mul(4096)?;
    let node = image.get(start..start + 4096)?;
    let count = u16::from_le_bytes([node[2], node[3]]);
    if level > 0 && count > 0 && random.chance(5, 6) {
        let child = start + 8 + random.index(usize::from(count)) * 28;
        let below = u32::from_le_bytes(image.get(child + 16..child + 20)?.try_into().ok()?);
        let sum = forge_node(image, below, level - 1, random)?;
        image
            .get_mut(child + 20..child + 28)?
            .copy_from_slice(&sum.to_le_bytes());
    } else {
        let at = start + random.index(4096);
        let byte = random.next_u64().to_le_bytes()[0];
        image[at] = if random.chance(1, 2) { byte % 8 } else { byte };
    }
    Some(xxh64(image.get(start..start + 4096)?, 0))
}

#[test]
fn a_damaged_header_is_mended_from_its_copy() {
    let mut bad = image();
    bad[100] ^= 0xff;
    let device = Arc::new(MemoryDevice::new(bad));
    let disk = reopen(&device);
    assert_eq!(
        disk.recovery(),
        ["the header was damaged, and taken from its copy"]
    );
    drop(disk);
    assert_eq!(reopen(&device).recovery(), [""; 0]);
}

#[test]
fn a_damaged_last_commit_falls_back_to_the_one_before() {
    let (device, disk) = in_memory(4 << 20);
    put(&*disk.root(), "one", b"1");
    disk.commit().expect("a commit");
    let generation = disk.info().generation;
    put(&*disk.root(), "two", b"2");
    disk.commit().expect("a commit");
    drop(disk);
    let mut bad = device.to_vec();
    let place = if (generation + 1).is_multiple_of(2) {
        1
    } else {
        2
    };
    bad[place * 4096 + 30] ^= 1;
    let device = Arc::new(MemoryDevice::new(bad));
    let disk = reopen(&device);
    assert_eq!(disk.info().generation, generation);
    assert!(disk.root().stat_at("one").is_ok());
    assert!(disk.root().stat_at("two").is_err());
    assert_clean(&disk);
}

#[test]
fn a_damaged_tree_can_be_read_as_it_was_before() {
    let (device, disk) = in_memory(4 << 20);
    put(&*disk.root(), "one", b"1");
    disk.commit().expect("a commit");
    let before = device.to_vec();
    let generation = disk.info().generation;
    put(&*disk.root(), "two", b"2");
    drop(disk);
    let mut bad = device.to_vec();
    // The root of the newest tree is in a block that was free before.
    let record = if (generation + 1).is_multiple_of(2) {
        1
    } else {
        2
    };
    let root = u32::from_le_bytes(bad[record * 4096 + 16..][..4].try_into().expect("4"));
    let root = usize::try_from(root).expect("invariant: small") * 4096;
    assert!(before[root..root + 4096] != bad[root..root + 4096]);
    bad[root + 50] ^= 1;
    let device = Arc::new(MemoryDevice::new(bad));
    let refused = open_on(&device, OpenMode::ReadWrite).map(drop);
    let words = refused.expect_err("it is damaged").to_string();
    assert!(words.contains("to be read only"), "{words}");
    let disk = open_on(&device, OpenMode::ReadOnly).expect("the commit before");
    assert_eq!(disk.recovery().len(), 1);
    assert!(disk.root().stat_at("one").is_ok());
    assert!(disk.root().stat_at("two").is_err());
}

#[test]
fn damaged_data_is_named_by_its_path() {
    let (device, disk) = in_memory(4 << 20);
    let root = disk.root();
    root.create_directory_at("d").expect("room");
    let inner = root.descend("d").expect("a directory");
    put(&*inner, "f", &vec![0xab; 100_000]);
    drop((inner, root, disk));
    let mut bad = device.to_vec();
    let at = bad.windows(4096).position(|part| part == [0xab; 4096]);
    bad[at.expect("the data is stored") + 5] = 0;
    let device = Arc::new(MemoryDevice::new(bad));
    let disk = reopen(&device);
    let report = disk.check(true).expect("a check");
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert!(
        report.findings[0].starts_with("/d/f: 1 of its blocks"),
        "{report:?}"
    );
    assert!(disk.check(false).expect("a check").is_clean());
}

#[test]
fn what_is_no_disk_is_said_to_be_none() {
    let open = |bytes: Vec<u8>| {
        let device = Arc::new(MemoryDevice::new(bytes));
        open_on(&device, OpenMode::ReadWrite).map(drop)
    };
    assert_eq!(open(Vec::new()), Err(DiskError::Empty));
    assert_eq!(open(b"PK\x03\x04".to_vec()), Err(DiskError::NotADisk));
    assert_eq!(open(vec![0; 100_000]), Err(DiskError::NotADisk));
    let good = image();
    let cut = open(good[..2_000].to_vec());
    assert!(
        matches!(&cut, Err(DiskError::Damaged(what)) if what.contains("cut short")),
        "{cut:?}"
    );
    let cut = open(good[..good.len() / 2].to_vec());
    assert!(matches!(&cut, Err(DiskError::Damaged(_))), "{cut:?}");
    let mut newer = good;
    newer[16] = 9;
    let sum = xxh64(&newer[..4088], 0);
    newer[4088..4096].copy_from_slice(&sum.to_le_bytes());
    let error = open(newer).expect_err("it is newer");
    assert!(
        matches!(error, DiskError::TooNew { version: 9, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("newer Holm"), "{error}");
}

#[test]
fn impossible_wishes_are_refused() {
    let wish = |size_limit, label: &str| {
        let options = CreateOptions {
            size_limit,
            label: label.to_owned(),
            id: [0; 16],
        };
        let clock = holm_kernel::testkit::StepClock::new();
        Disk::create(Arc::new(MemoryDevice::default()), clock, &options).map(drop)
    };
    assert!(matches!(wish(1_000, ""), Err(DiskError::BadOption(_))));
    assert!(matches!(wish(u64::MAX, ""), Err(DiskError::BadOption(_))));
    assert!(matches!(
        wish(1 << 20, &"x".repeat(65)),
        Err(DiskError::BadOption(_))
    ));
    assert!(matches!(
        wish(1 << 20, "a\nb"),
        Err(DiskError::BadOption(_))
    ));
    assert_eq!(wish(1 << 20, "photos"), Ok(()));
    let (device, disk) = in_memory(1 << 20);
    drop(disk);
    let options = super::options(1 << 20);
    let clock = holm_kernel::testkit::StepClock::new();
    let again = Disk::create(device, clock, &options).map(drop);
    assert!(
        matches!(again, Err(DiskError::NotEmpty { .. })),
        "{again:?}"
    );
}
