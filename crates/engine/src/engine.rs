//! The engine: loads programs by the quickest way that is safe.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use wasmtime::Module;
use wasmtime::component::Component;

use crate::cache::{ArtifactKey, Cache, CacheError, Description, Record};
use crate::compile::{CompileError, compile};
use crate::deserialize_unsafe::TrustedCode;
use crate::digest::Digest;
use crate::load_error::{LoadError, diagnose};
use crate::program::Program;
use crate::settings::{
    CodeKind, EngineConfig, Form, Tier, compiler_config, fingerprint, runtime_config,
};

/// Compiles, caches and loads programs.
///
/// Creating one is cheap (microseconds): Wasmtime's engines are made when they are first needed,
/// and the compilers only when something must be compiled. Use one for all programs of a process.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    fingerprint: [u8; 32],
    cache: Option<Cache>,
    cache_problem: Option<CacheError>,
    /// For modules and components that are not asynchronous.
    plain: Engines,
    /// For asynchronous components.
    concurrent: Engines,
}

/// Wasmtime's engines with one set of features.
#[derive(Debug, Default)]
struct Engines {
    /// Runs [`CodeKind::Quick`] and [`CodeKind::Optimised`] code; cannot compile.
    standard: OnceLock<Result<wasmtime::Engine, String>>,
    /// Compiles and runs [`CodeKind::Winch`] code, whose calling convention differs.
    winch: OnceLock<Result<wasmtime::Engine, String>>,
}

/// Compiled code, ready to be instantiated. It belongs to one Wasmtime engine; linkers and
/// stores must too.
#[derive(Debug, Clone)]
pub enum Code {
    /// A core module.
    Module(Module),
    /// A component.
    Component(Component),
}

impl Code {
    /// The Wasmtime engine that it belongs to.
    pub fn engine(&self) -> &wasmtime::Engine {
        match self {
            Code::Module(module) => module.engine(),
            Code::Component(component) => component.engine(),
        }
    }

    /// The module; `None` for a component.
    pub fn module(&self) -> Option<&Module> {
        match self {
            Code::Module(module) => Some(module),
            Code::Component(_) => None,
        }
    }

    /// The component; `None` for a module.
    pub fn component(&self) -> Option<&Component> {
        match self {
            Code::Component(component) => Some(component),
            Code::Module(_) => None,
        }
    }
}

/// Why an [`Engine`] could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// [`EngineConfig::guest_stack_bytes`] is not usable.
    #[error("the guest stack must have between 64 KiB and 1 GiB, not {bytes} bytes")]
    StackSize { bytes: usize },
}

/// Which code [`Engine::load`] may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TierChoice {
    /// The best that is cached; what is not cached is compiled by the baseline tier.
    #[default]
    Auto,
    /// Baseline code only.
    Baseline,
    /// Optimised code only, waiting for the optimiser if need be.
    Optimised,
}

impl TierChoice {
    fn accepts(self, kind: CodeKind) -> bool {
        match self {
            TierChoice::Auto => true,
            TierChoice::Baseline => kind.tier() == Tier::Baseline,
            TierChoice::Optimised => kind.tier() == Tier::Optimised,
        }
    }
}

/// Whether compiled code was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Compiled for this load.
    Cold,
    /// Found in the cache.
    Warm,
}

/// A program that is ready to be instantiated.
#[derive(Debug)]
pub struct Loaded {
    /// Its code.
    pub code: Code,
    /// What it is.
    pub form: Form,
    /// Which compiler made the code; `kind.tier()` is its tier.
    pub kind: CodeKind,
    pub origin: Origin,
    /// Whether somebody should call [`Engine::optimise`]: the code is baseline, better code can
    /// be kept, nobody is making it, and making it has not failed lately.
    pub wants_optimising: bool,
}

impl Loaded {
    /// The code's tier.
    pub fn tier(&self) -> Tier {
        self.kind.tier()
    }

    /// What interrupts the module's code; does so only if [`EngineConfig::interruptible`].
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.code.engine().clone())
    }
}

