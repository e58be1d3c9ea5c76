//! Archives that are whole: what is listed, and that their files read back.

use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};

use super::{Archive, ArchiveError, ArchiveFormat, ArchiveLimits, EntryKind};
use build::{ZipEntry, gzip, pax, tar_entry, tar_of, zip_of, zip64_of, zstd};

mod build;
mod hostile;
mod lazily;

pub(super) fn open(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    Archive::open(bytes.to_vec(), &ArchiveLimits::default())
}

/// One line for each entry, files with their content.
pub(super) fn listing(archive: &Archive) -> Vec<String> {
    let lines = archive
        .entries()
        .iter()
        .enumerate()
        .map(|(position, entry)| {
            let path = entry.path();
            match &entry.kind {
                EntryKind::Directory => format!("{path}/"),
                EntryKind::Symlink { target } => format!("{path} -> {target}"),
                EntryKind::File { size, .. } => {
                    let bytes = archive.read(position).expect(path);
                    assert_eq!(u64::try_from(bytes.len()), Ok(*size), "{path}");
                    let execute = if entry.executable { "*" } else { "" };
                    format!("{path}{execute} {}", String::from_utf8_lossy(&bytes))
                }
            }
        });
    lines.collect()
}

fn check(bytes: &[u8], expected: &[&str]) -> Archive {
    let archive = open(bytes).expect("the archive is whole");
    assert_eq!(listing(&archive), expected);
    archive
}

fn sample_tar() -> Vec<u8> {
    tar_of(&[
        tar_entry(b"./", b'5', b"", b""),
        tar_entry(b"./docs/", b'5', b"", b""),
        tar_entry(b"./docs/readme", b'0', b"", b"read me"),
        tar_entry(b"deep/er/file", b'0', b"", b"deep"),
        tar_entry(b"link", b'2', b"docs/readme", b""),
        tar_entry(b"outside", b'2', b"/etc/passwd", b""),
        tar_entry(b"hard", b'1', b"./docs/readme", b""),
        tar_entry(b"null", b'3', b"", b""),
        tar_entry(b"fifo", b'6', b"", b""),
        tar_entry(b"empty", b'0', b"", b""),
    ])
}

const SAMPLE: [&str; 8] = [
    "deep/",
    "deep/er/",
    "deep/er/file deep",
    "docs/",
    "docs/readme read me",
    "empty ",
    "hard read me",
    "link -> docs/readme",
];

