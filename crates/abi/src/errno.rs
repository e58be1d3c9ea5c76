//! Why a system call failed: the closed set of errno values that guests see.

use core::fmt;

macro_rules! errnos {
    ($($variant:ident = $number:literal, $name:literal, $words:literal;)*) => {
        /// Why a system call failed; the numbers are those of WASI 0.1 (`errno` in
        /// `typenames.witx`). Success is not an errno here: it is `Ok`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = concat!("`E", $name, "`: ", $words, ".")] $variant = $number,)*
        }

        impl Errno {
            /// Every errno, in numeric order from 1.
            pub const ALL: &'static [Errno] = &[$(Errno::$variant),*];

            /// The POSIX name with its `E`: `"ENOENT"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Errno::$variant => concat!("E", $name),)* }
            }

            /// What the errno means, in words without a final stop.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Errno::$variant => $words,)* }
            }
        }
    };
}

errnos! {
    TooBig = 1, "2BIG", "argument list too long";
    Access = 2, "ACCES", "permission denied";
    AddressInUse = 3, "ADDRINUSE", "address in use";
    AddressNotAvailable = 4, "ADDRNOTAVAIL", "address not available";
    AddressFamily = 5, "AFNOSUPPORT", "address family not supported";
    Again = 6, "AGAIN", "resource unavailable, try again";
    Already = 7, "ALREADY", "connection already in progress";
    BadFd = 8, "BADF", "bad file descriptor";
    BadMessage = 9, "BADMSG", "bad message";
    Busy = 10, "BUSY", "device or resource busy";
    Canceled = 11, "CANCELED", "operation canceled";
    Child = 12, "CHILD", "no child processes";
    ConnectionAborted = 13, "CONNABORTED", "connection aborted";
    ConnectionRefused = 14, "CONNREFUSED", "connection refused";
    ConnectionReset = 15, "CONNRESET", "connection reset";
    Deadlock = 16, "DEADLK", "resource deadlock would occur";
    DestinationRequired = 17, "DESTADDRREQ", "destination address required";
    Domain = 18, "DOM", "mathematics argument out of domain of function";
    Quota = 19, "DQUOT", "disk quota exceeded";
    Exist = 20, "EXIST", "file exists";
    Fault = 21, "FAULT", "bad address";
    FileTooBig = 22, "FBIG", "file too large";
    HostUnreachable = 23, "HOSTUNREACH", "host is unreachable";
    IdRemoved = 24, "IDRM", "identifier removed";
    IllegalSequence = 25, "ILSEQ", "illegal byte sequence";
    InProgress = 26, "INPROGRESS", "operation in progress";
    Interrupted = 27, "INTR", "interrupted function";
    Invalid = 28, "INVAL", "invalid argument";
    Io = 29, "IO", "input/output error";
    IsConnected = 30, "ISCONN", "socket is connected";
    IsDirectory = 31, "ISDIR", "is a directory";
    Loop = 32, "LOOP", "too many levels of symbolic links";
    TooManyFds = 33, "MFILE", "too many open files";
    TooManyLinks = 34, "MLINK", "too many links";
    MessageSize = 35, "MSGSIZE", "message too large";
    Multihop = 36, "MULTIHOP", "multihop attempted";
    NameTooLong = 37, "NAMETOOLONG", "file name too long";
    NetworkDown = 38, "NETDOWN", "network is down";
    NetworkReset = 39, "NETRESET", "connection aborted by network";
    NetworkUnreachable = 40, "NETUNREACH", "network unreachable";
    TooManyFilesInSystem = 41, "NFILE", "too many files open in system";
    NoBufferSpace = 42, "NOBUFS", "no buffer space available";
    NoDevice = 43, "NODEV", "no such device";
    NoEntry = 44, "NOENT", "no such file or directory";
    NotExecutable = 45, "NOEXEC", "executable file format error";
    NoLocks = 46, "NOLCK", "no locks available";
    NoLink = 47, "NOLINK", "link severed";
    NoMemory = 48, "NOMEM", "not enough space";
    NoMessage = 49, "NOMSG", "no message of the desired type";
    NoProtocolOption = 50, "NOPROTOOPT", "protocol not available";
    NoSpace = 51, "NOSPC", "no space left on device";
    NotImplemented = 52, "NOSYS", "function not supported";
    NotConnected = 53, "NOTCONN", "the socket is not connected";
    NotDirectory = 54, "NOTDIR", "not a directory";
    NotEmpty = 55, "NOTEMPTY", "directory not empty";
    NotRecoverable = 56, "NOTRECOVERABLE", "state not recoverable";
    NotSocket = 57, "NOTSOCK", "not a socket";
    NotSupported = 58, "NOTSUP", "not supported";
    NotTerminal = 59, "NOTTY", "inappropriate I/O control operation";
    NoSuchDevice = 60, "NXIO", "no such device or address";
    Overflow = 61, "OVERFLOW", "value too large to be stored in data type";
    OwnerDead = 62, "OWNERDEAD", "previous owner died";
    NotPermitted = 63, "PERM", "operation not permitted";
    BrokenPipe = 64, "PIPE", "broken pipe";
    Protocol = 65, "PROTO", "protocol error";
    ProtocolNotSupported = 66, "PROTONOSUPPORT", "protocol not supported";
    ProtocolType = 67, "PROTOTYPE", "protocol wrong type for socket";
    Range = 68, "RANGE", "result too large";
    ReadOnly = 69, "ROFS", "read-only file system";
    NotSeekable = 70, "SPIPE", "invalid seek";
    NoProcess = 71, "SRCH", "no such process";
    Stale = 72, "STALE", "stale file handle";
    TimedOut = 73, "TIMEDOUT", "connection timed out";
    TextBusy = 74, "TXTBSY", "text file busy";
    CrossDevice = 75, "XDEV", "cross-device link";
    NotCapable = 76, "NOTCAPABLE", "capabilities insufficient";
}

impl Errno {
    /// The number that a WASI 0.1 guest receives.
    #[must_use]
    pub const fn raw(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words(), self.name())
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn numbers_are_dense_from_one() {
        for (index, errno) in Errno::ALL.iter().enumerate() {
            assert_eq!(usize::from(errno.raw()), index + 1, "{}", errno.name());
        }
        assert_eq!(Errno::NotCapable.raw(), 76);
    }
}
