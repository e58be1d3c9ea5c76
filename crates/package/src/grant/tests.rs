//! Options, words and the lock.

use core::time::Duration;

use holm_kernel::net::NetRules;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assume, prop_oneof, proptest};

use super::{
    Access, Asked, Capability, ClockPrecision, EnvironmentValue, Grant, Grants, HostPolicy, Limit,
    Limits, ListenAddress, ListenPolicy, Lock, LockError, LockedSource, Memory, MissingReason,
    Need, RememberedError, RememberedGrant, RememberedGrants, parse_net_rule, resolve,
};
use crate::guest_path::GuestPath;
use crate::manifest::Manifest;

fn guest(path: &str) -> GuestPath {
    GuestPath::new(path).expect(path)
}

fn grant(option: &str) -> Grant {
    let (name, value) = option
        .strip_prefix("--")
        .and_then(|option| option.split_once(['=', ' ']))
        .unwrap_or((&option[2..], ""));
    Grant::parse(name, value).expect(option)
}

#[test]
fn directories_read_as_in_wasmtime_with_an_access() {
    let cases = [
        (".", ".", ".", Access::ReadWrite),
        ("data", "data", "data", Access::ReadWrite),
        ("./data/", "./data/", "data", Access::ReadWrite),
        ("../data", "../data", "../data", Access::ReadWrite),
        ("data::/data", "data", "/data", Access::ReadWrite),
        ("data::/data:ro", "data", "/data", Access::ReadOnly),
        ("data:cow", "data", "data", Access::CopyOnWrite),
        ("./data::.:rw", "./data", ".", Access::ReadWrite),
        ("odd:ro:rw", "odd:ro", "odd:ro", Access::ReadWrite),
        ("odd:ro::/x:ro", "odd:ro", "/x", Access::ReadOnly),
        ("data::/x:ro:ro", "data", "/x:ro", Access::ReadOnly),
        ("a::b::c", "a", "b::c", Access::ReadWrite),
        ("a:b", "a:b", "a:b", Access::ReadWrite),
        ("C:\\data::/data:ro", "C:\\data", "/data", Access::ReadOnly),
        ("C:\\data", "C:\\data", "C:\\data", Access::ReadWrite),
        ("C:/data:ro", "C:/data", "C:/data", Access::ReadOnly),
        ("C:::/c", "C:", "/c", Access::ReadWrite),
        ("C::/c", "C", "/c", Access::ReadWrite),
        ("with space::/x", "with space", "/x", Access::ReadWrite),
    ];
    for (value, host, path, access) in cases {
        let expected = Grant::Directory {
            host: host.to_owned(),
            guest: guest(path),
            access,
        };
        assert_eq!(Grant::parse_directory(value), Ok(expected), "{value}");
    }
}

#[test]
fn bad_options_say_what_to_write() {
    let cases = [
        (
            "dir",
            "",
            "--dir needs a value: --dir HOST[::GUEST][:ro|:rw|:cow]",
        ),
        ("dir", ":ro", "names nothing on the host"),
        ("dir", "::/data", "names nothing on the host"),
        ("dir", "data::", "the path that the program sees is empty"),
        ("dir", "data::/a/../b", "goes up with `..`"),
        (
            "dir",
            "data::/data:wr",
            "`wr` is not an access; use ro (read only)",
        ),
        (
            "dir",
            "data::/data:readonly",
            "add an access after it: data::/data:readonly:rw",
        ),
        ("dir", "data:RO", "`RO` is not an access"),
        ("dir", "data:rwx", "`rwx` is not an access"),
        ("dir", "a\0b", "holds a NUL byte"),
        ("mount", "a.zip", "write --mount a.zip::/data"),
        ("disk", "::/data", "names nothing on the host"),
        ("disk", "a.disk::/data:readonly", "use ro (read only)"),
        ("mount", "::/data", "names nothing on the host"),
        (
            "mount",
            "a.zip::/data:rw",
            "an archive is read-only; leave out `:rw`",
        ),
        ("tmp", "lots", "does not start with a number"),
        ("tmp", "0", "leaves nothing to run with"),
        ("tmp", "1MiB::", "the path that the program sees is empty"),
        ("env", "", "--env needs a value"),
        (
            "env",
            "=value",
            "cannot be the name of an environment variable",
        ),
        (
            "listen",
            "8080",
            "write 127.0.0.1:8080 to be reached from this machine only",
        ),
        ("listen", ":8080", "or 0.0.0.0:8080 from everywhere"),
        ("listen", "127.0.0.1", "names no port; write 127.0.0.1:8080"),
        ("listen", "[::1]", "write [::1]:8080"),
        ("listen", "example.org:80", "is not an address and a port"),
        ("listen", "+80", "is not an address and a port"),
        ("clock", "slow", "a clock is fine or coarse"),
        ("terminal-escapes", "yes", "takes no value"),
        ("memory", "64MB/s", "`MB/s` is not a unit"),
        ("cpu", "5", "write 5s for seconds"),
        ("timeout", "0s", "leaves nothing to run with"),
        ("max-fds", "0", "is not a number from 1 to"),
        ("max-fds", "-1", "is not a number from 1 to"),
        ("teleport", "x", "--teleport is not an option"),
    ];
    for (name, value, message) in cases {
        let error = Grant::parse(name, value).expect_err(value).to_string();
        assert!(error.contains(message), "--{name} {value}: {error}");
    }
}

