//! `holm.toml`: what is read, what is refused and where, and that writing reads back.

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

mod dependencies;

use super::{
    App, ListenNeed, Manifest, MountNeed, MountSource, Needs, TemporaryNeed, VariableNeed,
};
use crate::grant::{Access, ClockPrecision, Limits, ListenAddress};
use crate::guest_path::GuestPath;

const WHOLE: &str = r#"
[app]
name = "thumbs"
version = "1.2.0"
description = "makes thumbnails"
program = "bin/thumbs.wasm"
args = ["--fast"]

[app.env]
LANG = "C"

[needs]
stdin = false
env = ["TZ", { name = "TOKEN", why = "to log in", optional = true }]
clock = "fine"
terminal-escapes = true

[[needs.mount]]
guest = "/data/"
access = "rw"
host = "./data"
why = "reads pictures"
optional = true

[[needs.mount]]
guest = "/assets"
archive = "assets.zip"

[needs.tmp]
size = "64MiB"

[[needs.listen]]
address = "localhost:8080"

[limits]
memory = "256MiB"
cpu = "5s"
timeout = "1m30s"
fds = 0x40
"#;

fn parse(text: &str) -> Manifest {
    Manifest::parse(text).expect("it is well-formed")
}

#[test]
fn everything_is_read() {
    let manifest = parse(WHOLE);
    let guest = |path: &str| GuestPath::new(path).expect(path);
    let expected = Manifest {
        app: App {
            name: "thumbs".into(),
            version: Some("1.2.0".into()),
            description: Some("makes thumbnails".into()),
            program: "bin/thumbs.wasm".into(),
            args: vec!["--fast".into()],
            env: BTreeMap::from([("LANG".into(), "C".into())]),
        },
        needs: Needs {
            stdin: false,
            stdout: true,
            stderr: true,
            env: vec![
                VariableNeed {
                    name: "TZ".into(),
                    why: None,
                    optional: false,
                },
                VariableNeed {
                    name: "TOKEN".into(),
                    why: Some("to log in".into()),
                    optional: true,
                },
            ],
            clock: Some(ClockPrecision::Fine),
            terminal_escapes: true,
            mounts: vec![
                MountNeed {
                    guest: guest("/data"),
                    source: MountSource::Directory {
                        access: Access::ReadWrite,
                        host: Some("./data".into()),
                    },
                    why: Some("reads pictures".into()),
                    optional: true,
                },
                MountNeed {
                    guest: guest("/assets"),
                    source: MountSource::Archive("assets.zip".into()),
                    why: None,
                    optional: false,
                },
            ],
            tmp: Some(TemporaryNeed {
                guest: guest("/tmp"),
                size: 64 << 20,
                why: None,
                optional: false,
            }),
            listen: vec![ListenNeed {
                address: ListenAddress::parse("127.0.0.1:8080").expect("an address"),
                why: None,
                optional: false,
            }],
            net: Vec::new(),
        },
        limits: Limits {
            memory: Some(256 << 20),
            cpu: Some(Duration::from_secs(5)),
            timeout: Some(Duration::from_secs(90)),
            descriptors: Some(64),
        },
        dependencies: Vec::new(),
    };
    assert_eq!(manifest, expected);
    assert_eq!(parse(&manifest.to_toml()), manifest);
}

#[test]
fn the_smallest_manifest_needs_nothing() {
    let manifest = parse("[app]\nname = \"a\"\nprogram = \"a.wasm\"");
    assert_eq!(manifest, Manifest::of_program("a", "a.wasm"));
    assert_eq!(manifest.needs(&Limits::default()), []);
    assert_eq!(
        manifest.to_toml(),
        "# What this app is and what it needs of its host. Nothing else is given to it.\n\n\
         [app]\nname = \"a\"\nprogram = \"a.wasm\"\n"
    );
    assert_eq!(
        Manifest::of_program("My_Tool (2).wasm", "x").app.name,
        "my-tool-2-wasm"
    );
    assert_eq!(Manifest::of_program("…", "x").app.name, "app");
}

