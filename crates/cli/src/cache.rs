//! `holm cache`: compiled code, and making it better in the background.

use std::env;
use std::path::Path;
use std::process::{Command as HostCommand, Stdio};

use holm_command_line::explain::text::shown;
use holm_command_line::options::{CacheCommand, CacheOptions};
use holm_command_line::{CommandError, folders};
use holm_os::engine::{CacheConfig, Engine, EngineConfig};
use holm_os::package::units::format_size;

use crate::host::NativeHost;
use crate::run;

/// How programs are compiled here.
pub(crate) fn engine_config(host: &NativeHost, cache: bool, core_dump: bool) -> EngineConfig {
    let folder = cache.then(|| folders::cache(host)).flatten();
    EngineConfig {
        cache: folder.map(CacheConfig::new),
        core_dump_on_trap: core_dump,
        ..EngineConfig::default()
    }
}

/// `holm cache`.
pub(crate) fn run(options: &CacheOptions, host: &NativeHost) -> Result<u8, CommandError> {
    let engine = Engine::new(engine_config(host, true, false)).map_err(CommandError::failed)?;
    let Some(cache) = engine.cache() else {
        return Err(CommandError::failed(match engine.cache_problem() {
            Some(problem) => format!("there is no cache: {problem}"),
            None => "there is no cache: neither HOLM_CACHE_DIR nor HOME is set".to_owned(),
        }));
    };
    match &options.command {
        CacheCommand::Ls => {
            let entries = cache.ls().map_err(CommandError::failed)?;
            let mut total = 0;
            for entry in &entries {
                total += entry.size;
                let digest = entry
                    .digest
                    .map_or_else(|| "?".to_owned(), |it| it.to_string());
                let tier = entry
                    .kind
                    .map_or_else(|| "?".to_owned(), |kind| kind.tier().to_string());
                let name = &entry.name;
                show!(
                    "{digest:.12}  {tier:<9}  {:>10}  {}",
                    format_size(entry.size),
                    shown(name),
                );
            }
            show!("{} entries, {}", entries.len(), format_size(total));
        }
        CacheCommand::Clean => {
            let cleaned = cache.clean().map_err(CommandError::failed)?;
            show!(
                "removed {} entries, {}",
                cleaned.entries,
                format_size(cleaned.bytes)
            );
        }
        CacheCommand::Compile {
            program,
            background,
        } => {
            if *background {
                // The lowest priority; a host that refuses it has its reasons.
                let _ = rustix::process::setpriority_process(None, 19);
            }
            let program = engine
                .open(program)
                .map_err(|error| run::not_runnable(&error))?;
            engine
                .optimise(&program)
                .map_err(|error| run::not_runnable(&error))?;
        }
    }
    Ok(0)
}

/// Optimises a program for the runs to come, in a process of its own that outlives this
/// one. It may fail: then the next run tries again.
pub(crate) fn optimise_in_background(program: &Path) {
    use std::os::unix::process::CommandExt;
    let Ok(own) = env::current_exe() else { return };
    // A group of its own: an interrupt typed for the program must not end it.
    let started = HostCommand::new(own)
        .args(["cache", "compile", "--background"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    drop(started);
}
