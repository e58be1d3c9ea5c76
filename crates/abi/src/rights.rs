//! What may be done through a descriptor: a set that only shrinks.

use core::fmt;
use core::ops::{BitAnd, BitOr};

/// A set of operations on a descriptor (`rights` of WASI 0.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights(u64);

macro_rules! rights {
    ($($name:ident = $bit:literal, $words:literal;)*) => {
        impl Rights {
            $(#[doc = concat!("May ", $words, ".")] pub const $name: Rights = Rights(1 << $bit);)*
            /// Every right there is.
            pub const ALL: Rights = Rights(0 $(| 1 << $bit)*);
            const NAMES: &'static [(Rights, &'static str)] = &[$((Rights::$name, stringify!($name))),*];
        }
    };
}

rights! {
    FD_DATASYNC = 0, "synchronise the data of a file";
    FD_READ = 1, "read";
    FD_SEEK = 2, "move the offset";
    FD_FDSTAT_SET_FLAGS = 3, "change the descriptor's flags";
    FD_SYNC = 4, "synchronise a file";
    FD_TELL = 5, "ask for the offset";
    FD_WRITE = 6, "write";
    FD_ADVISE = 7, "advise on use of a file";
    FD_ALLOCATE = 8, "reserve space for a file";
    PATH_CREATE_DIRECTORY = 9, "create a directory";
    PATH_CREATE_FILE = 10, "create a file by opening";
    PATH_LINK_SOURCE = 11, "be the source of a hard link";
    PATH_LINK_TARGET = 12, "be the target of a hard link";
    PATH_OPEN = 13, "open beneath";
    FD_READDIR = 14, "list a directory";
    PATH_READLINK = 15, "read a symbolic link";
    PATH_RENAME_SOURCE = 16, "be the source of a rename";
    PATH_RENAME_TARGET = 17, "be the target of a rename";
    PATH_FILESTAT_GET = 18, "stat beneath";
    PATH_FILESTAT_SET_SIZE = 19, "truncate by opening";
    PATH_FILESTAT_SET_TIMES = 20, "set times beneath";
    FD_FILESTAT_GET = 21, "stat";
    FD_FILESTAT_SET_SIZE = 22, "set the size";
    FD_FILESTAT_SET_TIMES = 23, "set the times";
    PATH_SYMLINK = 24, "create a symbolic link";
    PATH_REMOVE_DIRECTORY = 25, "remove a directory";
    PATH_UNLINK_FILE = 26, "unlink a file";
    POLL_FD_READWRITE = 27, "be polled";
    SOCK_SHUTDOWN = 28, "shut a socket down";
    SOCK_ACCEPT = 29, "accept a connection";
}

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);

    /// What would change a file, a directory or what is beneath it: never held on a
    /// read-only mount.
    pub const CHANGES: Rights = Rights(
        Rights::FD_WRITE.0
            | Rights::FD_ALLOCATE.0
            | Rights::FD_FILESTAT_SET_SIZE.0
            | Rights::FD_FILESTAT_SET_TIMES.0,
    );

    /// What can apply to an open file that is not a directory.
    pub const FILE: Rights = Rights(
        Rights::FD_DATASYNC.0
            | Rights::FD_READ.0
            | Rights::FD_SEEK.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_SYNC.0
            | Rights::FD_TELL.0
            | Rights::FD_WRITE.0
            | Rights::FD_ADVISE.0
            | Rights::FD_ALLOCATE.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::FD_FILESTAT_SET_SIZE.0
            | Rights::FD_FILESTAT_SET_TIMES.0
            | Rights::POLL_FD_READWRITE.0,
    );

    /// What can apply to a stream: a pipe, a terminal, a device.
    pub const STREAM: Rights = Rights(
        Rights::FD_READ.0
            | Rights::FD_WRITE.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::FD_SYNC.0
            | Rights::FD_DATASYNC.0
            | Rights::POLL_FD_READWRITE.0,
    );

    /// What can apply to a device that is no terminal: it can be asked for an offset, always 0.
    pub const DEVICE: Rights = Rights(Rights::STREAM.0 | Rights::FD_SEEK.0 | Rights::FD_TELL.0);

    /// What can apply to a connected socket.
    pub const SOCKET: Rights = Rights(Rights::STREAM.0 | Rights::SOCK_SHUTDOWN.0);

    /// What can apply to a socket that a process makes: it may come to listen or to connect.
    pub const NETWORK: Rights = Rights(Rights::SOCKET.0 | Rights::SOCK_ACCEPT.0);

    /// What can apply to a listening socket.
    pub const LISTENER: Rights = Rights(
        Rights::SOCK_ACCEPT.0
            | Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::POLL_FD_READWRITE.0,
    );

    /// What can apply to an open directory.
    pub const DIRECTORY: Rights = Rights(
        Rights::FD_FDSTAT_SET_FLAGS.0
            | Rights::FD_SYNC.0
            | Rights::FD_DATASYNC.0
            | Rights::FD_ADVISE.0
            | Rights::PATH_CREATE_DIRECTORY.0
            | Rights::PATH_CREATE_FILE.0
            | Rights::PATH_LINK_SOURCE.0
            | Rights::PATH_LINK_TARGET.0
            | Rights::PATH_OPEN.0
            | Rights::FD_READDIR.0
            | Rights::PATH_READLINK.0
            | Rights::PATH_RENAME_SOURCE.0
            | Rights::PATH_RENAME_TARGET.0
            | Rights::PATH_FILESTAT_GET.0
            | Rights::PATH_FILESTAT_SET_SIZE.0
            | Rights::PATH_FILESTAT_SET_TIMES.0
            | Rights::FD_FILESTAT_GET.0
            | Rights::FD_FILESTAT_SET_TIMES.0
            | Rights::PATH_SYMLINK.0
            | Rights::PATH_REMOVE_DIRECTORY.0
            | Rights::PATH_UNLINK_FILE.0,
    );

    /// The bits as WASI 0.1 numbers them.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set with these bits, or `None` when a bit means nothing.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Rights> {
        if bits & !Rights::ALL.0 == 0 {
            Some(Rights(bits))
        } else {
            None
        }
    }

    /// The set with those of these bits that mean something.
    #[must_use]
    pub const fn from_bits_truncate(bits: u64) -> Rights {
        Rights(bits & Rights::ALL.0)
    }

    /// Whether every right of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the two sets share a right.
    #[must_use]
    pub const fn intersects(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }

    /// This set without the rights of `other`.
    #[must_use]
    pub const fn without(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }
}

impl BitAnd for Rights {
    type Output = Rights;
    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl BitOr for Rights {
    type Output = Rights;
    fn bitor(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Rights::NONE {
            return f.write_str("0");
        }
        if *self == Rights::ALL {
            return f.write_str("ALL");
        }
        let mut first = true;
        for (right, name) in Rights::NAMES {
            if self.contains(*right) {
                if !first {
                    f.write_str("|")?;
                }
                first = false;
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Rights;

    #[test]
    fn bits_are_those_of_the_standard() {
        assert_eq!(Rights::FD_DATASYNC.bits(), 1);
        assert_eq!(Rights::PATH_OPEN.bits(), 1 << 13);
        assert_eq!(Rights::SOCK_ACCEPT.bits(), 1 << 29);
        assert_eq!(Rights::ALL.bits(), (1 << 30) - 1);
        assert_eq!(Rights::from_bits(1 << 30), None);
    }

    #[test]
    fn display_names_each_right() {
        let set = Rights::FD_READ | Rights::FD_WRITE;
        assert_eq!(set.to_string(), "FD_READ|FD_WRITE");
        assert_eq!(set.without(Rights::FD_WRITE), Rights::FD_READ);
    }
}
