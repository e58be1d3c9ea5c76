//! `cargo xtask web bench`: figures of the npm package beside its peers', in browsers and in Node.

use anyhow::Result;

use super::{Places, build, npm};
use crate::command;
use crate::guests;

/// Builds what is measured, and measures it. The scripts of `web/bench` do the latter.
pub(super) fn run(places: &Places, options: &[String]) -> Result<()> {
    let (builds, passed_on): (Vec<&String>, Vec<&String>) =
        options.iter().partition(|option| *option == "--no-build");
    if builds.is_empty() {
        for language in ["rust", "c", "wat"] {
            guests::run(&["--only".into(), language.into()])?;
        }
        guests::run(&["--programs".into()])?;
        build::package(places)?;
    }
    command::run(
        npm::node()?
            .arg(places.web.join("bench/run.js"))
            .arg("--target")
            .arg(&places.target)
            .args(passed_on),
    )
}
