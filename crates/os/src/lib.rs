//! Holm for embedders: a native system in a few lines.
//!
//! ```no_run
//! use holm_os::{Access, System, SystemOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::new(SystemOptions::default())?;
//! let program = system.open("app.wasm".as_ref())?;
//! let mut command = system.command("app");
//! command
//!     .arg("--fast")
//!     .directory("./data".as_ref(), "/data", Access::ReadOnly)?
//!     .memory_limit(256 << 20);
//! let finished = system.run(&program, command)?;
//! println!("{}", finished.status);
//! # Ok(())
//! # }
//! ```
//!
//! A [`System`] is a kernel with the native host's clock, randomness and engine behind it.
//! A [`Command`] says what a process holds: nothing but what is named there. Running it
//! gives a [`Finished`]: how it ended, what it used, what was refused to it.

mod command;
mod disk;
mod executor;
mod image;
mod run;
mod serve;
mod stdio;
mod system;
mod watchdog;

pub use holm_abi as abi;
pub use holm_disk as disk_image;
pub use holm_engine as engine;
pub use holm_kernel as kernel;
pub use holm_package as package;

pub use holm_host_native::{HostDirectory, HostError, Interrupts, SignalsError};

pub use command::{Access, Command, CommandError};
pub use disk::{DiskFileError, create_disk, open_disk};
pub use holm_http as http;
pub use image::ArchiveError;
pub use run::{Failure, Finished, RunError};
pub use serve::{ServeError, ServeOptions};
pub use stdio::{Captured, Stdio};
pub use system::{System, SystemError, SystemOptions};
pub use watchdog::{GRACE, Running};
