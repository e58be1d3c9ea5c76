//! Where Holm keeps its own files.

use std::path::PathBuf;

use crate::host::Host;

/// Where compiled code is kept: `$HOLM_CACHE_DIR`, else `holm` in the user's cache folder;
/// `None` when there is no home.
pub fn cache(host: &dyn Host) -> Option<PathBuf> {
    let below_home = if host.is_macos() {
        "Library/Caches"
    } else {
        ".cache"
    };
    folder(host, "HOLM_CACHE_DIR", "XDG_CACHE_HOME", below_home)
}

/// Where remembered answers are kept: `$HOLM_STATE_DIR`, else `holm` in the user's state
/// folder; `None` when there is no home.
pub fn state(host: &dyn Host) -> Option<PathBuf> {
    let below_home = if host.is_macos() {
        "Library/Application Support"
    } else {
        ".local/state"
    };
    folder(host, "HOLM_STATE_DIR", "XDG_STATE_HOME", below_home)
}

fn folder(host: &dyn Host, own: &str, standard: &str, below_home: &str) -> Option<PathBuf> {
    let variable = |name: &str| {
        host.variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = variable(own) {
        return Some(folder);
    }
    // The XDG specification wants relative paths ignored. `is_absolute` would ask the target
    // that this is built for, and wasm32 has no absolute paths.
    let base = variable(standard)
        .filter(|folder| folder.has_root())
        .or_else(|| variable("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("holm"))
}
