//! Who sees the program's system calls: `--trace` and `--learn`.

use std::fs::File;
use std::io::{self, LineWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

use holm_command_line::explain::learn::Learner;
use holm_command_line::explain::trace::Tracer;
use holm_command_line::{CommandError, Watch, problems};
use holm_os::Command;

/// Who sees the program's system calls.
#[derive(Debug)]
pub(crate) struct Watchers {
    pub(crate) tracer: Option<Arc<Tracer>>,
    pub(crate) learner: Option<Arc<Learner>>,
}

impl Watchers {
    pub(crate) fn new(watch: &Watch, command: &mut Command) -> Result<Watchers, CommandError> {
        let tracer = tracer(watch)?.map(Arc::new);
        let learner = watch.learn.as_ref().map(|_| Arc::new(Learner::new()));
        if let Some(tracer) = &tracer {
            command.observer(tracer.clone());
        }
        if let Some(learner) = &learner {
            command.observer(learner.clone());
        }
        Ok(Watchers { tracer, learner })
    }
}

fn tracer(watch: &Watch) -> Result<Option<Tracer>, CommandError> {
    let Some(format) = watch.trace else {
        return Ok(None);
    };
    let output: Box<dyn Write + Send> = match &watch.trace_file {
        None => Box::new(io::stderr()),
        Some(path) => {
            Box::new(File::create(path).map_err(|error| problems::no_trace(path, error))?)
        }
    };
    let output = Mutex::new(LineWriter::new(output));
    let sink = Box::new(move |line: &str| {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        // A trace that cannot be written (a closed pipe) must not end the program.
        let _: io::Result<()> = writeln!(output, "{line}");
    });
    Ok(Some(Tracer::new(format, sink)))
}
