//! The same archives by range: the same list and the same bytes, whatever the source does.

use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_kernel::abi::Errno;
use holm_kernel::testkit::{LateSource, SplitMix64};
use holm_kernel::vfs::ranges::{RangeCache, SourceVersion};
use holm_kernel::vfs::{Lookup, OpenOptions, Opened};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::super::{
    ArchiveError, ArchiveLimits, ArchiveOpening, EntryKind, KEPT_BYTES, LazyArchive, LazyIndexer,
    OpeningError,
};
use super::build::{ZipEntry, gzip, tar_entry, tar_of, zip_of, zip64_of, zstd};
use super::{open, sample_tar, sample_zip};

/// An archive behind a source that answers in an order of its own.
struct Behind {
    source: Arc<LateSource>,
    cache: RangeCache,
    random: SplitMix64,
}

impl Behind {
    fn of(bytes: &[u8]) -> Behind {
        let source = LateSource::of(bytes.to_vec());
        let cache = RangeCache::new(source.clone(), source.version().clone(), 0);
        Behind {
            source,
            cache,
            random: SplitMix64::new(7),
        }
    }

    fn wait<T>(&mut self, mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
        loop {
            if let Poll::Ready(done) = poll(Waker::noop()) {
                return done;
            }
            let waiting = self.source.asked().len();
            assert!(waiting > 0, "it waits for nothing");
            self.source.answer(self.random.index(waiting));
        }
    }

    fn open(&mut self) -> Result<LazyArchive, OpeningError> {
        self.open_within(&ArchiveLimits::default())
    }

    fn open_within(&mut self, limits: &ArchiveLimits) -> Result<LazyArchive, OpeningError> {
        let mut opening = ArchiveOpening::new(self.cache.clone(), limits);
        self.wait(|waker| opening.poll(waker))
    }

