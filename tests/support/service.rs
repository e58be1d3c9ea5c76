//! `holm serve`, on a free port.

use std::ffi::OsStr;
use std::net::SocketAddr;

use rustix::process::Signal;

use super::http_client::{Reply, get};
use super::{Done, Running, guest, holm};

/// `holm serve`, listening.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
}

/// Serves a guest.
#[track_caller]
pub(crate) fn serve(options: &[&str], name: &str) -> Server {
    serve_at(options, guest(name))
}

/// Serves a file, or an app in a folder.
#[track_caller]
pub(crate) fn serve_at(options: &[&str], path: impl AsRef<OsStr>) -> Server {
    let mut running = holm(["serve", "--tier", "baseline", "--addr", "127.0.0.1:0"])
        .args(options)
        .arg(path)
        .start();
    let line = running.first_line();
    let address = line
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("{line:?} is not where it listens"));
    Server { running, address }
}

impl Server {
    pub(crate) fn get(&self, path: &str) -> Reply {
        get(self.address, path, "")
    }

    /// A request with a field of its own.
    pub(crate) fn get_with(&self, field: &str, value: &str) -> Reply {
        get(self.address, "/", &format!("{field}: {value}\r\n"))
    }

    /// Ends it as a supervisor would.
    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.running.signal(Signal::TERM);
        self.running.end().code(0)
    }
}
