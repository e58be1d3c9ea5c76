//! Whatever Holm is given: one clear message, a documented exit code, never a panic of its own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::archive::{Entry, gzip, tar, zip, zstd};
use crate::support::{Done, Folder, guest, holm, root, run};

const USAGE: i32 = 2;
const NOT_RUNNABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Runs a file with this content and this name.
fn run_file(name: &str, content: impl AsRef<[u8]>) -> Done {
    let folder = Folder::new();
    folder.write(name, content);
    run([name]).directory(folder.path()).go()
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

#[test]
fn files_that_are_not_there() {
    run(["nowhere.wasm"])
        .go()
        .refuses(NOT_FOUND, &["no file nowhere.wasm"]);
    run(["nowhere/at all.wasm"])
        .go()
        .refuses(NOT_FOUND, &["no file nowhere/at all.wasm"]);
    run([""]).go().refuses(USAGE, &["no program to run"]);
}

#[test]
fn files_that_are_no_programs() {
    run_file("a.wasm", "").refuses(
        NOT_RUNNABLE,
        &["a.wasm is not WebAssembly: the file is empty"],
    );
    run_file("a.wasm", "hello, world\n").refuses(
        NOT_RUNNABLE,
        &["a.wasm is not WebAssembly: it looks like text"],
    );
    run_file("a.wasm", "#!/bin/sh\necho hello\n").refuses(NOT_RUNNABLE, &["like a script"]);
    run_file("a.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0").refuses(NOT_RUNNABLE, &["a.wasm is not"]);
    run_file("a.wasm", gzip(b"hello")).refuses(NOT_RUNNABLE, &["a.wasm is not"]);
    run_file("a.wasm", b"\0asm").refuses(NOT_RUNNABLE, &["cut short"]);
    run_file("a.wasm", b"\0asm\x63\0\0\0").refuses(NOT_RUNNABLE, &["a.wasm"]);
}

#[test]
fn text_with_a_mistake() {
    run_file("a.wat", "(module (func (result i32) i32.cons 1))").refuses(
        NOT_RUNNABLE,
        &["a.wat is WebAssembly text with a mistake", ":1:28"],
    );
}

#[test]
fn places_that_are_no_files() {
    let folder = Folder::new();
    folder.folder("sub.wasm");
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    run(["sub.wasm"])
        .directory(folder.path())
        .go()
        .refuses(NOT_RUNNABLE, &["directory without a holm.toml", "--learn"]);
    run(["pipe"])
        .directory(folder.path())
        .go()
        .refuses(NOT_RUNNABLE, &["not a regular file"]);
    run(["/dev/zero"])
        .go()
        .refuses(NOT_RUNNABLE, &["not a regular file"]);
}

#[test]
fn a_module_cut_anywhere_or_damaged_anywhere() {
    let whole = fs::read(guest("rust/hello")).expect("a guest");
    // Each place costs a process; a prime step meets all kinds of them.
    for at in (1..whole.len()).step_by(whole.len() / 23) {
        run_file("cut.wasm", &whole[..at]).refuses(NOT_RUNNABLE, &["cut.wasm"]);
    }
    for at in (8..whole.len()).step_by(whole.len() / 23) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        // Damage in a name or in data is none; elsewhere it is found before anything runs, or
        // traps. Never is Holm what breaks.
        let done = run_file("damaged.wasm", damaged);
        let code = done.status.code();
        assert!(matches!(code, Some(0 | 1 | 126 | 134)), "byte {at}: {done}");
        assert!(!done.stderr.contains("panicked at crates"), "{done}");
    }
    run_file("type.wasm", wasm_of_wrong_type()).refuses(NOT_RUNNABLE, &["type mismatch", "0x"]);
}

/// A function that answers an i64 where it says i32.
fn wasm_of_wrong_type() -> Vec<u8> {
    let mut module =
        wasm("(module (func (export \"_start\") (drop (i32.add (i32.const 7) (i32.const 7)))))");
    // i32.add becomes i64.add.
    let add = module
        .iter()
        .rposition(|byte| *byte == 0x6a)
        .expect("an addition");
    module[add] = 0x7c;
    module
}