#[test]
fn what_a_run_used_is_collected_and_written_in_words() {
    let mut manifest = Manifest::of_program("tool", "tool.wasm");
    let guest = |path: &str| GuestPath::new(path).expect(path);
    let needs = &mut manifest.needs;
    needs.use_directory(&guest("/data"), Access::ReadOnly, Some("./data"));
    needs.use_directory(&guest("data"), Access::ReadWrite, None);
    needs.use_directory(&guest("/data"), Access::ReadOnly, None);
    needs.use_variable("LANG");
    needs.use_variable("LANG");
    let address = ListenAddress::parse("127.0.0.1:80").expect("an address");
    needs.use_listen(address);
    needs.use_listen(address);
    let written = manifest.to_toml();
    assert_eq!(parse(&written), manifest);
    let expected = "[needs]\nenv = [\"LANG\"]\n\n\
        # To read and write files under /data\n[[needs.mount]]\nguest = \"/data\"\n\
        access = \"rw\"\nhost = \"./data\"\n\n\
        [[needs.listen]]\naddress = \"127.0.0.1:80\"\n";
    assert!(written.ends_with(expected), "{written}");
}

/// The only problem of a text: its place, what stands there and the message.
#[track_caller]
fn check(text: &str, place: (usize, usize), bytes: &str, message: &str) {
    let error = Manifest::parse(text).expect_err(text);
    let [problem] = error.problems() else {
        panic!("one problem: {error}");
    };
    assert_eq!((problem.line, problem.column), place, "{error}");
    assert_eq!(&text[problem.span.clone()], bytes, "{error}");
    assert!(error.to_string().contains(message), "{error}");
}

/// The same for lines after a whole `[app]`, which has three of its own.
#[track_caller]
fn check_after(rest: &str, place: (usize, usize), bytes: &str, message: &str) {
    let text = format!("[app]\nname = \"a\"\nprogram = \"a.wasm\"\n{rest}");
    check(&text, (place.0 + 3, place.1), bytes, message);
}

#[test]
fn wrong_keys_say_which_was_meant() {
    let missing = "[app]\nnmae = \"a\"\nprogram = \"a.wasm\"";
    let error = Manifest::parse(missing)
        .expect_err("a name is missing")
        .to_string();
    assert_eq!(
        error,
        "line 2, column 1: unknown key `nmae` in [app]; did you mean `name`?"
    );
    check_after("[neds]", (1, 2), "neds", "did you mean `needs`?");
    check_after("[[mount]]", (1, 3), "mount", "write [[needs.mount]]");
    check_after(
        "[needs]\nterminal_escapes = true",
        (2, 1),
        "terminal_escapes",
        "did you mean `terminal-escapes`?",
    );
    check_after(
        "[needs]\nmounts = []",
        (2, 1),
        "mounts",
        "write [[needs.mount]]",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\nacess = \"ro\"",
        (3, 1),
        "acess",
        "did you mean `access`?",
    );
    check_after(
        "[needs.tmp]\nsze = 1\nsize = \"1\"",
        (2, 1),
        "sze",
        "did you mean `size`?",
    );
    check_after("[limits]\nmax-fds = 3", (2, 1), "max-fds", "write fds");
    check_after(
        "[limits]\nzzz = 3",
        (2, 1),
        "zzz",
        "known keys: memory, cpu, timeout, fds",
    );
    check_after(
        "[needs]\nenv = [{ nam = 1, name = \"A\" }]",
        (2, 10),
        "nam",
        "did you mean `name`?",
    );
    check_after(
        "[needs]\n\"k\\u001b\" = 1",
        (2, 1),
        "\"k\\u001b\"",
        "unknown key `k\\u{1b}`",
    );
}

#[test]
fn a_wrong_value_drives_no_terminal() {
    let long = "@".repeat(5000);
    for bad in [
        "[limits]\nmemory = \"1\\u001b[2J\"",
        "[limits]\ncpu = \"1\\u202e\"",
        "[limits]\ncpu = \"\\u0007\"",
        "[limits]\ncpu = \"1s1\\u0085\"",
        "[[needs.listen]]\naddress = \"\\u001b]0;title\\u0007\"",
        "[[needs.mount]]\nguest = \"/\\u001b/..\"",
        &format!("[limits]\nmemory = \"1{long}\""),
        &format!("[[needs.listen]]\naddress = \"{long}\""),
    ] {
        let text = format!("[app]\nname = \"a\"\nprogram = \"a.wasm\"\n{bad}");
        let error = Manifest::parse(&text).expect_err(bad).to_string();
        let harmful = |shown: char| shown.is_control() || shown == '\u{202e}';
        assert!(!error.contains(harmful), "{error:?}");
        assert!(error.len() < 400, "{} bytes of message", error.len());
    }
}

