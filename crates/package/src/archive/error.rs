//! What is wrong with an archive, and which entry is at fault.

use thiserror::Error;

/// Why an archive was refused. Names are printable and shortened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes are no archive.
    #[error(
        "this is not an archive that can be mounted: {found}; tar, tar.gz, tar.zst and zip can be"
    )]
    NotAnArchive {
        /// What the bytes look like.
        found: &'static str,
    },
    /// The archive ends before it should.
    #[error("the archive is cut off{}; get it again, whole", after_entry(after.as_deref()))]
    Truncated {
        /// The last entry that was read.
        after: Option<String>,
    },
    /// The archive contradicts itself or its format.
    #[error("the archive is damaged{}: {what}", at_entry(entry.as_deref()))]
    Damaged {
        /// The entry at fault, where there is one.
        entry: Option<String>,
        /// What is wrong.
        what: String,
    },
    /// The unpacked bytes are not those that were packed.
    #[error("the archive is damaged: the checksum of `{entry}` is wrong")]
    Checksum {
        /// The entry at fault.
        entry: String,
    },
    /// Something that an archive may hold and that is not read.
    #[error("`{entry}` in the archive is {what}, which is not supported; pack it without")]
    Unsupported {
        /// The entry at fault.
        entry: String,
        /// What it is.
        what: &'static str,
    },
    /// A name that could lead out of the archive, or that no program could use.
    #[error("the archive is refused: the name `{entry}` {problem}")]
    UnsafeName {
        /// The entry at fault.
        entry: String,
        /// What is wrong with its name.
        problem: NameProblem,
    },
    /// A link that does not link to what it should.
    #[error("the archive is refused: `{entry}` is a link to `{target}`, {what}")]
    BadLink {
        /// The entry at fault.
        entry: String,
        /// Where it links to.
        target: String,
        /// What is wrong with that.
        what: &'static str,
    },
    /// A zip that holds a path twice.
    #[error("the archive is refused: it holds `{entry}` twice")]
    Duplicate {
        /// The path.
        entry: String,
    },
    /// An entry in something that is not a directory.
    #[error("the archive is refused: `{entry}` is in `{parent}`, which is {what}")]
    NotInDirectory {
        /// The entry at fault.
        entry: String,
        /// What it is in.
        parent: String,
        /// What that is.
        what: &'static str,
    },
    /// Files of a zip that share bytes, as in archives that unpack without end.
    #[error("the archive is refused: the bytes of `{entry}` overlap those of `{other}`")]
    Overlap {
        /// The entry at fault.
        entry: String,
        /// The entry before it.
        other: String,
    },
    /// More entries than are allowed.
    #[error("the archive is refused: it holds over {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// More bytes than are allowed.
    #[error("the archive is refused: unpacked{} it is over the limit of {} bytes", with_entry(entry.as_deref()), limit)]
    TooLarge {
        /// The entry with which it is too much, where it is known.
        entry: Option<String>,
        /// The limit.
        limit: u64,
    },
    /// Bytes that unpack to many more than any real archive's do.
    #[error("the archive is refused: {packed} bytes unpack{} to over {limit}, as in an archive made to fill a disk", with_entry(entry.as_deref()))]
    Ratio {
        /// The entry with which it is too much, where it is known.
        entry: Option<String>,
        /// The packed bytes.
        packed: u64,
        /// The bytes to which they may unpack.
        limit: u64,
    },
    /// More bytes of paths than are allowed.
    #[error("the archive is refused: its paths take over {limit} bytes")]
    TooManyPathBytes {
        /// The limit.
        limit: u64,
    },
    /// There is not enough memory to unpack it.
    #[error("there is not enough memory to unpack the archive{}", with_entry(entry.as_deref()))]
    OutOfMemory {
        /// The entry, where there is one.
        entry: Option<String>,
    },
    /// A read of something that is not a file.
    #[error("`{entry}` is not a file of the archive")]
    NotAFile {
        /// The entry.
        entry: String,
    },
}

/// What is wrong with the name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// It starts with `/`.
    #[error("is absolute")]
    Absolute,
    /// It goes up.
    #[error("climbs with `..`")]
    Parent,
    /// It starts with a drive letter.
    #[error("starts with a drive letter")]
    DriveLetter,
    /// It holds a backslash, which some systems take for a separator.
    #[error("holds a backslash")]
    Backslash,
    /// It holds a NUL byte.
    #[error("holds a NUL byte")]
    Nul,
    /// It is not UTF-8, which all paths of WASI programs are.
    #[error("is not UTF-8")]
    NotUtf8,
    /// Nothing is left of it.
    #[error("is empty")]
    Empty,
    /// One of its names is over 255 bytes.
    #[error("is over 255 bytes long")]
    NameTooLong,
    /// It is over 4,096 bytes.
    #[error("is in a path of over 4096 bytes")]
    PathTooLong,
    /// It is over 256 directories deep.
    #[error("is over 256 directories deep")]
    TooDeep,
}

fn after_entry(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |entry| format!(" at or after `{entry}`"))
}

fn at_entry(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |entry| format!(" at `{entry}`"))
}

fn with_entry(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |entry| format!(", with `{entry}`,"))
}
