//! Linking: what of its imports a component is given, and what nobody provides.

use wasmtime::component::{Component, HasSelf, InstancePre, Linker, types::ComponentItem};

use crate::State;
use crate::bindings::p2::wasi;
use crate::bindings::p3;
use crate::p2::io;

mod mismatch;
mod nearest;
mod provided;
#[cfg(test)]
mod tests;

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It wants an interface that nobody provides.
    #[error("the component imports `{name}`, which nobody provides{nearest}{}", match others {
        0 => String::new(),
        1 => " (nor one other of its imports)".to_owned(),
        others => format!(" (nor {others} other of its imports)"),
    })]
    Unknown {
        /// The import.
        name: String,
        /// What to make of it: the nearest one that exists.
        nearest: String,
        /// How many other imports are unknown.
        others: usize,
    },
    /// An interface lacks a function that the component wants of it.
    #[error(
        "the component imports `{function}` of `{import}`, which `{}` {provided} does not have\n  \
         the component wants: {wanted}\n{advice}",
        import.split('@').next().unwrap_or_default()
    )]
    UnknownFunction {
        /// The interface.
        import: String,
        /// The function, as components name it.
        function: String,
        /// The function in WIT, as the component has it.
        wanted: String,
        /// The version of the interface that is provided.
        provided: String,
        /// What to do.
        advice: String,
    },
    /// A function is of another type than the component has it.
    #[error(
        "the component imports `{function}` of `{import}` with another type\n  \
         the component wants: {wanted}\n  Holm has ({version}): {provided}\n\
         Build the component with the WIT of WASI {version}"
    )]
    FunctionType {
        /// The interface.
        import: String,
        /// The function, as components name it.
        function: String,
        /// The function in WIT, as the component has it.
        wanted: String,
        /// The function in WIT, as it is provided.
        provided: String,
        /// The version of the interface that is provided.
        version: String,
    },
    /// An interface exists in another shape.
    #[error("the component does not fit what it imports: {0:#}")]
    Mismatch(wasmtime::Error),
}

/// How functions that wait do so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The guest's thread sleeps.
    Thread,
    /// The guest is suspended, and its thread can run another.
    Suspended,
}

/// Adds an interface to a linker.
type Add = fn(&mut Linker<State>, Waiting) -> wasmtime::Result<()>;

