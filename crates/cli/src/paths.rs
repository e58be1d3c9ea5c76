//! Where Holm keeps its own files.

use std::env;
use std::path::PathBuf;

/// Where compiled code is kept: `$HOLM_CACHE_DIR`, else `holm` in the user's cache folder;
/// `None` when there is no home.
pub(crate) fn cache() -> Option<PathBuf> {
    folder(
        "HOLM_CACHE_DIR",
        "XDG_CACHE_HOME",
        if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        },
    )
}

/// Where remembered answers are kept: `$HOLM_STATE_DIR`, else `holm` in the user's state
/// folder.
pub(crate) fn state() -> Option<PathBuf> {
    folder(
        "HOLM_STATE_DIR",
        "XDG_STATE_HOME",
        if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/state"
        },
    )
}

fn folder(own: &str, standard: &str, below_home: &str) -> Option<PathBuf> {
    let variable = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = variable(own) {
        return Some(folder);
    }
    // The XDG specification wants relative paths ignored.
    let base = variable(standard)
        .filter(|folder| folder.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(below_home)))?;
    Some(base.join("holm"))
}
