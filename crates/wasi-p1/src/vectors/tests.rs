//! Tests of vectored transfers over plain bytes.

use std::task::Poll;

use holm_abi::{Errno, IOV_MAX, TRANSFER_MAX};

use super::{gather, scatter};
use crate::GuestMemory;

/// A memory with an array of `iovec` at 0.
fn memory(size: usize, vectors: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (index, (at, length)) in vectors.iter().enumerate() {
        bytes[index * 8..index * 8 + 4].copy_from_slice(&at.to_le_bytes());
        bytes[index * 8 + 4..index * 8 + 8].copy_from_slice(&length.to_le_bytes());
    }
    bytes
}

fn fill(buffer: &mut [u8], byte: u8) -> u32 {
    buffer.fill(byte);
    u32::try_from(buffer.len()).expect("test buffers are small")
}

#[test]
fn one_vector_and_several_gather_the_same_bytes() {
    let mut bytes = memory(256, &[(100, 3), (110, 0), (120, 2)]);
    bytes[100..103].copy_from_slice(b"abc");
    bytes[120..122].copy_from_slice(b"de");
    let collect = |count| {
        gather(bytes.as_slice(), 0, count, |slices| {
            slices
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect::<Vec<u8>>()
        })
    };
    assert_eq!(collect(0), Ok(vec![]));
    assert_eq!(collect(1), Ok(b"abc".to_vec()));
    assert_eq!(collect(3), Ok(b"abcde".to_vec()));
}

#[test]
fn arrays_of_absurd_size_are_refused() {
    let bytes = memory(64, &[]);
    let count = i32::try_from(IOV_MAX).expect("IOV_MAX is small");
    assert_eq!(
        gather(bytes.as_slice(), 0, count + 1, |_| ()),
        Err(Errno::Invalid)
    );
    assert_eq!(gather(bytes.as_slice(), 0, -1, |_| ()), Err(Errno::Invalid));
    assert_eq!(
        gather(bytes.as_slice(), 0, count, |_| ()),
        Err(Errno::Fault)
    );
    assert_eq!(gather(bytes.as_slice(), -8, 1, |_| ()), Err(Errno::Fault));
    assert_eq!(gather(bytes.as_slice(), -4, 1, |_| ()), Err(Errno::Fault));
}

#[test]
fn a_bad_vector_fails_before_anything_is_read() {
    for vectors in [
        &[(8, u32::MAX)][..],
        &[(u32::MAX, 1)],
        &[(32, 4), (60, 5)],
        &[(32, 4), (u32::MAX, u32::MAX)],
    ] {
        let mut bytes = memory(64, vectors);
        let count = i32::try_from(vectors.len()).expect("a few vectors");
        let answer = scatter(bytes.as_mut_slice(), 0, count, |_, _| {
            unreachable!("nothing is read")
        });
        assert_eq!(answer, Poll::Ready(Err(Errno::Fault)), "{vectors:?}");
    }
}

#[test]
fn totals_are_cut_and_sums_do_not_wrap() {
    // Sixteen ranges of the same 256 MiB are 4 GiB: more than a length can say.
    let whole = 256 << 20;
    let mut bytes = vec![0; whole];
    let length = u32::try_from(whole).expect("fits");
    let vectors = memory(256, &[(0, length); 17]);
    bytes[..256].copy_from_slice(&vectors);
    let total = |count| {
        gather(bytes.as_slice(), 0, count, |slices| {
            slices.iter().map(|slice| slice.len()).sum::<usize>()
        })
    };
    assert_eq!(total(7), Ok(7 * whole));
    assert_eq!(total(8), Ok(TRANSFER_MAX));
    assert_eq!(total(15), Ok(TRANSFER_MAX));
    assert_eq!(total(16), Err(Errno::Invalid));
    assert_eq!(total(17), Err(Errno::Invalid));
}

#[test]
fn scatter_stops_at_the_first_short_read() {
    let mut bytes = memory(128, &[(64, 4), (80, 4), (96, 4)]);
    let mut calls = 0;
    let answer = scatter(bytes.as_mut_slice(), 0, 3, |buffer, done| {
        assert_eq!(done, calls * 4);
        calls += 1;
        let length = if calls == 2 { 1 } else { 4 };
        Poll::Ready(Ok(fill(&mut buffer[..length], b'x')))
    });
    assert_eq!(answer, Poll::Ready(Ok(5)));
    assert_eq!(calls, 2);
    assert_eq!(bytes[64..68], *b"xxxx");
    assert_eq!(bytes[80..84], *b"x\0\0\0");
    assert_eq!(bytes[96..100], [0; 4]);
}

#[test]
fn failures_count_only_when_nothing_was_read() {
    for failure in [Poll::Ready(Err(Errno::Io)), Poll::Pending] {
        let mut bytes = memory(128, &[(64, 4), (80, 4)]);
        let answer = scatter(bytes.as_mut_slice(), 0, 2, |_, _| failure);
        assert_eq!(answer, failure);
        let answer = scatter(bytes.as_mut_slice(), 0, 2, |buffer, done| match done {
            0 => Poll::Ready(Ok(fill(buffer, b'x'))),
            _ => failure,
        });
        assert_eq!(answer, Poll::Ready(Ok(4)));
    }
}

#[test]
fn empty_vectors_still_ask_the_descriptor() {
    let mut bytes = memory(64, &[(0, 0), (4096, 0)]);
    for count in 0..=2 {
        let answer = scatter(bytes.as_mut_slice(), 0, count, |buffer, _| {
            assert!(buffer.is_empty());
            Poll::Ready(Err(Errno::BadFd))
        });
        assert_eq!(answer, Poll::Ready(Err(Errno::BadFd)), "{count} vectors");
    }
    assert_eq!(bytes.as_slice().check(0, 64), Ok(()));
}