#[test]
fn needs_print_in_words_and_as_the_option_that_grants_them() {
    let directory = |access, host: Option<&str>| Capability::Directory {
        guest: guest("/data"),
        access,
        host: host.map(str::to_owned),
    };
    let address = ListenAddress::parse("localhost:8080").expect("an address");
    let cases = [
        (
            directory(Access::ReadOnly, Some("./data")),
            "read files under /data",
            "--dir ./data::/data:ro",
        ),
        (
            directory(Access::ReadWrite, None),
            "read and write files under /data",
            "--dir /data::/data:rw",
        ),
        (
            directory(Access::CopyOnWrite, Some("my data")),
            "read files under /data, and write to a copy of its own",
            "--dir 'my data::/data:cow'",
        ),
        (
            Capability::Temporary {
                guest: guest("/tmp"),
                size: 64 << 20,
            },
            "keep up to 64MiB of temporary files in memory under /tmp",
            "--tmp 64MiB",
        ),
        (
            Capability::Temporary {
                guest: guest("/scratch"),
                size: 1000,
            },
            "keep up to 1KB of temporary files in memory under /scratch",
            "--tmp 1KB::/scratch",
        ),
        (
            Capability::Archive {
                archive: "a.zip".into(),
                guest: guest("/a"),
            },
            "read the files of a.zip under /a",
            "--mount a.zip::/a",
        ),
        (
            Capability::Environment("LANG".into()),
            "see the environment variable LANG",
            "--env LANG",
        ),
        (
            Capability::Listen(address),
            "accept connections on 127.0.0.1:8080",
            "--listen 127.0.0.1:8080",
        ),
        (
            Capability::FineClock,
            "tell time as finely as the host can",
            "--clock=fine",
        ),
        (
            Capability::TerminalEscapes,
            "send escape sequences to your terminal",
            "--terminal-escapes",
        ),
        (
            Capability::Limit(Limit::Memory(256 << 20)),
            "use up to 256MiB of memory",
            "--memory 256MiB",
        ),
        (
            Capability::Limit(Limit::Timeout(Duration::from_secs(90))),
            "run for up to 1m30s",
            "--timeout 1m30s",
        ),
        (
            Capability::Limit(Limit::Descriptors(64)),
            "keep up to 64 descriptors open",
            "--max-fds 64",
        ),
    ];
    for (capability, words, option) in cases {
        let need = Need::new(capability);
        assert_eq!(
            (need.to_string().as_str(), need.to_option().as_str()),
            (words, option)
        );
    }
}

#[test]
fn an_authors_words_cannot_drive_a_terminal() {
    let mut need = Need::new(Capability::FineClock);
    need.why = Some("\x1b]0;title\x07 and\nlines\u{202e}".to_owned());
    let shown = need.to_string();
    assert!(
        !shown.contains(['\x1b', '\x07', '\n', '\u{202e}']),
        "{shown:?}"
    );
}

const APP: &str = r#"
[app]
name = "thumbs"
program = "thumbs.wasm"
[app.env]
LANG = "C"
MODE = "app"
[needs]
stderr = false
env = ["LANG", { name = "TOKEN", optional = true }]
[[needs.mount]]
guest = "/data"
access = "rw"
host = "./data"
[[needs.mount]]
guest = "/assets"
archive = "assets.zip"
[needs.tmp]
size = "64MiB"
[limits]
memory = "256MiB"
fds = 64
"#;

