//! Errno values of the host, as the guest sees them.

use holm_abi::Errno;
use rustix::io::Errno as Host;

/// The guest's errno for one of the host's. What has no twin in WASI 0.1 is the nearest
/// that has the same remedy, else `EIO`.
#[must_use]
pub fn from_host(host: Host) -> Errno {
    // A few constants share a number on some hosts (`EAGAIN` and `EWOULDBLOCK` everywhere,
    // `EDEADLK` and `EDEADLOCK`, `ENOTSUP` and `EOPNOTSUPP` on Linux): the table is
    // searched in order, so a pair may stand in it twice.
    TABLE
        .iter()
        .find(|(number, _)| *number == host)
        .or_else(|| platform::TABLE.iter().find(|(number, _)| *number == host))
        .map_or(Errno::Io, |(_, errno)| *errno)
}

/// In rough order of how often they are met.
const TABLE: &[(Host, Errno)] = &[
    (Host::NOENT, Errno::NoEntry),
    (Host::EXIST, Errno::Exist),
    (Host::AGAIN, Errno::Again),
    (Host::WOULDBLOCK, Errno::Again),
    (Host::NOTDIR, Errno::NotDirectory),
    (Host::ISDIR, Errno::IsDirectory),
    (Host::LOOP, Errno::Loop),
    (Host::ACCESS, Errno::Access),
    (Host::PERM, Errno::NotPermitted),
    (Host::INVAL, Errno::Invalid),
    (Host::NOTEMPTY, Errno::NotEmpty),
    (Host::INTR, Errno::Interrupted),
    (Host::PIPE, Errno::BrokenPipe),
    (Host::BADF, Errno::BadFd),
    (Host::IO, Errno::Io),
    (Host::NOSPC, Errno::NoSpace),
    (Host::DQUOT, Errno::Quota),
    (Host::ROFS, Errno::ReadOnly),
    (Host::XDEV, Errno::CrossDevice),
    (Host::NAMETOOLONG, Errno::NameTooLong),
    (Host::MLINK, Errno::TooManyLinks),
    (Host::MFILE, Errno::TooManyFds),
    (Host::NFILE, Errno::TooManyFilesInSystem),
    (Host::NOMEM, Errno::NoMemory),
    (Host::SPIPE, Errno::NotSeekable),
    (Host::FBIG, Errno::FileTooBig),
    (Host::TXTBSY, Errno::TextBusy),
    (Host::BUSY, Errno::Busy),
    (Host::NOTSUP, Errno::NotSupported),
    (Host::OPNOTSUPP, Errno::NotSupported),
    (Host::NOSYS, Errno::NotImplemented),
    (Host::OVERFLOW, Errno::Overflow),
    (Host::STALE, Errno::Stale),
    (Host::TOOBIG, Errno::TooBig),
    (Host::ADDRINUSE, Errno::AddressInUse),
    (Host::ADDRNOTAVAIL, Errno::AddressNotAvailable),
    (Host::AFNOSUPPORT, Errno::AddressFamily),
    (Host::PFNOSUPPORT, Errno::AddressFamily),
    (Host::ALREADY, Errno::Already),
    (Host::BADMSG, Errno::BadMessage),
    (Host::CANCELED, Errno::Canceled),
    (Host::CHILD, Errno::Child),
    (Host::CONNABORTED, Errno::ConnectionAborted),
    (Host::CONNREFUSED, Errno::ConnectionRefused),
    (Host::CONNRESET, Errno::ConnectionReset),
    (Host::DEADLK, Errno::Deadlock),
    (Host::DESTADDRREQ, Errno::DestinationRequired),
    (Host::DOM, Errno::Domain),
    (Host::FAULT, Errno::Fault),
    (Host::HOSTUNREACH, Errno::HostUnreachable),
    (Host::HOSTDOWN, Errno::HostUnreachable),
    (Host::IDRM, Errno::IdRemoved),
    (Host::ILSEQ, Errno::IllegalSequence),
    (Host::INPROGRESS, Errno::InProgress),
    (Host::ISCONN, Errno::IsConnected),
    (Host::MSGSIZE, Errno::MessageSize),
    (Host::MULTIHOP, Errno::Multihop),
    (Host::NETDOWN, Errno::NetworkDown),
    (Host::NETRESET, Errno::NetworkReset),
    (Host::NETUNREACH, Errno::NetworkUnreachable),
    (Host::NOBUFS, Errno::NoBufferSpace),
    (Host::NODEV, Errno::NoDevice),
    (Host::NOEXEC, Errno::NotExecutable),
    (Host::NOLCK, Errno::NoLocks),
    (Host::NOLINK, Errno::NoLink),
    (Host::NOMSG, Errno::NoMessage),
    (Host::NOPROTOOPT, Errno::NoProtocolOption),
    (Host::NOTCONN, Errno::NotConnected),
    (Host::NOTRECOVERABLE, Errno::NotRecoverable),
    (Host::NOTSOCK, Errno::NotSocket),
    (Host::NOTTY, Errno::NotTerminal),
    (Host::NXIO, Errno::NoSuchDevice),
    (Host::OWNERDEAD, Errno::OwnerDead),
    (Host::PROTO, Errno::Protocol),
    (Host::PROTONOSUPPORT, Errno::ProtocolNotSupported),
    (Host::SOCKTNOSUPPORT, Errno::ProtocolNotSupported),
    (Host::PROTOTYPE, Errno::ProtocolType),
    (Host::RANGE, Errno::Range),
    (Host::SHUTDOWN, Errno::BrokenPipe),
    (Host::SRCH, Errno::NoProcess),
    (Host::TIMEDOUT, Errno::TimedOut),
];

