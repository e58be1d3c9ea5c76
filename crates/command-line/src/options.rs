//! The command line.

use core::convert::Infallible;
use core::fmt;
use core::net::SocketAddr;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use holm_explain::trace::Format;

/// Holm runs WebAssembly programs, each in an operating system of its own.
///
/// A program holds its arguments, standard input, output and error, and nothing else until
/// it is granted. What it was refused is explained when it ends.
#[derive(Debug, Parser)]
#[command(name = "holm", version, max_term_width = 100)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program, or an app (a folder with a holm.toml)
    Run(Box<RunOptions>),
    /// Answer HTTP requests with a component, each in a fresh instance
    Serve(Box<ServeOptions>),
    /// Say what a program is, and what it will ask for
    Inspect(InspectOptions),
    /// List or remove compiled code
    Cache(CacheOptions),
    /// List or forget remembered answers
    Grants(GrantsOptions),
    /// Create disk images, and look into them
    Disk(DiskOptions),
    /// Link an app and its dependencies to one component
    Compose(ComposeOptions),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: the program's own; 2 wrong command line, 124 timed out, \
    125 not granted, 126 cannot be run, 127 no such file, 134 trapped, 152 out of CPU time, \
    128+N ended by signal N, 1 anything else."
)]
pub struct RunOptions {
    /// The program (.wasm, .wat) or the app's folder, then the program's arguments
    // One list: whatever follows the program's name is the program's, options included.
    #[arg(
        value_names = ["PROGRAM", "ARGS"],
        num_args = 1..,
        required = true,
        trailing_var_arg = true
    )]
    pub command: Vec<OsString>,

    #[command(flatten)]
    pub grant: GrantOptions,
    #[command(flatten)]
    pub limit: LimitOptions,
    #[command(flatten)]
    pub see: SeeOptions,
    #[command(flatten)]
    pub http: HttpOptions,

    /// Call this export instead of the program's start: `add(2, 3)`, or `add` with ARGS as its
    /// arguments; a component's values are written in WAVE
    #[arg(long, value_name = "CALL")]
    pub invoke: Option<String>,
    /// Name of the program as it sees it (argument 0) [default: the file's name]
    #[arg(long, value_name = "NAME")]
    pub argv0: Option<String>,
    /// How to compile: `auto` starts with quick code and optimises in the background
    #[arg(long, value_enum, value_name = "TIER", default_value_t = Tier::Auto)]
    pub tier: Tier,
    /// Keep no compiled code
    #[arg(long)]
    pub no_cache: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each request has a process of its own: limits are for one request, and what it \
    writes to memory (--tmp, cow) is gone when it ends. SIGINT and SIGTERM stop accepting and let \
    requests end; a second one ends them."
)]
pub struct ServeOptions {
    /// The component (.wasm), or the app's folder: it exports `wasi:http/incoming-handler` or
    /// `wasi:http/handler`
    #[arg(value_name = "FILE")]
    pub program: OsString,
    /// Where to listen; port 0 takes a free one, and the address is printed
    #[arg(
        long = "addr",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub address: SocketAddr,
    /// Threads that answer [default: one per core]
    #[arg(long, value_name = "COUNT")]
    pub workers: Option<usize>,
    /// Requests at a time; one more is answered 503
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_requests: u32,
    /// Connections at a time; one more is answered 503
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pub max_connections: usize,
    /// Size of a request's body; more is answered 413 [default: any]
    #[arg(long, value_name = "SIZE")]
    pub max_body: Option<String>,

    #[command(flatten)]
    pub grant: GrantOptions,
    #[command(flatten)]
    pub limit: LimitOptions,
    #[command(flatten)]
    pub http: HttpOptions,

    /// How to compile [default: optimised]
    #[arg(long, value_enum, value_name = "TIER")]
    pub tier: Option<Tier>,
    /// Keep no compiled code
    #[arg(long)]
    pub no_cache: bool,
    /// Do not explain refusals
    #[arg(long)]
    pub quiet: bool,
}

