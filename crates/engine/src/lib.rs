//! The engine of Holm: Wasmtime, its compiled-code cache, module inspection and trap explanation.
//!
//! # Running a program
//!
//! ```no_run
//! use holm_engine::{CacheConfig, Engine, EngineConfig, Program, TierChoice};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(EngineConfig {
//!     cache: Some(CacheConfig::new("/home/ada/.cache/holm".into())),
//!     ..EngineConfig::default()
//! })?;
//! let program = engine.open("app.wasm".as_ref())?;
//! let loaded = engine.load(&program, TierChoice::Auto)?;
//! // Stores and linkers must belong to the Wasmtime engine that the module belongs to,
//! // which differs from tier to tier: always take it from the module.
//! let mut store = wasmtime::Store::new(loaded.code.engine(), ());
//! let instance = wasmtime::Instance::new(&mut store, loaded.code.module().expect("a module"), &[])?;
//! if loaded.wants_optimising {
//!     // Start a detached, low-priority process that calls `engine.optimise(&program)`.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is here
//!
//! - [`Engine`]: compiles in two tiers ([`Tier`]) and caches what it compiled ([`Cache`]).
//! - [`Program`]: a program's file, read only when its bytes are needed; [`LoadError`] says what
//!   is wrong with one.
//! - [`inspect()`]: everything that can be said about a program without running it.
//! - [`explain_trap`]: what happened, where, in names and source lines; [`core_dump`].
//! - [`BudgetLimiter`]: sums a store's memories and tables against one [`MemoryBudget`].

mod cache;
mod compile;
mod deserialize_unsafe;
mod digest;
mod engine;
mod identity;
mod inspect;
mod limits;
mod load_error;
mod p1;
pub mod process;
mod program;
mod settings;
mod trap;

pub use cache::{Cache, CacheConfig, CacheEntry, CacheError, Cleaned};
pub use digest::Digest;
pub use engine::{Code, Engine, EngineError, Interrupter, Loaded, Optimised, Origin, TierChoice};
pub use identity::StatIdentity;
pub use inspect::{
    Ask, ComponentInfo, DebugInformation, ExportInfo, ExportedFunction, ImportInfo,
    ImportedInterface, ImportedPackage, InspectError, Inspection, MemoryInfo, NestedModule,
    Producer, ProgramKind, SectionInfo, Shape, TableInfo, inspect,
};
pub use limits::{BudgetLimiter, LimitError, MemoryBudget, StoreBounds, check_initial_memory};
pub use load_error::LoadError;
pub use program::Program;
pub use settings::{CodeKind, EngineConfig, Form, PoolBounds, Tier};
pub use trap::{
    CoreDumpError, MemoryFault, SourceLocation, TrapFrame, TrapKind, TrapReport, core_dump,
    explain_trap,
};
/// So that who embeds the engine takes the Wasmtime that it was built with.
pub use wasmtime;
pub use wasmtime::AsContextMut;