fn lock_app(options: &[&str], policy: &HostPolicy) -> Lock {
    let manifest = Manifest::parse(APP).expect("it is well-formed");
    let mut grants = Grants::new();
    options
        .iter()
        .for_each(|option| grants.allow(grant(option)));
    resolve(Asked::Manifest(&manifest), &grants, policy).expect("no two mounts on one place")
}

fn policy() -> HostPolicy {
    HostPolicy {
        limits_default: Limits {
            memory: Some(128 << 20),
            descriptors: Some(100),
            ..Limits::default()
        },
        ..HostPolicy::default()
    }
}

const ALL: [&str; 4] = [
    "--dir pics::/data:rw",
    "--tmp 64MiB",
    "--env LANG",
    "--memory 256MiB",
];

fn missing(lock: &Lock) -> Vec<String> {
    lock.missing.iter().map(ToString::to_string).collect()
}

#[test]
fn without_grants_all_that_is_needed_is_missing_with_its_option() {
    let lock = lock_app(&[], &policy());
    assert_eq!(
        missing(&lock),
        [
            "read and write files under /data: grant it with --dir ./data::/data:rw",
            "keep up to 64MiB of temporary files in memory under /tmp: grant it with --tmp 64MiB",
            "see the environment variable LANG: grant it with --env LANG",
            "see the environment variable TOKEN: grant it with --env TOKEN",
            "use up to 256MiB of memory: grant it with --memory 256MiB",
        ]
    );
    assert_eq!(lock.refusals().count(), 4, "TOKEN is optional");
    assert_eq!(
        lock.limits.memory,
        Some(128 << 20),
        "the default until it is granted"
    );
    assert_eq!(
        lock.limits.descriptors,
        Some(64),
        "below the default nobody asks"
    );
    assert!(lock.stdio.stdin && !lock.stdio.stderr);
    // Its own archive needs no grant.
    let [mount] = &lock.mounts[..] else {
        panic!("one mount: {:?}", lock.mounts)
    };
    let archive = LockedSource::Archive {
        archive: "assets.zip".into(),
        packaged: true,
    };
    assert_eq!((mount.guest.as_str(), &mount.source), ("/assets", &archive));
}

#[test]
fn what_is_granted_is_given() {
    let lock = lock_app(&ALL, &policy());
    assert_eq!(lock.refusals().count(), 0, "{:?}", missing(&lock));
    assert_eq!(lock.unused, []);
    assert_eq!(lock.limits.memory, Some(256 << 20));
    let directory = LockedSource::Directory {
        host: "pics".into(),
        access: Access::ReadWrite,
    };
    assert_eq!(lock.mounts[0].source, directory);
    let environment = [
        (
            "LANG".to_owned(),
            EnvironmentValue::Pass {
                fallback: Some("C".into()),
            },
        ),
        ("MODE".to_owned(), EnvironmentValue::Set("app".into())),
    ];
    assert_eq!(lock.environment, environment);
}

#[test]
fn the_smaller_of_need_grant_and_policy_is_given() {
    let access_of = |asked: &str, granted: &str, most: Option<Access>| {
        let text = APP.replace("access = \"rw\"", &format!("access = \"{asked}\""));
        let manifest = Manifest::parse(&text).expect("it is well-formed");
        let mut grants = Grants::new();
        grants.allow(grant(&format!("--dir x::/data:{granted}")));
        let policy = HostPolicy {
            directories: most,
            ..policy()
        };
        let lock = resolve(Asked::Manifest(&manifest), &grants, &policy).expect("one mount");
        let access = lock.mounts.iter().find_map(|mount| match mount.source {
            LockedSource::Directory { access, .. } => Some(access.word()),
            _ => None,
        });
        let data = |missing: &&super::Missing| missing.need.to_string().contains("/data");
        let reason = lock.missing.iter().find(data).map(|missing| missing.reason);
        (access, reason)
    };
    let most = Some(Access::ReadWrite);
    let host = Some(MissingReason::HostPolicy);
    assert_eq!(access_of("ro", "rw", most), (Some("ro"), None));
    assert_eq!(access_of("ro", "cow", most), (Some("ro"), None));
    assert_eq!(access_of("cow", "rw", most), (Some("cow"), None));
    assert_eq!(access_of("rw", "cow", most), (Some("cow"), None));
    assert_eq!(
        access_of("rw", "ro", most),
        (Some("ro"), Some(MissingReason::NotGranted))
    );
    assert_eq!(
        access_of("rw", "rw", Some(Access::CopyOnWrite)),
        (Some("cow"), None)
    );
    assert_eq!(
        access_of("rw", "rw", Some(Access::ReadOnly)),
        (Some("ro"), host)
    );
    assert_eq!(access_of("ro", "ro", None), (None, host));
}