/// What [`Engine::optimise`] did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Optimised {
    /// Optimised code is in the cache now.
    Done,
    /// It was there already.
    AlreadyThere,
    /// Another process is making it.
    Busy,
    /// There is no usable cache to keep it in.
    NoCache,
    /// It was made but could not be kept.
    NotKept(CacheError),
}

/// Stops guest code of one engine from another thread.
///
/// Each interruption advances the engine's epoch by one. A store must have been given a deadline
/// (`store.set_epoch_deadline(1)`); its code traps with [`wasmtime::Trap::Interrupt`] at the next
/// loop iteration or call once that is reached.
#[derive(Debug, Clone)]
pub struct Interrupter(wasmtime::Engine);

impl Interrupter {
    /// Advances the epoch: all stores of the engine notice.
    pub fn interrupt(&self) {
        self.0.increment_epoch();
    }
}

impl Engine {
    /// An engine; a cache that cannot be used is left out, see [`Engine::cache_problem`].
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the configuration makes no sense.
    pub fn new(config: EngineConfig) -> Result<Engine, EngineError> {
        if !(64 << 10..=1 << 30).contains(&config.guest_stack_bytes) {
            return Err(EngineError::StackSize {
                bytes: config.guest_stack_bytes,
            });
        }
        let (cache, cache_problem) = match config.cache.as_ref().map(Cache::open) {
            None => (None, None),
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(problem)) => (None, Some(problem)),
        };
        Ok(Engine {
            fingerprint: fingerprint(&config),
            config,
            cache,
            cache_problem,
            plain: Engines::default(),
            concurrent: Engines::default(),
        })
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The cache, when there is a usable one.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Why a configured cache is not used: worth a warning.
    pub fn cache_problem(&self) -> Option<&CacheError> {
        self.cache_problem.as_ref()
    }

    /// Looks at a program's file, without reading it.
    ///
    /// # Errors
    ///
    /// As [`Program::open`].
    pub fn open(&self, path: &Path) -> Result<Program, LoadError> {
        Program::open(path, self.config.maximum_program_bytes)
    }

    /// A program from bytes.
    ///
    /// # Errors
    ///
    /// As [`Program::from_bytes`].
    pub fn program_from_bytes(&self, name: &str, bytes: Vec<u8>) -> Result<Program, LoadError> {
        Program::from_bytes(name, bytes, self.config.maximum_program_bytes)
    }

    /// Makes a program ready to run: from the cache if it can, else by compiling it.
    ///
    /// An unusable or damaged cache never makes this fail, only slower.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the program is not one that can run.
    pub fn load(&self, program: &Program, choice: TierChoice) -> Result<Loaded, LoadError> {
        if let Some(loaded) = self.load_recorded(program, choice) {
            return Ok(loaded);
        }
        let digest = program.digest()?;
        let form = program.form()?;
        let kinds = CodeKind::ALL.into_iter();
        for kind in kinds.filter(|kind| choice.accepts(*kind)) {
            if let Some(code) = self.load_checked(program, digest, kind, form) {
                return Ok(self.loaded(code, (kind, form), Origin::Warm, digest, choice));
            }
        }
        let (kind, compiled) = self.compile_first(program, choice)?;
        let code = self.keep_and_load(program, digest, (kind, form), compiled)?;
        Ok(self.loaded(code, (kind, form), Origin::Cold, digest, choice))
    }