fn sample_with(last: &'static str) -> Vec<&'static str> {
    let mut all = SAMPLE.to_vec();
    all.push(last);
    all
}

#[test]
fn a_tar_is_listed_in_place_and_compressed() {
    let tar = sample_tar();
    let expected = sample_with("outside -> /etc/passwd");
    let packed = [
        (tar.clone(), ArchiveFormat::Tar),
        (gzip(&tar), ArchiveFormat::TarGzip),
        (zstd(&tar), ArchiveFormat::TarZstd),
    ];
    for (bytes, format) in packed {
        let archive = check(&bytes, &expected);
        assert_eq!(archive.format(), format);
        assert_eq!(archive.skipped(), 2, "a device and a pipe");
        let position = archive.find("docs/readme").expect("it is listed");
        let entry = &archive.entries()[position];
        assert_eq!(entry.mtime_nanoseconds, 1_700_000_000_000_000_000);
        assert_eq!(entry.names().collect::<Vec<_>>(), ["docs", "readme"]);
        let not_a_file = archive.read(archive.find("docs").expect("it is listed"));
        assert!(matches!(not_a_file, Err(ArchiveError::NotAFile { .. })));
        assert!(matches!(
            archive.read(99),
            Err(ArchiveError::NotAFile { .. })
        ));
    }
}

#[test]
fn compressed_tars_may_come_in_parts() {
    let tar = sample_tar();
    let (first, second) = tar.split_at(1000);
    let expected = sample_with("outside -> /etc/passwd");
    check(&[gzip(first), gzip(second)].concat(), &expected);
    let skipped = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [&skipped[..], &zstd(first), &skipped, &zstd(second)].concat();
    check(&frames, &expected);
}

#[test]
fn long_names_of_gnu_and_pax_are_read() {
    let long = format!("{}/{}", "d".repeat(120), "n".repeat(200));
    let target = "t".repeat(300);
    let archive = tar_of(&[
        tar_entry(b"@LongLink", b'L', b"", format!("{long}\0").as_bytes()),
        tar_entry(b"cut", b'0', b"", b"gnu"),
        tar_entry(b"@LongLink", b'K', b"", format!("{target}\0").as_bytes()),
        tar_entry(b"gnu-link", b'2', b"cut", b""),
        tar_entry(
            b"g",
            b'g',
            b"",
            b"52 comment=0123456789012345678901234567890123456789\n",
        ),
        pax(&[("path", "pax/näme"), ("mtime", "1700000000.25")]),
        tar_entry(b"cut", b'0', b"", b"pax"),
        pax(&[("linkpath", "x y")]),
        tar_entry(b"pax-link", b'2', b"cut", b""),
    ]);
    let opened = check(
        &archive,
        &[
            &format!("{}/", "d".repeat(120)),
            &format!("{long} gnu"),
            &format!("gnu-link -> {target}"),
            "pax/",
            "pax-link -> x y",
            "pax/näme pax",
        ],
    );
    let position = opened.find("pax/näme").expect("it is listed");
    let mtime = opened.entries()[position].mtime_nanoseconds;
    assert_eq!(mtime, 1_700_000_000_250_000_000);
}

#[test]
fn the_last_of_a_path_holds_in_a_tar() {
    let archive = tar_of(&[
        tar_entry(b"a", b'0', b"", b"first"),
        tar_entry(b"hard", b'1', b"a", b""),
        tar_entry(b"a", b'0', b"", b"second"),
        tar_entry(b"b", b'2', b"a", b""),
        tar_entry(b"./b", b'5', b"", b""),
        tar_entry(b"b/c", b'0', b"", b"in b"),
    ]);
    check(&archive, &["a second", "b/", "b/c in b", "hard first"]);
}

#[test]
fn old_tars_and_empty_ones_are_read() {
    let mut old = tar_entry(b"dir/", 0, b"", b"");
    old[257..265].fill(0);
    let mut header = tar::Header::from_byte_slice(&old).clone();
    header.set_cksum();
    check(&tar_of(&[header.as_bytes().to_vec()]), &["dir/"]);
    check(&tar_of(&[]), &[]);
    check(&zip_of(&[]), &[]);
}

fn sample_zip() -> Vec<ZipEntry> {
    let mut link = ZipEntry::stored("link", b"docs/readme");
    link.mode = 0o120_777;
    let mut packed_link = ZipEntry::deflated("packed-link", b"elsewhere/elsewhere/elsewhere");
    packed_link.mode = 0o120_777;
    let mut run = ZipEntry::deflated("run", b"#!");
    run.mode = 0o100_755;
    let mut fifo = ZipEntry::stored("fifo", b"");
    fifo.mode = 0o010_644;
    let mut timed = ZipEntry::stored("timed", b"t");
    timed.extra = [&b"UT\x05\0\x01"[..], &1_600_000_000u32.to_le_bytes()].concat();
    vec![
        ZipEntry::stored("docs/", b""),
        ZipEntry::deflated("docs/readme", b"read me read me read me"),
        ZipEntry::stored("deep/er/file", b"deep"),
        link,
        packed_link,
        run,
        fifo,
        timed,
    ]
}

#[test]
fn a_zip_is_listed_and_read() {
    for bytes in [zip_of(&sample_zip()), zip64_of(&sample_zip())] {
        let archive = check(
            &bytes,
            &[
                "deep/",
                "deep/er/",
                "deep/er/file deep",
                "docs/",
                "docs/readme read me read me read me",
                "link -> docs/readme",
                "packed-link -> elsewhere/elsewhere/elsewhere",
                "run* #!",
                "timed t",
            ],
        );
        assert_eq!(archive.format(), ArchiveFormat::Zip);
        assert_eq!(archive.skipped(), 1);
        let time = |path: &str| {
            let position = archive.find(path).expect(path);
            archive.entries()[position].mtime_nanoseconds / 1_000_000_000
        };
        assert_eq!(time("run"), 1_709_210_096, "2024-02-29 12:34:56");
        assert_eq!(time("timed"), 1_600_000_000);
        assert_eq!(time("deep"), 0);
    }
}

#[test]
fn zip64_sizes_come_from_the_extra_field() {
    let mut entry = ZipEntry::deflated("big", b"not so big");
    entry.size = u32::MAX;
    entry.extra = [&b"\x01\0\x08\0"[..], &10u64.to_le_bytes()].concat();
    check(&zip_of(&[entry]), &["big not so big"]);
}

#[test]
fn a_zip_may_end_in_a_comment() {
    let mut bytes = zip_of(&sample_zip());
    let end = bytes.len();
    // A comment that looks like an end record is not one.
    let comment = b"PK\x05\x06 is how a zip ends";
    bytes[end - 2] = u8::try_from(comment.len()).expect("short");
    bytes.extend_from_slice(comment);
    assert_eq!(open(&bytes).expect("it is whole").entries().len(), 9);
}

#[test]
fn unpacked_files_are_kept_within_the_limit() {
    let entries = [
        ZipEntry::deflated("a", &[b'a'; 600]),
        ZipEntry::deflated("b", &[b'b'; 600]),
    ];
    let limits = ArchiveLimits {
        kept_bytes: 1000,
        ..ArchiveLimits::default()
    };
    let archive = Archive::open(zip_of(&entries), &limits).expect("it is whole");
    let address = |position: usize| {
        let bytes = archive.read(position).expect("it is whole");
        bytes.as_ptr()
    };
    assert_eq!(address(0), address(0), "the first is kept");
    let held = archive.read(1).expect("it is whole");
    let again = archive.read(1).expect("it is whole");
    assert_ne!(held.as_ptr(), again.as_ptr(), "there is no room for both");
    assert_eq!(held.to_vec(), again.to_vec());
}

#[test]
fn bytes_outlive_the_archive() {
    let archive = open(&sample_tar()).expect("it is whole");
    let bytes = archive
        .read(archive.find("hard").expect("it is listed"))
        .expect("it is whole");
    drop(archive);
    assert_eq!(&*bytes, b"read me");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_read_back_from_any_format(
        files in btree_map("[a-z]{1,8}", vec(any::<u8>(), 0..2000), 0..12),
    ) {
        let tar = tar_of(&files
            .iter()
            .map(|(name, content)| tar_entry(name.as_bytes(), b'0', b"", content))
            .collect::<Vec<_>>());
        let zip = zip_of(&files
            .iter()
            .map(|(name, content)| ZipEntry::deflated(name, content))
            .collect::<Vec<_>>());
        for bytes in [gzip(&tar), zstd(&tar), tar, zip] {
            let archive = open(&bytes).expect("it is whole");
            assert_eq!(archive.entries().len(), files.len());
            for (position, (name, content)) in files.iter().enumerate() {
                assert_eq!(archive.entries()[position].path(), name);
                assert_eq!(&*archive.read(position).expect("it is whole"), &content[..]);
            }
        }
    }

    #[test]
    fn no_change_of_bytes_panics(
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        which in prop_oneof![0usize..4],
    ) {
        let tar = sample_tar();
        let formats = [zstd(&tar), gzip(&tar), zip_of(&sample_zip()), tar];
        let mut bytes = formats[which].clone();
        for (index, value) in changes {
            let position = index.index(bytes.len());
            bytes[position] = value;
        }
        if let Ok(archive) = open(&bytes) {
            for position in 0..archive.entries().len() {
                drop(archive.read(position));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..2000), magic in 0usize..4) {
        let start: &[u8] = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0x1f, 0x8b, 8, 0], b"PK\x03\x04", b""][magic];
        drop(open(&[start, &bytes].concat()));
    }
}
