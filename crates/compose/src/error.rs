//! Why nothing was linked, in words: what was wrong, where, and what to do.

use core::ops::Range;
use std::io;
use std::path::{Path, PathBuf};

use holm_package::manifest::ManifestError;
use thiserror::Error;

/// Why an app was not linked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A `holm.toml` cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the host says.
        source: io::Error,
    },
    /// A folder has no `holm.toml`.
    #[error("{} is a folder without a holm.toml", path.display())]
    NoManifest {
        /// The folder.
        path: PathBuf,
    },
    /// A `holm.toml` is not one.
    #[error("{}: {error}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Its text, which the problems point into.
        text: String,
        /// What is wrong with it.
        error: ManifestError,
    },
    /// A file that a `holm.toml` names cannot be used.
    #[error("{place}: {message}{}", help_line(help))]
    File {
        /// Where it is named, and the line there.
        place: Place,
        /// What is wrong with it.
        message: String,
        /// What to do, if that is known.
        help: Option<String>,
    },
    /// There are too many components, or too large ones.
    #[error("{0}")]
    TooMuch(String),
    /// Nobody provides what a component imports.
    #[error("{part} imports {import}, which nobody provides{}", help_line(help))]
    Missing {
        /// Who imports it.
        part: String,
        /// What it imports.
        import: String,
        /// What is nearest to it, and what to do.
        help: Option<String>,
    },
    /// A dependency does not provide what its key says.
    #[error("{part} provides nothing that is called {key}{}", help_line(help))]
    ProvidesNothing {
        /// The dependency's file.
        part: String,
        /// Its key.
        key: String,
        /// What it provides instead.
        help: Option<String>,
    },
    /// Two dependencies provide one interface.
    #[error(
        "{first} and {second} both provide {interface}, which {part} imports\n  \
         help: name what each is for, as in [dependencies.\"{first_interface}\"], or leave one out"
    )]
    TwoProviders {
        /// Who imports it.
        part: String,
        /// What it imports.
        interface: String,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
        /// An interface that the first could be narrowed to.
        first_interface: String,
    },
    /// What is imported is not what is exported.
    #[error(
        "{importer} imports {import}, and {exporter} exports {export}, which is not the same\n{wit}"
    )]
    Mismatch {
        /// Who imports it.
        importer: String,
        /// What it imports.
        import: String,
        /// Who exports it.
        exporter: String,
        /// What it exports.
        export: String,
        /// The two in WIT, as far as they differ.
        wit: String,
    },
    /// Components need each other.
    #[error(
        "components need each other in a circle: {}\n  help: one of them must do without the next",
        path.join(" -> ")
    )]
    Cycle {
        /// Who needs whom, with the first again at the end.
        path: Vec<String>,
    },
    /// Something is denied whose handles are needed elsewhere.
    #[error(
        "{part} is not given {denied}, and has {user}, which works with its handles\n  \
         help: pass both on with inherit = [\"{}\", \"{}\"], or neither",
        bare(denied),
        bare(user)
    )]
    Inseparable {
        /// The dependency.
        part: String,
        /// What it is not given.
        denied: String,
        /// What it has that needs it.
        user: String,
    },
    /// A dependency has rules of its own for an interface, and so handles of its own, and passes
    /// them to others, or gets them from others.
    #[error(
        "{part} has rules of its own for {}, so its handles are not those of the others, and \
         {} passes them\n  help: pass the interface on instead (inherit = [\"{}\"]), or let {} \
         pass something else, such as streams",
        bare(own),
        bare(user),
        bare(own),
        bare(user)
    )]
    OwnHandles {
        /// The dependency.
        part: String,
        /// The interface that it has rules for.
        own: String,
        /// The interface that passes its handles.
        user: String,
    },
    /// The linker refused, for a reason that only it knows.
    #[error("the components do not fit together: {0}")]
    Linker(String),
}

fn help_line(help: &Option<String>) -> String {
    help.as_ref()
        .map_or_else(String::new, |help| format!("\n  help: {help}"))
}

fn bare(interface: &str) -> &str {
    interface
        .split_once('@')
        .map_or(interface, |(name, _)| name)
}

/// Where in a `holm.toml` something is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The `holm.toml`.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The bytes of the file.
    pub span: Range<usize>,
}

impl Place {
    pub(crate) fn new(file: &Path, text: &str, span: Option<Range<usize>>) -> Self {
        let span = span.unwrap_or(0..0);
        let before = &text[..text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span,
        }
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let file = self.file.display();
        write!(
            formatter,
            "{file}, line {}, column {}",
            self.line, self.column
        )
    }
}
