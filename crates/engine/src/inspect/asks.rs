//! Which capabilities a program's imports allow it to ask for.

use super::{Ask, ImportInfo};

/// What the imports amount to, in the order of the imports.
pub(super) fn asks(imports: &[ImportInfo]) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for import in imports {
        let Some(capability) = capability(import) else {
            continue;
        };
        let name = import.name.clone();
        match asks.iter_mut().find(|ask| ask.capability == capability) {
            Some(ask) => ask.imports.push(name),
            None => asks.push(Ask {
                capability: capability.to_owned(),
                imports: vec![name],
            }),
        }
    }
    asks
}

fn capability(import: &ImportInfo) -> Option<&'static str> {
    match import.module.as_str() {
        "wasi_snapshot_preview1" | "wasi_unstable" => Some(preview1(&import.name)),
        "wasi" if import.name == "thread-spawn" => Some("threads"),
        "host_process" => Some("processes"),
        "host_user" => Some("user names"),
        "host_fs" => Some("files"),
        "host_net" => Some("network"),
        "host_tty" => Some("terminal"),
        "" => component(&import.name),
        _ if import.kind == "memory" => None,
        _ => Some("something that WASI does not have"),
    }
}

/// Preview 1 has one read and one write for files, pipes and sockets: what they can reach is
/// decided by what is open.
fn preview1(name: &str) -> &'static str {
    match name {
        "args_get" | "args_sizes_get" => "arguments",
        "environ_get" | "environ_sizes_get" => "environment",
        "clock_res_get" | "clock_time_get" => "clocks",
        "random_get" => "randomness",
        "poll_oneoff" => "waiting",
        "proc_exit" | "proc_raise" | "sched_yield" => "ending itself",
        "sock_accept" | "sock_recv" | "sock_send" | "sock_shutdown" => "sockets it was given",
        "fd_read"
        | "fd_write"
        | "fd_close"
        | "fd_fdstat_get"
        | "fd_fdstat_set_flags"
        | "fd_seek"
        | "fd_tell"
        | "fd_renumber" => "open files and standard streams",
        name if name.starts_with("fd_") || name.starts_with("path_") => "files and folders",
        _ => "something that WASI does not have",
    }
}

fn component(name: &str) -> Option<&'static str> {
    let Some(interface) = name.strip_prefix("wasi:") else {
        return name.contains(':').then_some("an interface outside WASI");
    };
    let interface = interface.split('@').next().unwrap_or(interface);
    Some(match interface {
        "cli/environment" => "arguments and environment",
        "cli/stdin" | "cli/stdout" | "cli/stderr" => "standard streams",
        "cli/exit" => "ending itself",
        _ if interface.starts_with("cli/terminal") => "terminal",
        _ if interface.starts_with("clocks/") => "clocks",
        _ if interface.starts_with("filesystem/") => "files and folders",
        _ if interface.starts_with("http/") => "HTTP",
        "io/error" | "io/streams" => "streams",
        "io/poll" => "waiting",
        _ if interface.starts_with("random/") => "randomness",
        _ if interface.starts_with("sockets/") => "sockets",
        _ => "another WASI interface",
    })
}
