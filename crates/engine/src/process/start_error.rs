//! Why a program did not start: what is wrong, and what to do about it.

use wasmtime::{ExternType, Mutability, RefType, ValType};

use super::invoke::ArgumentError;
use crate::limits::LimitError;

/// Why a program did not start. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It imports something that is not there.
    #[error(
        "the program imports `{module}.{name}`, {kind}, which Holm does not provide{}\n{provider}",
        others_text(*.others)
    )]
    UnknownImport {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// Its type in the text format.
        kind: String,
        /// What would provide it, and what to do.
        provider: &'static str,
        /// How many other imports are unknown.
        others: usize,
    },
    /// It imports something by the wrong type.
    #[error(
        "the program imports `{module}.{name}` with the wrong type\n  \
         the program wants: {wanted}\n  WASI 0.1 provides: {provided}\n\
         Rebuild the program; its declaration of the function is wrong"
    )]
    ImportType {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
        /// Its type in the program, in the text format.
        wanted: String,
        /// Its type here, in the text format.
        provided: String,
    },
    /// Its memory is shared between threads.
    #[error(
        "the program's memory `{name}` is shared: it was built for threads, which Holm does not \
         have yet\nBuild it without them (Rust: target wasm32-wasip1; C: without -pthread)"
    )]
    SharedMemory {
        /// The memory.
        name: String,
    },
    /// Its memories or tables are larger than allowed.
    #[error(transparent)]
    Limit(LimitError),
    /// It is a component that does not fit: its imports, or what is to be called.
    #[error(transparent)]
    Component(Box<dyn std::error::Error + Send + Sync>),
    /// The host could not make what it needs.
    #[error("the program cannot be instantiated: {0:#}")]
    Instantiation(wasmtime::Error),
    /// It has no `_start`, and no function was asked for.
    #[error(
        "the program has no `_start`: it is a library (a reactor), not a command\n{}",
        exports_text(.functions, "Call one of its functions with --invoke")
    )]
    NoCommand {
        /// The functions that it exports, with their types.
        functions: Vec<String>,
    },
    /// `_start` or `_initialize` is not a function without parameters and results.
    #[error("the program exports `{name}` as {found}; it must be (func)")]
    EntryType {
        /// Name of the export.
        name: &'static str,
        /// What it is, in the text format.
        found: String,
    },
    /// The function to invoke is not there.
    #[error(
        "the program exports no function `{name}`\n{}",
        exports_text(.functions, "It exports")
    )]
    NoFunction {
        /// The name that was asked for.
        name: String,
        /// The functions that it exports, with their types.
        functions: Vec<String>,
    },
    /// What is to be invoked is written as a call, and wrongly.
    #[error("`{text}` is no call: {reason}{}", marked(.text, *.at))]
    Call {
        /// What was given.
        text: String,
        /// Where it goes wrong, in bytes.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// The arguments do not fit the function to invoke.
    #[error("cannot call `{name}`, {kind}: {error}")]
    Arguments {
        /// Name of the function.
        name: String,
        /// Its type in the text format.
        kind: String,
        /// What is wrong with the arguments.
        error: ArgumentError,
    },
}

fn others_text(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " (nor one other of its imports)".to_owned(),
        others => format!(" (nor {others} other of its imports)"),
    }
}

/// The text on a line of its own, with a mark below the place that is meant.
#[must_use]
pub fn marked(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    // On one line the mark is where it belongs; a line break in the text would tear it off.
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("\n  {shown}\n  {}^", " ".repeat(before.chars().count()))
}

/// How many exports a message lists.
const LISTED: usize = 20;

fn exports_text(functions: &[String], introduction: &str) -> String {
    if functions.is_empty() {
        return "It exports no function".to_owned();
    }
    let mut text = format!("{introduction}:");
    for function in functions.iter().take(LISTED) {
        text.push_str("\n  ");
        text.push_str(function);
    }
    if functions.len() > LISTED {
        text.push_str(&format!("\n  and {} more", functions.len() - LISTED));
    }
    text
}

