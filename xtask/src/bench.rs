//! `cargo xtask bench run`: figures side by side with native code and with wasmtime.
//!
//! Absolute times drift with the machine, so every figure is taken in one run, the
//! contestants in turn, and told as a ratio of medians.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{cargo, read, run as shell, succeeds};
use crate::workspace::Workspace;

/// Runs of each contestant for a figure about whole processes.
const RUNS: usize = 60;
/// Runs of each contestant where one takes long.
const COLD_RUNS: usize = 5;

/// `cargo xtask bench run [--only NAME]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let only = match arguments {
        [run] if run == "run" => None,
        [run, flag, name] if run == "run" && flag == "--only" => Some(name.as_str()),
        _ => bail!("usage: cargo xtask bench run [--only startup|cold|calls]"),
    };
    let bench = Bench::prepare()?;
    let wants = |name| only.is_none_or(|only| only == name);
    println!("{}\n", bench.machine()?);
    if wants("startup") {
        bench.startup("a module", &bench.guests.join("rust/hello.wasm"))?;
        bench.startup("a component", &bench.guests.join("rust-p2/hello.wasm"))?;
    }
    if wants("cold") {
        bench.cold()?;
    }
    if wants("calls") {
        bench.calls("WASI 0.1", &bench.guests.join("rust/bench.wasm"))?;
        bench.calls("WASI 0.2", &bench.guests.join("rust-p2/bench.wasm"))?;
    }
    Ok(())
}

struct Bench {
    holm: PathBuf,
    wasmtime: Option<PathBuf>,
    native: PathBuf,
    guests: PathBuf,
    programs: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    fn prepare() -> Result<Bench> {
        let workspace = Workspace::load()?;
        shell(cargo().current_dir(&workspace.root).args([
            "build",
            "--release",
            "--package",
            "holm-cli",
        ]))?;
        crate::guests::run(&["--only".to_owned(), "rust".to_owned()])?;
        crate::guests::run(&["--only".to_owned(), "go".to_owned()])?;
        let native = workspace.target.join("native");
        shell(
            cargo()
                .current_dir(workspace.root.join("guests/rust"))
                .args([
                    "build",
                    "--release",
                    "--bin",
                    "bench",
                    "--bin",
                    "hello",
                    "--target-dir",
                ])
                .arg(&native),
        )?;
        let scratch = workspace.target.join("bench");
        std::fs::create_dir_all(scratch.join("files"))?;
        let wasmtime = PathBuf::from("wasmtime");
        Ok(Bench {
            holm: workspace.target.join("release/holm"),
            wasmtime: succeeds(Command::new(&wasmtime).arg("--version")).then_some(wasmtime),
            native: native.join("release"),
            guests: workspace.target.join("guests"),
            programs: workspace.target.join("programs"),
            scratch,
        })
    }

    /// What the figures were taken on.
    fn machine(&self) -> Result<String> {
        let kernel = read(Command::new("uname").arg("-sr"))?;
        let processor = std::fs::read_to_string("/proc/cpuinfo")
            .unwrap_or_default()
            .lines()
            .find_map(|line| {
                line.strip_prefix("model name")
                    .map(|rest| rest.replace("\t: ", ""))
            })
            .unwrap_or_else(|| "unknown processor".to_owned());
        let cores = std::thread::available_parallelism()?;
        let peer = match &self.wasmtime {
            Some(wasmtime) => read(Command::new(wasmtime).arg("--version"))?,
            None => "wasmtime is not installed: no ratios to it".to_owned(),
        };
        Ok(format!(
            "{}, {cores} cores, {}; {}",
            processor.trim(),
            kernel.trim(),
            peer.trim()
        ))
    }