#[test]
fn a_need_is_asked_for_in_printable_words() {
    let manifest = parse(
        "[app]\nname = \"a\"\nprogram = \"a.wasm\"\n\
         [needs]\nenv = [\"A\\u001b[1A\"]\n\
         [[needs.mount]]\nguest = \"/data\\nand nothing else\\u202e\"\n\
         [[needs.mount]]\nguest = \"/b\\u0007\"\narchive = \"b\\u0085.zip\"\n\
         [needs.tmp]\nguest = \"/c\\r\"\nsize = \"1\"\n",
    );
    let needs = manifest.needs(&Limits::default());
    assert_eq!(needs.len(), 4);
    for need in needs {
        for words in [need.to_string(), need.capability.grant(None).to_string()] {
            let harmful = |shown: char| shown.is_control() || shown == '\u{202e}';
            assert!(!words.contains(harmful), "{words:?}");
        }
    }
}

#[test]
fn wrong_values_say_what_is_expected() {
    check_after(
        "[needs]\nstdin = \"no\"",
        (2, 9),
        "\"no\"",
        "`stdin` must be true or false",
    );
    check_after(
        "[needs]\nclock = \"fne\"",
        (2, 9),
        "\"fne\"",
        "did you mean \"fine\"?",
    );
    check_after(
        "[needs]\nenv = \"LANG\"",
        (2, 7),
        "\"LANG\"",
        "must be a list of names",
    );
    check_after(
        "[needs.env]\nLANG = \"C\"",
        (1, 1),
        "[needs.env]",
        "set values in [app.env]",
    );
    check_after(
        "[needs]\nenv = [\"A=1\"]",
        (2, 8),
        "\"A=1\"",
        "set values in [app.env]",
    );
    check_after(
        "[needs]\nenv = [\"A\", \"A\"]",
        (2, 13),
        "\"A\"",
        "named twice",
    );
    check_after("[needs]\nenv = [7]", (2, 8), "7", "must be text in quotes");
}

#[test]
fn wrong_mounts_and_limits_say_what_is_expected() {
    check_after(
        "[needs.mount]\nguest = \"/a\"",
        (1, 1),
        "[needs.mount]",
        "with two brackets",
    );
    check_after(
        "[[needs.mount]]\naccess = \"ro\"",
        (1, 1),
        "[[needs.mount]]",
        "has no `guest`",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a/../b\"",
        (2, 9),
        "\"/a/../b\"",
        "goes up with `..`",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\naccess = \"r\"",
        (3, 10),
        "\"r\"",
        "one of \"ro\", \"rw\", \"cow\"",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\nhost = \"h\"\narchive = \"z\"",
        (3, 8),
        "\"h\"",
        "not both",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\naccess = \"rw\"\narchive = \"z\"",
        (3, 10),
        "\"rw\"",
        "an archive is read-only",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\narchive = \"../z\"",
        (3, 11),
        "\"../z\"",
        "leads out of the app's folder",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/a\"\n[[needs.mount]]\nguest = \"a\"",
        (4, 9),
        "\"a\"",
        "two mounts on /a",
    );
    check_after(
        "[[needs.mount]]\nguest = \"/tmp\"\n[needs.tmp]\nsize = \"1\"\nguest = \"/tmp\"",
        (5, 9),
        "\"/tmp\"",
        "two mounts on /tmp",
    );
    check_after(
        "[needs.tmp]\nsize = \"64 MoB\"",
        (2, 8),
        "\"64 MoB\"",
        "`MoB` is not a unit",
    );
    check_after(
        "[needs.tmp]\nsize = \"0\"",
        (2, 8),
        "\"0\"",
        "a size of nothing",
    );
    check_after(
        "[[needs.listen]]\naddress = \"8080\"",
        (2, 11),
        "\"8080\"",
        "names no address",
    );
    check_after(
        "[limits]\ntimeout = \"30\"",
        (2, 11),
        "\"30\"",
        "write 30s for seconds",
    );
    check_after(
        "[limits]\nmemory = 64",
        (2, 10),
        "64",
        "must be text in quotes",
    );
    check_after(
        "[limits]\nfds = 4294967296",
        (2, 7),
        "4294967296",
        "a number from 1 to 4294967295",
    );
    check_after("[limits]\nfds = 0", (2, 7), "0", "a number from 1 to");
    check_after("[app.env]\nA = 1", (2, 5), "1", "must be text in quotes");
}

