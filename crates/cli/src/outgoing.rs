//! How requests over HTTP leave this machine: whom TLS trusts, and through which proxies.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use holm_command_line::explain::text::shown;
use holm_command_line::options::ProxyChoice;
use holm_command_line::{CommandError, Plan};
use holm_os::engine::{Form, Program};
use holm_os::http::{
    CertificateError, ClientOptions, OnUntrusted, Proxies, authorities_from_pem,
    certificates_from_pem,
};
use holm_os::{System, SystemError};

use crate::run;

/// The variable that curl, cargo, uv and OpenSSL read: the file of the authorities that are
/// trusted, instead of those that came with the program.
const BUNDLE: &str = "SSL_CERT_FILE";
/// Longest file of certificates that is read to its end: many times the largest bundle.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most lines about hosts that are not trusted.
const UNTRUSTED_MAX: usize = 16;

/// Lets `system` send requests as the plan and this machine's environment say.
pub(crate) fn set_up(
    system: &mut System,
    program: &Program,
    plan: &Plan,
) -> Result<(), CommandError> {
    let mut options = ClientOptions {
        on_untrusted: (!plan.watch.quiet).then(say_untrusted),
        ..ClientOptions::default()
    };
    for file in &plan.http.authorities {
        let pem = read("--trust-ca", file)?;
        let certificates = authorities_from_pem(&pem);
        options
            .extra_roots
            .extend(certificates.map_err(|error| no_authority(file, &error))?);
    }
    options.proxies = proxies(plan)?;
    if let Some(file) = bundle(program, plan)? {
        let file = Path::new(&file);
        let pem = read(BUNDLE, file).map_err(unset)?;
        let certificates =
            certificates_from_pem(&pem).map_err(|error| unset(cannot_use(BUNDLE, file, &error)))?;
        options.roots = Some(certificates);
        return system.set_http(options).map_err(|error| match error {
            SystemError::Http(error) => unset(cannot_use(BUNDLE, file, &error)),
            error => CommandError::failed(error),
        });
    }
    system.set_http(options).map_err(CommandError::failed)
}

/// Says which hosts are not trusted, and why; each once.
fn say_untrusted() -> OnUntrusted {
    let said = Mutex::new(BTreeSet::new());
    OnUntrusted::new(move |host, port, why| {
        let line = format!("holm: {host}:{port} is not trusted: {why}");
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < UNTRUSTED_MAX && !said.contains(&line) {
            note!("{}", shown(&line));
            said.insert(line);
        }
    })
}

/// The proxies that were asked for, and none that only the environment names.
fn proxies(plan: &Plan) -> Result<Option<Proxies>, CommandError> {
    const OPTION: &str = "--http-proxy";
    match &plan.http.proxy {
        None => Ok(None),
        Some(ProxyChoice::At(url)) => {
            let proxies = Proxies::at(url, OPTION).map_err(CommandError::usage)?;
            Ok(Some(proxies))
        }
        Some(ProxyChoice::Environment) => {
            let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
            if is_set("HTTP_PROXY") && !is_set("http_proxy") {
                note!(
                    "holm: warning: HTTP_PROXY is not read, as by curl: behind a web server, \
                     whoever sends a header `Proxy` sets it. http_proxy is"
                );
            }
            Proxies::from_environment(&|name| env::var_os(name)).map_err(|error| {
                CommandError::failed(error).hint(format_args!(
                    "`{OPTION} env` uses the proxies that the environment names; \
                     `{OPTION} http://HOST:PORT` uses another"
                ))
            })
        }
    }
}

/// The file that the environment names, when there may be a request that it is about: nobody
/// else has to mend what it says, or waits for it to be read.
fn bundle(program: &Program, plan: &Plan) -> Result<Option<OsString>, CommandError> {
    let file = env::var_os(BUNDLE).filter(|file| !file.is_empty());
    if file.is_none() || !plan.network.reach_the_host() {
        return Ok(None);
    }
    let form = program.form().map_err(|error| run::not_runnable(&error))?;
    Ok(file.filter(|_| form != Form::Module))
}

fn read(from: &str, file: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| {
            CommandError::failed(format_args!(
                "{from} {} cannot be read: {error}",
                file.display()
            ))
        })?;
    Ok(bytes)
}

fn cannot_use(from: &str, file: &Path, error: &dyn Display) -> CommandError {
    CommandError::failed(format_args!(
        "{from} {} cannot be used: {error}",
        file.display()
    ))
}

fn no_authority(file: &Path, error: &CertificateError) -> CommandError {
    let told = cannot_use("--trust-ca", file, error);
    match error {
        CertificateError::Der => told.hint(format_args!(
            "to make PEM of it: openssl x509 -inform der -in {0} -out {0}.pem",
            file.display()
        )),
        _ => told.hint("it takes the certificate of an authority, in PEM"),
    }
}

fn unset(error: CommandError) -> CommandError {
    error.hint(format_args!(
        "{BUNDLE} names the authorities to trust, in PEM; without it they are those of Mozilla's \
         programme"
    ))
}
