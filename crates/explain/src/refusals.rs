//! Refusals in words: what was refused to a program, and what would grant it.

use std::collections::BTreeMap;

use holm_kernel::net::{AddressClass, NetRule, Protocol};
use holm_kernel::{Cause, Denial, Limit};
use holm_package::grant::{Access, Grant, Limit as GrantLimit};
use holm_package::guest_path::GuestPath;
use holm_package::units::format_size;

use crate::text::shown;

/// Most causes that are shown; the rest is counted.
const SHOWN_MAX: usize = 8;

/// What was refused, a sentence for each cause, with the option that would grant it.
///
/// A path where nothing is mounted is a refusal only when it mattered: programs look into
/// many places that need not be there. So those are told when the program `failed`, and
/// whenever it wanted to change something there.
///
/// `is_directory` says whether the host has a directory of that name, for the options that
/// are suggested. A host without directories says no.
#[must_use]
pub fn explain(
    denials: &[Denial],
    failed: bool,
    is_directory: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let told = tell(denials, failed, is_directory).into_iter();
    told.map(|refusal| refusal.sentence).collect()
}

/// The same of a composed component's dependency: its name, what it asked for, the option that
/// grants that to the app, and the line that its own grants in `holm.toml` need beside it.
#[must_use]
pub fn explain_dependency(
    label: &str,
    denials: &[Denial],
    failed: bool,
    is_directory: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let told = tell(denials, failed, is_directory).into_iter();
    told.map(|Refusal { sentence, grant }| {
        let name = shown(label);
        match grant {
            Some((key, value)) => format!(
                "dependency `{name}`: {sentence} (its grants in holm.toml must allow it too: \
                 {key} = [{}])",
                shown(&format!("{value:?}"))
            ),
            None => format!("dependency `{name}`: {sentence}"),
        }
    })
    .collect()
}

/// A refusal in words.
struct Refusal {
    sentence: String,
    /// What allows it to a dependency: a key of its grants, and an entry of its list.
    grant: Option<(&'static str, String)>,
}

fn tell(denials: &[Denial], failed: bool, is_directory: &dyn Fn(&str) -> bool) -> Vec<Refusal> {
    let mut told = Vec::new();
    // One grant opens a whole directory: what lies in one is one cause.
    let mut missing: BTreeMap<String, (String, bool, u64)> = BTreeMap::new();
    for denial in denials {
        let (sentence, grant) = match &denial.cause {
            Cause::NothingMounted { path, write } => {
                if *write || failed {
                    let entry = missing
                        .entry(directory_of(path))
                        .or_insert_with(|| (path.clone(), false, 0));
                    entry.1 |= *write;
                    entry.2 += denial.count;
                }
                continue;
            }
            Cause::ReadOnlyMount {
                mount,
                source,
                path,
            } => (
                format!(
                    "refused: change {} in {}, which is read-only{}. To allow it: {}",
                    shown(&format!("{path:?}")),
                    shown(mount),
                    times(denial.count),
                    directory_option(source, mount, Access::ReadWrite),
                ),
                Some(("dir", format!("{mount}:{}", Access::ReadWrite.word()))),
            ),
            Cause::Escape { mount, path } => (
                format!(
                    "refused: {} leads out of the directory it is relative to (in {}){}. \
                     No option allows that; grant the directory it leads to instead: --dir HOST::GUEST",
                    shown(&format!("{path:?}")),
                    shown(mount),
                    times(denial.count),
                ),
                None,
            ),
            Cause::Network {
                rule,
                name,
                class,
                proxied,
            } => {
                let how = if *proxied {
                    " through a proxy, which finds it by its name, so that no rule about addresses counts"
                } else {
                    ""
                };
                let how = format!("{how}{}", times(denial.count));
                (
                    explain_network(rule, name.as_deref(), *class, &how),
                    Some(("net", rule.to_string())),
                )
            }
            Cause::Limit(limit) => (explain_limit(*limit), None),
        };
        told.push(Refusal { sentence, grant });
    }
    for (directory, (path, write, count)) in missing {
        let (word, access) = if write {
            ("change", Access::ReadWrite)
        } else {
            ("read", Access::ReadOnly)
        };
        told.push(Refusal {
            sentence: format!(
                "refused: {word} {}: nothing is granted there{}. To allow it: {}",
                shown(&path),
                times(count),
                directory_option(&likely_source(&directory, is_directory), &directory, access),
            ),
            grant: Some(("dir", format!("{directory}:{}", access.word()))),
        });
    }
    told
}

/// The first of many sentences, and how many more there are.
#[must_use]
pub fn shortened(mut sentences: Vec<String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        sentences.truncate(SHOWN_MAX);
        sentences.push(format!("and {more} more refusals; --trace shows each"));
    }
    sentences
}

