//! Runs the scenario files, and asks that every system call is in one of them.

use holm_abi::Syscall;

use super::{FILES, check, compare, run};

#[test]
fn every_file_holds() {
    for (name, file) in FILES {
        compare(file, name);
    }
}

#[test]
fn every_call_has_a_scenario() {
    for call in Syscall::ALL {
        let used = FILES.iter().any(|(_, file)| {
            file.lines().any(|line| {
                let line = line.trim_start();
                let line = line.split_once(": ").map_or(line, |(_, call)| call);
                line.split([' ', ':']).next() == Some(call.name())
            })
        });
        assert!(used, "no scenario calls {}", call.name());
    }
}

#[test]
fn what_differs_is_told() {
    check("mount / rw", "fd_prestat_get 3 -> 1");
    let wrong = std::panic::catch_unwind(|| check("mount / rw", "fd_prestat_get 3 -> 2"));
    assert!(wrong.is_err());
    let error = run("== x\nfd_close\n").expect_err("an argument is missing");
    assert_eq!(error, "line 2: fd_close: an argument is missing");
}
