//! `--trace`: system calls as they complete, for people (like strace) or for machines.

use core::net::SocketAddr;
use std::fmt::Write as _;

use holm_abi::Pid;
use holm_kernel::net::HostTarget;
use holm_kernel::{Answer, Argument, Observer, Process, TraceEvent};
use serde_json::{Map, Value, json};

use crate::text::shown;

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line a call, as strace writes them.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whoever gets the lines of a trace, without their ends. Called on the guest's thread.
pub type Sink = Box<dyn Fn(&str) + Send + Sync>;

/// Hands on each call, as a line, as it completes.
pub struct Tracer {
    format: Format,
    sink: Sink,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Bytes of data shown of each buffer, as strace's `-s` has it.
const DATA_SHOWN: usize = 32;

impl Tracer {
    /// A tracer whose lines go to `sink`.
    #[must_use]
    pub fn new(format: Format, sink: Sink) -> Tracer {
        Tracer { format, sink }
    }

    /// Hands on a line about the whole run, such as its end.
    pub fn note(&self, text: &str) {
        let line = match self.format {
            Format::Text => format!("+++ {text} +++"),
            Format::Json => json!({ "note": text }).to_string(),
        };
        (self.sink)(&line);
    }
}

impl Observer for Tracer {
    /// A process that another one made, such as that of a dependency, is told by its name.
    fn started(&self, process: &Process) {
        if process.parent().is_none() {
            return;
        }
        let (pid, program) = (process.pid(), process.program());
        let line = match self.format {
            Format::Text => format!("+++ [{pid}] is {} +++", shown(program)),
            Format::Json => json!({ "pid": pid.0, "program": program }).to_string(),
        };
        (self.sink)(&line);
    }

    fn completed(&self, event: &TraceEvent<'_>) {
        (self.sink)(&line(self.format, event));
    }

