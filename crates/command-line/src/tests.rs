//! The command line on a host that is made up: what is asked, said, remembered and planned.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use holm_explain::learn::{Learned, UsedMount};

use crate::host::{FileKind, Output, ProgramChoice};
use crate::options::{HttpOptions, ProxyChoice};
use crate::{
    CommandError, Ended, Host, Limits, Mount, MountAccess, Plan, Source, SpecialCommand, Step,
    finish, plan_service, problems, start,
};

/// A host of files in memory, below a working directory `/home/me`.
#[derive(Debug, Default)]
struct Fake {
    files: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
    variables: BTreeMap<String, OsString>,
    typed: RefCell<Vec<&'static str>>,
    has_terminal: bool,
    digests: Cell<u32>,
    opened: RefCell<Option<ProgramChoice>>,
    out: RefCell<String>,
    error: RefCell<String>,
}

impl Fake {
    fn new(files: &[(&str, &str)]) -> Fake {
        let fake = Fake::default();
        for (path, text) in files {
            let bytes = text.as_bytes().to_vec();
            fake.files.borrow_mut().insert(full(Path::new(path)), bytes);
        }
        fake
    }

    fn variable(mut self, name: &str, value: &str) -> Fake {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// A terminal on which these lines are typed.
    fn terminal(mut self, typed: &[&'static str]) -> Fake {
        self.has_terminal = true;
        self.typed.get_mut().extend(typed.iter().rev());
        self
    }

    fn start(&self, arguments: &[&str]) -> Step {
        let all = ["holm"].iter().chain(arguments);
        start(all.map(OsString::from), self)
    }

    #[track_caller]
    fn plan(&self, arguments: &[&str]) -> Plan {
        match self.start(arguments) {
            Step::Run(plan) => *plan,
            other => panic!("{other:?}\n{}", self.error()),
        }
    }

    #[track_caller]
    fn done(&self, arguments: &[&str], code: u8) {
        match self.start(arguments) {
            Step::Done(got) => assert_eq!(got, code, "{}", self.error()),
            other => panic!("{other:?}"),
        }
    }

    fn out(&self) -> String {
        self.out.take()
    }

    fn error(&self) -> String {
        self.error.take()
    }

    fn file(&self, path: &str) -> Option<String> {
        let files = self.files.borrow();
        let bytes = files.get(Path::new(path))?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn full(path: &Path) -> PathBuf {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path == Path::new(".") {
        return PathBuf::from("/home/me");
    }
    Path::new("/home/me").join(path)
}

impl Host for Fake {
    fn say(&self, output: Output, text: &str) {
        let stream = match output {
            Output::Out => &self.out,
            Output::Error => &self.error,
        };
        stream.borrow_mut().push_str(text);
    }

    fn can_ask(&self) -> bool {
        self.has_terminal
    }

    fn read_line(&self, _bytes_max: usize) -> io::Result<String> {
        Ok(self.typed.borrow_mut().pop().unwrap_or_default().to_owned())
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn is_macos(&self) -> bool {
        false
    }

    fn look(&self, path: &Path) -> io::Result<FileKind> {
        let path = full(path);
        let files = self.files.borrow();
        if let Some(bytes) = files.get(&path) {
            return Ok(FileKind::File(bytes.len() as u64));
        }
        if files.keys().any(|file| file.starts_with(&path)) {
            return Ok(FileKind::Directory);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "nothing there"))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.look(path)?;
        let mut bytes = self.files.borrow()[&full(path)].clone();
        bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if path.starts_with("/read-only") {
            return Err(io::Error::other("read-only"));
        }
        self.files.borrow_mut().insert(full(path), bytes.to_vec());
        Ok(())
    }

    fn write_whole(&self, path: &Path, text: &str) -> io::Result<()> {
        self.write(path, text.as_bytes())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.look(path).map(|_| full(path))
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(full(path))
    }

    fn open_program(&self, choice: &ProgramChoice) -> Result<(), CommandError> {
        problems::find_program(&choice.path, self)?;
        self.opened.replace(Some(choice.clone()));
        Ok(())
    }

    fn program_digest(&self) -> Result<String, CommandError> {
        self.digests.set(self.digests.get() + 1);
        Ok("0123456789abcdef".repeat(4))
    }
}

const APP: &str = r#"
[app]
name = "keeper"
program = "app.wasm"
args = ["--fast"]

[app.env]
LANG = "C"

[needs]
env = ["TOKEN"]

[[needs.mount]]
guest = "/data"
access = "ro"
host = "./files"

[[needs.mount]]
guest = "/assets"
archive = "assets.zip"
"#;

fn app() -> Fake {
    Fake::new(&[
        ("app/holm.toml", APP),
        ("app/app.wasm", ""),
        ("app/files/a", ""),
    ])
    .variable("HOME", "/home/me")
    .variable("TOKEN", "secret")
}

const ANSWERS: &str = "/home/me/.local/state/holm/grants.toml";

#[test]
fn a_bare_program_holds_what_is_typed_and_nothing_else() {
    let host = Fake::new(&[("a.wasm", "")]);
    let plan = host.plan(&["run", "a.wasm", "--dir", "x"]);
    assert_eq!(plan.name, "a.wasm");
    assert_eq!(plan.arguments, ["--dir", "x"], "its own, not holm's");
    assert!(plan.mounts.is_empty() && plan.environment.is_empty() && plan.listeners.is_empty());
    assert_eq!(plan.limits, Limits::default());
    assert_eq!(host.digests.get(), 0, "its bytes are not read");
    assert_eq!((host.out(), host.error()), (String::new(), String::new()));
}

#[test]
fn options_become_the_plan() {
    let host = Fake::new(&[("bin/a.wasm", "")]).variable("TZ", "UTC");
    let plan = host.plan(&[
        "run",
        "--dir",
        "d::/d:cow",
        "--tmp",
        "1MiB",
        "--env",
        "TZ",
        "--env",
        "GONE",
        "--listen",
        "127.0.0.1:80",
        "--memory",
        "64MiB",
        "--timeout",
        "2s",
        "--seed",
        "18446744073709551615",
        "--no-stdin",
        "--no-cache",
        "--trace=json",
        "--argv0",
        "me",
        "bin/a.wasm",
        "x",
    ]);
    assert_eq!(plan.program, Path::new("bin/a.wasm"));
    assert_eq!(
        (plan.name.as_str(), plan.arguments.as_slice()),
        ("me", &["x".to_owned()][..])
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        plan.environment,
        [pair("TZ", "UTC"), pair("LISTEN_FDS", "1")]
    );
    let mount = |guest: &str, source| Mount {
        guest: guest.to_owned(),
        source,
    };
    assert_eq!(
        plan.mounts,
        [
            mount(
                "/d",
                Source::Directory {
                    path: "d".into(),
                    access: MountAccess::CopyOnWrite
                }
            ),
            mount("/tmp", Source::Temporary { bytes: 1 << 20 }),
        ]
    );
    assert_eq!(plan.limits.memory_bytes, Some(64 << 20));
    assert!(!plan.streams.stdin && plan.streams.stdout && plan.streams.stderr);
    let opened = host.opened.take().expect("opened");
    assert_eq!((opened.cache, opened.seed), (false, Some(u64::MAX)));
}

#[test]
fn requests_leave_as_the_person_says_and_a_password_is_not_shown() {
    let fake = Fake::new(&[("hello.wasm", "")]).variable("https_proxy", "http://p:1");
    let plan = |options: &[&str]| fake.plan(&[&["run"], options, &["hello.wasm"]].concat());
    // An environment that names a proxy asks for nothing.
    let plain = plan(&[]);
    assert_eq!(plain.http, HttpOptions::default());
    assert_eq!(plain.http.first(), None);
    let environment = plan(&["--http-proxy", "env"]);
    assert_eq!(environment.http.proxy, Some(ProxyChoice::Environment));
    assert_eq!(environment.http.first(), Some("--http-proxy"));
    let options = [
        "--trust-ca",
        "a.pem",
        "--trust-ca=b.pem",
        "--http-proxy",
        "http://me:secret@p:1",
    ];
    let both = plan(&options);
    assert_eq!(both.http.authorities, ["a.pem", "b.pem"].map(PathBuf::from));
    assert_eq!(both.http.first(), Some("--trust-ca"));
    let url = "http://me:secret@p:1".to_owned();
    assert_eq!(both.http.proxy, Some(ProxyChoice::At(url)));
    assert!(!format!("{both:?}").contains("secret"));
    // A service's requests leave in the same way.
    let arguments = [&["serve"], &options[..], &["hello.wasm"]].concat();
    let Step::Special(SpecialCommand::Serve(serve)) = fake.start(&arguments) else {
        panic!("{}", fake.error());
    };
    let service = plan_service(*serve, &fake).expect("a plan");
    assert_eq!(service.http, both.http);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let host = app();
    host.done(&["run", "app"], 125);
    assert_eq!(
        host.error(),
        "holm: error: keeper needs what was not granted:\n\
         holm: help: read files under /data: grant it with --dir app/files::/data:ro\n\
         holm: help: see the environment variable TOKEN: grant it with --env TOKEN\n\
         holm: help: or --grant-needs to grant all of it\n"
    );
    assert_eq!(host.file(ANSWERS), None);
}

#[test]
fn what_is_answered_always_is_not_asked_again() {
    let host = app().terminal(&["perhaps\n", "a\n"]);
    let plan = host.plan(&["run", "app", "more"]);
    let said = host.error();
    assert!(said.contains("Please answer y, a or n."), "{said}");
    assert_eq!(plan.arguments, ["--fast", "more"]);
    let sources: Vec<&Source> = plan.mounts.iter().map(|mount| &mount.source).collect();
    let packaged = Source::Archive {
        path: "app/assets.zip".into(),
    };
    let directory = Source::Directory {
        path: "/home/me/app/files".into(),
        access: MountAccess::ReadOnly,
    };
    assert!(
        sources.contains(&&packaged) && sources.contains(&&directory),
        "{sources:?}"
    );
    assert!(
        plan.environment
            .contains(&("TOKEN".to_owned(), "secret".to_owned()))
    );
    assert!(host.file(ANSWERS).expect("kept").contains("--env=TOKEN"));
    // Nothing is typed any more: an empty answer would be no.
    let again = host.plan(&["run", "app"]);
    assert_eq!(again.mounts, plan.mounts);
    assert_eq!(host.error(), "");
    host.done(&["grants", "ls"], 0);
    assert!(host.out().starts_with("keeper (0123456789ab)\n"));
    host.done(&["grants", "forget", "keeper"], 0);
    assert_eq!(host.out(), "forgot 1 answer(s) for keeper\n");
    host.done(&["run", "app"], 125);
    assert!(
        host.error()
            .ends_with("nothing was granted, nothing was run\n")
    );
}

#[test]
fn damaged_answers_are_left_alone() {
    let host = app().terminal(&["a\n"]);
    let damaged = "version = 1\n[[app]]\nname = 7\n";
    host.write(Path::new(ANSWERS), damaged.as_bytes())
        .expect("written");
    host.plan(&["run", "app"]);
    let said = host.error();
    assert!(said.contains("remembered answers are not used"), "{said}");
    assert_eq!(host.file(ANSWERS).as_deref(), Some(damaged));
}

#[test]
fn help_goes_to_standard_output_and_mistakes_to_standard_error() {
    let host = Fake::new(&[]);
    host.done(&["--help"], 0);
    let help = host.out();
    for command in ["run", "inspect", "cache", "grants", "disk"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    host.done(&["run", "--memroy", "1MiB", "a.wasm"], 2);
    assert!(
        host.error()
            .contains("a similar argument exists: '--memory'")
    );
    assert_eq!(host.out(), "");
    host.done(&["run", "nowhere.wasm"], 127);
    assert_eq!(host.error(), "holm: error: there is no file nowhere.wasm\n");
}

#[test]
fn a_host_can_say_that_it_lacks_a_command() {
    let host = Fake::new(&[]);
    for (arguments, name) in [
        (["inspect", "a.wasm"], "inspect"),
        (["cache", "ls"], "cache"),
    ] {
        let Step::Special(command) = host.start(&arguments) else {
            panic!("{name} is special");
        };
        assert_eq!(command.refuse(&host), 2);
        let words = format!("holm: error: `holm {name}` is part of the native holm\n");
        assert_eq!(host.error(), words);
    }
}

#[test]
fn what_cannot_be_given_is_said_as_natively() {
    let host = Fake::new(&[]);
    let path = Path::new("d");
    problems::no_directory("/d", path, "ENOENT", 2).tell(&host);
    problems::no_directory("/d", path, "EIO", 5).tell(&host);
    let address = "127.0.0.1:80".parse().expect("an address");
    problems::no_listener(address, "EADDRINUSE", 98).tell(&host);
    assert_eq!(
        host.error(),
        "holm: error: cannot give the program /d: d does not exist; create it first, or correct \
         the path\n\
         holm: error: cannot give the program /d: d cannot be opened: Input/output error (os \
         error 5)\n\
         holm: error: cannot give the program 127.0.0.1:80: 127.0.0.1:80 is in use by another \
         program; stop it, or listen on another port\n"
    );
}

#[test]
fn the_end_is_told_in_order() {
    let host = Fake::new(&[("a.wasm", "")]);
    let plan = host.plan(&["run", "--stats", "--coredump", "core", "a.wasm"]);
    let ended = Ended {
        exit_code: 134,
        trap: Some("holm: the program trapped: x\n".to_owned()),
        core_dump: Some(b"core".to_vec()),
        results: vec!["i32:7".to_owned()],
        note: Some("a note".to_owned()),
        refusals: vec!["refused: y".to_owned()],
        stats: vec!["holm: trapped".to_owned()],
        ..Ended::default()
    };
    assert_eq!(finish(&plan, &ended, &host), 134);
    assert_eq!(host.out(), "i32:7\n");
    assert_eq!(
        host.error(),
        "holm: the program trapped: x\nholm: core dump written to core\nholm: a note\n\
         holm: refused: y\nholm: trapped\n"
    );
    assert_eq!(host.file("/home/me/core").as_deref(), Some("core"));
    let quiet = host.plan(&["run", "--quiet", "--coredump", "/read-only/core", "a.wasm"]);
    let ended_well = Ended {
        trap: None,
        exit_code: 0,
        ..ended.clone()
    };
    assert_eq!(finish(&quiet, &ended_well, &host), 0);
    assert_eq!(host.error(), "");
    assert_eq!(
        finish(&quiet, &ended, &host),
        1,
        "the dump cannot be written"
    );
    assert!(
        host.error()
            .ends_with("cannot be written to /read-only/core: read-only\n")
    );
}

#[test]
fn what_was_learned_is_an_app_in_its_folder() {
    let host = Fake::new(&[("a.wasm", ""), ("d/file", "")]);
    let plan = host.plan(&[
        "run",
        "--learn",
        "holm.toml",
        "--dir",
        "d",
        "--tmp",
        "1MiB",
        "a.wasm",
    ]);
    let learned = Learned {
        mounts: vec![UsedMount {
            path: "/d".to_owned(),
            changed: false,
        }],
        stdout: true,
        refused: 2,
        ..Learned::default()
    };
    let ended = Ended {
        learned: Some(learned),
        ..Ended::default()
    };
    assert_eq!(finish(&plan, &ended, &host), 0);
    let said = host.error();
    assert!(
        said.starts_with("holm: what the program used is written to holm.toml\n"),
        "{said}"
    );
    assert!(said.contains("2 thing(s) were refused"), "{said}");
    let manifest = host.file("/home/me/holm.toml").expect("written");
    for line in [
        "program = \"a.wasm\"",
        "guest = \"d\"",
        "host = \"d\"",
        "stdin = false",
    ] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    assert!(!manifest.contains("tmp"), "it was not used\n{manifest}");
}

#[cfg(feature = "serde")]
#[test]
fn a_plan_crosses_to_javascript_whole() {
    let host = Fake::new(&[("a.wasm", "")]);
    let plan = host.plan(&[
        "run",
        "--dir",
        "d::/d:ro",
        "--tmp",
        "1MiB",
        "--seed",
        "18446744073709551615",
        "--cpu",
        "1s",
        "--trace",
        "a.wasm",
    ]);
    let json: serde_json::Value =
        serde_json::from_str(&serde_json::to_string(&plan).expect("JSON")).expect("JSON");
    assert_eq!(json["program"], "a.wasm");
    assert_eq!(json["seed"], "18446744073709551615");
    assert_eq!(json["limits"]["cpu_ns"], "1000000000");
    assert_eq!(json["limits"]["wall_ns"], serde_json::Value::Null);
    assert_eq!(json["watch"]["trace"], "text");
    assert_eq!(
        json["mounts"],
        serde_json::json!([
            { "guest": "/d", "source": { "kind": "directory", "path": "d", "access": "ro" } },
            { "guest": "/tmp", "source": { "kind": "temporary", "bytes": "1048576" } },
        ])
    );
    let ended: Ended =
        serde_json::from_str(r#"{"exit_code": 3, "refusals": ["x"]}"#).expect("an end");
    assert_eq!((ended.exit_code, ended.refusals.len()), (3, 1));
}