    /// The warm start of a hello, and its memory.
    fn startup(&self, title: &str, hello: &Path) -> Result<()> {
        let (hello, native) = (hello.to_owned(), self.native.join("hello"));
        let mut contestants = vec![
            Contestant::new("native", &native, &[]),
            Contestant::new("holm", &self.holm, &["run"]).argument(&hello),
        ];
        if let Some(wasmtime) = &self.wasmtime {
            contestants.push(Contestant::new("wasmtime", wasmtime, &["run"]).argument(&hello));
        }
        // The first run compiles, the second has optimised code.
        shell(
            Command::new(&self.holm)
                .args(["cache", "compile"])
                .arg(&hello),
        )?;
        for contestant in &contestants {
            contestant.once()?;
        }
        let times = in_turn(&contestants, RUNS, |contestant| contestant.once())?;
        println!("## `holm run` of hello, {title}, warm, whole process\n");
        table(&contestants, &times, |time| {
            format!("{:.2} ms", time.as_secs_f64() * 1e3)
        });
        self.memory(&contestants)
    }

    fn memory(&self, contestants: &[Contestant]) -> Result<()> {
        println!("## Peak resident memory of the same\n");
        if !succeeds(Command::new("/usr/bin/time").args(["-f", "%M", "true"])) {
            println!("(not measured: needs GNU time, Debian's package `time`)\n");
            return Ok(());
        }
        let mut rows = Vec::new();
        for contestant in contestants {
            rows.push(vec![Duration::from_micros(contestant.peak_kib()?)]);
        }
        table(contestants, &rows, |kib| {
            format!("{:.1} MiB", kib.as_micros() as f64 / 1024.0)
        });
        Ok(())
    }

    /// The first run of a program, with nothing cached.
    fn cold(&self) -> Result<()> {
        let mut programs = vec![("Go hello", self.guests.join("go/hello.wasm"), [].as_slice())];
        // Brought by `cargo xtask guests --programs`; its library is inside the module.
        let python = self.programs.join("python/python.wasm");
        if python.exists() {
            programs.push(("CPython 3.12 `-c pass`", python, ["-c", "pass"].as_slice()));
        }
        for (name, program, arguments) in &programs {
            let cache = self.scratch.join("cache");
            let make = |name, binary: &Path, variable: &'static str| {
                let mut contestant = Contestant::new(name, binary, &["run"]);
                contestant.arguments.push(program.display().to_string());
                contestant
                    .arguments
                    .extend(arguments.iter().map(|&argument| argument.to_owned()));
                contestant
                    .environment
                    .push((variable, cache.display().to_string()));
                contestant
            };
            let mut contestants = vec![make("holm", &self.holm, "HOLM_CACHE_DIR")];
            if let Some(wasmtime) = &self.wasmtime {
                contestants.push(make("wasmtime", wasmtime, "XDG_CACHE_HOME"));
            }
            let times = in_turn(&contestants, COLD_RUNS, |contestant| {
                // What optimises in the background would be measured with the next run.
                while succeeds(Command::new("pgrep").args(["-f", "holm cache compile"])) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                if cache.exists() {
                    std::fs::remove_dir_all(&cache)?;
                }
                contestant.once()
            })?;
            println!("## First run, nothing cached: {name}\n");
            table(&contestants, &times, |time| {
                format!("{:.0} ms", time.as_secs_f64() * 1e3)
            });
        }
        Ok(())
    }

    /// Time of system calls, as the same Rust program sees them.
    fn calls(&self, title: &str, bench: &Path) -> Result<()> {
        let files = self.scratch.join("files");
        let directory = format!("{}::/bench", files.display());
        let mut contestants = vec![
            Contestant::new("native", &self.native.join("bench"), &[]).argument(&files),
            Contestant::new(
                "holm",
                &self.holm,
                &["run", "--tier", "optimised", "--dir", &directory],
            )
            .argument(bench)
            .argument(Path::new("/bench")),
        ];
        if let Some(wasmtime) = &self.wasmtime {
            // wasmtime has no /dev: it is given the host's.
            let host = Contestant::new(
                "wasmtime",
                wasmtime,
                &["run", "--dir", &directory, "--dir", "/dev"],
            )
            .argument(bench)
            .argument(Path::new("/bench"));
            contestants.push(host);
        }
        let mut answers = Vec::new();
        for contestant in &contestants {
            let json = read(&mut contestant.command())
                .with_context(|| format!("the bench program under {}", contestant.name))?;
            answers.push(serde_json::from_str::<Value>(&json)?);
        }
        println!("## System calls and computing, one program, {title}\n");
        print!("| what |");
        for contestant in &contestants {
            print!(" {} |", contestant.name);
        }
        println!(" holm / native | wasmtime / native |");
        println!("|---|{}---|---|", "---|".repeat(contestants.len()));
        let names = answers[0]
            .as_object()
            .context("the bench program printed no object")?;
        for name in names.keys() {
            let values: Vec<Option<f64>> =
                answers.iter().map(|answer| answer[name].as_f64()).collect();
            print!("| {name} |");
            for value in &values {
                print!(
                    " {} |",
                    value.map_or_else(|| "—".to_owned(), |value| format!("{value:.1}"))
                );
            }
            println!(" {} | {} |", ratio(&values, 1), ratio(&values, 2));
        }
        println!();
        Ok(())
    }
}

