//! Arguments, environment, clocks, randomness, signals.

use holm_abi::{Errno, ExitStatus, Signal};

use crate::system::{DONE, RESULT, System, call, failed};

#[test]
fn arguments_are_written_with_their_pointers() {
    let mut system = System::new();
    assert_eq!(call!(system.args_sizes_get(RESULT, RESULT + 4)), DONE);
    assert_eq!((system.word(RESULT), system.word(RESULT + 4)), (3, 11));
    assert_eq!(call!(system.args_get(RESULT, 2048)), DONE);
    assert_eq!(system.bytes(2048), *b"one\0\0three\0\xaa");
    let pointers = [0, 4, 8, 12].map(|offset| system.word(RESULT + offset));
    assert_eq!(pointers, [2048, 2052, 2053, 0xaaaa_aaaa]);
    assert_eq!(call!(system.environ_sizes_get(RESULT, RESULT + 4)), DONE);
    assert_eq!((system.word(RESULT), system.word(RESULT + 4)), (1, 11));
    assert_eq!(call!(system.environ_get(RESULT, 2048)), DONE);
    assert_eq!(system.bytes(2048), *b"NAME=value\0");
    assert_eq!(system.word(RESULT), 2048);
}

#[test]
fn lists_that_do_not_fit_are_faults() {
    let mut system = System::new();
    assert_eq!(call!(system.args_get(0xfff8, 0)), failed(Errno::Fault));
    assert_eq!(call!(system.args_get(0, 0xfff8)), failed(Errno::Fault));
    assert_eq!(call!(system.args_get(-4, 0)), failed(Errno::Fault));
    assert_eq!(call!(system.args_sizes_get(0, -4)), failed(Errno::Fault));
    assert_eq!(system.bytes(0), [0xaa; 16], "nothing was written");
    // The pointers overwrite the strings: nobody's problem but the guest's.
    assert_eq!(call!(system.args_get(512, 512)), DONE);
}

#[test]
fn clocks_are_checked_and_read() {
    let mut system = System::new();
    assert_eq!(call!(system.clock_time_get(1, 0, RESULT)), DONE);
    let first = system.long(RESULT);
    assert_eq!(call!(system.clock_time_get(1, 0, RESULT)), DONE);
    assert!(system.long(RESULT) > first);
    assert_eq!(call!(system.clock_res_get(0, RESULT)), DONE);
    assert_eq!(system.long(RESULT), 1000);
    assert_eq!(
        call!(system.clock_time_get(9, 0, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.clock_res_get(-1, RESULT)),
        failed(Errno::Invalid)
    );
    assert_eq!(
        call!(system.clock_time_get(1, 0, 0xfff9)),
        failed(Errno::Fault)
    );
}

#[test]
fn randomness_fills_any_buffer_that_is_there() {
    let mut system = System::new();
    system.memory = vec![0; 3 << 20];
    let length = i32::try_from(system.memory.len()).expect("fits") - 5;
    assert_eq!(call!(system.random_get(3, length)), DONE);
    assert_eq!(system.memory[..3], [0; 3]);
    assert_eq!(system.memory[system.memory.len() - 2..], [0; 2]);
    let zeros = system.memory.iter().filter(|byte| **byte == 0).count();
    assert!((10_000..15_000).contains(&zeros), "{zeros} of 3 MiB");
    assert_eq!(call!(system.random_get(0, i32::MIN)), failed(Errno::Fault));
    assert_eq!(call!(system.random_get(-1, 2)), failed(Errno::Fault));
    assert_eq!(call!(system.random_get(-1, 0)), DONE);
}

#[test]
fn signals_and_exits_reach_the_kernel() {
    let mut system = System::new();
    assert_eq!(call!(system.proc_raise(16)), failed(Errno::NotSupported));
    assert_eq!(call!(system.proc_raise(99)), failed(Errno::Invalid));
    assert_eq!(call!(system.proc_raise(0)), DONE);
    assert_eq!(system.task.process().signaled(), None);
    assert_eq!(call!(system.proc_raise(15)), DONE);
    assert_eq!(system.task.process().signaled(), Some(Signal::Terminate));
    let mut system = System::new();
    assert_eq!(call!(system.proc_exit(-1)), DONE);
    assert_eq!(
        system.task.process().status(),
        Some(ExitStatus::Exited(u32::MAX))
    );
}
