//! Guests in the text format: what no compiler would make.

use std::fs;

use anyhow::{Context, Result};

use super::{Places, Tally, files, stem};

/// Translates each `.wat` file. It takes no time, so that nothing is kept.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let mut tally = Tally::default();
    for source in files(&places.source.join("wat"), "wat")? {
        let name = stem(&source);
        if !places.wants("wat", &name) {
            continue;
        }
        let bytes = wat::parse_file(&source).with_context(|| source.display().to_string())?;
        let output = places.output("wat", &name)?;
        if fs::read(&output).is_ok_and(|there| there == bytes) {
            tally.kept += 1;
        } else {
            fs::write(&output, bytes).with_context(|| output.display().to_string())?;
            tally.built += 1;
        }
    }
    Ok(tally)
}
