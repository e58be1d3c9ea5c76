//! The sections of a `holm.toml`, one function each.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::checks;
use super::dependencies::read_dependencies;
use super::problem::ManifestError;
use super::reader::{Found, Reader, Section, nearest, shown};
use super::{
    App, ListenNeed, MANIFEST_BYTES_MAX, Manifest, MountNeed, MountSource, Needs, NetworkNeed,
    TemporaryNeed, VariableNeed,
};
use crate::grant::{
    Access, ClockPrecision, Limits, ListenAddress, TEMPORARY_GUEST, check_variable_name,
    parse_net_rule,
};
use crate::guest_path::GuestPath;
use crate::units::{parse_duration, parse_size};

pub(super) fn read_manifest(text: &str) -> Result<Manifest, ManifestError> {
    let mut reader = Reader::new(text);
    if text.len() > MANIFEST_BYTES_MAX {
        let message = format!("the file is over {MANIFEST_BYTES_MAX} bytes, which no manifest is");
        reader.problem(0..0, message, "", None);
        return reader.finish(None);
    }
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            reader.problem(span, error.message(), "not TOML from here on", None);
            return reader.finish(None);
        }
    };
    let root = Section {
        name: "holm.toml",
        table: document.get_ref(),
        span: (0, 0),
    };
    reader.check_keys(
        root,
        &["app", "needs", "limits", "dependencies"],
        &ROOT_ELSEWHERE,
    );
    let app = match reader.section(root, "app", "[app]") {
        Some(section) => read_app(&mut reader, section),
        None => {
            if !root.table.contains_key("app") {
                let help = "start the file with [app], name = \"…\" and program = \"….wasm\"";
                reader.problem(0..0, "there is no [app]", "", Some(help.to_owned()));
            }
            None
        }
    };
    let needs = match reader.section(root, "needs", "[needs]") {
        Some(section) => read_needs(&mut reader, section),
        None => Needs::default(),
    };
    let limits = match reader.section(root, "limits", "[limits]") {
        Some(section) => read_limits(&mut reader, section),
        None => Limits::default(),
    };
    let dependencies = match reader.section(root, "dependencies", "[dependencies]") {
        Some(section) => read_dependencies(&mut reader, section),
        None => Vec::new(),
    };
    reader.finish(app.map(|app| Manifest {
        app,
        needs,
        limits,
        dependencies,
    }))
}

const ROOT_ELSEWHERE: [(&str, &str); 11] = [
    ("package", "[app]"),
    ("mount", "[[needs.mount]]"),
    ("listen", "[[needs.listen]]"),
    ("tmp", "[needs.tmp]"),
    (
        "env",
        "[app.env] to set variables, or env = [\"NAME\"] in [needs] to pass them on",
    ),
    ("dependency", "[dependencies.NAME]"),
    ("dev-dependencies", "[dependencies]"),
    ("name", "it in [app]"),
    ("program", "it in [app]"),
    ("version", "it in [app]"),
    (
        "grants",
        "[needs]: an app states what it needs, and the person grants it",
    ),
];

fn read_app(reader: &mut Reader<'_>, section: Section<'_>) -> Option<App> {
    let known = ["name", "version", "description", "program", "args", "env"];
    let elsewhere = [
        ("main", "program"),
        ("entry", "program"),
        ("arguments", "args"),
        ("stdin", "it in [needs]"),
        ("limits", "[limits], on its own"),
        ("needs", "[needs], on its own"),
    ];
    reader.check_keys(section, &known, &elsewhere);
    let name = reader.required(section, "name");
    let suggestion = name.as_ref().map(|name| checks::nearest_name(&name.value));
    let name = name.and_then(|name| match checks::name(&name.value) {
        Ok(()) => Some(name.value),
        Err(message) => {
            let help = suggestion.map(|nearest| format!("for example \"{nearest}\""));
            reader.problem(name.span, message, "here", help);
            None
        }
    });
    let program = reader.required(section, "program");
    let program = reader.checked(program, checks::path_within);
    let version = reader.string(section, "version");
    let version = reader.checked(version, checks::version);
    let description = reader.string(section, "description");
    let description = reader.checked(description, checks::text);
    let args = reader.strings(section, "args");
    let args = args
        .into_iter()
        .filter_map(|argument| reader.checked(Some(argument), checks::text))
        .collect();
    let env = match reader.section(section, "env", "[app.env]") {
        Some(env) => read_variables(reader, env),
        None => BTreeMap::new(),
    };
    Some(App {
        name: name?,
        version,
        description,
        program: program?,
        args,
        env,
    })
}

