//! What the tests share: running `holm` to its end, guests by name, folders that go away.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) mod archive;
pub(crate) mod http_client;
pub(crate) mod http_server;
pub(crate) mod proxy;
pub(crate) mod pty;
pub(crate) mod service;
pub(crate) mod tls_server;

/// How long a run may take before it counts as hanging: far more than any takes.
pub(crate) const HANGS: Duration = Duration::from_secs(120);

/// What "quick" means for the end of a program that is told to end, on a busy machine.
pub(crate) const QUICK: Duration = Duration::from_secs(10);

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where `cargo xtask guests` puts what it builds.
pub(crate) fn guests() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target.expect("a target folder").join("guests")
}

/// A guest's program: `rust/hello`.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = guests().join(name).with_extension("wasm");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask guests` first",
        path.display()
    );
    path
}

/// A folder of a test, gone when the test is over.
#[derive(Debug)]
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, and the folders on the way to it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).expect("folders");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The value of a `--dir`: `NAME` of this folder, seen under `guest`.
    pub(crate) fn mount(&self, name: &str, guest: &str) -> String {
        format!("{}::{guest}", self.join(name).display())
    }
}

/// A run of `holm` in the making.
#[derive(Debug)]
pub(crate) struct Holm {
    command: Command,
    stdin: Vec<u8>,
    /// Remembered answers of this run alone, unless it is told which to use.
    state: Option<Folder>,
}

/// `holm run --tier baseline ARGUMENTS`, with code cached for all tests together.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Holm {
    holm(["run", "--tier", "baseline"]).args(arguments)
}

/// `holm ARGUMENTS`.
pub(crate) fn holm<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Holm {
    let state = Folder::new();
    let arguments: Vec<OsString> = arguments
        .into_iter()
        .map(|argument| argument.as_ref().to_owned())
        .collect();
    // Disks are made by the native command whoever is to use them.
    let native = arguments.first().is_some_and(|first| first == "disk");
    let mut command = if native {
        Command::new(env!("CARGO_BIN_EXE_holm"))
    } else {
        command()
    };
    command
        .env_clear()
        .env("PATH", path())
        .env("HOLM_STATE_DIR", state.path())
        .env("HOLM_CACHE_DIR", shared_cache())
        .current_dir(state.path());
    Holm {
        command,
        stdin: Vec::new(),
        state: Some(state),
    }
    .args(arguments)
}

/// The command that is tested: the native `holm`, or what HOLM_COMMAND says, such as
/// `node web/dist/cli.js`.
fn command() -> Command {
    let Some(words) = std::env::var_os("HOLM_COMMAND") else {
        return Command::new(env!("CARGO_BIN_EXE_holm"));
    };
    let words = words.into_string().expect("HOLM_COMMAND in UTF-8");
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words);
    command
}

/// Where programs are looked for: nowhere. Node has no lock of files but by the program `flock`.
fn path() -> OsString {
    let other = std::env::var_os("HOLM_COMMAND").and_then(|_| std::env::var_os("PATH"));
    other.unwrap_or_else(|| "/nowhere".into())
}

/// Compiled code that outlives the test program: it is keyed by content and engine.
pub(crate) fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("end-to-end-cache")
}

impl Holm {
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Holm {
        self.command.args(arguments);
        self
    }

    pub(crate) fn arg(self, argument: impl AsRef<OsStr>) -> Holm {
        self.args([argument])
    }