    fn read(&mut self, archive: &LazyArchive, position: usize) -> Result<Vec<u8>, Errno> {
        let mut all = Vec::new();
        let mut buffer = vec![0; 50_000];
        loop {
            let offset = u64::try_from(all.len()).expect("small");
            let read =
                self.wait(|waker| archive.poll_read_at(position, offset, &mut buffer, waker));
            match read? {
                0 => return Ok(all),
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// Opens an archive both ways and compares everything.
fn check_same(bytes: &[u8]) {
    let eager = open(bytes).expect("it is whole");
    let mut behind = Behind::of(bytes);
    let lazy = behind.open().expect("it is whole");
    assert_eq!(lazy.format(), eager.format());
    assert_eq!(lazy.skipped(), eager.skipped());
    assert_eq!(lazy.entries().len(), eager.entries().len());
    for (position, (one, other)) in lazy.entries().iter().zip(eager.entries()).enumerate() {
        assert_eq!(one.path(), other.path());
        assert_eq!(one.mtime_nanoseconds, other.mtime_nanoseconds);
        assert_eq!(one.executable, other.executable);
        match (&one.kind, &other.kind) {
            (EntryKind::File { size, .. }, EntryKind::File { size: as_large, .. }) => {
                assert_eq!(size, as_large);
                let bytes = behind.read(&lazy, position).expect("it is whole");
                let same = eager.read(position).expect("it is whole");
                assert_eq!(bytes, *same, "{}", other.path());
            }
            (one, other) => assert_eq!(one, other),
        }
    }
    assert_eq!(lazy.problem(), None);
}

/// An archive that is refused by range as it is with all its bytes, in listing or in reading.
pub(super) fn check_refused(bytes: &[u8], limits: &ArchiveLimits, eager: &ArchiveError) {
    let mut behind = Behind::of(bytes);
    let archive = match behind.open_within(limits) {
        Ok(archive) => archive,
        Err(OpeningError::Archive(_)) => return,
        Err(other) => panic!("{other}, where with all bytes: {eager}"),
    };
    let refused = (0..archive.entries().len()).any(|position| {
        matches!(archive.entries()[position].kind, EntryKind::File { .. })
            && behind.read(&archive, position).is_err()
    });
    assert!(refused, "it passes by range, where with all bytes: {eager}");
    assert!(archive.problem().is_some());
}

#[test]
fn samples_are_the_same_by_range() {
    let tar = sample_tar();
    let mut commented = zip_of(&sample_zip());
    let end = commented.len();
    commented[end - 2] = 9;
    commented.extend_from_slice(b"a comment");
    for bytes in [
        gzip(&tar),
        zstd(&tar),
        tar,
        tar_of(&[]),
        zip_of(&[]),
        zip_of(&sample_zip()),
        zip64_of(&sample_zip()),
        commented,
    ] {
        check_same(&bytes);
    }
}

#[test]
fn the_file_system_is_the_archive() {
    let mut behind = Behind::of(&zip_of(&sample_zip()));
    let archive = behind.open().expect("it is whole");
    let root = archive.image().expect("it is a tree").root();
    assert!(root.may_wait());
    assert!(matches!(root.lookup("link"), Ok(Lookup::Symlink(text)) if text == "docs/readme"));
    let docs = match root.lookup("docs") {
        Ok(Lookup::Directory(docs)) => docs,
        other => panic!("{other:?}"),
    };
    let options = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    let Ok(Opened::File(file)) = docs.open_at("readme", options) else {
        panic!("it is a file");
    };
    let mut buffer = [0; 7];
    let read = behind.wait(|waker| file.poll_read_at(8, &mut buffer, waker));
    assert_eq!((read, &buffer), (Ok(7), b"read me"));
    assert_eq!(file.read_at(100, &mut buffer), Ok(0));
}

/// Thousands of files, of which a few are read: neither all bytes are fetched, nor a request
/// made for each file.
#[test]
fn little_of_a_large_archive_is_fetched() {
    let many: Vec<ZipEntry> = (0..3000)
        .map(|number| ZipEntry::stored(&format!("dir{}/file{number}", number % 50), &[b'x'; 3000]))
        .collect();
    let zip = zip_of(&many);
    let mut behind = Behind::of(&zip);
    let archive = behind.open().expect("it is whole");
    assert_eq!(archive.entries().len(), 3050);
    let listed = behind.cache.used();
    assert!(listed.requests <= 6, "{listed:?}");
    assert!(listed.bytes < 2 << 20, "{listed:?} of {}", zip.len());
    let position = archive
        .entries()
        .iter()
        .position(|entry| entry.path() == "dir7/file1507");
    let bytes = behind.read(&archive, position.expect("it is listed"));
    assert_eq!(bytes, Ok(vec![b'x'; 3000]));
    assert!(behind.cache.used().requests <= listed.requests + 2);

    let big = vec![7; 3 << 20];
    let tar = tar_of(&[
        tar_entry(b"a", b'0', b"", &big),
        tar_entry(b"b", b'0', b"", &big),
        tar_entry(b"c", b'0', b"", &big),
    ]);
    let mut behind = Behind::of(&tar);
    let archive = behind.open().expect("it is whole");
    assert_eq!(archive.entries().len(), 3);
    assert!(
        behind.cache.used().bytes < 2 << 20,
        "{:?}",
        behind.cache.used()
    );
    assert_eq!(behind.read(&archive, 1), Ok(big));
}

#[test]
fn unpacked_files_are_bounded_and_unpacked_once() {
    let content = vec![b'z'; 20 << 20];
    let entries: Vec<ZipEntry> = (0..5)
        .map(|number| ZipEntry::deflated(&format!("f{number}"), &content))
        .collect();
    let mut behind = Behind::of(&zip_of(&entries));
    let limits = ArchiveLimits {
        ratio: 2000,
        ..ArchiveLimits::default()
    };
    let archive = behind.open_within(&limits).expect("it is whole");
    for position in [0, 0, 1, 2, 3, 4, 0] {
        assert!(behind.read(&archive, position) == Ok(content.clone()));
        assert!(archive.kept_bytes() <= KEPT_BYTES);
    }
}

#[test]
fn damage_in_a_file_is_told_when_it_is_read() {
    let mut bad_header = zip_of(&[ZipEntry::stored("a", b"x"), ZipEntry::stored("b", b"y")]);
    bad_header[30] = b'z';
    let mut checksum = ZipEntry::deflated("a", b"some content");
    checksum.crc32 ^= 1;
    let mut size = ZipEntry::deflated("a", b"some content");
    size.size += 1;
    for (bytes, says) in [
        (bad_header, "its own header contradicts the directory"),
        (zip_of(&[checksum]), "the checksum of `a` is wrong"),
        (zip_of(&[size]), "does not unpack to the 13 bytes"),
    ] {
        let mut behind = Behind::of(&bytes);
        let archive = behind.open().expect("the list is whole");
        assert_eq!(behind.read(&archive, 0), Err(Errno::Io));
        let problem = archive.problem().expect("it is kept");
        assert!(problem.contains(says), "{problem}");
    }
}

#[test]
fn a_source_that_fails_or_changes_is_explained() {
    let bytes = zip_of(&sample_zip());
    let behind = Behind::of(&bytes);
    let mut opening = ArchiveOpening::new(behind.cache.clone(), &ArchiveLimits::default());
    assert!(opening.poll(Waker::noop()).is_pending());
    behind.source.take(0).fail("404 Not Found");
    let failed = opening.poll(Waker::noop());
    assert!(
        matches!(&failed, Poll::Ready(Err(OpeningError::Source(why))) if why.contains("404")),
        "{failed:?}"
    );
    let big = vec![1; 1 << 20];
    let mut behind = Behind::of(&tar_of(&[tar_entry(b"a", b'0', b"", &big)]));
    let archive = behind.open().expect("it is whole");
    let mut buffer = [0; 10];
    let read = archive.poll_read_at(0, 600_000, &mut buffer, Waker::noop());
    assert!(read.is_pending());
    let now = SourceVersion {
        length: behind.cache.length(),
        tag: Some("two".to_owned()),
    };
    behind.source.answer_as(0, &now);
    assert_eq!(behind.read(&archive, 0), Err(Errno::Io));
    let problem = archive.problem().expect("it is kept");
    assert!(
        problem.contains("it changed while it was in use"),
        "{problem}"
    );
}

#[test]
fn an_indexer_takes_any_window() {
    for bytes in [sample_tar(), zip64_of(&sample_zip()), gzip(&sample_tar())] {
        for window in [1, 600, 5000, usize::MAX] {
            let length = u64::try_from(bytes.len()).expect("small");
            let mut indexer = LazyIndexer::new(length, &ArchiveLimits::default());
            let mut fed = 0;
            while let Some(need) = indexer.need() {
                let start = usize::try_from(need.offset).expect("small");
                let end = start
                    .saturating_add(need.length.max(window))
                    .min(bytes.len());
                indexer.feed(&bytes[start..end]).expect("it is whole");
                fed += 1;
                assert!(fed < 100, "it goes on");
            }
            let eager = open(&bytes).expect("it is whole");
            let entries = match indexer.finish().expect("it is whole") {
                super::super::lazy::Listed::Whole(archive) => archive.entries().len(),
                super::super::lazy::Listed::Ranges { entries, .. } => entries.len(),
            };
            assert_eq!(entries, eager.entries().len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_are_the_same_by_range(
        files in btree_map("[a-z]{1,8}(/[a-z]{1,3})?", vec(any::<u8>(), 0..4000), 1..20),
        repeat in 1usize..200,
        bits in any::<u64>(),
    ) {
        let contents = files.iter().enumerate().map(|(at, (name, content))| {
            let content = if bits >> (at % 64) & 1 == 1 { content.repeat(repeat) } else { content.clone() };
            // `a` and `a/b` cannot both be there.
            (format!("{name}.{at}/x"), content)
        });
        let contents: Vec<_> = contents.collect();
        let tar = tar_of(&contents
            .iter()
            .map(|(name, content)| tar_entry(name.as_bytes(), b'0', b"", content))
            .collect::<Vec<_>>());
        let zip: Vec<_> = contents
            .iter()
            .enumerate()
            .map(|(at, (name, content))| match at % 2 {
                0 => ZipEntry::deflated(name, content),
                _ => ZipEntry::stored(name, content),
            })
            .collect();
        for bytes in [tar, zip_of(&zip), zip64_of(&zip)] {
            check_same(&bytes);
        }
    }

    #[test]
    fn no_change_of_bytes_panics_by_range(
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        which in 0usize..3,
    ) {
        let formats = [sample_tar(), zip_of(&sample_zip()), zip64_of(&sample_zip())];
        let mut bytes = formats[which].clone();
        for (index, value) in changes {
            let position = index.index(bytes.len());
            bytes[position] = value;
        }
        let mut behind = Behind::of(&bytes);
        if let Ok(archive) = behind.open() {
            for position in 0..archive.entries().len() {
                drop(behind.read(&archive, position));
            }
        }
    }
}