/// An import or export's type in the WebAssembly text format.
pub(super) fn type_text(kind: &ExternType) -> String {
    match kind {
        ExternType::Func(function) => {
            let list = |keyword: &str, types: &mut dyn Iterator<Item = ValType>| {
                let names: Vec<String> = types.map(|kind| value_text(&kind)).collect();
                if names.is_empty() {
                    String::new()
                } else {
                    format!(" ({keyword} {})", names.join(" "))
                }
            };
            format!(
                "(func{}{})",
                list("param", &mut function.params()),
                list("result", &mut function.results())
            )
        }
        ExternType::Memory(memory) => {
            let index = if memory.is_64() { "i64 " } else { "" };
            let maximum = memory
                .maximum()
                .map_or_else(String::new, |pages| format!(" {pages}"));
            let shared = if memory.is_shared() { " shared" } else { "" };
            format!("(memory {index}{}{maximum}{shared})", memory.minimum())
        }
        ExternType::Table(table) => {
            let maximum = table
                .maximum()
                .map_or_else(String::new, |size| format!(" {size}"));
            format!(
                "(table {}{maximum} {})",
                table.minimum(),
                reference_text(table.element())
            )
        }
        ExternType::Global(global) => {
            let content = value_text(global.content());
            match global.mutability() {
                Mutability::Const => format!("(global {content})"),
                Mutability::Var => format!("(global (mut {content}))"),
            }
        }
        ExternType::Tag(_) => "(tag)".to_owned(),
    }
}

fn value_text(kind: &ValType) -> String {
    match kind {
        ValType::I32 => "i32".to_owned(),
        ValType::I64 => "i64".to_owned(),
        ValType::F32 => "f32".to_owned(),
        ValType::F64 => "f64".to_owned(),
        ValType::V128 => "v128".to_owned(),
        ValType::Ref(reference) => reference_text(reference),
    }
}

fn reference_text(reference: &RefType) -> String {
    if reference.matches(&RefType::FUNCREF) && RefType::FUNCREF.matches(reference) {
        "funcref".to_owned()
    } else if reference.matches(&RefType::EXTERNREF) && RefType::EXTERNREF.matches(reference) {
        "externref".to_owned()
    } else {
        reference.to_string()
    }
}

