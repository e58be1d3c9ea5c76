//! Archives that are cut off, lie or attack: each ends with its own error.

use super::super::{Archive, ArchiveError, ArchiveLimits, NameProblem};
use super::build::{
    ZipEntry, deflate, gzip, pax, tar_entry, tar_entry_sized, tar_of, zip_of, zip64_of, zstd,
};
use super::{open, sample_tar, sample_zip};

/// The error of an archive, from opening it or from reading any of its files.
fn error_of(bytes: &[u8]) -> ArchiveError {
    error_within(bytes, &ArchiveLimits::default())
}

fn error_within(bytes: &[u8], limits: &ArchiveLimits) -> ArchiveError {
    let error = eager_error(bytes, limits);
    super::lazily::check_refused(bytes, limits, &error);
    error
}

fn eager_error(bytes: &[u8], limits: &ArchiveLimits) -> ArchiveError {
    let archive = match Archive::open(bytes.to_vec(), limits) {
        Ok(archive) => archive,
        Err(error) => return error,
    };
    (0..archive.entries().len())
        .filter(|position| {
            let kind = &archive.entries()[*position].kind;
            matches!(kind, super::EntryKind::File { .. })
        })
        .find_map(|position| archive.read(position).err())
        .expect("the archive is refused")
}

#[track_caller]
fn check(bytes: &[u8], message: &str) {
    let error = error_of(bytes).to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn unsafe_names_are_refused_in_every_format() {
    let long_name = "n".repeat(256);
    let long_path = format!("{}/", "n".repeat(250)).repeat(17);
    let deep_path = "d/".repeat(257);
    let cases: [(&str, NameProblem); 13] = [
        ("/etc/passwd", NameProblem::Absolute),
        ("//etc", NameProblem::Absolute),
        ("..", NameProblem::Parent),
        ("../out", NameProblem::Parent),
        ("a/../../out", NameProblem::Parent),
        ("a/..", NameProblem::Parent),
        ("./../out", NameProblem::Parent),
        ("C:/windows", NameProblem::DriveLetter),
        ("./c:file", NameProblem::DriveLetter),
        ("a\\..\\b", NameProblem::Backslash),
        (&long_name, NameProblem::NameTooLong),
        (&long_path, NameProblem::PathTooLong),
        (&deep_path, NameProblem::TooDeep),
    ];
    for (name, expected) in cases {
        let named = pax(&[("path", name)]);
        let tar = tar_of(&[named, tar_entry(b"cut", b'0', b"", b"")]);
        let long = tar_entry(b"L", b'L', b"", name.as_bytes());
        let gnu = tar_of(&[long, tar_entry(b"cut", b'0', b"", b"")]);
        let device = tar_of(&[pax(&[("path", name)]), tar_entry(b"cut", b'3', b"", b"")]);
        let zip = zip_of(&[ZipEntry::stored(name, b"")]);
        for bytes in [gzip(&tar), tar, gnu, device, zip] {
            let ArchiveError::UnsafeName { problem, entry } = error_of(&bytes) else {
                panic!("{name} is refused for its name");
            };
            assert_eq!(problem, expected, "{name}");
            assert!(entry.len() <= name.len().min(104), "{entry} is shortened");
        }
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    let tar = tar_of(&[tar_entry(b"\xff\xfe", b'0', b"", b"")]);
    let nul = tar_of(&[pax(&[("path", "a\0b")]), tar_entry(b"a", b'0', b"", b"")]);
    let mut zip = ZipEntry::stored("x", b"");
    zip.name = b"caf\x82".to_vec();
    zip.local_name = zip.name.clone();
    check(&tar, "is not UTF-8");
    check(&nul, "holds a NUL byte");
    check(&zip_of(&[zip]), "is not UTF-8");
    check(&zip_of(&[ZipEntry::stored("", b"")]), "is empty");
    check(&tar_of(&[tar_entry(b"", b'0', b"", b"")]), "is empty");
    check(
        &tar_of(&[tar_entry(b".", b'0', b"", b"")]),
        "the root of the archive is not",
    );
}

#[test]
fn names_cannot_drive_a_terminal() {
    let tar = tar_of(&[tar_entry(b"../\x1b[2J\xe2\x80\xae", b'0', b"", b"")]);
    let shown = error_of(&tar).to_string();
    assert!(shown.contains("../\\u{1b}[2J\\u{202e}"), "{shown}");
}

#[test]
fn entries_within_files_and_links_are_refused() {
    let file = tar_of(&[
        tar_entry(b"a", b'0', b"", b"x"),
        tar_entry(b"a/b", b'0', b"", b"x"),
    ]);
    check(&file, "`a/b` is in `a`, which is a file");
    let link = tar_of(&[
        tar_entry(b"out", b'2', b"/", b""),
        tar_entry(b"out/deep/er", b'0', b"", b"x"),
    ]);
    check(&link, "`out/deep/er` is in `out`, which is a symbolic link");
    let before = tar_of(&[
        tar_entry(b"a/b", b'0', b"", b"x"),
        tar_entry(b"a", b'2', b"..", b""),
    ]);
    check(&before, "`a/b` is in `a`, which is a symbolic link");
    let zip = zip_of(&[ZipEntry::stored("a", b""), ZipEntry::stored("a/b", b"")]);
    check(&zip, "`a/b` is in `a`, which is a file");
}

#[test]
fn bad_links_are_refused() {
    let link = |kind: u8, target: &[u8]| tar_of(&[tar_entry(b"l", kind, target, b"")]);
    check(&link(b'1', b"/etc/passwd"), "which is outside it");
    check(&link(b'1', b"../x"), "which is outside it");
    check(&link(b'1', b"later"), "which is not in it, or only later");
    check(&link(b'1', b"l"), "which is not in it, or only later");
    check(&link(b'1', b""), "which is outside it");
    check(&link(b'2', b""), "which is empty");
    let directory = tar_of(&[
        tar_entry(b"d", b'5', b"", b""),
        tar_entry(b"l", b'1', b"d", b""),
    ]);
    check(&directory, "which is a directory");
    let long = tar_entry(b"K", b'K', b"", &[b't'; 5000]);
    let long = tar_of(&[long, tar_entry(b"l", b'2', b"", b"")]);
    check(&long, "over 4096 bytes");
    let mut zip = ZipEntry::stored("l", &[b't'; 5000]);
    zip.mode = 0o120_777;
    check(&zip_of(&[zip]), "over 4096 bytes");
}

#[test]
fn what_is_not_read_is_named() {
    check(
        &tar_of(&[tar_entry(b"s", b'S', b"", b"")]),
        "`s` in the archive is a sparse file",
    );
    let sparse = pax(&[("GNU.sparse.major", "1")]);
    let sparse = tar_of(&[sparse, tar_entry(b"s", b'0', b"", b"")]);
    check(&sparse, "a sparse file");
    check(
        &tar_of(&[tar_entry(b"m", b'M', b"", b"")]),
        "an unknown type",
    );
    let mut encrypted = ZipEntry::stored("secret", b"x");
    encrypted.flags = 1;
    check(
        &zip_of(&[encrypted]),
        "`secret` in the archive is encrypted",
    );
    let mut lzma = ZipEntry::stored("x", b"x");
    lzma.method = 14;
    check(&zip_of(&[lzma]), "a method other than deflate");
}

#[test]
fn what_is_no_archive_is_named() {
    check(b"", "it is empty");
    check(b"hello", "no known format");
    check(b"\0asm\x01\0\0\0", "WebAssembly program");
    check(b"\xfd7zXZ\0rest", "compressed with xz");
    check(&gzip(b"hello"), "no tar is in it");
    check(&zstd(b"hello"), "no tar is in it");
}

#[test]
fn sizes_and_headers_that_lie_are_refused() {
    let entry =
        |content: &[u8], size: u64| tar_of(&[tar_entry_sized(b"f", b'0', b"", content, size)]);
    assert!(matches!(
        error_of(&entry(b"x", 5000)),
        ArchiveError::Truncated { .. }
    ));
    assert!(matches!(
        error_of(&entry(b"x", u64::MAX)),
        ArchiveError::Truncated { .. }
    ));
    let directory = tar_of(&[tar_entry(b"d", b'5', b"", b"content")]);
    check(&directory, "an entry that is not a file has content");
    let wide = tar_of(&[
        pax(&[("size", "99999999999999999999")]),
        tar_entry(b"f", b'0', b"", b""),
    ]);
    check(&wide, "a PAX size is not a number");
    let twice = tar_of(&[
        pax(&[("path", "a")]),
        pax(&[("path", "b")]),
        tar_entry(b"f", b'0', b"", b""),
    ]);
    check(&twice, "two long names");
    let alone = tar_of(&[tar_entry(b"f", b'0', b"", b""), pax(&[("path", "a")])]);
    check(&alone, "a name and no content");
    let mut sum = sample_tar();
    sum[512] ^= 1;
    check(&sum, "checksum");
    let huge = tar_entry(b"x", b'x', b"", &vec![b'1'; (1 << 20) + 1]);
    check(
        &tar_of(&[huge, tar_entry(b"f", b'0', b"", b"")]),
        "over a mebibyte",
    );
}

#[test]
fn what_a_zstd_decoder_holds_back_counts() {
    // A window of 31 MiB, and no end: only a count of what is held back refuses this before
    // the bytes are used up.
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x77".to_vec();
    // Blocks of 128 KiB of one byte, each of which is four bytes.
    let block = (128_u32 << 10) << 3 | 1 << 1;
    for _ in 0..64 {
        frame.extend_from_slice(&block.to_le_bytes()[..3]);
        frame.push(0);
    }
    let limits = ArchiveLimits {
        unpacked_bytes: 1 << 20,
        ratio: 1 << 20,
        ..ArchiveLimits::default()
    };
    let limit = limits.unpacked_bytes;
    let error = Archive::open(frame.clone(), &limits).expect_err("it is too large");
    assert_eq!(error, ArchiveError::TooLarge { entry: None, limit });
    let error = Archive::open(frame, &ArchiveLimits::default()).expect_err("it has no end");
    assert_eq!(error, ArchiveError::Truncated { after: None });
}

#[test]
fn zips_that_lie_are_refused() {
    let content = [b'c'; 500];
    let deflated = || ZipEntry::deflated("f", &content);
    let edited = |edit: fn(&mut ZipEntry)| {
        let mut entry = deflated();
        edit(&mut entry);
        zip_of(&[entry])
    };
    check(
        &edited(|entry| entry.crc32 ^= 1),
        "the checksum of `f` is wrong",
    );
    check(
        &edited(|entry| entry.size += 1),
        "does not unpack to the 501 bytes",
    );
    check(
        &edited(|entry| entry.size -= 1),
        "does not unpack to the 499 bytes",
    );
    check(
        &edited(|entry| entry.size = u32::MAX - 1),
        "its size cannot be what it declares",
    );
    let without_sizes = edited(|entry| {
        entry.size = u32::MAX;
        entry.extra = b"\x01\0\0\0".to_vec();
    });
    check(&without_sizes, "zip64 sizes are missing");
    check(
        &edited(|entry| entry.method = 0),
        "its size cannot be what it declares",
    );
    check(
        &edited(|entry| entry.packed.truncate(4)),
        "does not unpack to the 500 bytes",
    );
    check(
        &edited(|entry| entry.local_name = b"g".to_vec()),
        "contradicts the directory",
    );
    let mut stored = ZipEntry::stored("f", &content);
    stored.crc32 ^= 1;
    check(&zip_of(&[stored]), "the checksum of `f` is wrong");
    let mut directory = ZipEntry::stored("d/", b"content");
    directory.mode = 0o040_755;
    check(&zip_of(&[directory]), "a directory has content");
    check(&zip_of(&[deflated(), deflated()]), "it holds `f` twice");
    let mut dotted = deflated();
    dotted.name = b"./f".to_vec();
    dotted.local_name = dotted.name.clone();
    check(&zip_of(&[deflated(), dotted]), "it holds `f` twice");
}

#[test]
fn zips_whose_entries_share_bytes_are_refused() {
    // The way of zip bombs: many names for one compressed run.
    let mut shared = ZipEntry::deflated("f", &[0; 5000]);
    shared.shares_first = true;
    let first = ZipEntry::deflated("f", &[0; 5000]);
    let mut other = shared;
    other.name = b"g".to_vec();
    check(&zip_of(&[first, other]), "contradicts the directory");
    let nested = ZipEntry::stored("inner", b"inner");
    let mut outer = ZipEntry::stored("outer", &zip_of(std::slice::from_ref(&nested)));
    outer.packed.truncate(40);
    outer.size = 40;
    let mut bytes = zip_of(&[outer, nested]);
    // The second entry's directory record points into the first one's data.
    let record = bytes.windows(4).rposition(|bytes| bytes == b"PK\x01\x02");
    let local = record.expect("there is a record") + 42;
    bytes[local..local + 4].copy_from_slice(&35u32.to_le_bytes());
    check(&bytes, "the bytes of `inner` overlap those of `outer`");
}

#[test]
fn zip_directories_that_lie_are_refused() {
    let edited = |from_end: usize, value: &[u8]| {
        let mut bytes = zip_of(&sample_zip());
        let at = bytes.len() - from_end;
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    };
    check(&edited(18, &[1, 0]), "one part of several");
    check(&edited(12, &[9, 0]), "one part of several");
    check(&edited(14, &[9, 0, 9, 0]), "fewer entries than it says");
    check(&edited(14, &[7, 0, 7, 0]), "more entries than it says");
    check(&edited(6, &[0xff; 4]), "directory is not where it says");
    check(&edited(10, &[0xff; 4]), "directory is not where it says");
    check(&edited(6, &[0; 4]), "is malformed");
    let mut wide = zip64_of(&sample_zip());
    let locator = wide.len() - 22 - 20;
    wide[locator + 8..locator + 16].fill(0xff);
    check(&wide, "zip64 end record is malformed");
}

#[test]
fn bombs_stop_at_the_limits() {
    let zeros = tar_of(&[tar_entry(b"zeros", b'0', b"", &vec![0; 1 << 20])]);
    let limits = ArchiveLimits {
        ratio: 10,
        ratio_free_bytes: 1000,
        ..ArchiveLimits::default()
    };
    let zip = zip_of(&[ZipEntry::deflated("zeros", &vec![0; 1 << 20])]);
    for bytes in [gzip(&zeros), zstd(&zeros), zip] {
        let error = error_within(&bytes, &limits);
        assert!(matches!(error, ArchiveError::Ratio { .. }), "{error}");
    }
    let limits = ArchiveLimits {
        unpacked_bytes: 1 << 19,
        ..ArchiveLimits::default()
    };
    let zip = zip_of(&[
        ZipEntry::deflated("a", &vec![0; 300 << 10]),
        ZipEntry::deflated("b", &vec![0; 300 << 10]),
    ]);
    for bytes in [gzip(&zeros), zstd(&zeros), zeros, zip] {
        let error = error_within(&bytes, &limits);
        assert!(matches!(error, ArchiveError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn entries_and_paths_are_counted() {
    let limits = |entries: usize, path_bytes: u64| ArchiveLimits {
        entries,
        path_bytes,
        ..ArchiveLimits::default()
    };
    let again: Vec<Vec<u8>> = (0..11)
        .map(|_| tar_entry(b"same", b'0', b"", b""))
        .collect();
    let error = error_within(&tar_of(&again), &limits(10, 1000));
    assert_eq!(error, ArchiveError::TooManyEntries { limit: 10 });
    let deep = tar_of(&[tar_entry(&b"a/".repeat(40), b'5', b"", b"")]);
    let error = error_within(&deep, &limits(10, 10_000));
    assert_eq!(
        error,
        ArchiveError::TooManyEntries { limit: 10 },
        "implied ones count"
    );
    let error = error_within(&deep, &limits(100, 100));
    assert_eq!(error, ArchiveError::TooManyPathBytes { limit: 100 });
}

/// Whole archives, all of whose cut-off versions must be refused.
#[test]
fn every_truncation_is_refused() {
    let tar = tar_of(&[
        pax(&[("path", "long")]),
        tar_entry(b"f", b'0', b"", &[b'x'; 700]),
        tar_entry(b"g", b'0', b"", b""),
    ]);
    // One zero block is mark enough; the second may be missing.
    let end_mark = tar.len() - 1024;
    let compressed = [gzip(&tar), zstd(&tar)];
    for length in (0..tar.len()).step_by(7) {
        let cut = open(&tar[..length]);
        assert_eq!(cut.is_ok(), length >= end_mark + 512, "tar cut at {length}");
    }
    let zips = [zip_of(&sample_zip()), zip64_of(&sample_zip())];
    for bytes in compressed.iter().chain(&zips) {
        for length in (0..bytes.len()).step_by(7) {
            let error = open(&bytes[..length])
                .map(|_| length)
                .expect_err("it is cut off");
            let expected = matches!(
                error,
                ArchiveError::Truncated { .. } | ArchiveError::NotAnArchive { .. }
            );
            assert!(expected, "cut at {length}: {error}");
        }
    }
}

#[test]
fn damage_to_compressed_data_is_noticed() {
    let tar = sample_tar();
    let mut gz = gzip(&tar);
    let end = gz.len();
    gz[end - 6] ^= 1;
    check(&gz, "damaged");
    let mut zst = zstd(&tar);
    let end = zst.len();
    zst[end - 1] ^= 1;
    check(&zst, "the checksum of its compressed data is wrong");
    let mut trailing = zstd(&tar);
    trailing.extend_from_slice(b"garbage");
    check(&trailing, "something follows");
    assert!(deflate(b"x").len() < 10);
}
