//! The command line's grant options: mounts, environment, listeners and limits.

use thiserror::Error;

use super::{
    Access, ClockPrecision, DISK_GUEST, Grant, Limit, ListenAddress, ListenAddressError,
    NetRuleError, TEMPORARY_GUEST, parse_net_rule, shown,
};
use crate::guest_path::{GuestPath, GuestPathError};
use crate::units::{UnitError, parse_duration, parse_size};

/// Why an option's value could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No option of this name grants anything.
    #[error("--{name} is not an option that grants something")]
    UnknownOption {
        /// The name, without its dashes.
        name: String,
    },
    /// An option that needs a value has none.
    #[error("--{name} needs a value: {form}")]
    NoValue {
        /// The option's name.
        name: &'static str,
        /// What its value looks like.
        form: &'static str,
    },
    /// An option without a value has one.
    #[error("--{name} takes no value; leave out `{value}`")]
    UnexpectedValue {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value holds a NUL byte.
    #[error("the value of --{name} holds a NUL byte")]
    Nul {
        /// The option's name.
        name: &'static str,
    },
    /// Nothing stands before `::`.
    #[error("--{name} {value} names nothing on the host; write {form}")]
    NoHost {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
        /// What the value looks like.
        form: &'static str,
    },
    /// An archive without the place where it is mounted.
    #[error("--mount {value} does not say where the program sees it; write --mount {value}::/data")]
    NoGuest {
        /// The value as written.
        value: String,
    },
    /// The guest path cannot be used.
    #[error("--{name} {value}: {source}")]
    Guest {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with the path.
        source: GuestPathError,
    },
    /// What follows the last colon looks like an access and is none.
    #[error(
        "--{name} {value}: `{word}` is not an access; use ro (read only), rw (read and write) or cow (writes stay in a copy). If a path really ends in `:{word}`, add an access after it: {value}:rw"
    )]
    Access {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
        /// The word as written.
        word: String,
    },
    /// An archive is read-only.
    #[error("--mount {value}: an archive is read-only; leave out `:{word}`")]
    ArchiveAccess {
        /// The value as written.
        value: String,
        /// The access as written.
        word: String,
    },
    /// A variable's name is empty or holds what no name may.
    #[error(
        "`{}` cannot be the name of an environment variable; write --env NAME or --env NAME=VALUE",
        shown(name)
    )]
    VariableName {
        /// The name as written.
        name: String,
    },
    /// A size or a duration could not be read.
    #[error("--{name} {value}: {source}")]
    Unit {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        source: UnitError,
    },
    /// A limit of nothing, under which no program runs.
    #[error("--{name} {value} leaves nothing to run with; leave the option out for no limit")]
    Zero {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// A count is not a number.
    #[error("--{name} {value} is not a number from 1 to 4294967295")]
    Count {
        /// The option's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// A clock is neither fine nor coarse.
    #[error("--clock={value}: a clock is fine or coarse")]
    Clock {
        /// The value as written.
        value: String,
    },
    /// A listen address could not be read.
    #[error("--listen {source}")]
    Listen {
        /// What is wrong with it.
        source: ListenAddressError,
    },
    /// A rule for the network could not be read.
    #[error("--net {source}")]
    Network {
        /// What is wrong with it.
        source: NetRuleError,
    },
}

const DIRECTORY_FORM: &str = "--dir HOST[::GUEST][:ro|:rw|:cow]";
const DISK_FORM: &str = "--disk IMAGE[::GUEST][:ro|:rw|:cow]";
const ARCHIVE_FORM: &str = "--mount ARCHIVE::GUEST";

/// Takes `HOST[::GUEST][:ro|:rw|:cow]` apart.
fn split_mount<'a>(
    name: &'static str,
    value: &'a str,
    form: &'static str,
) -> Result<(&'a str, Option<&'a str>, Access), OptionError> {
    check_value(name, value, form)?;
    let (paths, access) = match split_access(value) {
        Some((paths, access)) => (paths, access),
        None => (value, Access::ReadWrite),
    };
    let split = split_host(paths);
    let explicit = paths.len() != value.len();
    if !explicit && let Some(word) = mistaken_access(value, split.is_some()) {
        return Err(OptionError::Access {
            name,
            value: value.to_owned(),
            word: word.to_owned(),
        });
    }
    let (host, guest) = match split {
        Some((host, guest)) => (host, Some(guest)),
        None => (paths, None),
    };
    if host.is_empty() {
        return Err(OptionError::NoHost {
            name,
            value: value.to_owned(),
            form,
        });
    }
    Ok((host, guest, access))
}

/// Words that people write for an access. After a plain host path only these are taken for a
/// slip; any other word is part of the path, as in wasmtime.
const ACCESS_SLIPS: [&str; 9] = [
    "r",
    "w",
    "wr",
    "rwx",
    "rx",
    "read",
    "write",
    "readonly",
    "read-only",
];

