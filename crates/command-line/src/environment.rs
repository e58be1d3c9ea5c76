//! The environment of a program: what is set for it, and what of the person's is passed on.

use holm_package::grant::{EnvironmentValue, Lock};

use crate::app::App;
use crate::error::CommandError;
use crate::host::Host;

/// The variables in the order in which they were set, each name once.
pub(crate) fn environment(
    app: Option<&App>,
    lock: &Lock,
    host: &dyn Host,
) -> Result<Vec<(String, String)>, CommandError> {
    let mut variables = Variables(Vec::new());
    for (name, value) in app.iter().flat_map(|app| &app.manifest.app.env) {
        variables.set(name, value);
    }
    for (name, value) in &lock.environment {
        match value {
            EnvironmentValue::Set(value) => variables.set(name, value),
            EnvironmentValue::Pass { fallback } => match (host.variable(name), fallback) {
                (Some(value), _) => {
                    let value = value.to_str().ok_or_else(|| not_text(name))?;
                    variables.set(name, value);
                }
                (None, Some(value)) => variables.set(name, value),
                // A variable that is not set is passed on as not set.
                (None, None) => {}
            },
        }
    }
    if !lock.listen.is_empty() {
        // The convention of systemd, which wasm servers follow as well.
        variables.set("LISTEN_FDS", &lock.listen.len().to_string());
    }
    Ok(variables.0)
}

struct Variables(Vec<(String, String)>);

impl Variables {
    fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

fn not_text(name: &str) -> CommandError {
    CommandError::usage(format_args!(
        "your environment variable {name} is not UTF-8, which programs cannot read"
    ))
    .hint(format_args!("give it a value here: --env {name}=VALUE"))
}
