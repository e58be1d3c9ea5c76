//! Calls that wait, and waiting for several things at once.

use std::io::IoSlice;
use std::task::{Poll, Waker};

use holm_abi::{EVENTS_MAX, Errno};
use holm_kernel::vfs::Stream;

use crate::system::{DONE, RESULT, System, call, failed};

/// Writes a clock subscription (monotonic, relative) at `at`.
fn put_timer(system: &mut System, at: i32, user_data: u8, timeout_ns: u64) {
    system.put(at, &[0; 48]);
    system.put(at, &[user_data]);
    system.put_words(at + 16, &[1]);
    system.put(at + 24, &timeout_ns.to_le_bytes());
}

/// Writes a subscription to reading from a descriptor at `at`.
fn put_reader(system: &mut System, at: i32, user_data: u8, fd: u32) {
    system.put(at, &[0; 48]);
    system.put(at, &[user_data]);
    system.put(at + 8, &[1]);
    system.put_words(at + 16, &[fd]);
}

#[test]
fn a_read_of_nothing_waits_and_is_made_again() {
    let mut system = System::new();
    system.put_words(0, &[2048, 4, 3000, 4]);
    assert_eq!(call!(system.fd_read(0, 0, 2, RESULT)), Poll::Pending);
    assert_eq!(system.word(RESULT), 0xaaaa_aaaa);
    let written = system.stdin.write(&[IoSlice::new(b"1234")], Waker::noop());
    assert_eq!(written, Poll::Ready(Ok(4)));
    assert_eq!(call!(system.fd_read(0, 0, 2, RESULT)), DONE);
    assert_eq!((system.word(RESULT), system.bytes(2048)), (4, *b"1234"));
}

#[test]
fn a_read_that_was_let_go_of_does_not_age_the_next_wait() {
    let mut system = System::new();
    system.put_words(0, &[2048, 4, 3000, 4]);
    let written = system.stdin.write(&[IoSlice::new(b"1234")], Waker::noop());
    assert_eq!(written, Poll::Ready(Ok(4)));
    // The second range would wait, so the first is the answer.
    assert_eq!(call!(system.fd_read(0, 0, 2, RESULT)), DONE);
    let clock = system.task.process().clock().clone();
    let later = clock.monotonic_ns() + 1_000_000_000;
    assert!(clock.jump_to(later));
    put_timer(&mut system, 0, 7, 5_000_000);
    assert_eq!(call!(system.poll_oneoff(0, 512, 1, RESULT)), Poll::Pending);
    let deadline = system.task.deadline().expect("a timer is running");
    assert!(
        deadline >= later + 5_000_000,
        "{deadline} is before {later} and the timer"
    );
    assert!(clock.jump_to(deadline));
    assert_eq!(call!(system.poll_oneoff(0, 512, 1, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 1);
    let event: [u8; 33] = system.bytes(512);
    assert_eq!(event[..8], [7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(event[8..32], [0; 24]);
    assert_eq!(event[32], 0xaa);
}

#[test]
fn what_cannot_be_waited_for_is_an_event() {
    let mut system = System::new();
    put_timer(&mut system, 0, 1, 0);
    put_reader(&mut system, 48, 2, 99);
    put_reader(&mut system, 96, 3, 0);
    put_reader(&mut system, 144, 4, 0);
    system.put(144 + 8, &[9]);
    put_timer(&mut system, 192, 5, 0);
    system.put(192 + 40, &[6]);
    assert_eq!(call!(system.poll_oneoff(0, 512, 5, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 4, "all but the pipe, which is empty");
    let event = |index: i32| {
        let [user_data]: [u8; 1] = system.bytes(512 + index * 32);
        (
            user_data,
            u16::from_le_bytes(system.bytes(512 + index * 32 + 8)),
        )
    };
    let invalid = Errno::Invalid.raw();
    let events = [event(0), event(1), event(2), event(3)];
    assert_eq!(
        events,
        [(1, 0), (2, Errno::BadFd.raw()), (4, invalid), (5, invalid)]
    );
}

#[test]
fn lists_of_absurd_size_are_refused() {
    let mut system = System::new();
    put_timer(&mut system, 0, 1, 0);
    assert_eq!(
        call!(system.poll_oneoff(0, 512, 0, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.poll_oneoff(0, 512, i32::MIN, RESULT)),
        failed(Errno::Invalid)
    );
    let most = i32::try_from(EVENTS_MAX).expect("small");
    assert_eq!(
        call!(system.poll_oneoff(0, 512, most + 1, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.poll_oneoff(0, 512, most, RESULT)),
        failed(Errno::Fault)
    );
    assert_eq!(
        call!(system.poll_oneoff(0, 0xfff0, 1, RESULT)),
        failed(Errno::Fault)
    );
    assert_eq!(
        call!(system.poll_oneoff(0, 512, 1, -1)),
        failed(Errno::Fault)
    );
    assert_eq!(
        call!(system.poll_oneoff(-8, 512, 1, RESULT)),
        failed(Errno::Fault)
    );
    // Many, with room: beyond what is decoded without an allocation.
    for index in 0..20 {
        put_timer(&mut system, index * 48, 1, 0);
    }
    assert_eq!(call!(system.poll_oneoff(0, 2048, 20, RESULT)), DONE);
    assert_eq!(system.word(RESULT), 20);
}