impl Grant {
    /// Reads an option by its name (without dashes) and its value; the inverse of
    /// [`Grant::to_parts`].
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse(name: &str, value: &str) -> Result<Self, OptionError> {
        match name {
            "dir" => Self::parse_directory(value),
            "mount" => Self::parse_archive(value),
            "disk" => Self::parse_disk(value),
            "tmp" => Self::parse_temporary(value),
            "env" => Self::parse_variable(value),
            "listen" => Self::parse_listen(value),
            "net" => Self::parse_network(value),
            "clock" => ClockPrecision::from_word(value)
                .map(Self::Clock)
                .ok_or_else(|| OptionError::Clock {
                    value: value.to_owned(),
                }),
            "terminal-escapes" if value.is_empty() => Ok(Self::TerminalEscapes),
            "terminal-escapes" => Err(OptionError::UnexpectedValue {
                name: "terminal-escapes",
                value: value.to_owned(),
            }),
            "memory" => Self::parse_memory(value),
            "cpu" => Self::parse_cpu(value),
            "timeout" => Self::parse_timeout(value),
            "max-fds" => Self::parse_descriptors(value),
            _ => Err(OptionError::UnknownOption {
                name: name.to_owned(),
            }),
        }
    }

    /// Reads the value of `--dir`: `HOST[::GUEST][:ro|:rw|:cow]`.
    ///
    /// As in wasmtime, the first `::` parts the two paths, a plain `DIR` is seen under the
    /// name it was given, and without a word for the access the program reads and writes. One
    /// access is taken off the end, so that a path which itself ends in `:ro` is written
    /// `odd:ro:rw`. A drive letter is part of the host's path: `C:\data::/data`.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_directory(value: &str) -> Result<Self, OptionError> {
        let (host, guest, access) = split_mount("dir", value, DIRECTORY_FORM)?;
        Ok(Self::Directory {
            host: host.to_owned(),
            guest: guest_of("dir", value, guest.unwrap_or(host))?,
            access,
        })
    }

    /// Reads the value of `--disk`: `IMAGE[::GUEST][:ro|:rw|:cow]`, under `/disk` when no path
    /// is written; otherwise as `--dir`.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_disk(value: &str) -> Result<Self, OptionError> {
        let (image, guest, access) = split_mount("disk", value, DISK_FORM)?;
        Ok(Self::Disk {
            image: image.to_owned(),
            guest: guest_of("disk", value, guest.unwrap_or(DISK_GUEST))?,
            access,
        })
    }

    /// Reads the value of `--mount`: `ARCHIVE::GUEST`. An explicit `:ro` is taken, as it says
    /// what is so.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_archive(value: &str) -> Result<Self, OptionError> {
        check_value("mount", value, ARCHIVE_FORM)?;
        let paths = match split_access(value) {
            Some((paths, Access::ReadOnly)) => paths,
            Some((_, access)) => {
                return Err(OptionError::ArchiveAccess {
                    value: value.to_owned(),
                    word: access.word().to_owned(),
                });
            }
            None => value,
        };
        let Some((archive, guest)) = split_host(paths) else {
            return Err(OptionError::NoGuest {
                value: paths.to_owned(),
            });
        };
        if archive.is_empty() {
            return Err(OptionError::NoHost {
                name: "mount",
                value: value.to_owned(),
                form: ARCHIVE_FORM,
            });
        }
        Ok(Self::Archive {
            archive: archive.to_owned(),
            guest: guest_of("mount", value, guest)?,
        })
    }

    /// Reads the value of `--tmp`: `SIZE[::GUEST]`, under `/tmp` when no path is written.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_temporary(value: &str) -> Result<Self, OptionError> {
        check_value("tmp", value, "--tmp SIZE[::GUEST], such as --tmp 64MiB")?;
        let (size, guest) = value.split_once("::").unwrap_or((value, TEMPORARY_GUEST));
        Ok(Self::Temporary {
            size: size_of("tmp", size)?,
            guest: guest_of("tmp", value, guest)?,
        })
    }

    /// Reads the value of `--env`: `NAME=VALUE` sets a variable, `NAME` passes the person's
    /// own on.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_variable(value: &str) -> Result<Self, OptionError> {
        check_value("env", value, "--env NAME or --env NAME=VALUE")?;
        let (name, set) = match value.split_once('=') {
            Some((name, set)) => (name, Some(set)),
            None => (value, None),
        };
        check_variable_name(name)?;
        Ok(match set {
            Some(set) => Self::SetVariable {
                name: name.to_owned(),
                value: set.to_owned(),
            },
            None => Self::PassVariable(name.to_owned()),
        })
    }

    /// Reads the value of `--listen`: an address and a port.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_listen(value: &str) -> Result<Self, OptionError> {
        check_value("listen", value, "--listen 127.0.0.1:8080")?;
        ListenAddress::parse(value)
            .map(Self::Listen)
            .map_err(|source| OptionError::Listen { source })
    }

    /// Reads the value of `--net`: a rule.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_network(value: &str) -> Result<Self, OptionError> {
        check_value("net", value, "--net example.com:443")?;
        parse_net_rule(value)
            .map(Self::Network)
            .map_err(|source| OptionError::Network { source })
    }

    /// Reads the value of `--memory`: a size.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_memory(value: &str) -> Result<Self, OptionError> {
        check_value("memory", value, "--memory 256MiB")?;
        let bytes = size_of("memory", value)?;
        Ok(Self::Limit(Limit::Memory(bytes)))
    }

    /// Reads the value of `--cpu`: a duration.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_cpu(value: &str) -> Result<Self, OptionError> {
        Ok(Self::Limit(Limit::Cpu(duration_of("cpu", value)?)))
    }

    /// Reads the value of `--timeout`: a duration.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_timeout(value: &str) -> Result<Self, OptionError> {
        Ok(Self::Limit(Limit::Timeout(duration_of("timeout", value)?)))
    }

    /// Reads the value of `--max-fds`: a count.
    ///
    /// # Errors
    ///
    /// [`OptionError`], with what to write instead.
    pub fn parse_descriptors(value: &str) -> Result<Self, OptionError> {
        check_value("max-fds", value, "--max-fds 64")?;
        match value.parse::<u32>() {
            Ok(count) if count > 0 => Ok(Self::Limit(Limit::Descriptors(count))),
            _ => Err(OptionError::Count {
                name: "max-fds",
                value: value.to_owned(),
            }),
        }
    }
}