    /// Adds a guest's program.
    pub(crate) fn guest(self, name: &str) -> Holm {
        let program = guest(name);
        self.arg(program)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Holm {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Holm {
        self.command.current_dir(path);
        self
    }

    /// Keeps remembered answers in `path`.
    pub(crate) fn state(mut self, path: &Path) -> Holm {
        self.command.env("HOLM_STATE_DIR", path);
        self
    }

    /// Keeps compiled code in `path`.
    pub(crate) fn cache(mut self, path: &Path) -> Holm {
        self.command.env("HOLM_CACHE_DIR", path);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Holm {
        self.stdin = bytes.into();
        self
    }

    /// The command, for tests that start it their own way.
    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Starts it, with pipes on all three streams.
    pub(crate) fn start(mut self) -> Running {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("holm starts");
        Running {
            stdin: child.stdin.take(),
            stdout: Stream::of(child.stdout.take().expect("a pipe")),
            stderr: Stream::of(child.stderr.take().expect("a pipe")),
            started: Instant::now(),
            child,
            _state: self.state,
        }
    }

    /// Runs it to its end.
    pub(crate) fn go(mut self) -> Done {
        let input = std::mem::take(&mut self.stdin);
        let mut running = self.start();
        if let Some(mut stdin) = running.stdin.take() {
            // It may end without reading all of it.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        running.end()
    }
}

/// What comes out of a pipe, read by a thread so that the program never waits for the test.
#[derive(Debug)]
struct Stream {
    parts: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Stream {
    fn of(mut pipe: impl Read + Send + 'static) -> Stream {
        let (sender, parts) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Stream {
            parts,
            bytes: Vec::new(),
        }
    }

    /// Waits until `text` was written.
    fn wait_for(&mut self, text: &str) -> bool {
        while !String::from_utf8_lossy(&self.bytes).contains(text) {
            let Ok(part) = self.parts.recv_timeout(HANGS) else {
                return false;
            };
            self.bytes.extend(part);
        }
        true
    }

    /// Everything up to the end; false when that does not come.
    fn finish(&mut self) -> bool {
        loop {
            match self.parts.recv_timeout(HANGS) {
                Ok(part) => self.bytes.extend(part),
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
    started: Instant,
    _state: Option<Folder>,
}

impl Running {
    /// Waits until the program has written `text` to standard output.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        assert!(
            self.stdout.wait_for(text),
            "{text:?} never came; stdout {:?}",
            self.stdout.text()
        );
    }

    /// The first line on standard output, once it is there.
    #[track_caller]
    pub(crate) fn first_line(&mut self) -> String {
        assert!(
            self.stdout.wait_for("\n"),
            "nothing came; stderr {:?}",
            self.stderr.text()
        );
        let text = self.stdout.text();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// Waits until `text` stands on standard error; answers all that stands there.
    #[track_caller]
    pub(crate) fn wait_for_error(&mut self, text: &str) -> String {
        assert!(
            self.stderr.wait_for(text),
            "{text:?} never came; stderr {:?}",
            self.stderr.text()
        );
        self.stderr.text()
    }

    /// Writes to its standard input.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("an open stdin");
        stdin.write_all(bytes.as_ref()).expect("it reads");
        stdin.flush().expect("it reads");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// KiB of memory that it has now, where the host tells.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    }

    /// Waits for the end, with standard input left as it is until then.
    #[track_caller]
    pub(crate) fn end(mut self) -> Done {
        let ended = self.stdout.finish() && self.stderr.finish();
        if !ended {
            drop(self.child.kill());
        }
        let status = self.child.wait().expect("its status");
        let done = Done {
            status,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            output: self.stdout.bytes,
            elapsed: self.started.elapsed(),
        };
        assert!(ended, "it hangs\n{done}");
        done.check_sound();
        done
    }
}

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Standard output as bytes.
    pub(crate) output: Vec<u8>,
    pub(crate) elapsed: Duration,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} after {:?}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.status, self.elapsed, self.stdout, self.stderr
        )
    }
}

impl Done {
    /// Whatever a program does, Holm itself neither panics nor crashes.
    #[track_caller]
    fn check_sound(&self) {
        // A guest in Rust says where it panicked with a path of its own.
        for ours in ["panicked at crates/", ".cargo/registry", "/rustc/"] {
            assert!(!self.stderr.contains(ours), "holm panicked\n{self}");
        }
        assert_ne!(self.status.code(), Some(101), "holm panicked\n{self}");
        assert_eq!(self.status.signal(), None, "holm crashed\n{self}");
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Done {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Standard output is this.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Done {
        assert_eq!(self.stdout, text, "{self}");
        self
    }

    /// Standard output has this in it.
    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Done {
        assert!(
            self.stdout.contains(text),
            "stdout without {text:?}\n{self}"
        );
        self
    }

    /// Standard error has this in it.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Done {
        assert!(
            self.stderr.contains(text),
            "stderr without {text:?}\n{self}"
        );
        self
    }

    /// Standard error does not have this in it.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Done {
        assert!(!self.stderr.contains(text), "stderr with {text:?}\n{self}");
        self
    }

    /// Nothing stands on standard error.
    #[track_caller]
    pub(crate) fn silent(self) -> Done {
        assert_eq!(self.stderr, "", "{self}");
        self
    }

    /// It refused to run something, in a way that a person can read: `holm: error:` once, no
    /// panic, no backtrace, no control characters, no debugging output, nothing run.
    #[track_caller]
    pub(crate) fn refuses(self, code: i32, words: &[&str]) -> Done {
        let done = self.code(code).prints("");
        for never in [
            "panicked",
            "RUST_BACKTRACE",
            "stack backtrace",
            "Some(",
            "Err(",
        ] {
            assert!(!done.stderr.contains(never), "{never} in a message\n{done}");
        }
        assert_eq!(
            done.stderr.matches("error: ").count(),
            1,
            "one error\n{done}"
        );
        assert!(
            done.stderr.chars().all(|c| c == '\n' || !c.is_control()),
            "control characters\n{done}"
        );
        assert!(
            !done.stderr.contains("\\n"),
            "an escaped line's end\n{done}"
        );
        assert!(done.stderr.len() < 2000, "too long\n{done}");
        for word in words {
            assert!(
                done.stderr.contains(word),
                "stderr without {word:?}\n{done}"
            );
        }
        done
    }

    /// It ended soon after it was told to.
    #[track_caller]
    pub(crate) fn quick(self) -> Done {
        assert!(self.elapsed < QUICK, "slow\n{self}");
        self
    }
}
