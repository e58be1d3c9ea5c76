//! What is said when a program has ended: what was refused to it, and what would grant it.

use std::collections::BTreeMap;
use std::path::Path;

use holm_os::Finished;
use holm_os::abi::ExitStatus;
use holm_os::kernel::{Cause, Denial, Limit};
use holm_os::package::grant::{Access, Grant, Limit as GrantLimit};
use holm_os::package::guest_path::GuestPath;
use holm_os::package::units::format_size;

use crate::error::shown;

/// Most causes that are shown; the rest is counted.
const SHOWN_MAX: usize = 8;

/// Explains what was refused, once per cause, on standard error.
///
/// A path where nothing is mounted is a refusal only when it mattered: programs look into
/// many places that need not be there. So those are told when the program failed, and
/// whenever it wanted to change something there.
pub(crate) fn denials(finished: &Finished) {
    let failed = finished.status != ExitStatus::Exited(0);
    let sentences = explain(&finished.process.denials(), failed);
    for sentence in sentences.iter().take(SHOWN_MAX) {
        note!("holm: {sentence}");
    }
    if sentences.len() > SHOWN_MAX {
        note!(
            "holm: and {} more refusals; --trace shows each",
            sentences.len() - SHOWN_MAX
        );
    }
}

fn explain(denials: &[Denial], failed: bool) -> Vec<String> {
    let mut sentences = Vec::new();
    // One grant opens a whole directory: what lies in one is one cause.
    let mut missing: BTreeMap<String, (String, bool, u64)> = BTreeMap::new();
    for denial in denials {
        match &denial.cause {
            Cause::NothingMounted { path, write } => {
                if *write || failed {
                    let entry = missing
                        .entry(directory_of(path))
                        .or_insert_with(|| (path.clone(), false, 0));
                    entry.1 |= *write;
                    entry.2 += denial.count;
                }
            }
            Cause::ReadOnlyMount {
                mount,
                source,
                path,
            } => sentences.push(format!(
                "refused: change {} in {}, which is read-only{}. To allow it: {}",
                shown(&format!("{path:?}")),
                shown(mount),
                times(denial.count),
                directory_option(source, mount, Access::ReadWrite),
            )),
            Cause::Escape { mount, path } => sentences.push(format!(
                "refused: {} leads out of the directory it is relative to (in {}){}. \
                 No option allows that; grant the directory it leads to instead: --dir HOST::GUEST",
                shown(&format!("{path:?}")),
                shown(mount),
                times(denial.count),
            )),
            Cause::Limit(limit) => sentences.push(explain_limit(*limit)),
        }
    }
    for (directory, (path, write, count)) in missing {
        let (word, access) = if write {
            ("change", Access::ReadWrite)
        } else {
            ("read", Access::ReadOnly)
        };
        sentences.push(format!(
            "refused: {word} {}: nothing is granted there{}. To allow it: {}",
            shown(&path),
            times(count),
            directory_option(&likely_source(&directory), &directory, access),
        ));
    }
    sentences
}

/// The host's directory that is most likely meant by a guest path: the one of that name
/// below where the person is, or else the one of that name.
fn likely_source(directory: &str) -> String {
    if directory == "/" {
        return ".".to_owned();
    }
    let below = format!(".{directory}");
    for candidate in [below.as_str(), directory] {
        if Path::new(candidate).is_dir() {
            return candidate.to_owned();
        }
    }
    "HOST_DIR".to_owned()
}

/// The option that mounts `source` at `guest`, as the grants themselves write it.
fn directory_option(source: &str, guest: &str, access: Access) -> String {
    match GuestPath::new(guest) {
        Ok(guest) => Grant::Directory {
            host: source.to_owned(),
            guest,
            access,
        }
        .to_option(),
        Err(_) => format!("--dir HOST_DIR::GUEST:{}", access.word()),
    }
}

fn explain_limit(limit: Limit) -> String {
    match limit {
        Limit::Descriptors(limit) => format!(
            "refused: more than {limit} open descriptors. To allow more: {}",
            Grant::Limit(GrantLimit::Descriptors(limit.saturating_mul(2))).to_option()
        ),
        Limit::Memory(limit) => format!(
            "refused: more than {} of memory. To allow more: {}",
            format_size(limit),
            Grant::Limit(GrantLimit::Memory(limit.saturating_mul(2))).to_option()
        ),
        Limit::BytesOut(limit) => {
            format!("refused: writing more than {} in total", format_size(limit))
        }
        Limit::Processes(limit) => format!("refused: more than {limit} processes"),
    }
}

/// The directory that would have to be granted: the one that holds the file, or the first
/// directory of the path when the file lies at the root.
fn directory_of(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        Some((directory, _)) if !directory.is_empty() => directory.to_owned(),
        _ => "/".to_owned(),
    }
}

fn times(count: u64) -> String {
    if count > 1 {
        format!(" ({count} times)")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::explain;
    use holm_os::abi::Errno;
    use holm_os::kernel::{Cause, Denial, Limit};

    fn denial(cause: Cause, count: u64) -> Denial {
        Denial {
            cause,
            call: None,
            errno: Errno::ReadOnly,
            count,
        }
    }

    #[test]
    fn each_cause_names_the_option_that_grants_it() {
        let read_only = Cause::ReadOnlyMount {
            mount: "/data".to_owned(),
            source: "./my data".to_owned(),
            path: "out.txt".to_owned(),
        };
        let sentences = explain(
            &[
                denial(read_only, 3),
                denial(Cause::Limit(Limit::Memory(64 << 20)), 1),
            ],
            false,
        );
        assert_eq!(
            sentences,
            [
                "refused: change \"out.txt\" in /data, which is read-only (3 times). \
                 To allow it: --dir './my data::/data:rw'",
                "refused: more than 64MiB of memory. To allow more: --memory 128MiB",
            ]
        );
    }

    #[test]
    fn a_probe_is_no_news_unless_the_program_failed() {
        let probe = Cause::NothingMounted {
            path: "/nowhere/hosts".to_owned(),
            write: false,
        };
        assert!(explain(&[denial(probe.clone(), 1)], false).is_empty());
        assert_eq!(
            explain(&[denial(probe, 1)], true),
            ["refused: read /nowhere/hosts: nothing is granted there. \
              To allow it: --dir HOST_DIR::/nowhere:ro"]
        );
    }
}