#[test]
fn a_component_that_is_no_command() {
    run_file("c.wasm", wasm("(component)"))
        .refuses(NOT_RUNNABLE, &["a library, not a command", "no function"]);
    let service = wasm(
        "(component (component $c) (instance $i (instantiate $c)) \
                    (export \"wasi:http/incoming-handler@0.2.3\" (instance $i)))",
    );
    run_file("c.wasm", service).refuses(NOT_RUNNABLE, &["an HTTP service", "holm serve FILE"]);
}

#[test]
fn imports_are_named_with_what_would_provide_them() {
    let refused = |name: &str| run::<&str>([]).guest(name).go();
    refused("wat/unknown_import").refuses(
        NOT_RUNNABLE,
        &[
            "weather.forecast",
            "(param i32) (result i32)",
            "does not provide",
        ],
    );
    refused("wat/unknown_wasi").refuses(NOT_RUNNABLE, &["fd_teleport", "wasm32-wasip1"]);
    refused("wat/unstable_import").refuses(NOT_RUNNABLE, &["wasi_unstable", "before WASI 0.1"]);
    refused("wat/wrong_type").refuses(
        NOT_RUNNABLE,
        &[
            "fd_write",
            "the program wants: (func (param i64) (result i64))",
            "provides: (func (param i32 i32 i32 i32) (result i32))",
        ],
    );
    refused("wat/import_global").refuses(NOT_RUNNABLE, &["fd_write", "global"]);
    run_file(
        "js.wasm",
        wasm("(module (import \"wbg\" \"__wbindgen_throw\" (func (param i32 i32))))"),
    )
    .refuses(NOT_RUNNABLE, &["__wbindgen_throw"]);
}

#[test]
fn programs_too_large_to_start() {
    run(["--memory", "1GiB"])
        .guest("wat/memory_large")
        .go()
        .refuses(
            NOT_RUNNABLE,
            &["2048MiB of memory", "the limit is 1024MiB", "--memory"],
        );
    run(["--memory", "100MiB"])
        .guest("wat/memory_many")
        .go()
        .refuses(NOT_RUNNABLE, &["--memory"]);
    run(["--memory", "10MiB"])
        .guest("wat/table_large")
        .go()
        .refuses(NOT_RUNNABLE, &["10000000 elements", "--memory"]);
    // A file over the limit on modules; no byte of it is stored.
    let folder = Folder::new();
    let file = fs::File::create(folder.join("huge.wasm")).expect("a file");
    file.set_len(3 << 30).expect("a sparse file");
    run(["huge.wasm"]).directory(folder.path()).go().refuses(
        NOT_RUNNABLE,
        &["huge.wasm is too large: 3072MiB", "the limit is 512MiB"],
    );
}

#[test]
fn sizes_that_a_module_only_claims() {
    // A function section that claims 2^32-1 functions; a custom section longer than the file.
    let claims: [&[u8]; 4] = [
        b"\0asm\x01\0\0\0\x03\x05\xff\xff\xff\xff\x0f",
        b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\x0f\x01a",
        b"\0asm\x01\0\0\0\x01\x06\xff\xff\xff\xff\x0f\x60",
        b"\0asm\x01\0\0\0\x0b\x06\xff\xff\xff\xff\x0f\x00",
    ];
    for claim in claims {
        run_file("claims.wasm", claim).refuses(NOT_RUNNABLE, &["claims.wasm"]);
    }
}

#[test]
fn a_start_function_that_traps() {
    run::<&str>([])
        .guest("wat/start_traps")
        .go()
        .code(134)
        .prints("")
        .says("while it was being set up")
        .says("boom")
        .never_says("panicked");
}

