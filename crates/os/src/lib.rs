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
//! A component can be called function by function, with typed values:
//!
//! ```
//! use holm_os::{Imports, System, SystemOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::new(SystemOptions::default())?;
//! # let text = r#"(component
//! #     (import "example:host/log" (instance $log (export "write" (func (param "n" u32)))))
//! #     (core func $write (canon lower (func $log "write")))
//! #     (core module $m
//! #         (import "log" "write" (func $write (param i32)))
//! #         (func (export "add") (param i32 i32) (result i32)
//! #             (call $write (local.get 0))
//! #             (i32.add (local.get 0) (local.get 1))))
//! #     (core instance $i (instantiate $m (with "log" (instance (export "write" (func $write))))))
//! #     (func (export "add") (param "a" u32) (param "b" u32) (result u32)
//! #         (canon lift (core func $i "add"))))"#;
//! let program = system.program_from_bytes("math.wat", text.into())?;
//! let mut imports = Imports::new();
//! imports.function("example:host/log", "write", |caller, (number,): (u32,)| {
//!     println!("{}: {number}", caller.process().pid());
//!     Ok(())
//! });
//! let math = system.instantiator(&program, &imports)?;
//! let mut instance = math.instantiate(system.command("math"))?;
//! let add = instance.function::<(u32, u32), (u32,)>("add")?;
//! let (sum,) = add.call(&mut instance, (2, 3))?;
//! assert_eq!(sum, 5);
//! # Ok(())
//! # }
//! ```
//!
//! An `async func` (WASI 0.3) is called as any other: the calling thread sleeps while the component
//! waits, for WASI or for a function that was [given to it](Imports::asynchronous).
//! `cargo run -p holm-os --example async_calls` shows both. Parameters and results are values:
//! streams and futures, which go on after a call, are refused before it
//! ([`FunctionError::NoValues`]); let another component stand between, which passes lists on.
//!
//! ```
//! use holm_os::{Imports, System, SystemOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let text = r#"(component
//! #     (import "example:host/store" (instance $store
//! #         (export "get" (func async (param "key" u32) (result u32)))))
//! #     (core func $get (canon lower (func $store "get")))
//! #     (core module $m
//! #         (import "store" "get" (func $get (param i32) (result i32)))
//! #         (func (export "twice") (param i32) (result i32)
//! #             (i32.mul (call $get (local.get 0)) (i32.const 2))))
//! #     (core instance $i (instantiate $m (with "store" (instance (export "get" (func $get))))))
//! #     (func (export "twice") async (param "key" u32) (result u32)
//! #         (canon lift (core func $i "twice"))))"#;
//! let system = System::new(SystemOptions::default())?;
//! let program = system.program_from_bytes("store.wat", text.into())?;
//! let mut imports = Imports::new();
//! imports.asynchronous("example:host/store", "get", |_caller, (key,): (u32,)| async move {
//!     Ok((key + 1,)) // or wait for whatever it takes
//! });
//! let store = system.instantiator(&program, &imports)?;
//! let mut instance = store.instantiate(system.command("store"))?;
//! let twice = instance.function::<(u32,), (u32,)>("twice")?;
//! assert_eq!(twice.call(&mut instance, (20,))?, (42,));
//! # Ok(())
//! # }
//! ```
//!
//! A [`System`] is a kernel with the native host's clock, randomness and engine behind it.
//! A [`Command`] says what a process holds: nothing but what is named there. Running it
//! gives a [`Finished`]: how it ended, what it used, what was refused to it. An
//! [`Instantiator`] makes [`Instance`]s of a component, each a process with the grants of its
//! own command; [`Imports`] are functions that the component gets from its embedder.

mod command;
mod disk;
mod executor;
mod image;
mod imports;
mod instance;
mod run;
mod serve;
mod stdio;
mod system;
mod watchdog;

pub use holm_abi as abi;
pub use holm_disk as disk_image;
pub use holm_engine as engine;
/// For the derives of typed values: `#[component(wasmtime_crate = holm_os::wasmtime)]`.
pub use holm_engine::wasmtime;
pub use holm_kernel as kernel;
pub use holm_package as package;

pub use holm_host_native::{HostDirectory, HostError, Interrupts, SignalsError};

pub use command::{Access, Command, CommandError};
pub use disk::{DiskFileError, create_disk, open_disk};
pub use holm_http as http;
pub use image::ArchiveError;
pub use imports::{Caller, ImportError, Imports};
pub use instance::{CallError, Function, FunctionError, Instance, InstantiateError, Instantiator};
pub use run::{Failure, Finished, Remains, RunError};
pub use serve::{ServeError, ServeOptions};
pub use stdio::{Captured, Stdio};
pub use system::{System, SystemError, SystemOptions};
pub use watchdog::{GRACE, Running};