/// How the module or the name of an import is recognised.
enum Sign {
    Module(&'static str),
    ModulePrefix(&'static str),
    Name(&'static str),
    NamePrefix(&'static str),
}

impl Sign {
    fn fits(&self, module: &str, name: &str) -> bool {
        match self {
            Sign::Module(known) => module == *known,
            Sign::ModulePrefix(prefix) => module.starts_with(prefix),
            Sign::Name(known) => module == "env" && name == *known,
            Sign::NamePrefix(prefix) => module == "env" && name.starts_with(prefix),
        }
    }
}

const EMSCRIPTEN: &str = "It was built by Emscripten for a page: its JavaScript provides this. Build it with wasi-sdk, or with emcc -sSTANDALONE_WASM";
const BINDGEN: &str = "It was built by wasm-bindgen for a browser: generated JavaScript provides this. Build it for the target wasm32-wasip1, without wasm-bindgen";
const GO: &str = "It was built by Go for a browser (GOOS=js): wasm_exec.js provides this. Build it with GOOS=wasip1 GOARCH=wasm";
const ASSEMBLYSCRIPT: &str = "The runtime of AssemblyScript wants this from JavaScript. Build with the configuration of @assemblyscript/wasi-shim";
const DYNAMIC: &str = "It is a side module of dynamic linking (clang -shared, emcc -sSIDE_MODULE). Link it statically";
const WASIX: &str =
    "It was built for WASIX, Wasmer's superset of WASI 0.1. Build it for wasm32-wasip1";

/// Who provides imports that Holm does not, most specific first.
const PROVIDERS: &[(Sign, &str)] = &[
    (
        Sign::Module("wasi_snapshot_preview1"),
        "WASI 0.1 has no function of this name; some other runtimes add their own. Build the program for plain wasm32-wasip1",
    ),
    (
        Sign::Module("wasi_unstable"),
        "This is the snapshot before WASI 0.1, whose records differ. Rebuild the program with a toolchain of 2020 or later (target wasm32-wasip1)",
    ),
    (
        Sign::Module("wasi"),
        "This is wasi-threads: the program was built for threads, which Holm does not have yet. Build it without them (Rust: target wasm32-wasip1; C: without -pthread)",
    ),
    (
        Sign::ModulePrefix("wasi:"),
        "This is an interface of WASI 0.2 or later, which components import and plain modules cannot. Build the program for wasm32-wasip1",
    ),
    (Sign::ModulePrefix("wasix_"), WASIX),
    (
        Sign::ModulePrefix("wasi_ephemeral_"),
        "This is an experimental extension of WASI that Holm does not have",
    ),
    (
        Sign::Module("wasi_nn"),
        "This is the machine-learning extension wasi-nn, which Holm does not have",
    ),
    (Sign::Module("gojs"), GO),
    (Sign::Module("go"), GO),
    (Sign::Module("wbg"), BINDGEN),
    (Sign::ModulePrefix("__wbindgen_"), BINDGEN),
    (Sign::ModulePrefix("./"), BINDGEN),
    (Sign::ModulePrefix("GOT."), DYNAMIC),
    (Sign::Name("__memory_base"), DYNAMIC),
    (Sign::Name("__table_base"), DYNAMIC),
    (Sign::Name("__stack_pointer"), DYNAMIC),
    (Sign::Name("__indirect_function_table"), DYNAMIC),
    (
        Sign::ModulePrefix("host_"),
        "This belongs to a set of host functions for processes and terminals that Holm does not have yet",
    ),
    (
        Sign::ModulePrefix("extism:"),
        "It is an Extism plug-in: the Extism host provides this",
    ),
    (
        Sign::NamePrefix("proxy_"),
        "It is a Proxy-Wasm filter: a proxy such as Envoy provides this",
    ),
    (
        Sign::ModulePrefix("lunatic::"),
        "It was built for Lunatic, which provides this",
    ),
    (
        Sign::ModulePrefix("fastly_"),
        "It was built for Fastly Compute, which provides this",
    ),
    (Sign::NamePrefix("emscripten_"), EMSCRIPTEN),
    (Sign::NamePrefix("_emscripten_"), EMSCRIPTEN),
    (Sign::NamePrefix("__syscall_"), EMSCRIPTEN),
    (Sign::NamePrefix("invoke_"), EMSCRIPTEN),
    (Sign::NamePrefix("__cxa_"), EMSCRIPTEN),
    (Sign::NamePrefix("_embind_"), EMSCRIPTEN),
    (Sign::Module("a"), EMSCRIPTEN),
    (Sign::Name("abort"), ASSEMBLYSCRIPT),
    (Sign::Name("seed"), ASSEMBLYSCRIPT),
    (Sign::Name("trace"), ASSEMBLYSCRIPT),
    (Sign::NamePrefix("console."), ASSEMBLYSCRIPT),
    (
        Sign::Module("env"),
        "Imports of `env` are mostly symbols left undefined when the program was linked: a library was not linked, or --allow-undefined hid a missing function. An embedder of its own may also provide this",
    ),
    (
        Sign::Module("spectest"),
        "The WebAssembly test suite's harness provides this",
    ),
];

/// What would provide an import, and what to do.
pub(super) fn provider(module: &str, name: &str) -> &'static str {
    PROVIDERS
        .iter()
        .find(|(sign, _)| sign.fits(module, name))
        .map_or(
            "A host of its own provides this; Holm runs programs built for WASI 0.1 (target wasm32-wasip1)",
            |(_, words)| words,
        )
}

#[cfg(test)]
mod tests {
    use super::provider;

    #[test]
    fn imports_of_other_worlds_are_recognised() {
        for (module, name, word) in [
            ("wasi_unstable", "fd_write", "snapshot before"),
            ("wasi:io/streams@0.2.0", "read", "0.2"),
            ("wasi", "thread-spawn", "threads"),
            ("wasix_32v1", "proc_fork", "WASIX"),
            ("gojs", "runtime.wasmExit", "GOOS=wasip1"),
            ("wbg", "__wbg_log", "wasm-bindgen"),
            ("__wbindgen_placeholder__", "x", "wasm-bindgen"),
            ("env", "emscripten_memcpy_js", "Emscripten"),
            ("env", "abort", "AssemblyScript"),
            ("env", "my_function", "undefined"),
            ("env", "__memory_base", "dynamic"),
            ("wasi_snapshot_preview1", "sock_open", "no function"),
            ("somewhere", "x", "wasm32-wasip1"),
        ] {
            let words = provider(module, name);
            assert!(words.contains(word), "{module}.{name}: {words}");
        }
    }
}