#[test]
fn wrong_apps_are_refused() {
    let app = |name: &str, program: &str| format!("[app]\nname = {name}\nprogram = {program}");
    check("", (1, 1), "", "there is no [app]");
    check("app = 3", (1, 7), "3", "`app` must be a table: [app]");
    check("[app\n", (1, 5), "", "");
    check(
        &app("\"My App\"", "\"a\""),
        (2, 8),
        "\"My App\"",
        "for example \"my-app\"",
    );
    check(
        &app("\"-a\"", "\"a\""),
        (2, 8),
        "\"-a\"",
        "does not start or end with -",
    );
    for (program, message) in [
        ("\"/a.wasm\"", "is absolute"),
        ("\"C:/a.wasm\"", "is absolute"),
        ("\"../a.wasm\"", "leads out of the app's folder"),
        ("\"b/../../a.wasm\"", "leads out of the app's folder"),
        ("'b\\a.wasm'", "backslash"),
        ("\"\"", "is empty"),
        ("\"./\"", "names a folder"),
        ("\"a/\"", "ends in /"),
        ("\"a\\u0000\"", "NUL byte"),
    ] {
        check(&app("\"a\"", program), (3, 11), program, message);
    }
}

#[test]
fn columns_count_characters_and_problems_are_in_order() {
    check_after(
        "[limits]\n\"é\" = 1 # ü",
        (2, 1),
        "\"é\"",
        "unknown key `é`",
    );
    check_after(
        "[app.env]\n\"ü\" = \"é\"\n\"é=\" = \"\"",
        (3, 1),
        "\"é=\"",
        "cannot be the name",
    );
    let text = "[limits]\nx = 1\n[app]\nname = 1\nprogram = 2\n[needs]\ny = 1";
    let error = Manifest::parse(text).expect_err("much is wrong");
    let lines: Vec<usize> = error
        .problems()
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert_eq!(lines, [2, 4, 5, 7]);
    let many: String = (0..500).map(|number| format!("k{number} = 1\n")).collect();
    assert_eq!(
        Manifest::parse(&many)
            .expect_err("much is wrong")
            .problems()
            .len(),
        20
    );
}

#[test]
fn absurd_files_are_refused() {
    let long = " ".repeat((1 << 20) + 1);
    check(&long, (1, 1), "", "the file is over 1048576 bytes");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(Manifest::parse(&deep).is_err());
    let keys = format!("{} = 1", vec!["a"; 100_000].join("."));
    assert!(Manifest::parse(&keys).is_err());
}