#[test]
fn other_mounts_meet_a_need_at_its_place() {
    let source = |option: &str| {
        let mut options = ALL.to_vec();
        options[0] = option;
        let lock = lock_app(&options, &policy());
        (lock.mounts[0].source.clone(), lock.refusals().count())
    };
    let temporary = LockedSource::Temporary { size: 1 << 20 };
    assert_eq!(source("--tmp 1MiB::/data"), (temporary, 0));
    let archive = LockedSource::Archive {
        archive: "a.tar".into(),
        packaged: false,
    };
    assert_eq!(
        source("--mount a.tar::/data"),
        (archive, 1),
        "it cannot be written to"
    );
    let disk = |access| LockedSource::Disk {
        image: "a.disk".into(),
        access,
    };
    let given = (disk(Access::ReadWrite), 0);
    assert_eq!(source("--disk a.disk::/data"), given);
    let given = (disk(Access::ReadOnly), 1);
    assert_eq!(source("--disk a.disk::/data:ro"), given);
    // wasi-libc sees `data` and `/data` as one place; the program's own name for it is kept.
    let lock = lock_app(&["--dir pics::data"], &policy());
    assert_eq!(lock.mounts[0].guest.as_str(), "/data");
}

#[test]
fn deny_wins() {
    let manifest = Manifest::parse(APP).expect("it is well-formed");
    let mut grants = Grants::new();
    ALL.iter().for_each(|option| grants.allow(grant(option)));
    grants.allow(grant("--env MODE=person"));
    for denied in [
        "--dir other::/data:ro",
        "--env LANG",
        "--memory 1GiB",
        "--dir .::/assets",
    ] {
        grants.deny(grant(denied));
    }
    let lock = resolve(Asked::Manifest(&manifest), &grants, &policy()).expect("no conflict");
    let denied = lock
        .missing
        .iter()
        .filter(|missing| missing.reason == MissingReason::Denied);
    assert_eq!(denied.count(), 4, "{:?}", missing(&lock));
    assert_eq!(lock.mounts.len(), 1, "/tmp alone");
}

#[test]
fn grants_that_nobody_asked_for_are_not_given() {
    let extra = [
        "--dir /etc:ro",
        "--env HOME",
        "--listen 127.0.0.1:1",
        "--terminal-escapes",
    ];
    let options: Vec<&str> = ALL.iter().chain(&extra).copied().collect();
    let lock = lock_app(&options, &policy());
    assert_eq!(lock.unused, extra.map(grant));
    assert_eq!((lock.listen.len(), lock.terminal_escapes), (0, false));
    assert!(lock.environment.iter().all(|(name, _)| name != "HOME"));
    // A value of the person's own reveals nothing.
    let lock = lock_app(&["--env DEBUG=1"], &policy());
    assert!(
        lock.environment
            .contains(&("DEBUG".into(), EnvironmentValue::Set("1".into())))
    );
    assert_eq!(lock.unused, []);
}