macro_rules! interfaces {
    ($(#[$about:meta])* $table:ident: $($name:literal => $add:expr;)*) => {
        $(#[$about])*
        const $table: &[(&str, Add)] = &[$(($name, $add)),*];
    };
}

interfaces! {
    /// Every interface of 0.2, without its version, and how it is added.
    P2:
    "wasi:io/error" => |linker, _| wasi::io::error::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:io/poll" => |linker, waiting| io::link_poll(linker, waiting == Waiting::Suspended);
    "wasi:io/streams" => |linker, waiting| io::link_streams(linker, waiting == Waiting::Suspended);
    "wasi:clocks/monotonic-clock" => |linker, _| wasi::clocks::monotonic_clock::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:clocks/wall-clock" => |linker, _| wasi::clocks::wall_clock::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/random" => |linker, _| wasi::random::random::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/insecure" => |linker, _| wasi::random::insecure::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/insecure-seed" => |linker, _| wasi::random::insecure_seed::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:filesystem/types" => |linker, _| wasi::filesystem::types::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:filesystem/preopens" => |linker, _| wasi::filesystem::preopens::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/environment" => |linker, _| wasi::cli::environment::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/exit" => |linker, _| wasi::cli::exit::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stdin" => |linker, _| wasi::cli::stdin::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stdout" => |linker, _| wasi::cli::stdout::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stderr" => |linker, _| wasi::cli::stderr::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-input" => |linker, _| wasi::cli::terminal_input::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-output" => |linker, _| wasi::cli::terminal_output::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stdin" => |linker, _| wasi::cli::terminal_stdin::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stdout" => |linker, _| wasi::cli::terminal_stdout::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stderr" => |linker, _| wasi::cli::terminal_stderr::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:http/types" => |linker, _| wasi::http::types::add_to_linker::<_, HasSelf<State>>(linker, &wasi::http::types::LinkOptions::default(), |s| s);
    "wasi:http/outgoing-handler" => |linker, _| wasi::http::outgoing_handler::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/network" => |linker, _| wasi::sockets::network::add_to_linker::<_, HasSelf<State>>(linker, wasi::sockets::network::LinkOptions::default().network_error_code(true), |s| s);
    "wasi:sockets/instance-network" => |linker, _| wasi::sockets::instance_network::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/tcp" => |linker, _| wasi::sockets::tcp::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/tcp-create-socket" => |linker, _| wasi::sockets::tcp_create_socket::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/udp" => |linker, _| wasi::sockets::udp::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/udp-create-socket" => |linker, _| wasi::sockets::udp_create_socket::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/ip-name-lookup" => |linker, _| wasi::sockets::ip_name_lookup::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
}

interfaces! {
    /// Every interface of 0.3. Whoever imports one is suspended when it waits.
    P3:
    "wasi:sockets/types" => |linker, _| p3::wasi::sockets::types::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:sockets/ip-name-lookup" => |linker, _| p3::wasi::sockets::ip_name_lookup::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:clocks/types" => |linker, _| p3::wasi::clocks::types::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:clocks/monotonic-clock" => |linker, _| p3::wasi::clocks::monotonic_clock::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:clocks/system-clock" => |linker, _| p3::wasi::clocks::system_clock::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/random" => |linker, _| p3::wasi::random::random::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/insecure" => |linker, _| p3::wasi::random::insecure::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:random/insecure-seed" => |linker, _| p3::wasi::random::insecure_seed::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:http/types" => |linker, _| crate::http::concurrent::link_types(linker);
    "wasi:http/client" => |linker, _| crate::http::concurrent::link_client(linker);
    "wasi:filesystem/types" => |linker, _| p3::wasi::filesystem::types::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:filesystem/preopens" => |linker, _| p3::wasi::filesystem::preopens::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/environment" => |linker, _| p3::wasi::cli::environment::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/exit" => |linker, _| p3::wasi::cli::exit::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/types" => |linker, _| p3::wasi::cli::types::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stdin" => |linker, _| p3::wasi::cli::stdin::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stdout" => |linker, _| p3::wasi::cli::stdout::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/stderr" => |linker, _| p3::wasi::cli::stderr::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-input" => |linker, _| p3::wasi::cli::terminal_input::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-output" => |linker, _| p3::wasi::cli::terminal_output::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stdin" => |linker, _| p3::wasi::cli::terminal_stdin::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stdout" => |linker, _| p3::wasi::cli::terminal_stdout::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
    "wasi:cli/terminal-stderr" => |linker, _| p3::wasi::cli::terminal_stderr::add_to_linker::<_, HasSelf<State>>(linker, |s| s);
}

/// Gives `linker` what `component` imports of WASI. Imports that the linker has already are
/// left alone: an embedder may have provided them.
///
/// # Errors
///
/// [`LinkError`] that names the first import which nobody provides.
pub fn link(
    linker: &mut Linker<State>,
    component: &Component,
    waiting: Waiting,
    provided: &[&str],
) -> Result<(), LinkError> {
    let engine = component.engine();
    let kind = component.component_type();
    let mut unknown = Vec::new();
    for (name, item) in kind.imports(engine) {
        if provided.contains(&name) {
            continue;
        }
        // A type alone needs no provider.
        if matches!(item.ty, ComponentItem::Type(_)) {
            continue;
        }
        match find(name) {
            Some(add) => add(linker, waiting).map_err(LinkError::Mismatch)?,
            None => unknown.push(name.to_owned()),
        }
    }
    match unknown.first() {
        None => Ok(()),
        Some(name) => Err(LinkError::Unknown {
            nearest: nearest::nearest(name),
            name: name.clone(),
            others: unknown.len() - 1,
        }),
    }
}

/// Checks that what a component imports has the types of what `linker` was given.
///
/// # Errors
///
/// [`LinkError`] that names what does not fit.
pub fn check(
    linker: &Linker<State>,
    component: &Component,
) -> Result<InstancePre<State>, LinkError> {
    linker
        .instantiate_pre(component)
        .map_err(|error| mismatch::explain(component, error))
}

fn find(name: &str) -> Option<Add> {
    let (interface, version) = name.rsplit_once('@')?;
    // What came before a release, `0.2.0-rc-2023-11-10`, is something else.
    if version.contains('-') {
        return None;
    }
    let table = if version.starts_with("0.2.") {
        P2
    } else if version.starts_with("0.3.") {
        P3
    } else {
        return None;
    };
    let found = table.iter().find(|(known, _)| *known == interface)?;
    Some(found.1)
}
