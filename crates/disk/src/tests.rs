//! Tests of whole disks: the suite, the model, crashes, failing devices, damage, full disks.

mod basics;
mod crash;
mod damage;
mod devices;
mod faults;
mod full;

use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::Errno;
use holm_kernel::testkit::StepClock;
use holm_kernel::vfs::{Directory, File, OpenOptions, Opened};

use crate::{BlockDevice, CreateOptions, Disk, DiskError, MemoryDevice, OpenMode};

fn options(size_limit: u64) -> CreateOptions {
    CreateOptions {
        size_limit,
        label: "test".to_owned(),
        id: *b"0123456789abcdef",
    }
}

fn create_on(device: &Arc<impl BlockDevice>, size_limit: u64) -> Disk {
    let device = Arc::clone(device) as Arc<dyn BlockDevice>;
    Disk::create(device, StepClock::new(), &options(size_limit)).expect("an empty device")
}

fn open_on(device: &Arc<impl BlockDevice>, mode: OpenMode) -> Result<Disk, DiskError> {
    let device = Arc::clone(device) as Arc<dyn BlockDevice>;
    Disk::open(&device, StepClock::new(), mode)
}

fn reopen(device: &Arc<impl BlockDevice>) -> Disk {
    open_on(device, OpenMode::ReadWrite).expect("a disk")
}

fn in_memory(size_limit: u64) -> (Arc<MemoryDevice>, Disk) {
    let device = Arc::new(MemoryDevice::default());
    let disk = create_on(&device, size_limit);
    (device, disk)
}

const CREATE: OpenOptions = OpenOptions {
    read: true,
    write: true,
    create: true,
    exclusive: false,
    truncate: false,
    directory: false,
    data_sync: false,
    sync: false,
};

fn create(directory: &dyn Directory, name: &str) -> Result<Arc<dyn File>, Errno> {
    match directory.open_at(name, CREATE)? {
        Opened::File(file) => Ok(file),
        other => panic!("{name} should open as a file, not as {other:?}"),
    }
}

fn put(directory: &dyn Directory, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = create(directory, name).expect("room for a file");
    file.set_size(0).expect("cut");
    assert_eq!(file.write_at(0, &[IoSlice::new(bytes)]), Ok(bytes.len()));
    file
}

#[track_caller]
fn assert_clean(disk: &Disk) {
    let report = disk.check(true).expect("a check");
    assert!(report.is_clean(), "{report:#?}");
}

fn names(directory: &dyn Directory) -> Vec<String> {
    let listed = holm_kernel::testkit::model::list(directory);
    listed.into_iter().map(|(name, ..)| name).collect()
}