#[test]
fn arguments_that_are_not_utf8() {
    let bad = OsString::from_vec(vec![b'a', 0xff, b'b']);
    run::<&str>([])
        .guest("rust/hello")
        .arg("fine")
        .arg(&bad)
        .go()
        .refuses(USAGE, &["argument 2", "\\xFF", "not UTF-8"]);
    let mut option = OsString::from("--env=A=");
    option.push(&bad);
    run([option])
        .guest("rust/hello")
        .go()
        .refuses(USAGE, &["UTF-8"]);
    run(["--env", "A"])
        .env("A", &bad)
        .guest("rust/hello")
        .go()
        .refuses(USAGE, &["variable A", "not UTF-8", "--env A=VALUE"]);
    // A file of such a name is a file like others.
    let folder = Folder::new();
    let name = OsString::from_vec(b"caf\xe9.wasm".to_vec());
    fs::copy(guest("rust/hello"), folder.path().join(&name)).expect("a copy");
    run([&name])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("Hello from Rust!\n");
}

#[test]
fn mounts_that_cannot_be() {
    let folder = Folder::new();
    folder.write("file.txt", "text");
    folder.folder("a");
    folder.folder("b");
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    let refused = |options: &[&str], code: i32, words: &[&str]| {
        run(options)
            .guest("rust/hello")
            .directory(folder.path())
            .go()
            .refuses(code, words);
    };
    refused(&["--dir", "gone::/a"], 1, &["/a", "gone does not exist"]);
    refused(
        &["--dir", "file.txt::/a"],
        1,
        &["file.txt is not a directory"],
    );
    refused(
        &["--mount", "gone.zip::/a"],
        1,
        &["gone.zip", "no such file"],
    );
    refused(&["--mount", "a::/a"], 1, &["not a regular file"]);
    refused(&["--mount", "pipe::/a"], 1, &["not a regular file"]);
    refused(&["--mount", "/dev/zero::/a"], 1, &["not a regular file"]);
    refused(
        &["--mount", "file.txt"],
        USAGE,
        &["--mount file.txt::/data"],
    );
    refused(
        &["--dir", "a::/x", "--dir", "b::/x"],
        USAGE,
        &["two mounts on /x", "--dir a::/x:rw", "--dir b::/x:rw"],
    );
    refused(
        &["--dir", "a::/x/", "--tmp", "1MiB::/x"],
        USAGE,
        &["two mounts on /x"],
    );
    refused(&["--dir", "a::/x/../y"], USAGE, &["`..`"]);
    refused(&["--dir", "::/x"], USAGE, &["--dir HOST"]);
    refused(&["--dir", ""], USAGE, &["--dir HOST"]);
    refused(
        &["--dir", "a::/x:readonly"],
        USAGE,
        &["`readonly`", "ro (read only)"],
    );
}

#[test]
fn options_that_make_no_sense() {
    let refused = |options: &[&str], words: &[&str]| {
        run(options).guest("rust/hello").go().refuses(USAGE, words);
    };
    refused(&["--memory", "lots"], &["--memory lots"]);
    refused(&["--memory", "0"], &["--memory 0"]);
    refused(&["--memory", "99999999999GiB"], &["--memory"]);
    refused(&["--timeout", "5"], &["5s for seconds"]);
    refused(&["--timeout", "0s"], &["--timeout 0s"]);
    refused(&["--cpu=-1s"], &["-1s"]);
    refused(&["--max-fds", "many"], &["--max-fds many"]);
    refused(
        &["--max-fds", "1"],
        &["too many open files", "raise --max-fds"],
    );
    refused(&["--tmp", "12XB"], &["`XB`", "64MiB"]);
    refused(&["--env", "=x"], &["--env NAME=VALUE"]);
    refused(&["--clock", "slow"], &["fine or coarse"]);
    refused(&["--listen", "nowhere"], &["127.0.0.1:8080"]);
    refused(&["--seed", "x"], &["--seed"]);
    refused(&["--bogus"], &["--bogus"]);
    refused(&["--trace-file", "x"], &["--trace"]);
    holm(["run"]).go().refuses(USAGE, &["<PROGRAM>"]);
    holm(["rum"]).go().refuses(USAGE, &["'rum'", "'run'"]);
}

#[test]
fn an_address_of_another_machine() {
    run(["--listen", "192.0.2.1:80"])
        .guest("rust/hello")
        .go()
        .refuses(1, &["192.0.2.1:80 is not an address of this machine"]);
}

