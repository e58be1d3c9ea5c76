//! Scenarios: scripts of system calls as text, with what each of them answers.
//!
//! A file holds several. What stands before the first `== title` is set up for each.
//!
//! ```text
//! mount /data rw                     a memory file system; `ro` for read-only
//! file /data/a 'hello'               put there by the host, before the guest starts
//!
//! == a title
//! path_open 3 a                      -> 4
//! fd_read 4 100                      -> 5 'hello'
//! ```
//!
//! A line of a script is a system call (`calls.rs` tells their arguments), made by process
//! 1, or with `2: ` before it by process 2; or one of the host's words, which
//! [`Scenario::host_word`] lists. Results that are several lines long follow with `|`. The
//! runner answers the text with the results as they are, so that comparing tells what
//! differs and writing it back accepts it. It knows no host: the same files run wherever
//! the kernel does.

mod calls;
mod files;
mod setup;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;
use std::task::Waker;

use holm_abi::{Errno, ExitStatus, Fd, Limits, Pid, Rights, Syscall};

pub use self::files::FILES;
use self::setup::System;
use self::text::{shown, text, words};
use crate::process::{ChildMount, ChildSpec, Process, SpawnError};
use crate::task::Task;
use crate::testkit::host::CountingWaker;
use crate::testkit::model::tree_of;
use crate::vfs::mount::Access;

/// Column at which results start.
const RESULT_COLUMN: usize = 56;

/// Runs every scenario of a file; answers the file's text with the results that came.
///
/// # Errors
///
/// The line that is no scenario, and what is wrong with it.
pub fn run(file: &str) -> Result<String, String> {
    let mut written = String::new();
    let mut common: Vec<&str> = Vec::new();
    let mut scenario: Option<Scenario> = None;
    let mut started = false;
    for (at, line) in file.lines().enumerate() {
        let bare = line.trim();
        if bare.starts_with("| ") || bare == "|" {
            continue;
        }
        if bare.starts_with("== ") {
            scenario = Some(Scenario::new(&common)?);
            started = true;
        } else if !bare.is_empty() && !bare.starts_with('#') {
            if !started {
                common.push(bare);
            } else if let Some(scenario) = &mut scenario {
                let asked = without_result(line);
                let answer = scenario
                    .line(asked.trim())
                    .map_err(|reason| format!("line {}: {asked}: {reason}", at + 1))?;
                write_answer(&mut written, asked, answer);
                continue;
            }
        }
        written.push_str(line.trim_end());
        written.push('\n');
    }
    Ok(written)
}

/// Runs a scenario given as its set-up and its script, and compares.
///
/// # Panics
///
/// When a result differs, or a line is no scenario.
pub fn check(setup: &str, script: &str) {
    let file = format!("{setup}\n== inline\n{script}\n");
    compare(&file, "inline");
}

/// Runs a file of scenarios and compares.
///
/// # Panics
///
/// When a result differs, or a line is no scenario.
pub fn compare(file: &str, name: &str) {
    let came = run(file).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    let squeezed = |line: &str| words(line).join(" ");
    let (mut wanted, mut got) = (file.lines(), came.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (wanted, got) = (wanted.next(), got.next());
        if wanted.is_none() && got.is_none() {
            return;
        }
        let (wanted, got) = (wanted.unwrap_or_default(), got.unwrap_or_default());
        assert!(
            squeezed(wanted) == squeezed(got),
            "{name}, line {number}\n  wanted: {wanted}\n  came:   {got}\n\
             (BLESS=1 accepts what comes, for files)"
        );
    }
}

fn without_result(line: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        quoted ^= byte == b'\'';
        if !quoted && line[at..].starts_with("-> ") {
            return line[..at].trim_end();
        }
    }
    line.trim_end()
}

fn write_answer(written: &mut String, asked: &str, answer: Answer) {
    match answer {
        Answer::Nothing => written.push_str(asked),
        Answer::Word(word) => {
            written.push_str(&format!("{asked:RESULT_COLUMN$} -> {word}"));
        }
        Answer::Lines(lines) => {
            written.push_str(asked);
            for line in lines {
                written.push_str(format!("\n  | {line}").trim_end());
            }
        }
    }
    written.push('\n');
}

enum Answer {
    Nothing,
    Word(String),
    Lines(Vec<String>),
}