#[test]
fn the_digest_follows_what_is_asked_and_nothing_else() {
    let digest = parse(WHOLE).needs_digest();
    assert_eq!(digest.len(), 64);
    let same = [
        ("1.2.0", "1.3.0"),
        ("reads pictures", "reads your pictures"),
        ("makes thumbnails", "makes small pictures"),
        ("\"--fast\"", "\"--slow\""),
    ];
    for (from, to) in same {
        assert_eq!(
            parse(&WHOLE.replace(from, to)).needs_digest(),
            digest,
            "{to}"
        );
    }
    let different = [
        ("access = \"rw\"", "access = \"ro\""),
        ("\"./data\"", "\"..\""),
        ("256MiB", "257MiB"),
        ("\"TZ\"", "\"HOME\""),
        ("localhost:8080", "0.0.0.0:8080"),
        ("clock = \"fine\"\n", ""),
        ("optional = true\n\n[[", "\n[["),
    ];
    for (from, to) in different {
        assert_ne!(
            parse(&WHOLE.replace(from, to)).needs_digest(),
            digest,
            "{to}"
        );
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let any_character = any::<String>().prop_map(|text| text.replace('\0', ""));
    prop_oneof!["[ -~]{0,12}", any_character]
}

fn any_reason() -> impl Strategy<Value = (Option<String>, bool)> {
    (option::of(any_text()), any::<bool>())
}

fn any_guest() -> impl Strategy<Value = GuestPath> {
    any_text().prop_filter_map("a guest path", |path| GuestPath::new(&path).ok())
}

fn any_mounts() -> impl Strategy<Value = Vec<MountNeed>> {
    let access = prop_oneof![
        Just(Access::ReadOnly),
        Just(Access::CopyOnWrite),
        Just(Access::ReadWrite)
    ];
    let host = option::of(any_text().prop_filter("not empty", |host| !host.is_empty()));
    let source = prop_oneof![
        (access, host).prop_map(|(access, host)| MountSource::Directory { access, host }),
        "[a-z]{1,5}(/[a-z]{1,5}){0,2}\\.zip".prop_map(MountSource::Archive),
    ];
    let mount = (any_guest(), source, any_reason()).prop_map(|(guest, source, reason)| MountNeed {
        guest,
        source,
        why: reason.0,
        optional: reason.1,
    });
    vec(mount, 0..4)
}

fn any_needs() -> impl Strategy<Value = Needs> {
    let name = any_text().prop_filter("a name", |name| !name.is_empty() && !name.contains('='));
    let variable = (name, any_reason()).prop_map(|(name, reason)| VariableNeed {
        name,
        why: reason.0,
        optional: reason.1,
    });
    let tmp = (any_guest(), 1u64.., any_reason()).prop_map(|(guest, size, reason)| TemporaryNeed {
        guest,
        size,
        why: reason.0,
        optional: reason.1,
    });
    let listen = (any::<u32>(), any::<u16>(), any_reason()).prop_map(|(ip, port, reason)| {
        let address = format!("{}:{port}", core::net::Ipv4Addr::from_bits(ip));
        ListenNeed {
            address: ListenAddress::parse(&address).expect("an address"),
            why: reason.0,
            optional: reason.1,
        }
    });
    let clock = option::of(prop_oneof![
        Just(ClockPrecision::Fine),
        Just(ClockPrecision::Coarse)
    ]);
    (
        any::<[bool; 4]>(),
        vec(variable, 0..4),
        clock,
        any_mounts(),
        option::of(tmp),
        vec(listen, 0..3),
    )
        .prop_map(|(flags, env, clock, mounts, tmp, listen)| {
            let mut needs = Needs {
                stdin: flags[0],
                stdout: flags[1],
                stderr: flags[2],
                terminal_escapes: flags[3],
                env,
                clock,
                mounts,
                tmp,
                listen,
                net: Vec::new(),
            };
            let mut places = std::collections::BTreeSet::new();
            needs
                .mounts
                .retain(|mount| places.insert(mount.guest.place().to_owned()));
            needs.tmp = needs
                .tmp
                .filter(|tmp| places.insert(tmp.guest.place().to_owned()));
            let mut names = std::collections::BTreeSet::new();
            needs
                .env
                .retain(|variable| names.insert(variable.name.clone()));
            let mut addresses = std::collections::BTreeSet::new();
            needs
                .listen
                .retain(|listen| addresses.insert(listen.address));
            needs
        })
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let variables = btree_map("[A-Z =\"]{1,6}", any_text(), 0..3).prop_map(|variables| {
        let named = variables
            .into_iter()
            .filter(|(name, _)| !name.contains('='));
        named.collect::<BTreeMap<String, String>>()
    });
    let app = (
        "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?",
        option::of("[a-zA-Z0-9.+-]{1,12}"),
        option::of(any_text()),
        "[a-z]{1,6}(/[a-z ]{1,6}){0,2}x\\.wasm",
        vec(any_text(), 0..3),
        variables,
    )
        .prop_map(|(name, version, description, program, args, env)| App {
            name,
            version,
            description,
            program,
            args,
            env,
        });
    let time = || option::of((1u64..).prop_map(Duration::from_nanos));
    let limits = (option::of(1u64..), time(), time(), option::of(1u32..)).prop_map(
        |(memory, cpu, timeout, descriptors)| Limits {
            memory,
            cpu,
            timeout,
            descriptors,
        },
    );
    (app, any_needs(), limits, dependencies::any()).prop_map(
        |(app, needs, limits, dependencies)| Manifest {
            app,
            needs,
            limits,
            dependencies,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_manifest_reads_back(manifest in any_manifest()) {
        let written = manifest.to_toml();
        let read = Manifest::parse(&written);
        assert_eq!(read.as_ref(), Ok(&manifest), "{}", written);
        assert_eq!(manifest.needs_digest(), parse(&written).needs_digest());
    }

    #[test]
    fn no_text_panics(text in any::<String>(), cut in any::<proptest::sample::Index>()) {
        drop(Manifest::parse(&text));
        let end = WHOLE.floor_char_boundary(cut.index(WHOLE.len()));
        let spliced = format!("{}{text}{}", &WHOLE[..end], &WHOLE[end..]);
        if let Err(error) = Manifest::parse(&spliced) {
            assert!(!error.problems().is_empty());
            for problem in error.problems() {
                assert!(spliced.get(problem.span.clone()).is_some());
            }
        }
    }
}