/// The host's directory that is most likely meant by a guest path: the one of that name
/// below where the person is, or else the one of that name.
fn likely_source(directory: &str, is_directory: &dyn Fn(&str) -> bool) -> String {
    if directory == "/" {
        return ".".to_owned();
    }
    let below = format!(".{directory}");
    for candidate in [below.as_str(), directory] {
        if is_directory(candidate) {
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

/// What of the network was refused, the rule that allows it, and what that rule would open.
/// `how` it was wanted, and how often.
fn explain_network(rule: &NetRule, name: Option<&str>, class: AddressClass, how: &str) -> String {
    let what = match rule {
        NetRule::Connect {
            protocol,
            host,
            ports,
        } => {
            let verb = match protocol {
                Protocol::Tcp => "connect to",
                Protocol::Udp => "send datagrams to",
            };
            match name {
                Some(name) => format!("{verb} {host}:{ports}, as {} was answered", shown(name)),
                None => format!("{verb} {}:{ports}", shown(&host.to_string())),
            }
        }
        NetRule::Listen {
            protocol,
            address,
            ports,
        } => match protocol {
            Protocol::Tcp => format!("accept connections on {address}:{ports}"),
            Protocol::Udp => format!("receive datagrams on {address}:{ports}"),
        },
        NetRule::Resolve(name) => format!("look up the name {}", shown(&name.to_string())),
        NetRule::Loopback => "use the virtual loopback".to_owned(),
        NetRule::All => "use the network".to_owned(),
    };
    let listens = matches!(rule, NetRule::Listen { .. });
    let warning = match class {
        AddressClass::Public => String::new(),
        AddressClass::Loopback if listens => String::new(),
        class => format!(". Think first: it is {class}"),
    };
    format!(
        "refused: {what}{how}. To allow it: {}{warning}",
        Grant::Network(rule.clone()).to_option(),
    )
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
    use super::{explain, explain_dependency, shortened};
    use holm_abi::Errno;
    use holm_kernel::net::AddressClass;
    use holm_kernel::{Cause, Denial, Limit};
    use holm_package::grant::parse_net_rule;

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
            &|_| false,
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
    fn a_dependency_is_named_with_both_lines_that_grant() {
        let read_only = Cause::ReadOnlyMount {
            mount: "/data".to_owned(),
            source: "./data".to_owned(),
            path: "out.txt".to_owned(),
        };
        let network = Cause::Network {
            rule: parse_net_rule("connect:127.0.0.1:80").expect("a rule"),
            name: None,
            class: AddressClass::Loopback,
            proxied: false,
        };
        let limit = Cause::Limit(Limit::Descriptors(8));
        let denials = [read_only, network, limit].map(|cause| denial(cause, 1));
        assert_eq!(
            explain_dependency("a-lib", &denials, false, &|_| false),
            [
                "dependency `a-lib`: refused: change \"out.txt\" in /data, which is read-only. \
                 To allow it: --dir ./data::/data:rw (its grants in holm.toml must allow it too: \
                 dir = [\"/data:rw\"])",
                "dependency `a-lib`: refused: connect to 127.0.0.1:80. To allow it: \
                 --net tcp:connect:127.0.0.1:80. Think first: it is a loopback address: a service of this machine \
                 (its grants in holm.toml must allow it too: net = [\"tcp:connect:127.0.0.1:80\"])",
                "dependency `a-lib`: refused: more than 8 open descriptors. To allow more: \
                 --max-fds 16",
            ]
        );
    }

    #[test]
    fn a_probe_is_no_news_unless_the_program_failed() {
        let probe = Cause::NothingMounted {
            path: "/nowhere/hosts".to_owned(),
            write: false,
        };
        assert!(explain(&[denial(probe.clone(), 1)], false, &|_| false).is_empty());
        assert_eq!(
            explain(&[denial(probe, 1)], true, &|_| false),
            ["refused: read /nowhere/hosts: nothing is granted there. \
              To allow it: --dir HOST_DIR::/nowhere:ro"]
        );
    }

    #[test]
    fn the_option_names_a_directory_that_is_there() {
        let write = || Cause::NothingMounted {
            path: "/out/a.txt".to_owned(),
            write: true,
        };
        for (there, option) in [
            ("./out", "--dir ./out::/out:rw"),
            ("/out", "--dir /out::/out:rw"),
        ] {
            let sentences = explain(&[denial(write(), 1)], false, &|path| path == there);
            assert_eq!(
                sentences,
                [format!(
                    "refused: change /out/a.txt: nothing is granted there. To allow it: {option}"
                )]
            );
        }
    }

    #[test]
    fn many_sentences_are_cut_and_counted() {
        let many = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
        assert_eq!(shortened(many(8)), many(8));
        let cut = shortened(many(11));
        assert_eq!(cut.len(), 9);
        assert_eq!(cut[8], "and 3 more refusals; --trace shows each");
    }
}