#[cfg(target_os = "linux")]
mod platform {
    use super::{Errno, Host};

    pub(super) const TABLE: &[(Host, Errno)] = &[
        (Host::DEADLOCK, Errno::Deadlock),
        (Host::NOMEDIUM, Errno::NoDevice),
        (Host::TIME, Errno::TimedOut),
        (Host::COMM, Errno::NoLink),
        (Host::RESTART, Errno::Interrupted),
        (Host::NONET, Errno::NetworkUnreachable),
    ];
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Errno, Host};

    pub(super) const TABLE: &[(Host, Errno)] = &[];
}

#[cfg(test)]
mod tests {
    use super::{Errno, Host, from_host};

    #[test]
    fn every_errno_of_wasi_but_its_own_has_a_host_twin() {
        let reached: Vec<Errno> = (1..200)
            .map(|n| from_host(Host::from_raw_os_error(n)))
            .collect();
        for errno in Errno::ALL {
            // ENOTCAPABLE is WASI's own.
            if *errno != Errno::NotCapable {
                assert!(
                    reached.contains(errno),
                    "{} is never answered",
                    errno.name()
                );
            }
        }
        assert!(!reached.contains(&Errno::NotCapable));
    }

    /// The host's C library is the judge of what a number is called: `strerror` words
    /// agree for the values that matter most, and numbers follow `errno.h`.
    #[test]
    #[cfg(target_os = "linux")]
    fn numbers_of_linux() {
        let cases = [
            (1, Errno::NotPermitted),
            (2, Errno::NoEntry),
            (3, Errno::NoProcess),
            (4, Errno::Interrupted),
            (5, Errno::Io),
            (6, Errno::NoSuchDevice),
            (7, Errno::TooBig),
            (8, Errno::NotExecutable),
            (9, Errno::BadFd),
            (10, Errno::Child),
            (11, Errno::Again),
            (12, Errno::NoMemory),
            (13, Errno::Access),
            (14, Errno::Fault),
            (16, Errno::Busy),
            (17, Errno::Exist),
            (18, Errno::CrossDevice),
            (19, Errno::NoDevice),
            (20, Errno::NotDirectory),
            (21, Errno::IsDirectory),
            (22, Errno::Invalid),
            (23, Errno::TooManyFilesInSystem),
            (24, Errno::TooManyFds),
            (25, Errno::NotTerminal),
            (26, Errno::TextBusy),
            (27, Errno::FileTooBig),
            (28, Errno::NoSpace),
            (29, Errno::NotSeekable),
            (30, Errno::ReadOnly),
            (31, Errno::TooManyLinks),
            (32, Errno::BrokenPipe),
            (33, Errno::Domain),
            (34, Errno::Range),
            (95, Errno::NotSupported),
            (116, Errno::Stale),
            (122, Errno::Quota),
        ];
        for (number, errno) in cases {
            assert_eq!(
                from_host(Host::from_raw_os_error(number)),
                errno,
                "{number}"
            );
        }
    }

    #[test]
    fn the_unknown_is_an_input_output_error() {
        assert_eq!(from_host(Host::from_raw_os_error(4000)), Errno::Io);
    }
}
