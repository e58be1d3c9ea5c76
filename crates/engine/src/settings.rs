//! What is compiled how: tiers, and the Wasmtime settings behind each.

use std::fmt;
use std::hash::{Hash, Hasher};

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig, RegallocAlgorithm, Strategy,
};

use crate::cache::CacheConfig;

/// Raised when the layout of cached artifacts or index records changes.
const FORMAT_VERSION: u32 = 2;

/// How an [`crate::Engine`] works.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where compiled code is kept; none compiles in memory each time.
    pub cache: Option<CacheConfig>,
    /// Whether compiled code checks an epoch counter in loops and at function entries, so that
    /// [`crate::Interrupter`] can stop it.
    pub interruptible: bool,
    /// Whether a trap keeps what [`crate::core_dump`] needs.
    pub core_dump_on_trap: bool,
    /// Bytes of the calling thread's stack that guest code may use. The thread needs this and
    /// about 512 KiB more for the host's own frames, or the whole process dies of a recursion.
    /// The default of 1 MiB suits the 2 MiB that a Rust thread has; a main thread can give more.
    pub guest_stack_bytes: usize,
    /// The largest program file that is read.
    pub maximum_program_bytes: u64,
    /// Threads that compile; none takes one per available core.
    pub compile_threads: Option<usize>,
    /// For servers: instances come from a pool that is reserved once and are made in
    /// microseconds. Without one, each is mapped when it is made.
    pub pool: Option<PoolBounds>,
}

/// How much a pool holds at a time, over all stores of an engine. What does not fit is refused
/// when it is instantiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolBounds {
    /// Programs that run at a time, each of them with up to 8 core instances and tables and 2
    /// memories on average.
    pub instances: u32,
    /// Bytes of one memory.
    pub memory_bytes: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Bytes of each memory and table that are kept for the next instance rather than given
    /// back to the host: clearing them is cheaper than asking for them again.
    pub resident_bytes: usize,
}

impl Default for PoolBounds {
    fn default() -> PoolBounds {
        PoolBounds {
            instances: 1000,
            memory_bytes: 4 << 30,
            table_elements: 100_000,
            resident_bytes: 1 << 20,
        }
    }
}

impl PoolBounds {
    fn apply(&self, config: &mut Config) {
        let mut pool = PoolingAllocationConfig::new();
        let many = |each: u32| self.instances.saturating_mul(each);
        pool.total_component_instances(many(1))
            .total_core_instances(many(8))
            .total_memories(many(2))
            .total_tables(many(8))
            .total_stacks(many(2))
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .max_memory_size(self.memory_bytes)
            .table_elements(self.table_elements)
            .linear_memory_keep_resident(self.resident_bytes)
            .table_keep_resident(64 << 10)
            .max_unused_warm_slots(many(1).min(256))
            .decommit_batch_size(32)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            cache: None,
            interruptible: false,
            core_dump_on_trap: false,
            guest_stack_bytes: 1 << 20,
            maximum_program_bytes: holm_package::program::PROGRAM_BYTES_MAX,
            compile_threads: None,
            pool: None,
        }
    }
}

/// How good the code is, and how long it takes to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Compiled in one pass: ready soonest, several times slower to run.
    Baseline,
    /// Compiled by the optimiser.
    Optimised,
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Tier::Baseline => "baseline",
            Tier::Optimised => "optimised",
        })
    }
}

/// Which compiler made the code, and with which settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    /// Winch, Wasmtime's baseline compiler.
    Winch,
    /// Cranelift without optimisation and with its single-pass register allocator: the baseline
    /// for modules with proposals that Winch lacks (garbage collection, exceptions, tail calls,
    /// typed function references, relaxed SIMD).
    Quick,
    /// Cranelift, optimising for speed.
    Optimised,
}

impl CodeKind {
    /// Best first: the order in which cached code is looked for.
    pub(crate) const ALL: [CodeKind; 3] = [CodeKind::Optimised, CodeKind::Winch, CodeKind::Quick];

    /// The tier this code belongs to.
    pub fn tier(self) -> Tier {
        match self {
            CodeKind::Winch | CodeKind::Quick => Tier::Baseline,
            CodeKind::Optimised => Tier::Optimised,
        }
    }

    pub(crate) fn to_byte(self) -> u8 {
        match self {
            CodeKind::Winch => b'w',
            CodeKind::Quick => b'q',
            CodeKind::Optimised => b'o',
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<CodeKind> {
        CodeKind::ALL
            .into_iter()
            .find(|kind| kind.to_byte() == byte)
    }
}

/// What a program is, as far as it decides which engine runs it. Follows from its bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A core module.
    Module,
    /// A component of WASI 0.2: no function of it is asynchronous.
    Component,
    /// A component with asynchronous functions, streams or futures, as in WASI 0.3. The
    /// machinery for these is the youngest of Wasmtime, so that no other program is near it.
    AsyncComponent,
}

impl Form {
    /// All of them.
    pub(crate) const ALL: [Form; 3] = [Form::Module, Form::Component, Form::AsyncComponent];

