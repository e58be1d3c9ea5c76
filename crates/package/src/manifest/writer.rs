//! Writing a `holm.toml`: stable, commented, and read back the same.

use super::dependencies::write_dependencies;
use super::toml_text::{key, quoted, quoted_list};
use super::{Manifest, MountSource, Needs, NetworkNeed, VariableNeed};
use crate::grant::{Need, printable};
use crate::units::{format_duration, format_size};

pub(super) fn write_manifest(manifest: &Manifest) -> String {
    let mut out = Lines::default();
    out.line("# What this app is and what it needs of its host. Nothing else is given to it.");
    out.line("");
    write_app(&mut out, manifest);
    write_needs(&mut out, &manifest.needs);
    write_limits(&mut out, manifest);
    write_dependencies(&mut out, &manifest.dependencies);
    out.text
}

#[derive(Default)]
pub(super) struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn section(&mut self, header: &str) {
        self.line("");
        self.line(header);
    }

    pub(super) fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    fn text_if(&mut self, key: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.pair(key, &quoted(value));
        }
    }

    fn reason(&mut self, why: Option<&String>, optional: bool) {
        self.text_if("why", why);
        if optional {
            self.pair("optional", "true");
        }
    }

    /// What a need means, in the words in which a person is asked.
    fn comment(&mut self, need: &Need) {
        self.line("");
        let words = need.capability.to_string();
        self.line(&format!("# To {}", printable(&words)));
    }
}

fn write_app(out: &mut Lines, manifest: &Manifest) {
    let app = &manifest.app;
    out.line("[app]");
    out.pair("name", &quoted(&app.name));
    out.text_if("version", app.version.as_ref());
    out.text_if("description", app.description.as_ref());
    out.pair("program", &quoted(&app.program));
    if !app.args.is_empty() {
        out.pair("args", &quoted_list(app.args.iter().cloned()));
    }
    if !app.env.is_empty() {
        out.section("[app.env]");
        for (name, value) in &app.env {
            out.pair(&key(name), &quoted(value));
        }
    }
}

fn write_needs(out: &mut Lines, needs: &Needs) {
    let streams = [
        ("stdin", needs.stdin),
        ("stdout", needs.stdout),
        ("stderr", needs.stderr),
    ];
    let has_settings = streams.iter().any(|(_, open)| !open)
        || !needs.env.is_empty()
        || !needs.net.is_empty()
        || needs.clock.is_some()
        || needs.terminal_escapes;
    if has_settings {
        out.section("[needs]");
        for (name, _) in streams.iter().filter(|(_, open)| !open) {
            out.pair(name, "false");
        }
        if !needs.env.is_empty() {
            let variables: Vec<String> = needs.env.iter().map(variable).collect();
            out.pair("env", &format!("[{}]", variables.join(", ")));
        }
        if !needs.net.is_empty() {
            let rules: Vec<String> = needs.net.iter().map(network).collect();
            out.pair("net", &format!("[{}]", rules.join(", ")));
        }
        if let Some(precision) = needs.clock {
            out.pair("clock", &quoted(precision.word()));
        }
        if needs.terminal_escapes {
            out.pair("terminal-escapes", "true");
        }
    }
    for mount in &needs.mounts {
        out.comment(&mount.to_need());
        out.line("[[needs.mount]]");
        out.pair("guest", &quoted(mount.guest.as_str()));
        match &mount.source {
            MountSource::Directory { access, host } => {
                out.pair("access", &quoted(access.word()));
                out.text_if("host", host.as_ref());
            }
            MountSource::Archive(archive) => out.pair("archive", &quoted(archive)),
        }
        out.reason(mount.why.as_ref(), mount.optional);
    }
    if let Some(tmp) = &needs.tmp {
        out.section("[needs.tmp]");
        out.pair("guest", &quoted(tmp.guest.as_str()));
        out.pair("size", &quoted(&format_size(tmp.size)));
        out.reason(tmp.why.as_ref(), tmp.optional);
    }
    for listen in &needs.listen {
        out.section("[[needs.listen]]");
        out.pair("address", &quoted(&listen.address.to_string()));
        out.reason(listen.why.as_ref(), listen.optional);
    }
}

/// A variable is a plain name unless there is more to say of it.
fn variable(need: &VariableNeed) -> String {
    entry("name", &need.name, need.why.as_deref(), need.optional)
}

/// A rule, likewise.
fn network(need: &NetworkNeed) -> String {
    entry(
        "rule",
        &need.rule.to_string(),
        need.why.as_deref(),
        need.optional,
    )
}

fn entry(key: &str, value: &str, why: Option<&str>, optional: bool) -> String {
    if why.is_none() && !optional {
        return quoted(value);
    }
    let mut table = format!("{{ {key} = {}", quoted(value));
    if let Some(why) = why {
        table.push_str(&format!(", why = {}", quoted(why)));
    }
    if optional {
        table.push_str(", optional = true");
    }
    table.push_str(" }");
    table
}

fn write_limits(out: &mut Lines, manifest: &Manifest) {
    let limits = &manifest.limits;
    if limits.iter().next().is_none() {
        return;
    }
    out.section("[limits]");
    if let Some(bytes) = limits.memory {
        out.pair("memory", &quoted(&format_size(bytes)));
    }
    if let Some(time) = limits.cpu {
        out.pair("cpu", &quoted(&format_duration(time)));
    }
    if let Some(time) = limits.timeout {
        out.pair("timeout", &quoted(&format_duration(time)));
    }
    if let Some(count) = limits.descriptors {
        out.pair("fds", &count.to_string());
    }
}
