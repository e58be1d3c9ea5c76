//! `cargo xtask docs`: reference pages made from the code, so that they cannot disagree with it.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use holm_abi::{ArgKind, Descriptor, ResultKind, Syscall};

use crate::workspace::Workspace;

const PAGE: &str = "docs/syscalls.md";

const INTRODUCTION: &str = "\
# System calls

<!-- Made by `cargo xtask docs` from the table in crates/abi/src/syscall.rs: change that. -->

What a process can ask of the kernel. WASI and every other interface that a program sees is a
translation to these calls; `--trace` prints them under these names. A call is plain data: scalars, and
the buffers that go in and come out. It completes, fails with an errno, or, where it says so, blocks.

| in the signature | travels as |
|---|---|
";

/// Families of calls, by the start of their names, in the page's order.
const FAMILIES: &[(&str, &str)] = &[
    ("fd_", "Descriptors"),
    ("path_", "Paths"),
    ("sock_", "Sockets"),
    ("proc_", "Processes"),
    ("", "Everything else"),
];

/// Writes the pages, or with `--check` says whether they are as they would be written.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("usage: cargo xtask docs [--check]"),
    };
    let path = Workspace::load()?.root.join(PAGE);
    let page = syscalls();
    if !check {
        std::fs::write(&path, page)?;
        return Ok(());
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        bail!("{PAGE} is not what the table of system calls says: `cargo xtask docs` writes it");
    }
    Ok(())
}

fn syscalls() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (types, travels) in travels() {
        let _ = writeln!(page, "| {types} | {travels} |");
    }
    for (index, (prefix, title)) in FAMILIES.iter().enumerate() {
        let _ = writeln!(page, "\n## {title}");
        let earlier = &FAMILIES[..index];
        for call in Syscall::ALL {
            let call = call.descriptor();
            let taken = earlier
                .iter()
                .any(|(other, _)| call.name.starts_with(other));
            if call.name.starts_with(prefix) && !taken {
                describe(&mut page, call);
            }
        }
    }
    page
}

/// How each type of the table travels, as rows: types, kind.
fn travels() -> Vec<(String, &'static str)> {
    let mut rows: Vec<(Vec<String>, &'static str)> = Vec::new();
    let mut add = |name: String, kind| match rows.iter_mut().find(|(_, known)| *known == kind) {
        Some((names, _)) if names.contains(&name) => {}
        Some((names, _)) => names.push(name),
        None => rows.push((vec![name], kind)),
    };
    for call in Syscall::ALL {
        let call = call.descriptor();
        for parameter in call.parameters {
            add(
                written(parameter.type_name),
                match parameter.kind {
                    ArgKind::Scalar => "a number, at most 64 bits",
                    ArgKind::Text => "text that goes in",
                    ArgKind::DataIn => "bytes that go in",
                    ArgKind::DataOut => "bytes that come out",
                    ArgKind::RecordsIn => "records that go in",
                    ArgKind::RecordsOut => "records that come out",
                },
            );
        }
        match call.result {
            ResultKind::Unit => {}
            ResultKind::Scalar => add(written(call.result_name), "a number, at most 64 bits"),
            ResultKind::Record => add(
                written(call.result_name),
                "a record of fixed size that comes out",
            ),
        }
    }
    rows.into_iter()
        .map(|(names, kind)| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            (names.join(", "), kind)
        })
        .collect()
}

/// A type as people write it: `stringify!` puts spaces between its tokens.
fn written(type_name: &str) -> String {
    type_name
        .replace("& ", "&")
        .replace(" < ", "<")
        .replace(" >", ">")
}

fn describe(page: &mut String, call: &Descriptor) {
    let parameters: Vec<String> = call
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, written(parameter.type_name)))
        .collect();
    let result = match call.result {
        ResultKind::Unit => String::new(),
        _ => format!(" -> {}", call.result_name),
    };
    let _ = writeln!(page, "\n### {}\n", call.name);
    let _ = writeln!(
        page,
        "    {}({}){result}\n",
        call.name,
        parameters.join(", ")
    );
    for line in call.documentation {
        let _ = writeln!(page, "{}", line.trim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_on_the_page_once() {
        let page = syscalls();
        for call in Syscall::ALL {
            let heading = format!("\n### {}\n", call.name());
            assert_eq!(page.matches(&heading).count(), 1, "{}", call.name());
        }
        assert!(page.contains("    fd_write(fd: Fd, data: &[IoSlice<'_>]) -> u32\n"));
        assert!(page.contains("    fd_seek(fd: Fd, offset: i64, whence: Whence) -> u64\n"));
    }
}