#[test]
fn functions_that_cannot_be_invoked() {
    let invoke = |name: &str, arguments: &[&str]| {
        run(["--invoke", name])
            .guest("rust/reactor")
            .args(arguments)
            .go()
    };
    invoke("nope", &[]).refuses(
        NOT_RUNNABLE,
        &[
            "exports no function `nope`",
            "\n  add (func (param i32 i32) (result i32))\n",
        ],
    );
    invoke("add", &["1"]).refuses(NOT_RUNNABLE, &["takes 2 arguments"]);
    invoke("add", &["1", "x"]).refuses(NOT_RUNNABLE, &["argument 2, `x`, is not an i32"]);
    invoke("add", &["1", "4294967296"]).refuses(NOT_RUNNABLE, &["argument 2"]);
    run::<&str>([]).guest("rust/reactor").go().refuses(
        NOT_RUNNABLE,
        &["no `_start`", "--invoke", "\n  greet (func)\n"],
    );
    run::<&str>([])
        .guest("wat/no_start")
        .go()
        .refuses(NOT_RUNNABLE, &["_start"]);
}

#[test]
fn archives_that_climb_or_never_end() {
    let folder = Folder::new();
    let outside = folder.write("outside.txt", "outside");
    let refused = |name: &str, bytes: &[u8], words: &[&str]| {
        folder.write(name, bytes);
        let mount = folder.mount(name, "/data");
        let done = run(["--mount", &mount]).guest("rust/hello").go();
        done.refuses(1, words);
        assert_eq!(fs::read_to_string(&outside).expect("outside"), "outside");
    };
    for path in ["../evil.txt", "/../evil", "a/../../evil", "..", "a/.."] {
        let entries = [Entry::File(path, b"evil")];
        refused("up.tar", &tar(&entries), &["up.tar"]);
        refused("up.zip", &zip(&entries), &["up.zip"]);
    }
    refused(
        "up.tar.gz",
        &gzip(&tar(&[Entry::File("../evil", b"")])),
        &["up.tar.gz"],
    );
    refused(
        "up.tar.zst",
        &zstd(&tar(&[Entry::File("../evil", b"")])),
        &["up.tar.zst"],
    );
    // A link out of the archive, and a file behind it.
    let through = [
        Entry::Symlink("out", "/tmp"),
        Entry::File("out/evil", b"evil"),
    ];
    refused("through.tar", &tar(&through), &["through.tar"]);
    refused("through.zip", &zip(&through), &["through.zip"]);
    let linked = [Entry::HardLink("passwd", "../../../etc/passwd")];
    refused("linked.tar", &tar(&linked), &["linked.tar"]);
    let honest = tar(&[Entry::File("a", &[7; 2000])]);
    refused("cut.tar", &honest[..1000], &["cut.tar"]);
    refused("cut.tar.gz", &gzip(&honest)[..40], &["cut.tar.gz"]);
    refused(
        "cut.zip",
        &zip(&[Entry::File("a", b"text")])[..40],
        &["cut.zip"],
    );
    refused("text.zip", b"PK is how text may begin", &["text.zip"]);
    refused("empty.tar", b"", &["empty.tar"]);
}

#[test]
fn an_archive_that_unpacks_without_end() {
    // A megabyte of nothing packed again and again: 10 GB from ten megabytes.
    let folder = Folder::new();
    let once = gzip(&vec![0; 1_000_000]);
    let bomb: Vec<u8> = once.repeat(10_000);
    folder.write("bomb.tar.gz", &bomb);
    run(["--mount", &folder.mount("bomb.tar.gz", "/data")])
        .guest("rust/hello")
        .go()
        .refuses(1, &["bomb.tar.gz"]);
}

