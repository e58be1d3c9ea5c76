//! What is known of a file: its type, its stat, its descriptor's stat, a directory record.

use core::fmt;

use crate::{FdFlags, Rights};

/// The kind of a file (`filetype` of WASI 0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FileType {
    /// None of the others, such as a pipe.
    #[default]
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device, such as a terminal.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A regular file.
    RegularFile = 4,
    /// A datagram socket.
    SocketDgram = 5,
    /// A stream socket.
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl FileType {
    /// The name used in traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileType::Unknown => "unknown",
            FileType::BlockDevice => "block_device",
            FileType::CharacterDevice => "character_device",
            FileType::Directory => "directory",
            FileType::RegularFile => "regular_file",
            FileType::SocketDgram => "socket_dgram",
            FileType::SocketStream => "socket_stream",
            FileType::SymbolicLink => "symbolic_link",
        }
    }
}

/// Metadata of a file (`filestat` of WASI 0.1). Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The mount, numbered within the process's namespace.
    pub device: u64,
    /// The file's serial number: equal for two names of one file, and nothing more.
    pub inode: u64,
    /// What kind of file it is.
    pub file_type: FileType,
    /// Number of hard links.
    pub links: u64,
    /// Size in bytes; for a symbolic link, of its target's text.
    pub size: u64,
    /// Last access.
    pub accessed_ns: u64,
    /// Last change of the data.
    pub modified_ns: u64,
    /// Last change of the metadata.
    pub changed_ns: u64,
}

/// What a descriptor is and may do (`fdstat` of WASI 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdStat {
    /// What kind of file is open.
    pub file_type: FileType,
    /// How the descriptor behaves.
    pub flags: FdFlags,
    /// What may be done through it.
    pub rights: Rights,
    /// What descriptors opened through it may hold at most.
    pub inheriting: Rights,
}

/// A new value for one timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetTime {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Set it to the current time.
    Now,
    /// Set it to this many nanoseconds since 1970.
    At(u64),
}

/// New values for the two timestamps that can be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetTimes {
    /// Last access.
    pub accessed: SetTime,
    /// Last change of the data.
    pub modified: SetTime,
}

/// Where an offset counts from (`whence` of WASI 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Whence {
    /// The start of the file.
    Start = 0,
    /// The current offset.
    Current = 1,
    /// The end of the file.
    End = 2,
}

impl Whence {
    /// The value with this number; `None` when there is none.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<Whence> {
        Some(match raw {
            0 => Whence::Start,
            1 => Whence::Current,
            2 => Whence::End,
            _ => return None,
        })
    }
}

/// How a range of a file will be used (`advice` of WASI 0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Advice {
    /// Nothing is known.
    Normal = 0,
    /// From lower to higher offsets.
    Sequential = 1,
    /// In random order.
    Random = 2,
    /// Soon.
    WillNeed = 3,
    /// Not soon.
    DontNeed = 4,
    /// Once, and not again.
    NoReuse = 5,
}

impl Advice {
    /// The advice with this number; `None` when there is none.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<Advice> {
        Some(match raw {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return None,
        })
    }
}

/// Size of the head of a directory record, before the name, in bytes.
pub const DIRENT_SIZE: usize = 24;

/// The head of a directory record (`dirent` of WASI 0.1); the name follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// Cookie of the entry after this one.
    pub next: u64,
    /// Serial number of the file.
    pub inode: u64,
    /// Length of the name in bytes.
    pub name_length: u32,
    /// What kind of file it is.
    pub file_type: FileType,
}

impl Dirent {
    /// The record's bytes, little-endian, padding zeroed (a leak of host bytes through
    /// padding has been an advisory elsewhere: GHSA-96f6).
    #[must_use]
    pub fn to_bytes(self) -> [u8; DIRENT_SIZE] {
        let mut bytes = [0; DIRENT_SIZE];
        bytes[0..8].copy_from_slice(&self.next.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.name_length.to_le_bytes());
        bytes[20] = self.file_type as u8;
        bytes
    }
}

impl fmt::Display for Whence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Whence::Start => "SET",
            Whence::Current => "CUR",
            Whence::End => "END",
        })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Advice::Normal => "NORMAL",
            Advice::Sequential => "SEQUENTIAL",
            Advice::Random => "RANDOM",
            Advice::WillNeed => "WILLNEED",
            Advice::DontNeed => "DONTNEED",
            Advice::NoReuse => "NOREUSE",
        })
    }
}

impl fmt::Display for SetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetTime::Keep => f.write_str("keep"),
            SetTime::Now => f.write_str("now"),
            SetTime::At(time_ns) => time_ns.fmt(f),
        }
    }
}

impl fmt::Display for SetTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{atime={}, mtime={}}}", self.accessed, self.modified)
    }
}
