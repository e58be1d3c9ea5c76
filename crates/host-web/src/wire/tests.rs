//! Tests of the records: what lies about its sizes, and what is at their limits.

use std::task::Poll;

use holm_abi::{Errno, IOV_MAX};
use holm_wasi_p1::{ARGUMENTS_MAX, GuestMemory, Span, index_of};

use super::guest_side::{apply, encode};
use super::{
    Malformed, OUTCOME_CONTINUE, OUTCOME_LEAVE, REGIONS_MAX, REPLY_HEADER, REQUEST_HEADER,
    REQUEST_MAX, RemoteMemory, Reply, Request, TRANSFER_BYTES, WRITE_MAX, word,
};

/// A request with these regions and a header that says so.
fn request(regions: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; REQUEST_HEADER];
    for (at, content) in regions {
        bytes.extend(at.to_le_bytes());
        bytes.extend(u32::try_from(content.len()).expect("small").to_le_bytes());
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let count = u32::try_from(regions.len()).expect("few");
    put(&mut bytes, 4, count);
    put(&mut bytes, 8, 2);
    let length = u32::try_from(bytes.len()).expect("small");
    put(&mut bytes, 12, length);
    bytes
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn malformed(bytes: &[u8]) {
    assert_eq!(Request::parse(bytes).err(), Some(Malformed));
}

#[test]
fn what_is_cut_short_is_refused() {
    let whole = request(&[(8, b"0123456789"), (64, b"x")]);
    assert!(Request::parse(&whole).is_ok());
    for length in 0..whole.len() {
        // As it is, and with a header that says that it is whole.
        let mut cut = whole[..length].to_vec();
        malformed(&cut);
        if length >= 16 {
            put(&mut cut, 12, u32::try_from(length).expect("small"));
            // The zeros after the last region are not missed.
            if length < whole.len() - 7 {
                malformed(&cut);
            }
        }
    }
    let mut longer = whole;
    longer.extend([0; 8]);
    malformed(&longer);
}

#[test]
fn lengths_and_numbers_that_lie_are_refused() {
    for length in [11 + 24, 1 << 20, u32::MAX - 8, u32::MAX] {
        let mut lying = request(&[(8, b"0123456789")]);
        put(&mut lying, REQUEST_HEADER + 4, length);
        malformed(&lying);
    }
    for count in [
        2,
        4,
        u32::try_from(REGIONS_MAX).expect("small") + 1,
        u32::MAX,
    ] {
        let mut lying = request(&[(8, b"0123456789")]);
        put(&mut lying, 4, count);
        malformed(&lying);
    }
    // More regions than any call has are refused though all of them are there.
    let many = vec![(0, &b"x"[..]); REGIONS_MAX + 1];
    malformed(&request(&many));
    assert!(Request::parse(&request(&many[1..])).is_ok());
}

#[test]
fn what_was_not_sent_is_outside() {
    let bytes = request(&[
        (16, b"0123456789"),
        (100, b"abc"),
        (20, b"other"),
        (200, b""),
    ]);
    let request = Request::parse(&bytes).expect("a good request");
    let mut reply = Reply::default();
    let memory = RemoteMemory::new(&request, &mut reply);
    let text = |at, length| memory.with(at, length, <[u8]>::to_vec);
    assert_eq!(text(16, 10).expect("all of it"), b"0123456789");
    assert_eq!(text(25, 1).expect("its last byte"), b"9");
    assert_eq!(text(100, 3).expect("another"), b"abc");
    for (at, length) in [
        (15, 1),
        (16, 11),
        (26, 1),
        (101, 3),
        (200, 1),
        (0, u32::MAX),
        (u32::MAX, 1),
    ] {
        assert_eq!(text(at, length), Err(Errno::Fault), "{at} {length}");
    }
    // No bytes are anywhere.
    assert_eq!(text(u32::MAX, 0), Ok(Vec::new()));
    assert_eq!(memory.read::<4>(17), Ok(*b"1234"));
    assert_eq!(memory.read::<4>(23), Err(Errno::Fault));
    let spans = |second| [Span { at: 16, length: 2 }, second];
    let gathered = |second: Span| memory.gather(&spans(second), |slices| slices.len());
    assert_eq!(gathered(Span { at: 100, length: 3 }), Ok(2));
    assert_eq!(gathered(Span { at: 100, length: 4 }), Err(Errno::Fault));
}

#[test]
fn writes_stay_inside_and_within_bounds() {
    let bytes = request(&[]);
    let request = Request::parse(&bytes).expect("a good request");
    let mut reply = Reply::default();
    let mut memory = RemoteMemory::new(&request, &mut reply);
    // Two pages.
    assert_eq!(memory.check(0, 2 << 16), Ok(()));
    assert_eq!(memory.check(1, 2 << 16), Err(Errno::Fault));
    assert_eq!(memory.check(u32::MAX, u32::MAX), Err(Errno::Fault));
    assert_eq!(memory.write((2 << 16) - 1, b"xy"), Err(Errno::Fault));
    assert_eq!(memory.write((2 << 16) - 2, b"xy"), Ok(()));
    let filled = |size: u32| move |_: &mut [u8]| Poll::Ready(Ok(size));
    assert_eq!(
        memory.receive(8, 2 << 16, filled(1)),
        Poll::Ready(Err(Errno::Fault))
    );
    // A backend that says that it filled more than there is.
    assert_eq!(memory.receive(8, 4, filled(100)), Poll::Ready(Ok(100)));
    let pending = |_: &mut [u8]| Poll::<Result<u32, Errno>>::Pending;
    assert!(memory.receive(8, 4, pending).is_pending());
    reply.finish(OUTCOME_LEAVE, Some(Errno::Io));
    let mut target = vec![7; 2 << 16];
    let came = apply(reply.bytes(), &mut target);
    assert_eq!(came, (OUTCOME_LEAVE, u32::from(Errno::Io.raw())));
    assert_eq!(target[(2 << 16) - 2..], *b"xy");
    assert_eq!(target[8..13], [0, 0, 0, 0, 7]);
    assert_eq!(word(reply.bytes(), 8), Ok(2));
}

#[test]
fn more_than_a_reply_holds_is_refused_before_it_is_made() {
    let mut bytes = request(&[]);
    put(&mut bytes, 8, u32::MAX >> 16);
    let request = Request::parse(&bytes).expect("a good request");
    let mut reply = Reply::default();
    let mut memory = RemoteMemory::new(&request, &mut reply);
    let length = u32::try_from(WRITE_MAX).expect("16 MiB") + 1;
    let answer = memory.receive(0, length, |_| -> Poll<Result<u32, Errno>> {
        panic!("nothing is to be filled")
    });
    assert_eq!(answer, Poll::Ready(Err(Errno::NoMemory)));
    reply.finish(OUTCOME_CONTINUE, Some(Errno::NoMemory));
    assert_eq!(reply.bytes().len(), REPLY_HEADER);
}

/// Arguments of `fd_write` to descriptor 1 with this array of vectors.
fn writing(at: u32, count: usize) -> (usize, [u64; ARGUMENTS_MAX]) {
    let index = index_of("fd_write").expect("a function of the standard");
    (index, [1, u64::from(at), count as u64, 0, 0, 0, 0, 0, 0])
}

/// A memory of 2 MiB with vectors of `length` bytes each at its end.
fn with_vectors(count: usize, length: u32) -> (Vec<u8>, u32) {
    let mut memory = vec![1; 2 << 20];
    let start = memory.len() - count * 8;
    for number in 0..count {
        let at = start + number * 8;
        put(&mut memory, at, 1);
        put(&mut memory, at + 4, length);
    }
    (memory, u32::try_from(start).expect("2 MiB"))
}

#[test]
fn the_largest_request_fits() {
    // Each region is padded by seven bytes, and all that a call moves is there.
    let length = u32::try_from(TRANSFER_BYTES / IOV_MAX).expect("small") + 1;
    let (memory, at) = with_vectors(IOV_MAX, length);
    let (index, arguments) = writing(at, IOV_MAX);
    let bytes = encode(index, &arguments, &memory);
    assert!(bytes.len() <= REQUEST_MAX, "{} bytes", bytes.len());
    assert!(Request::parse(&bytes).is_ok());
    // One vector more is refused by the call, and nothing is sent.
    let (memory, at) = with_vectors(IOV_MAX + 1, 1);
    let (index, arguments) = writing(at, IOV_MAX + 1);
    assert_eq!(encode(index, &arguments, &memory).len(), REQUEST_HEADER);
}

#[test]
fn what_one_call_moves_is_cut() {
    let (memory, at) = with_vectors(3, u32::try_from(TRANSFER_BYTES).expect("1 MiB") / 2 + 8);
    let (index, arguments) = writing(at, 3);
    let bytes = encode(index, &arguments, &memory);
    let request = Request::parse(&bytes).expect("a request of ours");
    let mut reply = Reply::default();
    let memory = RemoteMemory::new(&request, &mut reply);
    let array: [u8; 24] = memory.read(at).expect("the array was sent");
    let lengths: Vec<u32> = [4, 12, 20]
        .iter()
        .map(|at| word(&array, *at).expect("within the array"))
        .collect();
    let half = u32::try_from(TRANSFER_BYTES).expect("1 MiB") / 2;
    assert_eq!(lengths, [half + 8, half - 8, 0]);
    assert!(memory.with(1, half + 8, |_| ()).is_ok());
}