#[test]
fn a_bare_program_gets_what_was_granted() {
    let mut grants = Grants::new();
    let options = [
        "--dir .",
        "--mount a.zip::/a",
        "--tmp 1MiB",
        "--env A",
        "--env A=1",
        "--env B=1",
        "--env B",
        "--listen 0.0.0.0:80",
        "--cpu 5s",
        "--clock=coarse",
    ];
    options
        .iter()
        .for_each(|option| grants.allow(grant(option)));
    let lock = resolve(Asked::Unstated, &grants, &HostPolicy::default()).expect("no conflict");
    assert_eq!(
        (lock.missing.len(), lock.unused.len(), lock.mounts.len()),
        (0, 0, 3)
    );
    assert_eq!(lock.limits.cpu, Some(Duration::from_secs(5)));
    assert_eq!(lock.clock, ClockPrecision::Coarse);
    // The last word about a name decides.
    let mut environment = lock.environment;
    environment.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("A".to_owned(), EnvironmentValue::Set("1".into())),
        ("B".to_owned(), EnvironmentValue::Pass { fallback: None }),
    ];
    assert_eq!(environment, expected);
    let strict = HostPolicy {
        directories: Some(Access::ReadOnly),
        environment: false,
        listen: ListenPolicy::Loopback,
        temporary_bytes_max: Some(1000),
        limits_max: Limits {
            cpu: Some(Duration::from_secs(1)),
            ..Limits::default()
        },
        ..HostPolicy::default()
    };
    let lock = resolve(Asked::Unstated, &grants, &strict).expect("no conflict");
    assert_eq!(lock.missing.len(), 5, "{:?}", missing(&lock));
    assert!(
        lock.missing
            .iter()
            .all(|missing| missing.reason == MissingReason::HostPolicy)
    );
    assert_eq!(lock.limits.cpu, Some(Duration::from_secs(1)));
    assert_eq!(
        lock.mounts[2].source,
        LockedSource::Temporary { size: 1000 }
    );
}

#[test]
fn a_wider_rule_for_the_network_meets_a_narrower_need() {
    let manifest = Manifest::parse(
        r#"
[app]
name = "app"
program = "app.wasm"
[needs]
net = ["api.example.com:443", "10.1.2.3:5432", "resolve:www.example.com", "udp:9.9.9.9:53"]
"#,
    )
    .expect("it is well-formed");
    let given = |options: &[&str], policy: &HostPolicy| {
        let mut grants = Grants::new();
        options
            .iter()
            .for_each(|option| grants.allow(grant(option)));
        let lock = resolve(Asked::Manifest(&manifest), &grants, policy).expect("no conflict");
        let rules: Vec<String> = lock.network.iter().map(ToString::to_string).collect();
        (rules, lock)
    };
    let policy = HostPolicy::default();
    let (api, database, lookup, resolver) = (
        "tcp:connect:api.example.com:443",
        "tcp:connect:10.1.2.3:5432",
        "resolve:www.example.com",
        "udp:connect:9.9.9.9:53",
    );
    let all = [api, database, lookup, resolver];
    for (options, expected) in [
        (&["--net all"][..], &all[..]),
        // A program gets what it asked for, and not all that was granted.
        (&["--net *:443"], &[api, lookup]),
        (&["--net *.example.com:80-443"], &[api, lookup]),
        (
            &["--net 10.0.0.0/8:*", "--net udp:*:53"],
            &[database, lookup, resolver],
        ),
        // Special addresses take a rule within their range.
        (&["--net *:*", "--net 0.0.0.0/0:*"], &[api, lookup]),
        // Narrower, or about something else.
        (
            &["--net api.example.com:8443", "--net www.example.com:443"],
            &[lookup],
        ),
        (&["--net 10.1.2.3:5433", "--net udp:10.1.2.3:5432"], &[]),
    ] {
        let (rules, lock) = given(options, &policy);
        assert_eq!(rules, expected, "{options:?}");
        assert_eq!(lock.missing.len(), all.len() - rules.len(), "{options:?}");
    }

    let strict = HostPolicy {
        network: NetRules::from_iter([parse_net_rule("*:443").expect("a rule")]),
        ..HostPolicy::default()
    };
    let (rules, lock) = given(&["--net all"], &strict);
    assert_eq!(rules, [api, lookup]);
    assert!(
        lock.missing
            .iter()
            .all(|missing| missing.reason == MissingReason::HostPolicy)
    );

    let mut grants = Grants::new();
    grants.allow(grant("--net all"));
    grants.deny(grant("--net *:443"));
    let lock = resolve(Asked::Manifest(&manifest), &grants, &policy).expect("no conflict");
    assert_eq!(
        lock.network.len(),
        2,
        "each part of what is denied is denied"
    );

    let mut grants = Grants::new();
    grants.allow(grant("--net api.example.com:443"));
    grants.deny_unless_answered(grant("--net *:443"));
    assert!(grants.denied().is_empty(), "typed for this run");
}

