//! `--trace` and `--stats`: what a program does, call by call and in sum.

use serde_json::Value;

use crate::support::{Folder, run};

#[test]
fn text_is_one_line_a_call() {
    let folder = Folder::new();
    folder.write("d/a.txt", "content\u{1b}");
    let trace = folder.join("trace");
    run(["--trace", "--trace-file"])
        .arg(&trace)
        .args(["--dir", &folder.mount("d", "/d:ro")])
        .guest("rust/cat")
        .args(["/d/a.txt", "/d/gone.txt"])
        .go()
        .code(1);
    let text = folder.read("trace");
    let (last, calls) = text
        .trim_end()
        .rsplit_once('\n')
        .map(|(calls, last)| (last, calls))
        .expect("lines");
    assert_eq!(last, "+++ exited with 1 +++");
    for line in calls.lines() {
        let (call, rest) = line.split_once('(').unwrap_or_else(|| panic!("{line}"));
        let name = call
            .strip_prefix("[1] ")
            .unwrap_or_else(|| panic!("{line}"));
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{line}"
        );
        let (_, result) = rest.rsplit_once(") = ").unwrap_or_else(|| panic!("{line}"));
        let (_, time) = result.rsplit_once(" <").unwrap_or_else(|| panic!("{line}"));
        let time = time.strip_suffix('>').unwrap_or_else(|| panic!("{line}"));
        let (seconds, nanoseconds) = time.split_once('.').unwrap_or_else(|| panic!("{line}"));
        assert!(
            seconds.parse::<u64>().is_ok() && nanoseconds.len() == 9,
            "{line}"
        );
    }
    let with = |part: &str| calls.lines().filter(|line| line.contains(part)).count();
    assert!(
        with("path_open(3, SYMLINK_FOLLOW, \"a.txt\"") == 1,
        "{text}"
    );
    assert!(with("\"content\\x1b\"") >= 2, "read and written\n{text}");
    assert!(with("\"gone.txt\"") >= 1, "{text}");
    assert!(
        with("= -1 ENOENT (no such file or directory)") >= 1,
        "{text}"
    );
}

#[test]
fn json_is_one_object_a_line() {
    let done = run(["--trace=json"]).guest("rust/hello").go().code(0);
    let lines: Vec<Value> = done
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let (note, calls) = lines.split_last().expect("lines");
    assert_eq!(note["note"], "exited with 0");
    let write = calls
        .iter()
        .find(|call| call["call"] == "fd_write")
        .expect("a write");
    assert_eq!(write["args"]["fd"], 1);
    assert_eq!(write["args"]["data"]["bytes"], 17);
    assert_eq!(write["args"]["data"]["start"], "Hello from Rust!\\n");
    assert_eq!(write["result"], 17);
    assert_eq!(write["errno"], Value::Null);
    assert_eq!(write["pid"], 1);
    assert!(write["elapsed_ns"].is_u64() && write["start_ns"].is_u64());
    let done = run(["--trace=json"])
        .guest("rust/cat")
        .arg("/gone")
        .go()
        .code(1);
    let failed = done
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|call| call["call"] == "path_open")
        .expect("an open");
    assert_eq!(failed["errno"], "ENOENT");
    assert_eq!(failed["result"], Value::Null);
}

#[test]
fn a_trace_that_nobody_reads_ends_nothing() {
    run(["--trace", "--trace-file", "/dev/full"])
        .guest("rust/hello")
        .go()
        .code(0)
        .prints("Hello from Rust!\n");
}

#[test]
fn a_trap_is_the_last_line() {
    run(["--trace"])
        .guest("c/traps")
        .arg("divide")
        .go()
        .code(134)
        .says("+++ trapped +++");
}

#[test]
fn stats_count_calls_and_bytes() {
    let done = run(["--stats"])
        .guest("rust/cat")
        .stdin("twelve bytes")
        .go()
        .code(0)
        .prints("twelve bytes");
    let value = |name: &str| -> f64 {
        let line = done
            .stderr
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name}\n{done}"));
        let number = line.trim_start()[name.len()..].split_whitespace().next();
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or(-1.0)
    };
    assert!((value("bytes in") - 12.0).abs() < 0.1, "{done}");
    assert!((value("bytes out") - 12.0).abs() < 0.1, "{done}");
    assert!(
        value("wall time") > 0.0 && value("CPU time") >= 0.0,
        "{done}"
    );
    assert!(value("system calls") >= 3.0, "{done}");
    for call in ["fd_read", "fd_write"] {
        assert!(done.stderr.contains(call), "{done}");
    }
    assert!(done.stderr.contains("holm: exited with 0"), "{done}");
}
