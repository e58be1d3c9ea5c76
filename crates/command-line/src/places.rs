//! Where the files of a learned app lie, as its `holm.toml` names them.

use std::path::{Component, Path, PathBuf};

use holm_explain::learn::Places;
use holm_explain::text::shown;

use crate::host::Host;

/// Places as the `holm.toml` of a folder names them.
pub(crate) struct FromFolder<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) host: &'a dyn Host,
}

impl Places for FromFolder<'_> {
    fn directory(&self, host: &str) -> String {
        self.relative(Path::new(host))
            .to_string_lossy()
            .into_owned()
    }

    fn file(&self, host: &str) -> String {
        self.inside(Path::new(host))
    }
}

impl FromFolder<'_> {
    /// The path of a file that is part of an app. One that lies elsewhere has to be put into
    /// the folder, which the person is told.
    pub(crate) fn inside(&self, path: &Path) -> String {
        let relative = self.relative(path);
        let mut names = relative.components();
        if names.all(|name| matches!(name, Component::Normal(_) | Component::CurDir)) {
            return relative.to_string_lossy().into_owned();
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        note!(
            self.host,
            "holm: put a copy of {} into {}: an app has its files in its folder",
            shown(&path.display().to_string()),
            shown(&self.folder.display().to_string())
        );
        name
    }

    /// The path of a file relative to the folder where it lies below it, else absolute.
    fn relative(&self, path: &Path) -> PathBuf {
        let full = |path: &Path| {
            let canonical = self.host.canonical(path);
            canonical.or_else(|_| self.host.absolute(path))
        };
        let (Ok(path), Ok(folder)) = (full(path), full(self.folder)) else {
            return path.to_owned();
        };
        match path.strip_prefix(&folder) {
            Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from("."),
            Ok(rest) => rest.to_owned(),
            Err(_) => path,
        }
    }
}