#[test]
fn manifests_with_mistakes_say_where_and_what_was_meant() {
    let folder = Folder::new();
    fs::copy(guest("rust/hello"), folder.join("hello.wasm")).expect("a copy");
    let refused = |text: &str, words: &[&str]| {
        folder.write("holm.toml", text);
        let done = run(["."])
            .directory(folder.path())
            .go()
            .code(NOT_RUNNABLE)
            .prints("");
        for word in words {
            assert!(done.stderr.contains(word), "without {word:?}\n{done}");
        }
        assert!(!done.stderr.contains("panicked"), "{done}");
        done
    };
    let app = "[app]\nname = \"hello\"\nprogram = \"hello.wasm\"\n";
    refused(
        &format!("{app}[needs]\nstdinn = true\n"),
        &[
            "holm.toml:5:1",
            "unknown key `stdinn`",
            "did you mean `stdin`?",
        ],
    )
    .refuses(NOT_RUNNABLE, &[]);
    // One mistake is one message: the program is not missing as well.
    refused(
        "[app]\nname = \"hello\"\nprogramm = \"hello.wasm\"\n",
        &[
            "holm.toml:3:1",
            "unknown key `programm`",
            "did you mean `program`?",
        ],
    )
    .refuses(NOT_RUNNABLE, &[]);
    refused(
        &format!("{app}[need]\n"),
        &["holm.toml:4:", "`need`", "needs"],
    );
    refused(
        &format!("{app}[needs]\nstdin = 3\n"),
        &["holm.toml:5:9", "true or false"],
    );
    refused("[app", &["holm.toml:1:5"]);
    refused("", &["there is no [app]"]);
    refused(
        &app.replace("hello.wasm", "../hello.wasm"),
        &["out of the app's folder"],
    );
    refused(
        &app.replace("hello.wasm", "/bin/hello.wasm"),
        &["the path is absolute"],
    );
    refused(
        &format!("{app}[[needs.mount]]\nguest = \"/a\"\n[[needs.mount]]\nguest = \"/a\"\n"),
        &["holm.toml:", "/a"],
    );
    refused(
        "[app]\nname = \"\u{1b}[2J\"\nprogram = \"hello.wasm\"\n",
        &["holm.toml:2"],
    );
    folder.write("holm.toml", b"[app]\nname = \"\xff\"\n");
    run(["."])
        .directory(folder.path())
        .go()
        .refuses(NOT_RUNNABLE, &["not text in UTF-8", "byte 14"]);
    folder.write("holm.toml", vec![b'#'; (1 << 20) + 1]);
    run(["."])
        .directory(folder.path())
        .go()
        .refuses(NOT_RUNNABLE, &["larger than 1 MiB"]);
    fs::remove_file(folder.join("holm.toml")).expect("removed");
    mknodat(CWD, folder.join("holm.toml"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
    run(["."])
        .directory(folder.path())
        .go()
        .refuses(NOT_RUNNABLE, &["not a regular file"]);
    fs::remove_file(folder.join("holm.toml")).expect("removed");
    folder.write("holm.toml", app.replace("hello.wasm", "gone.wasm"));
    run(["."])
        .directory(folder.path())
        .go()
        .refuses(NOT_FOUND, &["gone.wasm"]);
}

/// Results that cannot be written are an error of Holm's, not of the program.
#[test]
fn files_that_cannot_be_written() {
    let folder = Folder::new();
    let locked = folder.folder("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).expect("locked");
    run(["--trace", "--trace-file", "/nowhere/trace"])
        .guest("rust/hello")
        .go()
        .refuses(1, &["/nowhere/trace"]);
    run(["--learn", "/proc/holm.toml"])
        .guest("rust/hello")
        .go()
        .code(1)
        .says("/proc/holm.toml");
}

#[test]
fn a_core_dump_that_cannot_be_written() {
    run(["--coredump", "/proc/core"])
        .guest("wat/trap_divide")
        .go()
        .says("/proc/core")
        .says("divided an integer by zero");
}

#[test]
fn what_is_documented_is_what_comes() {
    let page = fs::read_to_string(root().join("docs/exit-codes.md")).expect("the page");
    for code in [1, 2, 124, 125, 126, 127, 130, 134, 143, 152] {
        assert!(
            page.contains(&format!("| {code} |")),
            "{code} is not in docs/exit-codes.md"
        );
    }
}