    /// Whether its engine has the machinery of asynchronous components.
    pub fn is_concurrent(self) -> bool {
        self == Form::AsyncComponent
    }

    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Form::Module => b'm',
            Form::Component => b'c',
            Form::AsyncComponent => b'a',
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.to_byte() == byte)
    }
}

/// The Wasmtime settings that compile `kind`.
pub(crate) fn compiler_config(engine: &EngineConfig, kind: CodeKind, form: Form) -> Config {
    let mut config = Config::new();
    match kind {
        CodeKind::Winch => {
            config.strategy(Strategy::Winch);
        }
        CodeKind::Quick => {
            config.strategy(Strategy::Cranelift);
            config.cranelift_opt_level(OptLevel::None);
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }
        CodeKind::Optimised => {
            config.strategy(Strategy::Cranelift);
            config.cranelift_opt_level(OptLevel::Speed);
        }
    }
    common(&mut config, engine, kind == CodeKind::Winch, form);
    config
}

/// The Wasmtime settings that run [`CodeKind::Quick`] and [`CodeKind::Optimised`] code. No
/// compiler is built, which is what makes a warm start fast.
pub(crate) fn runtime_config(engine: &EngineConfig, form: Form) -> Config {
    let mut config = Config::new();
    config.enable_compiler(false);
    common(&mut config, engine, false, form);
    if let Some(pool) = &engine.pool {
        pool.apply(&mut config);
    }
    config
}

fn common(config: &mut Config, engine: &EngineConfig, winch: bool, form: Form) {
    // Winch panics on these, so Wasmtime refuses to combine them.
    config.wasm_tail_call(!winch);
    config.wasm_function_references(!winch);
    config.wasm_gc(!winch);
    config.gc_support(!winch);
    config.wasm_exceptions(!winch);
    config.wasm_relaxed_simd(!winch);
    config.wasm_threads(!(winch && cfg!(target_arch = "aarch64")));

    config.wasm_simd(true);
    config.wasm_multi_memory(true);
    config.wasm_memory64(true);
    config.wasm_extended_const(true);
    config.wasm_wide_arithmetic(true);

    config.wasm_component_model(true);
    config.concurrency_support(form.is_concurrent());
    config.wasm_component_model_async(form.is_concurrent());

    // Traps are explained from the program's own file, on demand (trap.rs).
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config.coredump_on_trap(engine.core_dump_on_trap);
    config.epoch_interruption(engine.interruptible);
    // Only allocated for calls that may suspend: those of asynchronous components and servers.
    config.async_stack_size(engine.guest_stack_bytes.saturating_add(1 << 20));
    config.max_wasm_stack(engine.guest_stack_bytes);
}

/// Identifies everything but the program that decides what compiled code looks like: Wasmtime's
/// exact version, the settings, the host's architecture and CPU features.
pub(crate) fn fingerprint(engine: &EngineConfig) -> [u8; 32] {
    let mut hasher = Fingerprint(blake3::Hasher::new_derive_key("holm engine fingerprint"));
    FORMAT_VERSION.hash(&mut hasher);
    // Hashes the full version: a patch release may fix the compiler.
    ModuleVersionStrategy::WasmtimeVersion.hash(&mut hasher);
    engine.interruptible.hash(&mut hasher);
    std::env::consts::ARCH.hash(&mut hasher);
    std::env::consts::OS.hash(&mut hasher);
    host_features(|name, present| {
        name.hash(&mut hasher);
        present.hash(&mut hasher);
    });
    *hasher.0.finalize().as_bytes()
}

/// The CPU features that Cranelift looks for.
fn host_features(mut visit: impl FnMut(&str, bool)) {
    #[cfg(target_arch = "x86_64")]
    macro_rules! detect {
        ($($name:tt)*) => { $( visit($name, std::is_x86_feature_detected!($name)); )* };
    }
    #[cfg(target_arch = "aarch64")]
    macro_rules! detect {
        ($($name:tt)*) => { $( visit($name, std::arch::is_aarch64_feature_detected!($name)); )* };
    }
    #[cfg(target_arch = "x86_64")]
    detect!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt"
        "avx512bitalg" "avx512dq" "avx512f" "avx512vl" "avx512vbmi" "avx512vnni" "avxvnni"
        "cmpxchg16b");
    #[cfg(target_arch = "aarch64")]
    detect!("lse" "paca" "fp16" "dotprod" "i8mm");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    visit("unknown", true);
}

/// Feeds `Hash` implementations into BLAKE3: the result is the same in every process.
struct Fingerprint(blake3::Hasher);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        u64::from_le_bytes(std::array::from_fn(|index| digest.as_bytes()[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_stable_and_follows_the_settings() {
        let plain = EngineConfig::default();
        let interruptible = EngineConfig {
            interruptible: true,
            ..EngineConfig::default()
        };
        assert_eq!(fingerprint(&plain), fingerprint(&plain));
        assert_ne!(fingerprint(&plain), fingerprint(&interruptible));
    }

    #[test]
    fn every_kind_has_a_byte_of_its_own() {
        for kind in CodeKind::ALL {
            assert_eq!(CodeKind::from_byte(kind.to_byte()), Some(kind));
        }
        assert_eq!(CodeKind::from_byte(b'x'), None);
    }
}
