//! Times each step from a program's file to a loaded module.
//!
//! `cargo run --release -p holm-engine --example measure -- app.wasm [cache-folder]`

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use holm_engine::{CacheConfig, Engine, EngineConfig, Loaded, TierChoice};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let program = arguments.next().ok_or("which program?")?;
    let root = match arguments.next() {
        Some(root) => root,
        None => std::env::temp_dir().join(format!("holm-measure-{}", std::process::id())),
    };
    let config = EngineConfig {
        cache: Some(CacheConfig::new(root)),
        ..EngineConfig::default()
    };
    let load = |step: &str, choice: TierChoice| -> Result<Loaded, Box<dyn Error>> {
        let start = Instant::now();
        let engine = Engine::new(config.clone())?;
        let made = start.elapsed();
        let loaded = engine.load(&engine.open(&program)?, choice)?;
        let took = start.elapsed();
        report(
            step,
            took,
            &format!("{:?} {:?}, engine {made:?}", loaded.kind, loaded.origin),
        )?;
        Ok(loaded)
    };
    load("baseline, first", TierChoice::Baseline)?;
    std::thread::sleep(Duration::from_millis(150));
    load("baseline, full check", TierChoice::Auto)?;
    load("baseline, recorded", TierChoice::Auto)?;

    let engine = Engine::new(config.clone())?;
    let opened = engine.open(&program)?;
    let start = Instant::now();
    let optimised = engine.optimise(&opened)?;
    report("optimise", start.elapsed(), &format!("{optimised:?}"))?;
    for _ in 0..3 {
        load("optimised, recorded", TierChoice::Auto)?;
    }
    Ok(())
}

fn report(step: &str, took: Duration, note: &str) -> std::io::Result<()> {
    let milliseconds = took.as_secs_f64() * 1e3;
    writeln!(
        std::io::stdout(),
        "{step:24} {milliseconds:10.3} ms   {note}"
    )
}
