//! The rules of fields, and their bounds.

use holm_abi::Limits;
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::{Kernel, Options, Ports, ProcessSpec};

use super::*;

fn process(memory_bytes: u64) -> Arc<Process> {
    let ports = Ports {
        clock: Arc::new(VirtualClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: None,
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("a kernel");
    let spec = ProcessSpec {
        limits: Limits {
            memory_bytes,
            ..Limits::default()
        },
        ..ProcessSpec::default()
    };
    kernel.spawn(&authority, spec).expect("a process")
}

#[test]
fn forbidden_names_are_refused_in_any_spelling() {
    let process = process(1 << 20);
    let bounds = HttpBounds::default();
    let mut fields = Fields::new(&process);
    for name in [
        "Host",
        "CONNECTION",
        "transfer-encoding",
        "Keep-Alive",
        "Upgrade",
        "proxy-connection",
    ] {
        let refused = fields.append(&process, &bounds, name, b"x");
        assert_eq!(refused, Err(FieldProblem::Forbidden), "{name}");
        let refused = fields.set(&process, &bounds, name, &[b"x".to_vec()]);
        assert_eq!(refused, Err(FieldProblem::Forbidden), "{name}");
    }
}

#[test]
fn a_value_never_becomes_a_second_header() {
    let process = process(1 << 20);
    let bounds = HttpBounds::default();
    let mut fields = Fields::new(&process);
    for value in [&b"a\r\nset-cookie: b"[..], b"a\nb", b"a\0b", b"\r"] {
        let refused = fields.append(&process, &bounds, "x", value);
        assert_eq!(refused, Err(FieldProblem::Syntax));
    }
    for name in ["", "a b", "a:b", "a\r\n", "ä"] {
        let refused = fields.append(&process, &bounds, name, b"x");
        assert_eq!(refused, Err(FieldProblem::Syntax), "{name:?}");
    }
    assert!(fields.map().is_empty());
}

#[test]
fn there_is_one_content_length_of_digits() {
    let process = process(1 << 20);
    let bounds = HttpBounds::default();
    let mut fields = Fields::new(&process);
    let mut append = |value: &[u8]| fields.append(&process, &bounds, "Content-Length", value);
    assert_eq!(append(b"+5"), Err(FieldProblem::Syntax));
    assert_eq!(append(b"5"), Ok(()));
    assert_eq!(append(b"5"), Err(FieldProblem::Syntax));
    let two = [b"5".to_vec(), b"6".to_vec()];
    let refused = fields.set(&process, &bounds, "content-length", &two);
    assert_eq!(refused, Err(FieldProblem::Syntax));
}

#[test]
fn thousands_of_headers_meet_the_bound() {
    let process = process(64 << 20);
    let bounds = HttpBounds::default();
    let mut fields = Fields::new(&process);
    let mut added = 0;
    let refused = loop {
        match fields.append(&process, &bounds, &format!("x-{added}"), b"") {
            Ok(()) => added += 1,
            Err(problem) => break problem,
        }
        assert!(added <= 32_769);
    };
    assert_eq!(refused, FieldProblem::Size);
    assert_eq!(added, bounds.fields);
    // Also without a bound of ours, more than the map takes is an error and no panic.
    let wide = HttpBounds {
        fields: usize::MAX,
        field_bytes: usize::MAX,
    };
    let mut fields = Fields::new(&process);
    let all =
        (0..=32_769).try_for_each(|at| fields.append(&process, &wide, &format!("x-{at}"), b""));
    assert_eq!(all, Err(FieldProblem::Size));
}

#[test]
fn what_a_guest_keeps_is_charged_to_its_memory() {
    let process = process(10_000);
    let bounds = HttpBounds::default();
    let mut fields = Fields::new(&process);
    fields
        .append(&process, &bounds, "a", &[b'x'; 4000])
        .expect("there is memory");
    let used = process.usage().memory_bytes();
    assert!(used >= 4000);
    // A copy shares, until it changes.
    let mut copy = fields.thaw();
    assert_eq!(process.usage().memory_bytes(), used);
    copy.append(&process, &bounds, "b", b"").expect("still");
    assert!(process.usage().memory_bytes() >= 2 * used);
    let refused = copy.append(&process, &bounds, "c", &[b'x'; 4000]);
    assert_eq!(refused, Err(FieldProblem::Size));
    drop((fields, copy));
    assert_eq!(process.usage().memory_bytes(), 0);
}

#[test]
fn fields_of_a_message_do_not_change() {
    let process = process(1 << 20);
    let bounds = HttpBounds::default();
    let mut map = HeaderMap::new();
    map.insert(header::HOST, HeaderValue::from_static("a"));
    map.insert(header::CONNECTION, HeaderValue::from_static("close"));
    map.insert(header::ACCEPT, HeaderValue::from_static("b"));
    let mut fields = Fields::incoming(map);
    assert_eq!(fields.entries(), [("accept".to_owned(), b"b".to_vec())]);
    let refused = fields.append(&process, &bounds, "a", b"b");
    assert_eq!(refused, Err(FieldProblem::Immutable));
    assert_eq!(
        fields.delete(&process, "accept"),
        Err(FieldProblem::Immutable)
    );
    let mut copy = fields.thaw();
    assert_eq!(copy.delete(&process, "Accept"), Ok(vec![b"b".to_vec()]));
    assert!(fields.has("accept"));
}
