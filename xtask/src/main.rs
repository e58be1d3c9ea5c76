//! The project's own tool: what a developer runs, and exactly what CI runs.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod bench;
mod cargo_deny;
mod ci;
mod command;
mod conformance;
mod docs;
mod fuzz;
mod guests;
mod hello;
mod lint;
mod sessions;
mod test;
mod tidy;
mod wasm_target;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A command of this tool.
#[derive(Debug)]
struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const TASKS: &[Task] = &[
    Task {
        name: "hello",
        arguments: "[ARGUMENT...]",
        about: "build Holm and a Rust program for wasm, and run the one in the other",
        run: hello::run,
    },
    Task {
        name: "conformance",
        arguments: "--suite DIR [--host NAME]",
        about: "run the official WASI suite against Holm: natively, in browsers, in Node",
        run: conformance::run,
    },
    Task {
        name: "test",
        arguments: "[--host node] [CARGO-TEST-ARGUMENT...]",
        about: "build the guests and run every test, the documents' sessions included",
        run: test::run,
    },
    Task {
        name: "guests",
        arguments: "[OPTION...]",
        about: "build the programs that tests run; an unknown option lists what there is",
        run: guests::run,
    },
    Task {
        name: "lint",
        arguments: "[STEP...]",
        about: "check without running: tidy, format, reference, deny, clippy, wasm32, doc",
        run: lint::run,
    },
    Task {
        name: "tidy",
        arguments: "[RULE...]",
        about: "check the project's own rules",
        run: tidy::run,
    },
    Task {
        name: "docs",
        arguments: "[--check]",
        about: "write the reference pages that are made from the code",
        run: docs::run,
    },
    Task {
        name: "fuzz",
        arguments: "[--seconds N] [TARGET...]",
        about: "fuzz every target, or those named, for N seconds each",
        run: fuzz::run,
    },
    Task {
        name: "bench",
        arguments: "run [--only startup|cold|calls]",
        about: "measure side by side with native code and with wasmtime, where installed",
        run: bench::run,
    },
    Task {
        name: "web",
        arguments: "COMMAND",
        about: "the npm package: build, check, test, bench, serve, pack, generate",
        run: web::run,
    },
    Task {
        name: "ci",
        arguments: "[--suite DIR]",
        about: "everything that CI runs: guests, lint, test, web, a short fuzz, the suite where given",
        run: ci::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which command?\n\n{}", help());
    };
    if ["help", "--help", "-h"].contains(&name.as_str()) {
        println!("{}", help());
        return Ok(());
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None => bail!("there is no command `{name}`\n\n{}", help()),
    }
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n");
    for task in TASKS {
        let head = format!("{} {}", task.name, task.arguments);
        text.push_str(&format!("\n  {head:<32} {}", task.about));
    }
    text
}