fn read_variables(reader: &mut Reader<'_>, section: Section<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (key, value) in section.table.iter() {
        let name: &str = key.get_ref();
        if check_variable_name(name).is_err() {
            let message = format!("`{}` cannot be the name of a variable", shown(name));
            reader.problem(key.span(), message, "here", None);
        }
        let value = reader.string_of(name, value);
        if let Some(value) = reader.checked(value, checks::text) {
            variables.insert(name.to_owned(), value);
        }
    }
    variables
}

fn read_needs(reader: &mut Reader<'_>, section: Section<'_>) -> Needs {
    let known = [
        "stdin",
        "stdout",
        "stderr",
        "env",
        "clock",
        "terminal-escapes",
        "mount",
        "tmp",
        "listen",
        "net",
    ];
    let elsewhere = [
        ("dir", "[[needs.mount]]"),
        ("dirs", "[[needs.mount]]"),
        ("mounts", "[[needs.mount]]"),
        ("preopens", "[[needs.mount]]"),
        ("terminal", "terminal-escapes = true"),
        ("network", "net = [\"example.com:443\"] in [needs]"),
        ("env-set", "[app.env]"),
        ("memory", "it in [limits]"),
        ("timeout", "it in [limits]"),
    ];
    reader.check_keys(section, &known, &elsewhere);
    let mut places = Vec::new();
    let mut mounts = Vec::new();
    for mount in reader.sections(section, "mount", "[[needs.mount]]") {
        mounts.extend(read_mount(reader, mount, &mut places));
    }
    let tmp = reader
        .section(section, "tmp", "[needs.tmp]")
        .and_then(|tmp| read_temporary(reader, tmp, &mut places));
    let mut listen: Vec<ListenNeed> = Vec::new();
    for item in reader.sections(section, "listen", "[[needs.listen]]") {
        listen.extend(read_listen(reader, item, &listen));
    }
    Needs {
        stdin: reader.boolean(section, "stdin").unwrap_or(true),
        stdout: reader.boolean(section, "stdout").unwrap_or(true),
        stderr: reader.boolean(section, "stderr").unwrap_or(true),
        env: read_passed_on(reader, section),
        clock: read_word(reader, section, "clock", &["fine", "coarse"])
            .and_then(|word| ClockPrecision::from_word(&word)),
        terminal_escapes: reader.boolean(section, "terminal-escapes").unwrap_or(false),
        mounts,
        tmp,
        listen,
        net: read_network(reader, section),
    }
}

