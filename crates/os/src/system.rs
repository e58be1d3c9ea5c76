//! The system: a kernel over the native host, with an engine.

use std::path::Path;
use std::sync::Arc;

use holm_abi::Errno;
use holm_engine::{Engine, EngineConfig, EngineError, LoadError, Program};
use holm_host_native::{NativeClock, NativeEntropy, NativeNetwork};
use holm_http::{ClientError, ClientOptions, PooledClient};
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::port::{Clock, Entropy};
use holm_kernel::{Authority, Kernel, Options, Ports};

use crate::command::Command;

/// How a system is made.
#[derive(Debug, Default)]
pub struct SystemOptions {
    /// How programs are compiled, and where compiled code is kept.
    pub engine: EngineConfig,
    /// With a seed, the system is deterministic: a virtual clock, randomness from the seed,
    /// directories in order of name.
    pub seed: Option<u64>,
    /// How the HTTP client of components works.
    pub http: ClientOptions,
}

/// Why a system cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// The engine cannot be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The host has no randomness to give.
    #[error("the host has no randomness to give: {0}")]
    Entropy(Errno),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Http(#[from] ClientError),
}

/// A native Holm system.
#[derive(Debug)]
pub struct System {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) authority: Authority,
    pub(crate) engine: Engine,
    /// Sends the requests of components; it starts nothing before there is one.
    pub(crate) http: Arc<PooledClient>,
    /// How it works, for others like it.
    pub(crate) http_options: ClientOptions,
}

impl System {
    /// Makes a system.
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the engine or the host's randomness fails.
    pub fn new(options: SystemOptions) -> Result<System, SystemError> {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = match options.seed {
            None => (Arc::new(NativeClock), Arc::new(NativeEntropy)),
            Some(seed) => (
                Arc::new(VirtualClock::new()),
                Arc::new(SeededEntropy::new(seed)),
            ),
        };
        let behaviour = Options {
            sorted_directories: options.seed.is_some(),
        };
        let ports = Ports {
            clock,
            entropy,
            network: Some(Arc::new(NativeNetwork::new())),
        };
        let (kernel, authority) = Kernel::boot(ports, behaviour).map_err(SystemError::Entropy)?;
        let engine = Engine::new(options.engine)?;
        let http = Arc::new(PooledClient::new(options.http.clone())?);
        Ok(System {
            kernel,
            authority,
            engine,
            http,
            http_options: options.http,
        })
    }

    /// Sends the requests of processes to come as `options` say.
    ///
    /// # Errors
    ///
    /// [`SystemError::Http`] when they cannot be sent like that.
    pub fn set_http(&mut self, options: ClientOptions) -> Result<(), SystemError> {
        self.http = Arc::new(PooledClient::new(options.clone())?);
        self.http_options = options;
        Ok(())
    }

    /// The kernel.
    #[must_use]
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Opens a program's file; its bytes are read when they are needed.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when there is no such file, or it is no program.
    pub fn open(&self, path: &Path) -> Result<Program, LoadError> {
        self.engine.open(path)
    }

    /// A program from bytes.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when they are no program.
    pub fn program_from_bytes(&self, name: &str, bytes: Vec<u8>) -> Result<Program, LoadError> {
        self.engine.program_from_bytes(name, bytes)
    }

    /// A process in the making: it holds its name as argument 0, and nothing else.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        Command::new(program, self.kernel.clock().clone())
    }
}