/// What the program is given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Grants")]
pub struct GrantOptions {
    /// Files of a host directory; `cow` changes a copy that is gone at the end [default access: rw]
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro|:rw|:cow]")]
    pub directories: Vec<String>,
    /// Files of an archive (tar, tar.gz, tar.zst, zip), read-only
    #[arg(long = "mount", value_name = "ARCHIVE::GUEST")]
    pub archives: Vec<String>,
    /// Files of a disk image (see `holm disk`), at /disk [default access: rw]
    #[arg(long = "disk", value_name = "IMAGE[::GUEST][:ro|:rw|:cow]")]
    pub disks: Vec<String>,
    /// A directory in memory, at /tmp
    #[arg(long = "tmp", value_name = "SIZE[::GUEST]")]
    pub temporaries: Vec<String>,
    /// An environment variable: a new one, or one of yours passed on
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub variables: Vec<String>,
    /// A socket that listens, from descriptor 3 on (after directories)
    #[arg(long = "listen", value_name = "ADDRESS:PORT")]
    pub listeners: Vec<String>,
    /// Something of the network: `example.com:443`, `udp:9.9.9.9:53`, `listen:127.0.0.1:8080`,
    /// `loopback` between programs, `*:443` for every public address
    #[arg(long = "net", value_name = "RULE")]
    pub network: Vec<String>,
    /// How fine its clocks are: `coarse` has a step of 1 ms
    #[arg(long, value_name = "fine|coarse")]
    pub clock: Option<String>,
    /// Terminal escape sequences pass to the terminal unfiltered
    #[arg(long)]
    pub terminal_escapes: bool,
    /// Close standard input
    #[arg(long)]
    pub no_stdin: bool,
    /// Close standard output
    #[arg(long)]
    pub no_stdout: bool,
    /// Close standard error
    #[arg(long)]
    pub no_stderr: bool,
    /// Make the run repeatable: a virtual clock, randomness from this seed, sorted directories
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Give an app what it needs without asking
    #[arg(long)]
    pub grant_needs: bool,
}

/// What the program may use in total.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Memory of all kinds together [default: 4GiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// CPU time
    #[arg(long, value_name = "TIME")]
    pub cpu: Option<String>,
    /// Time from start to end
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// Open descriptors [default: 1024]
    #[arg(long, value_name = "COUNT")]
    pub max_fds: Option<String>,
}

/// How the requests of components leave this machine. None of it grants anything: that is for
/// the rules of `--net`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Requests over HTTP")]
pub struct HttpOptions {
    /// Trust this authority too: its certificate in PEM [SSL_CERT_FILE: those to trust instead of
    /// Mozilla's]
    #[arg(long = "trust-ca", value_name = "FILE")]
    pub authorities: Vec<PathBuf>,
    /// Send requests through a proxy: `http://[USER:PASSWORD@]HOST:PORT`, or `env` for those that
    /// http_proxy, HTTPS_PROXY, ALL_PROXY and NO_PROXY of your environment name [default: none]
    #[arg(long = "http-proxy", value_name = "env|URL", value_parser = ProxyChoice::parse)]
    pub proxy: Option<ProxyChoice>,
}

impl HttpOptions {
    /// The first of the options that was given, for a host that sends no requests.
    #[must_use]
    pub fn first(&self) -> Option<&'static str> {
        if !self.authorities.is_empty() {
            return Some("--trust-ca");
        }
        self.proxy.as_ref().map(|_| "--http-proxy")
    }
}

/// Which proxies requests go through.
#[derive(Clone, PartialEq, Eq)]
pub enum ProxyChoice {
    /// Those that the environment names.
    Environment,
    /// The one with this URL, in which a password may stand.
    At(String),
}

impl ProxyChoice {
    /// What the person wrote. Whether it is a URL is for the host to say, which does so without
    /// showing it.
    fn parse(text: &str) -> Result<ProxyChoice, Infallible> {
        Ok(match text {
            "env" => ProxyChoice::Environment,
            url => ProxyChoice::At(url.to_owned()),
        })
    }
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProxyChoice::Environment => "Environment",
            ProxyChoice::At(_) => "At(..)",
        })
    }
}

