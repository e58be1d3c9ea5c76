//! Sources that answer late, in any order, wrongly or not at all.

use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::Errno;

use super::{AHEAD_BLOCKS, BLOCK_BYTES, RangeCache, RangeRequest, RangeSource, SourceVersion};
use crate::testkit::host::CountingWaker;
use crate::testkit::{LateSource, SplitMix64};

/// A source that answers before `request` returns.
#[derive(Debug)]
struct Immediate(SourceVersion);

impl RangeSource for Immediate {
    fn request(&self, request: RangeRequest) {
        let bytes = content(request.offset(), request.length());
        request.complete(&bytes, &self.0);
    }
}

fn content(offset: u64, length: usize) -> Vec<u8> {
    (offset..)
        .take(length)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 16).to_le_bytes()[0])
        .collect()
}

const BLOCK: u64 = BLOCK_BYTES as u64;

fn open(length: u64) -> (Arc<LateSource>, RangeCache) {
    let source = LateSource::made(length, content);
    let cache = RangeCache::new(source.clone(), source.version().clone(), 0);
    (source, cache)
}

fn poll(cache: &RangeCache, offset: u64, length: usize) -> Poll<Result<Vec<u8>, Errno>> {
    let mut buffer = vec![0; length];
    cache
        .poll_read(offset, &mut buffer, Waker::noop())
        .map_ok(|read| buffer[..read].to_vec())
}

#[test]
fn a_block_is_asked_for_once_and_wakes_all_who_wait() {
    let (source, cache) = open(10 * BLOCK);
    let wakers: Vec<_> = (0..3).map(|_| Arc::new(CountingWaker::default())).collect();
    let mut buffer = [0; 100];
    for counting in &wakers {
        let waker = Waker::from(Arc::clone(counting));
        for _ in 0..2 {
            assert!(cache.poll_read(5, &mut buffer, &waker).is_pending());
        }
    }
    assert_eq!(source.asked(), [(0, BLOCK_BYTES)]);
    source.answer(0);
    assert!(wakers.iter().all(|counting| counting.take() == 1));
    assert_eq!(poll(&cache, 5, 100), Poll::Ready(Ok(content(5, 100))));
    assert_eq!(cache.read(BLOCK * 3, &mut buffer), Err(Errno::Again));
}

#[test]
fn the_end_is_short_and_then_nothing() {
    let (source, cache) = open(BLOCK + 10);
    assert!(poll(&cache, BLOCK + 4, 100).is_pending());
    assert_eq!(source.asked(), [(BLOCK, 10)]);
    source.answer(0);
    let rest = content(BLOCK + 4, 6);
    assert_eq!(poll(&cache, BLOCK + 4, 100), Poll::Ready(Ok(rest)));
    assert_eq!(poll(&cache, BLOCK + 10, 100), Poll::Ready(Ok(Vec::new())));
    assert_eq!(poll(&cache, u64::MAX, 1), Poll::Ready(Ok(Vec::new())));
    assert_eq!(poll(&cache, 0, 0), Poll::Ready(Ok(Vec::new())));
    let (_, empty) = open(0);
    assert_eq!(poll(&empty, 0, 1), Poll::Ready(Ok(Vec::new())));
}

#[test]
fn sequential_reads_are_read_ahead_of_and_random_ones_are_not() {
    let (source, cache) = open(64 * BLOCK);
    let mut asked = Vec::new();
    for block in 0..20 {
        while poll(&cache, block * BLOCK, 1000).is_pending() {
            asked.extend(source.asked());
            source.answer_all();
        }
        asked.extend(source.asked());
        source.answer_all();
    }
    let blocks: Vec<usize> = asked
        .iter()
        .map(|(_, length)| length / BLOCK_BYTES)
        .collect();
    assert_eq!(blocks[..3], [1, 2, 4], "twice as much each time");
    assert!(blocks.iter().all(|count| *count as u64 <= AHEAD_BLOCKS));
    assert!(blocks.len() < 9, "{blocks:?}");
    let (source, cache) = open(64 * BLOCK);
    for block in [40, 3, 17, 60, 9] {
        assert!(poll(&cache, block * BLOCK, 1000).is_pending());
    }
    assert!(
        source
            .asked()
            .iter()
            .all(|(_, length)| *length == BLOCK_BYTES)
    );
    assert_eq!(source.asked().len(), 5);
}

#[test]
fn a_large_read_asks_for_all_that_one_request_may() {
    let (source, cache) = open(64 * BLOCK);
    assert!(poll(&cache, 10, 8 * BLOCK_BYTES).is_pending());
    assert_eq!(source.asked(), [(0, 4 * BLOCK_BYTES)]);
    source.answer(0);
    let some = content(10, 4 * BLOCK_BYTES - 10);
    let read = poll(&cache, 10, 8 * BLOCK_BYTES);
    assert!(read == Poll::Ready(Ok(some)), "as much as is there");
}