#[test]
fn two_mounts_on_one_place_are_refused() {
    for (first, second) in [
        ("--dir a::/data", "--dir b::/data"),
        ("--dir a::/data:ro", "--dir a::/data:rw"),
        ("--dir a::data", "--mount b.zip::/data"),
        ("--dir .", "--dir /"),
        ("--dir a::/tmp", "--tmp 1MiB"),
    ] {
        let mut grants = Grants::new();
        grants.allow(grant(first));
        grants.allow(grant(second));
        let error = resolve(Asked::Unstated, &grants, &HostPolicy::default());
        assert!(
            matches!(error, Err(LockError::SamePlace { .. })),
            "{first} {second}"
        );
    }
    let mut grants = Grants::new();
    grants.allow(grant("--dir a::/data"));
    grants.allow(grant("--dir a::/data"));
    let lock = resolve(Asked::Unstated, &grants, &HostPolicy::default());
    assert_eq!(
        lock.expect("the same twice is no contradiction")
            .mounts
            .len(),
        1
    );
}

fn remembered(needs: &str) -> RememberedGrant {
    RememberedGrant {
        name: "thumbs".into(),
        program: "p1".into(),
        needs: needs.into(),
        allow: vec![
            grant("--dir /home/me/my pics::/data:ro"),
            grant("--env A=x=\"y\"\n"),
        ],
        deny: vec![grant("--listen 127.0.0.1:80"), grant("--terminal-escapes")],
    }
}

#[test]
fn answers_are_remembered_for_the_same_program_and_needs() {
    let mut memory = RememberedGrants::default();
    assert_eq!(memory.recall("thumbs", "p1", "n1"), Memory::Unknown);
    memory
        .remember(remembered("n1"))
        .expect("it can be written");
    memory
        .remember(remembered("n1"))
        .expect("it can be written");
    let memory = RememberedGrants::parse(&memory.to_toml()).expect("it reads back");
    assert_eq!(memory.entries(), [remembered("n1")]);
    let entry = &memory.entries()[0];
    assert_eq!(memory.recall("thumbs", "p1", "n1"), Memory::Answered(entry));
    assert_eq!(
        memory.recall("thumbs", "p1", "n2"),
        Memory::NeedsChanged(entry)
    );
    assert_eq!(
        memory.recall("thumbs", "p2", "n1"),
        Memory::ProgramChanged(entry)
    );
    assert_eq!(memory.recall("other", "p1", "n1"), Memory::Unknown);
    // What is typed comes before what is remembered.
    let mut grants = Grants::new();
    grants.allow(grant("--dir elsewhere::/data:ro"));
    grants.allow(grant("--terminal-escapes"));
    entry.apply(&mut grants);
    assert_eq!(grants.allowed().len(), 3);
    assert_eq!(grants.denied(), [grant("--listen 127.0.0.1:80")]);
    let mut memory = memory.clone();
    assert_eq!((memory.forget("thumbs"), memory.forget("thumbs")), (1, 0));
}

#[test]
fn what_the_notation_cannot_hold_is_not_remembered() {
    let mut entry = remembered("n1");
    entry.allow = vec![Grant::Directory {
        host: "/a::b".into(),
        guest: guest("/data"),
        access: Access::ReadOnly,
    }];
    let mut memory = RememberedGrants::default();
    let refused = memory.remember(entry);
    assert!(matches!(refused, Err(RememberedError::Ambiguous { .. })));
    assert_eq!(memory.entries(), []);
}

