//! Small flag sets of the system calls, numbered as in WASI 0.1.

use core::fmt;

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($flag:ident = $bit:literal, $words:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name($repr);

        impl $name {
            $(#[doc = concat!($words, ".")] pub const $flag: $name = $name(1 << $bit);)*
            /// No flag.
            pub const NONE: $name = $name(0);

            /// The bits as WASI 0.1 numbers them.
            #[must_use]
            pub const fn bits(self) -> $repr {
                self.0
            }

            /// The set with these bits, or `None` when a bit means nothing.
            #[must_use]
            pub const fn from_bits(bits: $repr) -> Option<$name> {
                if bits & !(0 $(| 1 << $bit)*) == 0 { Some($name(bits)) } else { None }
            }

            /// Whether every flag of `other` is set.
            #[must_use]
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Both sets together.
            #[must_use]
            pub const fn union(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// This set without the flags of `other`.
            #[must_use]
            pub const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut first = true;
                $(if self.contains($name::$flag) {
                    if !first {
                        f.write_str("|")?;
                    }
                    first = false;
                    f.write_str(stringify!($flag))?;
                })*
                if first { f.write_str("0") } else { Ok(()) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

flags! {
    /// How a descriptor behaves (`fdflags`).
    FdFlags: u16 {
        APPEND = 0, "Writes go to the end of the file";
        DSYNC = 1, "Writes wait until the data is on stable storage";
        NONBLOCK = 2, "Calls answer `EAGAIN` rather than block";
        RSYNC = 3, "Reads wait for pending writes to the same data";
        SYNC = 4, "Writes wait until data and metadata are on stable storage";
    }
}

flags! {
    /// How a path is opened (`oflags`).
    OpenFlags: u16 {
        CREATE = 0, "Create the file when it does not exist";
        DIRECTORY = 1, "Fail when it is not a directory";
        EXCLUSIVE = 2, "Fail when it exists already";
        TRUNCATE = 3, "Cut the file to size 0";
    }
}

flags! {
    /// How the last component of a path is treated (`lookupflags`).
    LookupFlags: u32 {
        SYMLINK_FOLLOW = 0, "Follow it when it is a symbolic link";
    }
}

flags! {
    /// How a message is received (`riflags`).
    RecvFlags: u16 {
        PEEK = 0, "Leave the data in the socket";
        WAIT_ALL = 1, "Block until the whole buffer is filled";
    }
}

flags! {
    /// What is to be said of a received message (`roflags`).
    RecvStatus: u16 {
        TRUNCATED = 0, "The message was larger than the buffer";
    }
}

flags! {
    /// Which directions of a socket are shut down (`sdflags`).
    ShutdownFlags: u8 {
        READ = 0, "No more will be received";
        WRITE = 1, "No more will be sent";
    }
}