fn ratio(values: &[Option<f64>], of: usize) -> String {
    match (values.get(of).copied().flatten(), values[0]) {
        (Some(value), Some(native)) => format!("{:.2}x", value / native),
        _ => "—".to_owned(),
    }
}

/// A command that is measured.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Contestant {
    fn new(name: &'static str, program: &Path, arguments: &[&str]) -> Contestant {
        Contestant {
            name,
            program: program.to_owned(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            environment: Vec::new(),
        }
    }

    fn argument(mut self, argument: &Path) -> Contestant {
        self.arguments.push(argument.display().to_string());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it once; answers how long it took.
    fn once(&self) -> Result<Duration> {
        let mut command = self.command();
        command.stdout(Stdio::null());
        let start = Instant::now();
        let status = command
            .status()
            .with_context(|| format!("{} does not start", self.name))?;
        let time = start.elapsed();
        if !status.success() {
            bail!("{} failed: {status}", self.name);
        }
        Ok(time)
    }

    /// Peak resident memory in KiB.
    fn peak_kib(&self) -> Result<u64> {
        let output = Command::new("/usr/bin/time")
            .args(["-f", "%M"])
            .arg(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().last().unwrap_or_default();
        line.trim()
            .parse()
            .with_context(|| format!("GNU time said {line:?}"))
    }
}

/// Runs each contestant `runs` times, in turn; the times of each.
fn in_turn(
    contestants: &[Contestant],
    runs: usize,
    mut once: impl FnMut(&Contestant) -> Result<Duration>,
) -> Result<Vec<Vec<Duration>>> {
    let mut times = vec![Vec::new(); contestants.len()];
    for _ in 0..runs {
        for (contestant, times) in contestants.iter().zip(&mut times) {
            times.push(once(contestant)?);
        }
    }
    Ok(times)
}

/// A line for each contestant: the median, the fastest, and holm's ratio to it.
fn table(contestants: &[Contestant], times: &[Vec<Duration>], show: impl Fn(Duration) -> String) {
    let medians: Vec<Duration> = times
        .iter()
        .map(|times| {
            let mut sorted = times.clone();
            sorted.sort();
            sorted[sorted.len() / 2]
        })
        .collect();
    let holm = contestants
        .iter()
        .position(|contestant| contestant.name == "holm");
    println!("| | median | fastest | holm / this |");
    println!("|---|---|---|---|");
    for (at, contestant) in contestants.iter().enumerate() {
        let fastest = times[at].iter().min().copied().unwrap_or_default();
        let ratio = holm.map_or_else(String::new, |holm| {
            format!(
                "{:.2}x",
                medians[holm].as_secs_f64() / medians[at].as_secs_f64()
            )
        });
        println!(
            "| {} | {} | {} | {ratio} |",
            contestant.name,
            show(medians[at]),
            show(fastest)
        );
    }
    println!();
}