    /// Compiles a program with the optimiser and keeps the code for the next run.
    ///
    /// Meant for a process of its own at low priority. Another one at the same program makes this
    /// return [`Optimised::Busy`] at once.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the program cannot be compiled, which is remembered.
    pub fn optimise(&self, program: &Program) -> Result<Optimised, LoadError> {
        let Some(cache) = &self.cache else {
            return Ok(Optimised::NoCache);
        };
        let digest = program.digest()?;
        let kind = CodeKind::Optimised;
        let key = ArtifactKey::new(&self.fingerprint, digest, kind);
        let _lock = match cache.lock(&key) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(Optimised::Busy),
            Err(problem) => return Ok(Optimised::NotKept(problem)),
        };
        if let Some((_, identity)) = cache.open_checked(&key) {
            self.remember(program, digest, (kind, program.form()?), identity);
            return Ok(Optimised::AlreadyThere);
        }
        let code = match self.compile_with(kind, program) {
            Ok(code) => code,
            Err(error) => {
                cache.mark_failed(&key);
                return Err(explain(program, error));
            }
        };
        match cache.insert(&key, &code, &describe(program, digest, kind)) {
            Err(problem) => Ok(Optimised::NotKept(problem)),
            Ok((_, identity)) => {
                // This process is in no hurry, and the next run profits from a record.
                let wait = identity.settles_in(SystemTime::now());
                std::thread::sleep(wait.unwrap_or(Duration::ZERO));
                self.remember(program, digest, (kind, program.form()?), identity);
                Ok(Optimised::Done)
            }
        }
    }

    /// The warm start: the program's file is not opened, the artifact is not read.
    fn load_recorded(&self, program: &Program, choice: TierChoice) -> Option<Loaded> {
        let cache = self.cache.as_ref()?;
        let identity = program.lasting_identity()?;
        let record = cache.find_record(&self.fingerprint, identity)?;
        if !choice.accepts(record.kind) {
            return None;
        }
        let better = ArtifactKey::new(&self.fingerprint, record.digest, CodeKind::Optimised);
        if choice == TierChoice::Auto
            && record.kind.tier() == Tier::Baseline
            && cache.has_artifact(&better)
        {
            return None;
        }
        let key = Cache::key_of(&self.fingerprint, &record);
        let made = (record.kind, record.form);
        let code = cache
            .open_known(&key, &record.artifact)
            .and_then(|file| self.load_code(made, TrustedCode::File(file)).ok());
        let Some(code) = code else {
            cache.forget(&self.fingerprint, identity);
            return None;
        };
        let digest = record.digest;
        program.know_digest(digest);
        if record.name != program.name() {
            let name = program.name().to_owned();
            cache.remember(&self.fingerprint, &Record { name, ..record });
        }
        Some(self.loaded(code, made, Origin::Warm, digest, choice))
    }

    /// Loads from the cache after checking all of the artifact.
    fn load_checked(
        &self,
        program: &Program,
        digest: Digest,
        kind: CodeKind,
        form: Form,
    ) -> Option<Code> {
        let cache = self.cache.as_ref()?;
        let key = ArtifactKey::new(&self.fingerprint, digest, kind);
        let (file, identity) = cache.open_checked(&key)?;
        let Ok(code) = self.load_code((kind, form), TrustedCode::File(file)) else {
            cache.remove_artifact(&key);
            return None;
        };
        self.remember(program, digest, (kind, form), identity);
        Some(code)
    }

    fn remember(
        &self,
        program: &Program,
        digest: Digest,
        (kind, form): (CodeKind, Form),
        artifact: crate::identity::StatIdentity,
    ) {
        if let (Some(cache), Some(identity)) = (&self.cache, program.lasting_identity()) {
            let record = Record {
                program: *identity,
                digest,
                kind,
                form,
                artifact,
                name: program.name().to_owned(),
            };
            cache.remember(&self.fingerprint, &record);
        }
    }

    /// Compiles what is not cached: the first kind that can.
    fn compile_first(
        &self,
        program: &Program,
        choice: TierChoice,
    ) -> Result<(CodeKind, Vec<u8>), LoadError> {
        let kinds: &[CodeKind] = match choice {
            TierChoice::Auto | TierChoice::Baseline => &[CodeKind::Winch, CodeKind::Quick],
            TierChoice::Optimised => &[CodeKind::Optimised],
        };
        let mut refusal = None;
        for kind in kinds {
            match self.compile_with(*kind, program) {
                Ok(code) => return Ok((*kind, code)),
                Err(error) => refusal = Some(error),
            }
        }
        let refusal = refusal.expect("invariant: at least one kind was tried");
        Err(explain(program, refusal))
    }

    fn compile_with(&self, kind: CodeKind, program: &Program) -> Result<Vec<u8>, Refusal> {
        let wasm = program.bytes().map_err(Refusal::Load)?;
        let form = program.form().map_err(Refusal::Load)?;
        let existing = match kind {
            // The engine that will run the code can compile it too.
            CodeKind::Winch => Some(self.engine_for(kind, form).map_err(Refusal::Engine)?),
            CodeKind::Quick | CodeKind::Optimised => None,
        };
        compile(&self.config, kind, form, existing, wasm).map_err(Refusal::Compile)
    }

    /// Files new code in the cache and loads it from there, or from memory without a cache.
    fn keep_and_load(
        &self,
        program: &Program,
        digest: Digest,
        (kind, form): (CodeKind, Form),
        compiled: Vec<u8>,
    ) -> Result<Code, LoadError> {
        let key = ArtifactKey::new(&self.fingerprint, digest, kind);
        let kept = self.cache.as_ref().and_then(|cache| {
            let (file, identity) = cache
                .insert(&key, &compiled, &describe(program, digest, kind))
                .ok()?;
            let code = self.load_code((kind, form), TrustedCode::File(file)).ok()?;
            self.remember(program, digest, (kind, form), identity);
            Some(code)
        });
        match kept {
            Some(code) => Ok(code),
            None => self
                .load_code((kind, form), TrustedCode::Memory(compiled))
                .map_err(|reason| LoadError::Engine {
                    name: program.name().to_owned(),
                    reason,
                }),
        }
    }

    fn load_code(&self, (kind, form): (CodeKind, Form), code: TrustedCode) -> Result<Code, String> {
        code.load(self.engine_for(kind, form)?, form)
            .map_err(|error| format!("{error:#}"))
    }

    fn engine_for(&self, kind: CodeKind, form: Form) -> Result<&wasmtime::Engine, String> {
        let engines = match form.is_concurrent() {
            false => &self.plain,
            true => &self.concurrent,
        };
        let engine = match kind {
            CodeKind::Winch => engines.winch.get_or_init(|| {
                let config = compiler_config(&self.config, kind, form);
                wasmtime::Engine::new(&config).map_err(|error| format!("{error:#}"))
            }),
            CodeKind::Quick | CodeKind::Optimised => engines.standard.get_or_init(|| {
                let config = runtime_config(&self.config, form);
                wasmtime::Engine::new(&config).map_err(|error| format!("{error:#}"))
            }),
        };
        engine.as_ref().map_err(Clone::clone)
    }

    fn loaded(
        &self,
        code: Code,
        (kind, form): (CodeKind, Form),
        origin: Origin,
        digest: Digest,
        choice: TierChoice,
    ) -> Loaded {
        let wants_optimising = choice == TierChoice::Auto
            && kind.tier() == Tier::Baseline
            && self.cache.as_ref().is_some_and(|cache| {
                let key = ArtifactKey::new(&self.fingerprint, digest, CodeKind::Optimised);
                !cache.has_failed(&key) && !cache.is_locked(&key)
            });
        Loaded {
            code,
            form,
            kind,
            origin,
            wants_optimising,
        }
    }
}

/// Why one compiler gave no code.
#[derive(Debug)]
enum Refusal {
    Load(LoadError),
    Engine(String),
    Compile(CompileError),
}

fn explain(program: &Program, refusal: Refusal) -> LoadError {
    let name = program.name().to_owned();
    match refusal {
        Refusal::Load(error) => error,
        Refusal::Engine(reason) => LoadError::Engine { name, reason },
        Refusal::Compile(CompileError::Threads(error)) => LoadError::Engine {
            name,
            reason: CompileError::Threads(error).to_string(),
        },
        Refusal::Compile(error) => match program.bytes() {
            Ok(bytes) => diagnose(&name, bytes, error.to_string()),
            Err(error) => error,
        },
    }
}

fn describe(program: &Program, digest: Digest, kind: CodeKind) -> Description {
    Description {
        kind,
        digest,
        name: program.name().to_owned(),
        program_bytes: program.size(),
        compiled_at: SystemTime::now(),
    }
}