/// Checks the name of an environment variable: not empty, no `=`, no NUL.
///
/// # Errors
///
/// [`OptionError::VariableName`].
pub fn check_variable_name(name: &str) -> Result<(), OptionError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(OptionError::VariableName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn check_value(name: &'static str, value: &str, form: &'static str) -> Result<(), OptionError> {
    if value.is_empty() {
        return Err(OptionError::NoValue { name, form });
    }
    if value.contains('\0') {
        return Err(OptionError::Nul { name });
    }
    Ok(())
}

/// Takes one access off the end of a value.
fn split_access(value: &str) -> Option<(&str, Access)> {
    let (paths, word) = value.rsplit_once(':')?;
    Some((paths, Access::from_word(word)?))
}

/// Parts the host's path from the guest's at the first `::`. `C:::/data` is the drive `C:`.
fn split_host(paths: &str) -> Option<(&str, &str)> {
    let (host, guest) = paths.split_once("::")?;
    let is_drive = host.len() == 1 && host.as_bytes()[0].is_ascii_alphabetic();
    if is_drive && let Some(guest) = guest.strip_prefix(':') {
        return Some((&paths[..2], guest));
    }
    Some((host, guest))
}

/// What follows the last colon, when it was surely meant as an access: any short word after a
/// guest path (`/data:rwx`), and a known slip after a plain host path.
fn mistaken_access(value: &str, has_guest: bool) -> Option<&str> {
    let (before, word) = value.rsplit_once(':')?;
    let lower = word.to_ascii_lowercase();
    let slip = ACCESS_SLIPS.contains(&lower.as_str()) || Access::from_word(&lower).is_some();
    let short_word =
        (1..=9).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let after_guest = has_guest && short_word && !before.ends_with(':');
    // `::w` is a guest path of its own.
    ((slip && !before.ends_with(':')) || after_guest).then_some(word)
}

fn guest_of(name: &'static str, value: &str, guest: &str) -> Result<GuestPath, OptionError> {
    GuestPath::new(guest).map_err(|source| OptionError::Guest {
        name,
        value: value.to_owned(),
        source,
    })
}

fn size_of(name: &'static str, value: &str) -> Result<u64, OptionError> {
    let bytes = parse_size(value).map_err(|source| OptionError::Unit {
        name,
        value: value.to_owned(),
        source,
    })?;
    if bytes == 0 {
        return Err(OptionError::Zero {
            name,
            value: value.to_owned(),
        });
    }
    Ok(bytes)
}

fn duration_of(name: &'static str, value: &str) -> Result<core::time::Duration, OptionError> {
    check_value(name, value, "a duration such as 5s or 1m30s")?;
    let duration = parse_duration(value).map_err(|source| OptionError::Unit {
        name,
        value: value.to_owned(),
        source,
    })?;
    if duration.is_zero() {
        return Err(OptionError::Zero {
            name,
            value: value.to_owned(),
        });
    }
    Ok(duration)
}
