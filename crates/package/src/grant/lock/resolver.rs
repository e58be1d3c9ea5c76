//! Working out a lock: see [`super`] for the rules.

use super::{
    Asked, EnvironmentValue, Grants, HostPolicy, ListenPolicy, Lock, LockError, LockedMount,
    LockedSource, Missing, MissingReason, same_thing,
};
use crate::grant::{Access, Capability, ClockPrecision, Grant, Limit, Limits, Need};

/// Resolves what a program gets; the module's documentation has the rules.
///
/// # Errors
///
/// [`LockError::SamePlace`] when the person mounts two things on one place. A need that is not
/// met is no error here: it is listed in [`Lock::missing`].
pub fn resolve(asked: Asked<'_>, grants: &Grants, policy: &HostPolicy) -> Result<Lock, LockError> {
    grants.check_places()?;
    let mut resolver = Resolver::new(grants, policy);
    let needs = match asked {
        Asked::Manifest(manifest) => manifest.needs(&policy.limits_default),
        Asked::Unstated => grants.allow.iter().filter_map(as_asked).collect(),
    };
    for need in &needs {
        resolver.resolve_need(need);
    }
    resolver.resolve_limits(asked);
    resolver.resolve_settings(asked);
    Ok(resolver.finish())
}

/// A grant as the need that it meets exactly; a coarse clock and a value of the person's own
/// take nothing from the host.
fn as_asked(grant: &Grant) -> Option<Need> {
    let capability = match grant.clone() {
        Grant::Directory {
            host,
            guest,
            access,
        } => Capability::Directory {
            guest,
            access,
            host: Some(host),
        },
        Grant::Archive { archive, guest } => Capability::Archive { archive, guest },
        // What a program needs are files; that they are on a disk is the person's affair.
        Grant::Disk { guest, access, .. } => Capability::Directory {
            guest,
            access,
            host: None,
        },
        Grant::Temporary { guest, size } => Capability::Temporary { guest, size },
        Grant::PassVariable(name) => Capability::Environment(name),
        Grant::Listen(address) => Capability::Listen(address),
        Grant::Network(rule) => Capability::Network(rule),
        Grant::Clock(ClockPrecision::Fine) => Capability::FineClock,
        Grant::TerminalEscapes => Capability::TerminalEscapes,
        Grant::Limit(limit) => Capability::Limit(limit),
        Grant::Clock(ClockPrecision::Coarse) | Grant::SetVariable { .. } => return None,
    };
    Some(Need::new(capability))
}

struct Resolver<'a> {
    grants: &'a Grants,
    policy: &'a HostPolicy,
    used: Vec<bool>,
    lock: Lock,
}

impl<'a> Resolver<'a> {
    fn new(grants: &'a Grants, policy: &'a HostPolicy) -> Self {
        Self {
            grants,
            policy,
            used: vec![false; grants.allow.len()],
            lock: Lock {
                mounts: Vec::new(),
                environment: Vec::new(),
                listen: Vec::new(),
                network: Vec::new(),
                clock: policy.clock,
                terminal_escapes: false,
                limits: Limits::default(),
                stdio: grants.stdio,
                missing: Vec::new(),
                unused: Vec::new(),
            },
        }
    }

