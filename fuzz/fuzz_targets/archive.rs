//! Any archive is refused, or is a list that keeps every promise, within bounded memory.
#![no_main]

use std::collections::BTreeSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use holm_fuzz::drives_terminal;
use holm_fuzz::memory_unsafe::{Counting, peak_of};
use holm_package::archive::{Archive, ArchiveError, ArchiveFormat, ArchiveLimits, EntryKind};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const UNPACKED_BYTES: usize = 256 << 10;

/// What opening and reading may take. Unpacking doubles its buffer and holds one window of
/// Zstandard; the rest is for names and the decoders' tables.
const MEMORY_BYTES: usize = 4 * UNPACKED_BYTES + (2 << 20);

fn limits() -> ArchiveLimits {
    ArchiveLimits {
        entries: 64,
        unpacked_bytes: UNPACKED_BYTES as u64,
        ratio: 64,
        ratio_free_bytes: 64 << 10,
        path_bytes: 16 << 10,
        kept_bytes: 32 << 10,
    }
}

/// Opens and checks; `None` when it was refused.
fn open(bytes: &[u8]) -> Option<Archive> {
    let bytes = bytes.to_vec();
    let length = bytes.len();
    let (archive, peak) = peak_of(|| {
        let archive = Archive::open(bytes, &limits()).map_err(shown).ok()?;
        check_entries(&archive);
        check_files(&archive);
        Some(archive)
    });
    let most = MEMORY_BYTES + 4 * length;
    assert!(
        peak <= most,
        "{length} bytes of archive took {peak} bytes of memory"
    );
    archive
}

/// What a person reads of a refusal moves no cursor of theirs.
fn shown(error: ArchiveError) {
    let text = error.to_string();
    assert!(!text.contains(drives_terminal), "{text:?}");
    assert!(text.len() < 4096, "a refusal of {} bytes", text.len());
}

fn check_entries(archive: &Archive) {
    let limits = limits();
    let entries = archive.entries();
    assert!(entries.len() + archive.skipped() <= limits.entries);
    let mut directories = BTreeSet::new();
    let mut before = "";
    for (position, entry) in entries.iter().enumerate() {
        let path = entry.path();
        assert!(
            before < path,
            "{before:?} and {path:?} are in order and differ"
        );
        before = path;
        assert!(
            path.len() <= 4096 && !path.contains(['\0', '\\']),
            "{path:?}"
        );
        for name in entry.names() {
            assert!(
                !matches!(name, "" | "." | "..") && name.len() <= 255,
                "{path:?}"
            );
        }
        if let Some((parent, _)) = path.rsplit_once('/') {
            assert!(directories.contains(parent), "{path:?} is in a directory");
        }
        match &entry.kind {
            EntryKind::Directory => drop(directories.insert(path)),
            EntryKind::File { .. } => {}
            EntryKind::Symlink { target } => {
                assert!(!target.is_empty() && target.len() <= 4096 && !target.contains('\0'));
            }
        }
        assert_eq!(archive.find(path), Some(position));
    }
}

fn check_files(archive: &Archive) {
    let mut total = 0;
    let mut shared = BTreeSet::new();
    for (position, entry) in archive.entries().iter().enumerate() {
        let first = archive.read(position);
        let EntryKind::File { size, data } = entry.kind else {
            assert!(
                matches!(first, Err(ArchiveError::NotAFile { .. })),
                "{entry:?}"
            );
            continue;
        };
        // A hard link is another name for bytes that are counted already.
        if shared.insert(format!("{data:?}")) {
            total += size;
        }
        match first {
            Ok(bytes) => {
                assert_eq!(bytes.len() as u64, size, "{entry:?}");
                let again = archive.read(position).expect("it was good a moment ago");
                assert_eq!(*again, *bytes, "{entry:?}");
            }
            Err(error) => shown(error),
        }
    }
    assert!(total <= limits().unpacked_bytes, "{total} bytes of files");
}

/// A tar with the checksums that its headers should have: mutated ones are nearly always
/// wrong, and then nothing else is read.
fn mended(tar: &[u8]) -> Vec<u8> {
    let mut mended = tar.to_vec();
    let mut at = 0;
    while let Some(header) = mended.get_mut(at..at + 512) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let text = format!("{sum:06o}\0 ");
        header[148..156].copy_from_slice(text.as_bytes());
        let size = header[124..136]
            .iter()
            .filter(|byte| (b'0'..=b'7').contains(*byte))
            .fold(0_u64, |size, digit| size * 8 + u64::from(digit - b'0'));
        let Some(next) = usize::try_from(size.next_multiple_of(512))
            .ok()
            .and_then(|size| size.checked_add(at + 512))
        else {
            break;
        };
        at = next;
    }
    mended
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fuzz_target!(|data: &[u8]| {
    let archive = open(data);
    let is_tar = archive
        .as_ref()
        .is_none_or(|archive| archive.format() == ArchiveFormat::Tar);
    if !is_tar || data.starts_with(b"PK") || data.len() < 512 {
        return;
    }
    let tar = mended(data);
    let plain = open(&tar);
    let packed = open(&gzip(&tar));
    if let (Some(plain), Some(packed)) = (plain, packed)
        && plain.format() == ArchiveFormat::Tar
    {
        assert_eq!(packed.format(), ArchiveFormat::TarGzip);
        assert_eq!(
            plain.entries(),
            packed.entries(),
            "packing changes no entry"
        );
    }
});