/// One of a few words.
fn read_word(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    key: &str,
    words: &[&str],
) -> Option<String> {
    let found = reader.string(section, key)?;
    if words.contains(&found.value.as_str()) {
        return Some(found.value);
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let message = format!(
        "\"{}\" is not a value of `{key}`; it is one of {}",
        shown(&found.value),
        quoted.join(", ")
    );
    let help = nearest(&found.value, words).map(|word| format!("did you mean \"{word}\"?"));
    reader.problem(found.span, message, "here", help);
    None
}

/// `env = ["LANG", { name = "TOKEN", why = "…" }]`.
fn read_network(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<NetworkNeed> {
    let Some(value) = section.table.get("net") else {
        return Vec::new();
    };
    let DeValue::Array(items) = value.get_ref() else {
        reader.wrong_kind(
            "net",
            value,
            "a list of rules, such as [\"example.com:443\"]",
        );
        return Vec::new();
    };
    let mut needs: Vec<NetworkNeed> = Vec::new();
    for item in items.iter() {
        let (rule, why, optional) = match item.get_ref().as_table() {
            Some(table) => {
                let section = Section {
                    name: "an entry of `net`",
                    table,
                    span: (item.span().start, item.span().end),
                };
                reader.check_keys(section, &["rule", "why", "optional"], &[]);
                let rule = reader.required(section, "rule");
                let (why, optional) = read_reason(reader, section);
                (rule, why, optional)
            }
            None => (reader.string_of("net", item), None, false),
        };
        let Some(Found { value: text, span }) = rule else {
            continue;
        };
        match parse_net_rule(&text) {
            Ok(rule) if needs.iter().any(|need| need.rule == rule) => {
                let message = format!("`{}` is named twice", shown(&text));
                reader.problem(span, message, "again here", None);
            }
            Ok(rule) => needs.push(NetworkNeed {
                rule,
                why,
                optional,
            }),
            Err(error) => {
                let help = error
                    .suggestion
                    .as_ref()
                    .map(|rule| format!("write {rule:?}"));
                reader.problem(span, error.to_string(), "here", help);
            }
        }
    }
    needs
}

fn read_passed_on(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<VariableNeed> {
    let Some(value) = section.table.get("env") else {
        return Vec::new();
    };
    let items = match value.get_ref() {
        DeValue::Array(items) => items,
        DeValue::Table(_) => {
            let message = "`env` in [needs] is a list of names to pass on";
            let help = "set values in [app.env]";
            reader.problem(value.span(), message, "a table", Some(help.to_owned()));
            return Vec::new();
        }
        _ => {
            reader.wrong_kind("env", value, "a list of names, such as [\"LANG\", \"TZ\"]");
            return Vec::new();
        }
    };
    let mut needs: Vec<VariableNeed> = Vec::new();
    for item in items.iter() {
        let (name, why, optional) = match item.get_ref().as_table() {
            Some(table) => {
                let section = Section {
                    name: "an entry of `env`",
                    table,
                    span: (item.span().start, item.span().end),
                };
                reader.check_keys(section, &["name", "why", "optional"], &[]);
                let name = reader.required(section, "name");
                let (why, optional) = read_reason(reader, section);
                (name, why, optional)
            }
            None => (reader.string_of("env", item), None, false),
        };
        let Some(Found { value: name, span }) = name else {
            continue;
        };
        if check_variable_name(&name).is_err() {
            let message = format!("`{}` cannot be the name of a variable", shown(&name));
            let help = name
                .contains('=')
                .then(|| "set values in [app.env]".to_owned());
            reader.problem(span, message, "here", help);
        } else if needs.iter().any(|need| need.name == name) {
            let message = format!("`{}` is named twice", shown(&name));
            reader.problem(span, message, "again here", None);
        } else {
            needs.push(VariableNeed {
                name,
                why,
                optional,
            });
        }
    }
    needs
}

fn read_reason(reader: &mut Reader<'_>, section: Section<'_>) -> (Option<String>, bool) {
    let why = reader.string(section, "why");
    (
        reader.checked(why, checks::text),
        reader.boolean(section, "optional").unwrap_or(false),
    )
}

/// Claims a place in the program's files; two needs on one place are a mistake.
fn claim_place(reader: &mut Reader<'_>, guest: &Found<GuestPath>, places: &mut Vec<GuestPath>) {
    let same = |place: &&GuestPath| place.place() == guest.value.place();
    if let Some(first) = places.iter().find(same) {
        let message = format!("two mounts on {first}");
        let help = "give one of them another path".to_owned();
        reader.problem(guest.span.clone(), message, "again here", Some(help));
    }
    places.push(guest.value.clone());
}

fn read_mount(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    places: &mut Vec<GuestPath>,
) -> Option<MountNeed> {
    let known = ["guest", "access", "host", "archive", "why", "optional"];
    let elsewhere = [
        ("path", "guest = \"…\", the path that the program sees"),
        ("source", "host = \"…\" or archive = \"…\""),
        ("target", "guest = \"…\""),
        ("mode", "access = \"…\""),
        ("readonly", "access = \"ro\""),
        ("size", "it in [needs.tmp]"),
    ];
    reader.check_keys(section, &known, &elsewhere);
    let guest = reader.required(section, "guest");
    let guest = reader.parsed(guest, GuestPath::new);
    if let Some(guest) = &guest {
        claim_place(reader, guest, places);
    }
    let (why, optional) = read_reason(reader, section);
    let access = read_word(reader, section, "access", &["ro", "rw", "cow"])
        .and_then(|word| Access::from_word(&word));
    let host = reader.string(section, "host");
    let host_span = host.as_ref().map(|host| host.span.clone());
    let host = reader.checked(host, |host| {
        if host.is_empty() {
            return Err("the suggested directory is empty; leave `host` out to suggest none");
        }
        checks::text(host)
    });
    let archive = reader.string(section, "archive");
    let is_archive = section.table.contains_key("archive");
    let archive = reader.checked(archive, checks::path_within);
    if let (true, Some(span)) = (is_archive, host_span) {
        let message = "a mount is a directory of the host or an archive, not both";
        reader.problem(span, message, "leave this out", None);
    }
    let writes = access.is_some_and(Access::writes);
    if is_archive && writes {
        let value = section.table.get("access").map(toml::Spanned::span);
        let message = "an archive is read-only; leave `access` out";
        reader.problem(value.unwrap_or_default(), message, "here", None);
    }
    let source = if is_archive {
        MountSource::Archive(archive?)
    } else {
        MountSource::Directory {
            access: access.unwrap_or(Access::ReadOnly),
            host,
        }
    };
    Some(MountNeed {
        guest: guest?.value,
        source,
        why,
        optional,
    })
}

fn read_temporary(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    places: &mut Vec<GuestPath>,
) -> Option<TemporaryNeed> {
    reader.check_keys(section, &["guest", "size", "why", "optional"], &[]);
    let guest = reader.string(section, "guest");
    let guest_span = guest.as_ref().map(|guest| guest.span.clone());
    let guest = guest.unwrap_or_else(|| Found {
        value: TEMPORARY_GUEST.to_owned(),
        span: section.span.0..section.span.1,
    });
    let guest = reader.parsed(Some(guest), GuestPath::new)?;
    let guest = Found {
        span: guest_span.unwrap_or(guest.span),
        value: guest.value,
    };
    claim_place(reader, &guest, places);
    let size = reader.required(section, "size");
    let size = reader.parsed(size, positive_size);
    let (why, optional) = read_reason(reader, section);
    Some(TemporaryNeed {
        guest: guest.value,
        size: size?.value,
        why,
        optional,
    })
}

fn read_listen(
    reader: &mut Reader<'_>,
    section: Section<'_>,
    earlier: &[ListenNeed],
) -> Option<ListenNeed> {
    let elsewhere = [("port", "address = \"127.0.0.1:PORT\"")];
    reader.check_keys(section, &["address", "why", "optional"], &elsewhere);
    let address = reader.required(section, "address");
    let address = reader.parsed(address, ListenAddress::parse);
    let (why, optional) = read_reason(reader, section);
    let address = address?;
    if earlier.iter().any(|need| need.address == address.value) {
        let message = format!("{} is listened on twice", address.value);
        reader.problem(address.span, message, "again here", None);
        return None;
    }
    Some(ListenNeed {
        address: address.value,
        why,
        optional,
    })
}

fn read_limits(reader: &mut Reader<'_>, section: Section<'_>) -> Limits {
    let elsewhere = [
        ("max-fds", "fds"),
        ("descriptors", "fds"),
        ("files", "fds"),
        ("ram", "memory"),
        (
            "time",
            "timeout for time on the wall, or cpu for processor time",
        ),
    ];
    reader.check_keys(section, &["memory", "cpu", "timeout", "fds"], &elsewhere);
    let memory = reader.string(section, "memory");
    let cpu = reader.string(section, "cpu");
    let timeout = reader.string(section, "timeout");
    Limits {
        memory: reader
            .parsed(memory, positive_size)
            .map(|found| found.value),
        cpu: reader
            .parsed(cpu, positive_duration)
            .map(|found| found.value),
        timeout: reader
            .parsed(timeout, positive_duration)
            .map(|found| found.value),
        descriptors: reader.count(section, "fds"),
    }
}

fn positive_size(text: &str) -> Result<u64, String> {
    match parse_size(text) {
        Ok(0) => Err("a size of nothing; leave it out instead".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

fn positive_duration(text: &str) -> Result<core::time::Duration, String> {
    match parse_duration(text) {
        Ok(time) if time.is_zero() => Err("no time at all; leave it out instead".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