    /// The last grant about the same thing: what is typed later replaces what stood before.
    /// All of them count as used.
    fn granted(&mut self, wanted: &Grant) -> Option<&'a Grant> {
        let mut found = None;
        for (grant, used) in self.grants.allow.iter().zip(&mut self.used) {
            if same_thing(grant, wanted) {
                *used = true;
                found = Some(grant);
            }
        }
        found
    }

    fn miss(&mut self, need: &Need, reason: MissingReason) {
        self.lock.missing.push(Missing {
            need: need.clone(),
            reason,
        });
    }

    fn resolve_need(&mut self, need: &Need) {
        let wanted = need.capability.grant(None);
        let granted = self.granted(&wanted);
        if self.grants.denies(&wanted) {
            return self.miss(need, MissingReason::Denied);
        }
        match (&need.capability, granted) {
            (Capability::Archive { archive, guest }, None) => self.lock.mounts.push(LockedMount {
                guest: guest.clone(),
                source: LockedSource::Archive {
                    archive: archive.clone(),
                    packaged: true,
                },
            }),
            // What the host has by default it gives without a grant.
            (Capability::FineClock, None) if self.policy.clock == ClockPrecision::Fine => {}
            (Capability::FineClock, None) => self.miss(need, MissingReason::HostPolicy),
            (Capability::Limit(limit), None) if self.policy.limits_max.is_below(*limit) => {
                self.miss(need, MissingReason::HostPolicy);
            }
            (_, None) => self.miss(need, MissingReason::NotGranted),
            (_, Some(grant)) => self.resolve_granted(need, grant),
        }
    }

    /// Gives the smaller of what was asked, granted and allowed.
    fn resolve_granted(&mut self, need: &Need, grant: &Grant) {
        let policy = self.policy;
        match grant {
            Grant::Directory { .. }
            | Grant::Archive { .. }
            | Grant::Disk { .. }
            | Grant::Temporary { .. } => {
                self.resolve_mount(need, grant);
            }
            Grant::PassVariable(_) if !policy.environment => {
                self.miss(need, MissingReason::HostPolicy);
            }
            Grant::PassVariable(name) => self
                .lock
                .environment
                .push((name.clone(), EnvironmentValue::Pass { fallback: None })),
            // Added with the other settings, asked for or not.
            Grant::SetVariable { .. } => {}
            Grant::Listen(address) => {
                let allowed = match policy.listen {
                    ListenPolicy::Nowhere => false,
                    ListenPolicy::Loopback => address.is_loopback(),
                    ListenPolicy::Anywhere => true,
                };
                if !allowed {
                    self.miss(need, MissingReason::HostPolicy);
                } else if !self.lock.listen.contains(address) {
                    self.lock.listen.push(*address);
                }
            }
            // What was asked for, where more was granted.
            Grant::Network(_) => {
                if let Capability::Network(rule) = &need.capability {
                    if !policy.network.cover(rule) {
                        self.miss(need, MissingReason::HostPolicy);
                    } else if !self.lock.network.contains(rule) {
                        self.lock.network.push(rule.clone());
                    }
                }
            }
            Grant::Clock(ClockPrecision::Coarse) => self.miss(need, MissingReason::Denied),
            Grant::Clock(ClockPrecision::Fine) => {
                if policy.clock != ClockPrecision::Fine {
                    self.miss(need, MissingReason::HostPolicy);
                }
            }
            Grant::TerminalEscapes => {
                self.lock.terminal_escapes = policy.terminal_escapes;
                if !policy.terminal_escapes {
                    self.miss(need, MissingReason::HostPolicy);
                }
            }
            Grant::Limit(limit) => {
                if policy.limits_max.is_below(*limit) {
                    self.miss(need, MissingReason::HostPolicy);
                }
            }
        }
    }

    /// A mount need is met by whatever the person mounts at its place, if it can be read and
    /// written as asked: an archive does for reading, a disk or a directory in memory for both.
    fn resolve_mount(&mut self, need: &Need, grant: &Grant) {
        let (guest, asked) = match &need.capability {
            Capability::Directory { guest, access, .. } => (guest, *access),
            Capability::Archive { guest, .. } => (guest, Access::ReadOnly),
            Capability::Temporary { guest, .. } => (guest, Access::ReadWrite),
            _ => return,
        };
        let (source, given) = match grant {
            Grant::Directory { access, .. } | Grant::Disk { access, .. } => {
                let Some(most) = self.policy.directories else {
                    return self.miss(need, MissingReason::HostPolicy);
                };
                let granted = asked.min(*access);
                if !granted.satisfies(asked) {
                    self.miss(need, MissingReason::NotGranted);
                } else if !most.satisfies(asked) {
                    self.miss(need, MissingReason::HostPolicy);
                }
                let access = granted.min(most);
                let source = match grant {
                    Grant::Disk { image, .. } => LockedSource::Disk {
                        image: image.clone(),
                        access,
                    },
                    Grant::Directory { host, .. } => LockedSource::Directory {
                        host: host.clone(),
                        access,
                    },
                    _ => return,
                };
                (source, None)
            }
            Grant::Archive { archive, .. } => {
                let archive = archive.clone();
                let packaged = false;
                (
                    LockedSource::Archive { archive, packaged },
                    Some(Access::ReadOnly),
                )
            }
            Grant::Temporary { size, .. } => {
                let size = self.temporary_size(need, *size);
                (LockedSource::Temporary { size }, Some(Access::CopyOnWrite))
            }
            _ => return,
        };
        if given.is_some_and(|access| !access.satisfies(asked)) {
            self.miss(need, MissingReason::NotGranted);
        }
        let taken = |mount: &LockedMount| mount.guest.place() == guest.place();
        if !self.lock.mounts.iter().any(taken) {
            self.lock.mounts.push(LockedMount {
                guest: guest.clone(),
                source,
            });
        }
    }

    /// The smallest of the sizes asked, granted and allowed. A person's smaller size is an
    /// answer; the host's is a refusal.
    fn temporary_size(&mut self, need: &Need, granted: u64) -> u64 {
        let asked = match need.capability {
            Capability::Temporary { size, .. } => size.min(granted),
            _ => granted,
        };
        let most = self.policy.temporary_bytes_max.unwrap_or(u64::MAX);
        if asked > most {
            self.miss(need, MissingReason::HostPolicy);
        }
        asked.min(most)
    }

    fn resolve_limits(&mut self, asked: Asked<'_>) {
        let mut set_by_person = Limits::default();
        for (grant, used) in self.grants.allow.iter().zip(&mut self.used) {
            if let Grant::Limit(limit) = grant {
                *used = true;
                set_by_person.set(*limit);
            }
        }
        let default = &self.policy.limits_default;
        let mut set_by_author = Limits::default();
        if let Asked::Manifest(manifest) = asked {
            let within = |limit: &Limit| !default.is_below(*limit);
            for limit in manifest.limits.iter().filter(within) {
                set_by_author.set(limit);
            }
        }
        self.lock.limits = set_by_person
            .or(&set_by_author)
            .or(default)
            .min(&self.policy.limits_max);
    }

    /// What is set rather than asked for: streams, the clock, values of variables.
    fn resolve_settings(&mut self, asked: Asked<'_>) {
        for (grant, used) in self.grants.allow.iter().zip(&mut self.used) {
            match grant {
                Grant::Clock(precision) => {
                    *used = true;
                    self.lock.clock = self.policy.clock.min(*precision);
                }
                Grant::SetVariable { .. } => *used = true,
                _ => {}
            }
        }
        if let Asked::Manifest(manifest) = asked {
            let needs = &manifest.needs;
            self.lock.stdio.stdin &= needs.stdin;
            self.lock.stdio.stdout &= needs.stdout;
            self.lock.stdio.stderr &= needs.stderr;
            if let Some(precision) = needs.clock {
                self.lock.clock = self.lock.clock.min(precision);
            }
            for (name, value) in &manifest.app.env {
                let environment = &mut self.lock.environment;
                match environment.iter_mut().find(|(known, _)| known == name) {
                    Some((_, EnvironmentValue::Pass { fallback })) => {
                        *fallback = Some(value.clone());
                    }
                    Some(_) => {}
                    None => environment.push((name.clone(), EnvironmentValue::Set(value.clone()))),
                }
            }
        }
        if self.grants.denies(&Grant::Clock(ClockPrecision::Fine)) {
            self.lock.clock = ClockPrecision::Coarse;
        }
        self.set_variables();
    }

    /// Applies `--env NAME=VALUE` and `--env NAME` in the order typed: the last one about a
    /// name decides.
    fn set_variables(&mut self) {
        for grant in &self.grants.allow {
            let Grant::SetVariable { name, value } = grant else {
                continue;
            };
            let last = self
                .grants
                .allow
                .iter()
                .rfind(|other| same_thing(other, grant));
            if last.is_some_and(|last| matches!(last, Grant::PassVariable(_)))
                || self.grants.denies(grant)
            {
                continue;
            }
            self.lock.environment.retain(|(known, _)| known != name);
            let value = EnvironmentValue::Set(value.clone());
            self.lock.environment.push((name.clone(), value));
        }
    }

    fn finish(mut self) -> Lock {
        let mut names: Vec<String> = Vec::new();
        self.lock.environment.retain(|(name, _)| {
            let first = !names.contains(name);
            if first {
                names.push(name.clone());
            }
            first
        });
        let unused = self.grants.allow.iter().zip(&self.used);
        self.lock.unused = unused
            .filter(|(_, used)| !**used)
            .map(|(grant, _)| grant.clone())
            .collect();
        self.lock
    }
}