#[test]
fn memory_is_bounded_whatever_is_asked() {
    let (source, cache) = open(1000 * BLOCK);
    let mut random = SplitMix64::new(1);
    let most = 16 * BLOCK;
    for _ in 0..300 {
        let offset = random.below(1000 * BLOCK);
        let length = random.index(3 * BLOCK_BYTES) + 1;
        let read = poll(&cache, offset, length);
        if let Poll::Ready(Ok(bytes)) = read {
            assert!(bytes == content(offset, bytes.len()));
        }
        assert!(cache.used().held_bytes <= most);
        let waiting = source.asked().len();
        if waiting > 0 && random.chance(1, 2) {
            source.answer(random.index(waiting));
        }
    }
    // Who could not even ask is woken when there is room.
    let counting = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&counting));
    let mut block = 0;
    while source.asked().len() < 16 && block < 1000 {
        let _ = poll(&cache, block * BLOCK, 1);
        block += 7;
    }
    let before = source.asked().len();
    let mut buffer = [0; 1];
    assert!(
        cache
            .poll_read(999 * BLOCK, &mut buffer, &waker)
            .is_pending()
    );
    assert_eq!(source.asked().len(), before, "there is no room");
    source.answer(0);
    assert_eq!(counting.take(), 1);
    assert!(
        cache
            .poll_read(999 * BLOCK, &mut buffer, &waker)
            .is_pending()
    );
    source.answer_all();
    assert_eq!(
        cache.poll_read(999 * BLOCK, &mut buffer, &waker),
        Poll::Ready(Ok(1))
    );
}

#[test]
fn a_failure_is_told_to_who_waited_and_then_tried_again() {
    let (source, cache) = open(10 * BLOCK);
    let wakers: Vec<_> = (0..2)
        .map(|_| Waker::from(Arc::new(CountingWaker::default())))
        .collect();
    let mut buffer = [0; 10];
    for waker in &wakers {
        assert!(cache.poll_read(0, &mut buffer, waker).is_pending());
    }
    source.take(0).fail("503 Service Unavailable");
    let problem = cache.problem().expect("it is kept");
    assert!(problem.contains("503"), "{problem}");
    for waker in &wakers {
        let read = cache.poll_read(0, &mut buffer, waker);
        assert_eq!(read, Poll::Ready(Err(Errno::Io)));
    }
    assert!(source.asked().is_empty());
    for short in [true, false] {
        assert!(cache.poll_read(0, &mut buffer, &wakers[0]).is_pending());
        let request = source.take(0);
        match short {
            true => request.complete(b"short", source.version()),
            false => drop(request),
        }
        let read = cache.poll_read(0, &mut buffer, &wakers[0]);
        assert_eq!(read, Poll::Ready(Err(Errno::Io)));
    }
    assert!(cache.poll_read(0, &mut buffer, &wakers[0]).is_pending());
    source.answer_all();
    assert_eq!(poll(&cache, 0, 10), Poll::Ready(Ok(content(0, 10))));
}

#[test]
fn a_source_that_changed_is_never_read_again() {
    let other = |length, tag: &str| SourceVersion {
        length,
        tag: Some(tag.to_owned()),
    };
    for (now, says) in [
        (
            other(10 * BLOCK, "two"),
            "it was version \"one\" and is \"two\" now",
        ),
        (other(11 * BLOCK, "one"), "bytes long and is"),
    ] {
        let (source, cache) = open(10 * BLOCK);
        assert!(poll(&cache, 0, 10).is_pending());
        source.answer(0);
        assert!(poll(&cache, 0, 10).is_ready());
        assert!(poll(&cache, 5 * BLOCK, 10).is_pending());
        source.answer_as(0, &now);
        for offset in [0, 5 * BLOCK] {
            assert_eq!(poll(&cache, offset, 10), Poll::Ready(Err(Errno::Io)));
        }
        let problem = cache.problem().expect("it is kept");
        assert!(problem.contains(says), "{problem}");
        assert!(source.asked().is_empty());
    }
    // A source without a tag in its answer is taken at its length.
    let (source, cache) = open(10 * BLOCK);
    assert!(poll(&cache, 0, 10).is_pending());
    let untagged = SourceVersion {
        length: 10 * BLOCK,
        tag: None,
    };
    source.answer_as(0, &untagged);
    assert!(poll(&cache, 0, 10).is_ready());
}

#[test]
fn a_source_may_answer_at_once() {
    let version = SourceVersion {
        length: 30 * BLOCK + 7,
        tag: None,
    };
    let cache = RangeCache::new(
        Arc::new(Immediate(version.clone())),
        version,
        RangeCache::BYTES,
    );
    let mut all = Vec::new();
    let mut buffer = vec![0; 100_000];
    loop {
        let offset = u64::try_from(all.len()).expect("small");
        match cache.read(offset, &mut buffer) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(errno) => panic!("{errno}"),
        }
    }
    assert!(all == content(0, 30 * BLOCK_BYTES + 7));
    assert!(cache.used().requests < 12, "{:?}", cache.used());
    assert_eq!(cache.used().bytes, 30 * BLOCK + 7);
}