#[test]
fn damaged_memories_are_refused() {
    let entry = "version = 1\n[[app]]\nname = \"a\"\nprogram = \"p\"\nneeds = \"n\"\n";
    let cases = [
        ("version = ".to_owned(), "cannot be read"),
        (String::new(), "of version unknown"),
        ("version = 2".to_owned(), "of version 2"),
        (
            "version = 1\napp = 3".to_owned(),
            "entry 1 has no usable `app`",
        ),
        (entry.to_owned(), "entry 1 has no usable `allow`"),
        (
            format!("{entry}allow = [1]\ndeny = []"),
            "entry 1 has no usable `allow`",
        ),
        (
            format!("{entry}allow = [\"dir\"]\ndeny = []"),
            "`dir` in entry 1 grants nothing",
        ),
        (
            format!("{entry}allow = []\ndeny = [\"--dir=\"]"),
            "`--dir=` in entry 1",
        ),
    ];
    for (text, message) in cases {
        let error = RememberedGrants::parse(&text).expect_err(&text).to_string();
        assert!(error.contains(message), "{error}");
    }
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let text = "[a-zA-Z0-9 ._:/'\"$-]{1,12}";
    let path = text.prop_filter_map("a guest path", |path| GuestPath::new(&path).ok());
    let access = prop_oneof![
        Just(Access::ReadOnly),
        Just(Access::CopyOnWrite),
        Just(Access::ReadWrite)
    ];
    prop_oneof![
        (text, path.clone(), access).prop_map(|(host, guest, access)| Grant::Directory {
            host,
            guest,
            access
        }),
        (path, 1u64..).prop_map(|(guest, size)| Grant::Temporary { guest, size }),
        "[A-Z_]{1,8}".prop_map(Grant::PassVariable),
        ("[A-Z_]{1,8}", "\\PC{0,8}").prop_map(|(name, value)| Grant::SetVariable { name, value }),
        any::<core::net::SocketAddr>().prop_map(|address| {
            Grant::Listen(
                ListenAddress::parse(&address.to_string())
                    .unwrap_or_else(|_| ListenAddress::parse("[::1]:1").expect("an address")),
            )
        }),
        (1u64..).prop_map(|bytes| Grant::Limit(Limit::Memory(bytes))),
        (1u64..).prop_map(|time| Grant::Limit(Limit::Cpu(Duration::from_nanos(time)))),
        (1u32..).prop_map(|count| Grant::Limit(Limit::Descriptors(count))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_grant_reads_back_from_its_option(grant in any_grant()) {
        let (name, value) = grant.to_parts();
        // The first `::` parts the paths, so a host path cannot hold or touch one.
        if let Grant::Directory { host, guest, .. } = &grant {
            let joined = format!("{host}::{guest}");
            prop_assume!(joined.split_once("::") == Some((host, guest.as_str())));
        }
        if let Grant::Directory { host, guest, .. } = &grant {
            prop_assume!(!(host.len() == 1 && guest.as_str().starts_with(':')));
        }
        assert_eq!(Grant::parse(name, &value), Ok(grant));
    }

    #[test]
    fn memories_read_back(grants in vec(any_grant(), 0..6), name in "\\PC{0,12}") {
        let mut memory = RememberedGrants::default();
        let entry = RememberedGrant {
            name,
            program: "p".into(),
            needs: "n".into(),
            allow: grants.clone(),
            deny: grants,
        };
        if memory.remember(entry).is_ok() {
            assert_eq!(RememberedGrants::parse(&memory.to_toml()), Ok(memory));
        }
    }

    #[test]
    fn a_lock_never_gives_more_than_was_granted(
        allowed in vec(any_grant(), 0..8),
        denied in vec(any_grant(), 0..3),
    ) {
        let mut grants = Grants::new();
        allowed.into_iter().for_each(|grant| grants.allow(grant));
        denied.into_iter().for_each(|grant| grants.deny(grant));
        let manifest = Manifest::parse(APP).expect("it is well-formed");
        for asked in [Asked::Unstated, Asked::Manifest(&manifest)] {
            let Ok(lock) = resolve(asked, &grants, &HostPolicy::default()) else { continue };
            for mount in &lock.mounts {
                let place = mount.guest.place();
                let at = |grant: &&Grant| grant.guest().is_some_and(|guest| guest.place() == place);
                assert!(grants.denied().iter().find(at).is_none(), "deny wins");
                let packaged = matches!(mount.source, LockedSource::Archive { packaged: true, .. });
                let granted = grants.allowed().iter().find(at);
                match (&mount.source, granted) {
                    (LockedSource::Directory { access, .. }, Some(Grant::Directory { access: most, .. })) => {
                        assert!(access <= most);
                    }
                    (LockedSource::Temporary { size }, Some(Grant::Temporary { size: most, .. })) => {
                        assert!(size <= most);
                    }
                    _ => assert!(packaged),
                }
            }
        }
    }

    #[test]
    fn no_option_panics(name in "dir|mount|tmp|env|listen|memory|cpu", value in "[a-zC:/\\\\.\u{0}=0-9]{0,16}") {
        drop(Grant::parse(&name, &value));
    }
}
