//! Where a mount appears to the program: a normalised guest path.

use core::fmt;

use thiserror::Error;

use crate::grant::shown;

/// The longest guest path, in bytes: what a WASI program can name in one call on every host.
pub const GUEST_PATH_BYTES_MAX: usize = 4096;

/// A guest path: absolute (`/data`), relative (`data`, `../data`) or `.`.
///
/// Relative forms exist because `--dir DIR` gives the program the same name that the person
/// typed, as in wasmtime. Normalised: no empty and no `.` components, no trailing slash, no
/// `..` except at the start of a relative path, where it is part of the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(String);

/// Why a guest path was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuestPathError {
    /// The path is empty.
    #[error("the path that the program sees is empty; write . for its working directory")]
    Empty,
    /// The path holds a NUL byte, which no path may.
    #[error("the path that the program sees holds a NUL byte")]
    Nul,
    /// The path is over [`GUEST_PATH_BYTES_MAX`] bytes, or one of its names over 255.
    #[error(
        "the path that the program sees is too long: a path has at most 4096 bytes, a name 255"
    )]
    TooLong,
    /// `..` in an absolute path, or after a name.
    #[error("`{}` goes up with `..`; write the path without it", shown(path))]
    Parent {
        /// The path as written.
        path: String,
    },
}

impl GuestPath {
    /// Checks and normalises a guest path.
    ///
    /// # Errors
    ///
    /// [`GuestPathError`] for an empty path, a NUL byte, an over-long path or a `..` that is
    /// not at the start of a relative path.
    pub fn new(path: &str) -> Result<Self, GuestPathError> {
        if path.is_empty() {
            return Err(GuestPathError::Empty);
        }
        if path.contains('\0') {
            return Err(GuestPathError::Nul);
        }
        if path.len() > GUEST_PATH_BYTES_MAX || path.split('/').any(|name| name.len() > 255) {
            return Err(GuestPathError::TooLong);
        }
        let absolute = path.starts_with('/');
        let mut names: Vec<&str> = Vec::new();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." if absolute || names.iter().any(|earlier| *earlier != "..") => {
                    return Err(GuestPathError::Parent {
                        path: path.to_owned(),
                    });
                }
                name => names.push(name),
            }
        }
        let joined = names.join("/");
        Ok(Self(match (absolute, joined.is_empty()) {
            (true, _) => format!("/{joined}"),
            (false, true) => ".".to_owned(),
            (false, false) => joined,
        }))
    }

    /// The normalised path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two paths share when they are one place for a program: wasi-libc drops a leading
    /// `/` or `./` before it looks for a preopened directory, so `/data` and `data` are one,
    /// and so are `/` and `.`.
    #[must_use]
    pub fn place(&self) -> &str {
        match self.0.as_str() {
            "." => "",
            path => path.strip_prefix('/').unwrap_or(path),
        }
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{GuestPath, GuestPathError};

    #[test]
    fn paths_are_normalised() {
        let cases = [
            ("/", "/", ""),
            (".", ".", ""),
            ("./", ".", ""),
            ("//data///in/", "/data/in", "data/in"),
            ("./data/./in", "data/in", "data/in"),
            ("../data", "../data", "../data"),
            ("../../x/", "../../x", "../../x"),
            ("C:\\data", "C:\\data", "C:\\data"),
        ];
        for (written, path, place) in cases {
            let guest = GuestPath::new(written).expect(written);
            assert_eq!((guest.as_str(), guest.place()), (path, place), "{written}");
            assert_eq!(GuestPath::new(guest.as_str()), Ok(guest), "{written}");
        }
    }

    #[test]
    fn bad_paths_are_refused() {
        assert_eq!(GuestPath::new(""), Err(GuestPathError::Empty));
        assert_eq!(GuestPath::new("/a\0b"), Err(GuestPathError::Nul));
        for path in ["/..", "/a/../b", "a/..", "../a/../b"] {
            let refused = Err(GuestPathError::Parent { path: path.into() });
            assert_eq!(GuestPath::new(path), refused);
        }
        let long_name = format!("/{}", "n".repeat(256));
        assert_eq!(GuestPath::new(&long_name), Err(GuestPathError::TooLong));
        let long_path = "/name".repeat(1000);
        assert_eq!(GuestPath::new(&long_path), Err(GuestPathError::TooLong));
    }
}
