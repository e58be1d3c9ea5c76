//! Errors of a Unix system by their names, for hosts that get names and no words.

use std::io::{Error, ErrorKind};

use ErrorKind::{
    AddrInUse, AddrNotAvailable, AlreadyExists, InvalidInput, IsADirectory, NotADirectory,
    NotFound, Other, PermissionDenied, ReadOnlyFilesystem, StorageFull,
};

/// Name, kind and the words of Linux's C library, which native errors show.
const KNOWN: &[(&str, ErrorKind, &str)] = &[
    ("EACCES", PermissionDenied, "Permission denied"),
    ("EADDRINUSE", AddrInUse, "Address already in use"),
    (
        "EADDRNOTAVAIL",
        AddrNotAvailable,
        "Cannot assign requested address",
    ),
    ("EEXIST", AlreadyExists, "File exists"),
    ("EINVAL", InvalidInput, "Invalid argument"),
    ("EIO", Other, "Input/output error"),
    ("EISDIR", IsADirectory, "Is a directory"),
    ("ELOOP", Other, "Too many levels of symbolic links"),
    ("EMFILE", Other, "Too many open files"),
    ("ENAMETOOLONG", Other, "File name too long"),
    ("ENFILE", Other, "Too many open files in system"),
    ("ENOENT", NotFound, "No such file or directory"),
    ("ENOSPC", StorageFull, "No space left on device"),
    ("ENOTDIR", NotADirectory, "Not a directory"),
    ("EPERM", PermissionDenied, "Operation not permitted"),
    ("EROFS", ReadOnlyFilesystem, "Read-only file system"),
    ("ETXTBSY", Other, "Text file busy"),
];

/// The error that a Unix system calls `name` (`ENOENT`) and numbers `number`, in the words of a
/// native [`Error`]; one without a place here keeps its name for words.
#[must_use]
pub fn system_error(name: &str, number: i32) -> Error {
    let known = KNOWN.iter().find(|(known, _, _)| *known == name);
    let (kind, words) = known.map_or((Other, name), |(_, kind, words)| (*kind, *words));
    Error::new(kind, format!("{words} (os error {number})"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Error;

    use super::{KNOWN, system_error};

    #[test]
    fn the_words_are_those_of_native_errors() {
        let numbers = [
            13, 98, 99, 17, 22, 5, 21, 40, 24, 36, 23, 2, 28, 20, 1, 30, 26,
        ];
        assert_eq!(numbers.len(), KNOWN.len());
        for ((name, kind, _), number) in KNOWN.iter().zip(numbers) {
            let native = Error::from_raw_os_error(number);
            let ours = system_error(name, number);
            assert_eq!(ours.to_string(), native.to_string(), "{name}");
            // Some kinds have no stable name.
            if *kind != std::io::ErrorKind::Other {
                assert_eq!(ours.kind(), native.kind(), "{name}");
            }
        }
        assert_eq!(system_error("EODD", 7).to_string(), "EODD (os error 7)");
    }
}