/// A process of a scenario with its one task.
struct Guest {
    process: Arc<Process>,
    task: Task,
    waker: Arc<CountingWaker>,
}

impl Guest {
    fn new(process: Arc<Process>) -> Guest {
        let waker = Arc::new(CountingWaker::default());
        let task = Task::new(process.clone(), Waker::from(waker.clone()));
        Guest {
            process,
            task,
            waker,
        }
    }
}

/// A system in the middle of a script.
struct Scenario {
    system: System,
    guests: Vec<Guest>,
    sockets: Vec<Arc<super::host::ScriptedStream>>,
}

impl Scenario {
    fn new(setup: &[&str]) -> Result<Scenario, String> {
        let (system, process) = System::new(setup)?;
        let guests = vec![Guest::new(process)];
        Ok(Scenario {
            system,
            guests,
            sockets: Vec::new(),
        })
    }

    fn line(&mut self, line: &str) -> Result<Answer, String> {
        let (pid, line) = match line.split_once(": ") {
            Some((pid, rest)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => {
                (pid.parse().map_err(|_| "no process id")?, rest)
            }
            _ => (1, line),
        };
        let words = words(line);
        let (name, arguments) = words.split_first().ok_or("an empty line")?;
        let at = self
            .guests
            .iter()
            .position(|guest| guest.process.pid() == Pid(pid))
            .ok_or("there is no such process")?;
        let base = name.split(':').next().unwrap_or_default();
        if Syscall::ALL.iter().any(|call| call.name() == base) {
            return calls::call(&mut self.guests[at].task, name, arguments).map(Answer::Word);
        }
        self.host_word(at, name, arguments)
    }

    /// What the host does or shows:
    ///
    /// - `advance NS`; `type 'bytes'`, `type_end`, `room BYTES`, `stdout`, `stderr`;
    /// - `connect`, then `send N 'bytes'` and `received N` for connection N;
    /// - `spawn WORDS…`, `kill SIGNAL`, `end CODE`, `trap`, `status`, `woken`, `abandon`;
    /// - `grow BYTES`, `shrink BYTES`, `usage`, `denials`, `trace`, `tree MOUNT`, `held`.
    fn host_word(&mut self, at: usize, name: &str, words: &[String]) -> Result<Answer, String> {
        let first = words.first().map(String::as_str).unwrap_or_default();
        let number = || {
            first
                .parse::<u64>()
                .map_err(|_| format!("{first} is no number"))
        };
        let system = &self.system;
        let guest = &mut self.guests[at];
        match name {
            "advance" => system.clock.advance_ns(number()?),
            "type" => system.stdin.push(&text::pieces(first)?.concat()),
            "type_end" => system.stdin.end(),
            "room" => system
                .stdout
                .set_room(usize::try_from(number()?).unwrap_or(usize::MAX)),
            "stdout" => return Ok(Answer::Word(shown(&system.stdout.take()))),
            "stderr" => return Ok(Answer::Word(shown(&system.stderr.take()))),
            "connect" => {
                let listener = system.listener.as_ref().ok_or("nothing listens")?;
                self.sockets.push(listener.connect());
            }
            "send" | "received" => {
                let socket = usize::try_from(number()?)
                    .ok()
                    .and_then(|number| self.sockets.get(number))
                    .ok_or("no such connection")?;
                if name == "received" {
                    return Ok(Answer::Word(shown(&socket.take())));
                }
                socket.push(&text::pieces(words.get(1).ok_or("nothing to send")?)?.concat());
            }
            "spawn" => return self.spawn(at, words).map(Answer::Word),
            "kill" => guest.process.kill(calls::signal(first)?),
            "end" => {
                let code = u32::try_from(number()?).map_err(|_| "no exit code")?;
                guest.process.end(ExitStatus::Exited(code));
            }
            "trap" => guest.process.end(ExitStatus::Trapped),
            "status" => {
                let status = match (guest.process.status(), guest.process.signaled()) {
                    (Some(status), _) => status.to_string(),
                    (None, Some(signal)) => format!("to be ended by {signal}"),
                    (None, None) => "runs".to_owned(),
                };
                return Ok(Answer::Word(status));
            }
            "woken" => return Ok(Answer::Word(guest.waker.take().to_string())),
            "abandon" => guest.task.abandon(),
            "grow" => {
                let grown = guest.process.grow_memory(number()?);
                return Ok(Answer::Word(
                    if grown { "ok" } else { "refused" }.to_owned(),
                ));
            }
            "shrink" => guest.process.shrink_memory(number()?),
            "usage" => return Ok(Answer::Word(usage(&guest.process))),
            "denials" => return Ok(Answer::Lines(denials(&guest.process))),
            "trace" => return Ok(Answer::Lines(system.trace.take())),
            "tree" => {
                let root = system.mounted(first).ok_or("nothing is mounted there")?;
                let lines = tree_of(&*root).into_iter().map(|(path, entry)| {
                    format!(
                        "{path} {} {}",
                        entry.file_type.name(),
                        shown(&entry.content)
                    )
                });
                return Ok(Answer::Lines(lines.collect()));
            }
            // References to the root of a mount that are not the scenario's own: open
            // descriptors and namespaces.
            "held" => {
                let root = system.mounted(first).ok_or("nothing is mounted there")?;
                return Ok(Answer::Word((Arc::strong_count(&root) - 2).to_string()));
            }
            _ => return Err(format!("{name} is neither a system call nor a host's word")),
        }
        Ok(Answer::Nothing)
    }

    /// `spawn` with `mount=PATH:ro`, `fd=CHILD:PARENT:RIGHTS`, `processes=N`,
    /// `descriptors=N`, `arg=TEXT`, `env=NAME:VALUE`; answers the process id.
    fn spawn(&mut self, at: usize, words: &[String]) -> Result<String, String> {
        let mut spec = ChildSpec {
            program: "child".to_owned(),
            ..ChildSpec::default()
        };
        spec.limits = Limits {
            descriptors: u32::MAX,
            processes: u32::MAX,
            ..Limits::default()
        };
        for word in words {
            let (key, value) = word.split_once('=').ok_or("a word without =")?;
            let number = || value.parse().map_err(|_| format!("{value} is no number"));
            match key {
                "mount" => {
                    let (path, access) = value.split_once(':').ok_or("no access")?;
                    let access = if access == "rw" {
                        Access::ReadWrite
                    } else {
                        Access::ReadOnly
                    };
                    spec.mounts.push(ChildMount {
                        path: path.to_owned(),
                        access,
                    });
                }
                "fd" => {
                    let parts: Vec<&str> = value.split(':').collect();
                    let [child, parent, rights] = parts[..] else {
                        return Err("fd=CHILD:PARENT:RIGHTS".to_owned());
                    };
                    let fd = |word: &str| word.parse().map(Fd).map_err(|_| "no descriptor");
                    let rights = match rights {
                        "" => Rights::NONE,
                        names => calls::rights(names)?,
                    };
                    spec.descriptors.push((fd(child)?, fd(parent)?, rights));
                }
                "processes" => spec.limits.processes = number()?,
                "descriptors" => spec.limits.descriptors = number()?,
                "arg" => spec.arguments.push(text(value)?),
                "env" => {
                    let (name, value) = value.split_once(':').unwrap_or((value, ""));
                    spec.environment.push((text(name)?, text(value)?));
                }
                _ => return Err(format!("spawn knows no {key}")),
            }
        }
        Ok(match self.guests[at].process.spawn_child(spec) {
            Ok(process) => {
                let pid = process.pid().to_string();
                self.guests.push(Guest::new(process));
                pid
            }
            Err(SpawnError::Refused(errno)) => errno.name().to_owned(),
            Err(error) => error.to_string(),
        })
    }
}

fn usage(process: &Process) -> String {
    let usage = process.usage();
    let calls: u64 = Syscall::ALL.iter().map(|call| usage.calls(*call)).sum();
    format!(
        "calls={calls} in={} out={} memory={} peak={} open={}",
        usage.bytes_in(),
        usage.bytes_out(),
        usage.memory_bytes(),
        usage.memory_peak_bytes(),
        process.open_descriptors()
    )
}

fn denials(process: &Process) -> Vec<String> {
    let lines = process.denials().into_iter().map(|denial| {
        let call = denial.call.map_or("no call", Syscall::name);
        format!(
            "{:?} by {call}: {} x{}",
            denial.cause,
            Errno::name(denial.errno),
            denial.count
        )
    });
    lines.collect()
}