    /// A request over HTTP is no system call, but where it goes is for a trace to tell.
    fn connects(&self, process: &Process, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        (self.sink)(&request(self.format, process.pid(), host, port, addresses));
    }
}

/// A request as one line, without its end: its host, and the addresses where that is looked
/// for; none when a proxy finds it by its name.
fn request(
    format: Format,
    pid: Pid,
    host: &HostTarget,
    port: u16,
    addresses: &[SocketAddr],
) -> String {
    let host = host.to_string();
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    match format {
        Format::Text => {
            let found = match addresses.is_empty() {
                true => "through a proxy".to_owned(),
                false => addresses.join(", "),
            };
            format!("[{pid}] http_connect({host:?}, {port}) = {found}")
        }
        Format::Json => json!({
            "pid": pid.0,
            "call": "http_connect",
            "args": { "host": host, "port": port },
            "result": addresses,
            "errno": null,
        })
        .to_string(),
    }
}

/// A call as one line, without its end.
#[must_use]
pub fn line(format: Format, event: &TraceEvent<'_>) -> String {
    match format {
        Format::Text => text(event),
        Format::Json => object(event).to_string(),
    }
}

/// How many of the bytes or records of an out buffer count: what the call answered.
fn filled(event: &TraceEvent<'_>, length: usize) -> usize {
    match event.outcome {
        Ok(Answer::Number(number)) => usize::try_from(number).unwrap_or(length).min(length),
        Ok(_) => length,
        Err(_) => 0,
    }
}

fn text(event: &TraceEvent<'_>) -> String {
    let mut line = String::with_capacity(96);
    let _ = write!(line, "[{}] {}(", event.pid, event.call.name());
    for (at, argument) in event.arguments.iter().enumerate() {
        if at > 0 {
            line.push_str(", ");
        }
        let _ = match argument {
            Argument::DataIn(data) => {
                let shown: Vec<u8> = data
                    .iter()
                    .flat_map(|slice| slice.iter())
                    .take(DATA_SHOWN + 1)
                    .copied()
                    .collect();
                let total: usize = data.iter().map(|slice| slice.len()).sum();
                write!(line, "{}, {total}", quoted(&shown))
            }
            Argument::DataOut(buffer) => {
                write!(
                    line,
                    "{}, {}",
                    quoted(&buffer[..filled(event, buffer.len())]),
                    buffer.len()
                )
            }
            Argument::Addresses(list) => {
                write!(line, "{:?}", &list[..filled(event, list.len())])
            }
            Argument::Events(list) => write!(line, "{:?}", &list[..filled(event, list.len())]),
            other => write!(line, "{other:?}"),
        };
    }
    let _ = match &event.outcome {
        Ok(Answer::Unit) => write!(line, ") = 0"),
        Ok(Answer::Number(number)) => write!(line, ") = {number}"),
        Ok(Answer::Record(record)) => write!(line, ") = {record:?}"),
        Err(errno) => write!(line, ") = -1 {} ({})", errno.name(), errno.words()),
    };
    let _ = write!(
        line,
        " <{}.{:09}>",
        event.elapsed_ns / 1_000_000_000,
        event.elapsed_ns % 1_000_000_000
    );
    line
}

/// Bytes as a string in quotes, cut with `...`; what is not printable is escaped, so that a
/// trace shown on a terminal does nothing to it.
fn quoted(bytes: &[u8]) -> String {
    let cut = bytes.len() > DATA_SHOWN;
    let shown = &bytes[..bytes.len().min(DATA_SHOWN)];
    format!(
        "\"{}\"{}",
        shown.escape_ascii(),
        if cut { "..." } else { "" }
    )
}

fn object(event: &TraceEvent<'_>) -> Value {
    let mut arguments = Map::new();
    for (parameter, argument) in event
        .call
        .descriptor()
        .parameters
        .iter()
        .zip(event.arguments)
    {
        let value = match argument {
            Argument::Fd(fd) => json!(fd.0),
            Argument::Unsigned(number) => json!(number),
            Argument::Signed(number) => json!(number),
            Argument::Text(text) => json!(text),
            Argument::Named(value) => json!(value.to_string()),
            Argument::DataIn(data) => {
                let bytes: Vec<u8> = data
                    .iter()
                    .flat_map(|slice| slice.iter())
                    .take(DATA_SHOWN)
                    .copied()
                    .collect();
                let total: usize = data.iter().map(|slice| slice.len()).sum();
                json!({ "bytes": total, "start": bytes.escape_ascii().to_string() })
            }
            Argument::DataOut(buffer) => {
                let shown = &buffer[..filled(event, buffer.len()).min(DATA_SHOWN)];
                json!({ "room": buffer.len(), "start": shown.escape_ascii().to_string() })
            }
            Argument::Subscriptions(list) => {
                json!(
                    list.iter()
                        .map(|one| format!("{one:?}"))
                        .collect::<Vec<_>>()
                )
            }
            Argument::Address(address) => json!(address.map(|address| address.to_string())),
            Argument::Addresses(list) => {
                let shown = list[..filled(event, list.len())].iter();
                json!(shown.map(ToString::to_string).collect::<Vec<_>>())
            }
            Argument::Events(list) => {
                let shown = &list[..filled(event, list.len())];
                json!(
                    shown
                        .iter()
                        .map(|one| format!("{one:?}"))
                        .collect::<Vec<_>>()
                )
            }
        };
        arguments.insert(parameter.name.to_owned(), value);
    }
    let (result, errno) = match &event.outcome {
        Ok(Answer::Unit) => (json!(null), json!(null)),
        Ok(Answer::Number(number)) => (json!(number), json!(null)),
        Ok(Answer::Record(record)) => (json!(format!("{record:?}")), json!(null)),
        Err(errno) => (json!(null), json!(errno.name())),
    };
    json!({
        "pid": event.pid.0,
        "call": event.call.name(),
        "args": arguments,
        "result": result,
        "errno": errno,
        "start_ns": event.started_ns,
        "elapsed_ns": event.elapsed_ns,
    })
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::sync::{Arc, Mutex};

    use holm_abi::{Errno, Fd, Pid, Syscall};
    use holm_kernel::net::HostTarget;
    use holm_kernel::{Answer, Argument, Observer, TraceEvent};

    use super::{Format, Tracer, request};

    fn lines(format: Format, outcome: Result<Answer<'_>, Errno>) -> Vec<String> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = written.clone();
        let tracer = Tracer::new(
            format,
            Box::new(move |line| sink.lock().expect("whole").push(line.to_owned())),
        );
        let data = [IoSlice::new(b"hi\x1b\n")];
        tracer.completed(&TraceEvent {
            pid: Pid(1),
            call: Syscall::FdWrite,
            arguments: &[Argument::Fd(Fd(1)), Argument::DataIn(&data)],
            outcome,
            started_ns: 5,
            elapsed_ns: 1_000_000_007,
        });
        tracer.note("exited with 0");
        drop(tracer);
        Arc::into_inner(written)
            .and_then(|lines| lines.into_inner().ok())
            .expect("the tracer is gone")
    }

    #[test]
    fn for_people_a_line_is_like_those_of_strace() {
        assert_eq!(
            lines(Format::Text, Ok(Answer::Number(4))),
            [
                r#"[1] fd_write(1, "hi\x1b\n", 4) = 4 <1.000000007>"#,
                "+++ exited with 0 +++"
            ]
        );
        let refused = lines(Format::Text, Err(Errno::BadFd));
        assert!(
            refused[0].contains(") = -1 EBADF (bad file descriptor) <"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_request_is_told_with_where_it_goes() {
        let host = HostTarget::Name("api.example.com".to_owned());
        let addresses = ["9.9.9.9:443", "[2001:db8::1]:443"];
        let found = addresses.map(|address| address.parse().expect("an address"));
        let line = |format, found: &[_]| request(format, Pid(3), &host, 443, found);
        assert_eq!(
            line(Format::Text, &found),
            r#"[3] http_connect("api.example.com", 443) = 9.9.9.9:443, [2001:db8::1]:443"#
        );
        assert_eq!(
            line(Format::Text, &[]),
            r#"[3] http_connect("api.example.com", 443) = through a proxy"#
        );
        let event: serde_json::Value =
            serde_json::from_str(&line(Format::Json, &found)).expect("JSON");
        assert_eq!(event["pid"], 3);
        assert_eq!(event["call"], "http_connect");
        assert_eq!(event["args"]["host"], "api.example.com");
        assert_eq!(event["args"]["port"], 443);
        assert_eq!(event["result"], serde_json::json!(addresses));
    }

    #[test]
    fn for_machines_a_line_is_an_object() {
        let lines = lines(Format::Json, Err(Errno::BadFd));
        let event: serde_json::Value = serde_json::from_str(&lines[0]).expect("JSON");
        assert_eq!(event["call"], "fd_write");
        assert_eq!(event["errno"], "EBADF");
        assert_eq!(event["elapsed_ns"], 1_000_000_007_u64);
        assert_eq!(lines[1], r#"{"note":"exited with 0"}"#);
    }
}