/// What is seen of the run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Seeing what happens")]
pub struct SeeOptions {
    /// Show each system call on standard error
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub trace: Option<TraceFormat>,
    /// Write the trace to this file instead
    #[arg(long, value_name = "FILE", requires = "trace")]
    pub trace_file: Option<PathBuf>,
    /// Say at the end what was used
    #[arg(long)]
    pub stats: bool,
    /// Write the needs that the program turned out to have to this file
    #[arg(long, value_name = "FILE")]
    pub learn: Option<PathBuf>,
    /// When the program traps, write a core dump to this file
    #[arg(long, value_name = "FILE")]
    pub coredump: Option<PathBuf>,
    /// Do not explain refusals
    #[arg(long)]
    pub quiet: bool,
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// One line a call, as strace writes them.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<TraceFormat> for Format {
    fn from(format: TraceFormat) -> Format {
        match format {
            TraceFormat::Text => Format::Text,
            TraceFormat::Json => Format::Json,
        }
    }
}

/// How a program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Tier {
    /// Quick code at first, optimised code from the next run on
    Auto,
    /// Quick code
    Baseline,
    /// Optimised code, however long it takes
    Optimised,
}

#[derive(Debug, Args)]
pub struct InspectOptions {
    /// The program
    #[arg(value_name = "PROGRAM")]
    pub program: PathBuf,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CacheOptions {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List compiled code
    Ls,
    /// Remove all compiled code
    Clean,
    /// Optimise a program now, for the runs to come
    Compile {
        /// The program
        #[arg(value_name = "PROGRAM")]
        program: PathBuf,
        /// Take only what processor time is left over by others
        #[arg(long)]
        background: bool,
    },
}

#[derive(Debug, Args)]
pub struct GrantsOptions {
    #[command(subcommand)]
    pub command: GrantsCommand,
}

#[derive(Debug, Subcommand)]
pub enum GrantsCommand {
    /// List what is remembered
    Ls,
    /// Forget the answers given for an app
    Forget {
        /// The app's name
        #[arg(value_name = "APP")]
        app: String,
    },
}

#[derive(Debug, Args)]
pub struct ComposeOptions {
    /// The app's folder, whose holm.toml names the dependencies
    #[arg(value_name = "APP")]
    pub app: PathBuf,
    /// Where the component is written; without it, only the tree is shown
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show the tree as JSON
    #[arg(long)]
    pub json: bool,
    /// Leave these interfaces to the host besides WASI's, such as example:db or example:db/store
    #[arg(long = "from-host", value_name = "INTERFACE")]
    pub from_host: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DiskOptions {
    #[command(subcommand)]
    pub command: DiskCommand,
}

#[derive(Debug, Subcommand)]
pub enum DiskCommand {
    /// Create an empty disk
    Create {
        /// The image's file, which does not exist yet
        #[arg(value_name = "FILE")]
        image: PathBuf,
        /// How large it may grow; it starts small
        #[arg(long, value_name = "SIZE", default_value = "1GiB")]
        size: String,
        /// A name for people
        #[arg(long, value_name = "LABEL", default_value = "")]
        label: String,
    },
    /// List the files of a disk, or of a directory on it
    Ls {
        /// The image, and a path on it
        #[arg(value_name = "FILE[:PATH]")]
        place: String,
        /// With what is below
        #[arg(short, long)]
        recursive: bool,
    },
    /// Copy files onto a disk, off it, or from one to another
    #[command(
        after_help = "IMAGE:/PATH is on a disk, anything else on this machine; `-` is \
        standard input or output. Times are kept."
    )]
    Cp {
        /// What to copy
        #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
        source: String,
        /// Where to: a directory to copy into, or a new name
        #[arg(value_name = "TARGET", allow_hyphen_values = true)]
        target: String,
        /// Directories too, with all they hold
        #[arg(short, long)]
        recursive: bool,
    },
    /// Read all of a disk, and say what is wrong with it
    Check {
        /// The image
        #[arg(value_name = "FILE")]
        image: PathBuf,
    },
}
