//! Explaining traps: what happened, in plain words, and where, in names and source lines.
//!
//! Nothing here costs anything until a trap happens: names come from the compiled code, lines
//! from the program's own file, which is then read for the first time.

mod core_dump;
mod names;
mod source;

use wasmtime::{Trap, WasmBacktrace};

pub use core_dump::{CoreDumpError, core_dump};

use crate::program::Program;
use source::SourceMap;

/// Wasmtime keeps the innermost frames only.
const KEPT_FRAMES: usize = 20;

/// What kind of end it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrapKind {
    StackOverflow,
    MemoryOutOfBounds,
    MisalignedAtomic,
    TableOutOfBounds,
    CallToNull,
    CallTypeMismatch,
    IntegerOverflow,
    DivisionByZero,
    InvalidConversion,
    Unreachable,
    /// Interrupted from outside, by [`crate::Interrupter`].
    Interrupted,
    AtomicWaitNotShared,
    NullReference,
    ArrayOutOfBounds,
    AllocationTooLarge,
    CastFailure,
    /// An exception that nothing caught.
    UncaughtException,
    /// Another trap of WebAssembly.
    Other,
    /// No trap of WebAssembly: an error of the host that ended the program.
    Host,
}

/// A trap, explained.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TrapReport {
    pub kind: TrapKind,
    /// What happened: half a sentence without a full stop, for "the program ...".
    pub summary: String,
    /// What usually causes it, or what to do about it.
    pub hint: Option<String>,
    /// Where the access went, when it left a linear memory.
    pub memory_fault: Option<MemoryFault>,
    /// Innermost first; inlined functions are frames of their own.
    pub frames: Vec<TrapFrame>,
    /// Whether there were more frames than were kept.
    pub more_frames: bool,
    /// Whether the program's file has debug information to get source lines from.
    pub has_debug_information: bool,
}

/// An access that left a linear memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryFault {
    /// The guest's address in bytes.
    pub address: u64,
    /// The memory's size then, in bytes.
    pub memory_size: u64,
}

/// One function that was running.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrapFrame {
    /// The function, demangled; `function 17` when it has no name.
    pub function: String,
    /// The function's index in the module.
    pub function_index: u32,
    /// The instruction's offset in the module, in bytes.
    pub module_offset: Option<u64>,
    pub location: Option<SourceLocation>,
    /// Whether this function was inlined into the next frame's.
    pub is_inlined: bool,
}

/// A place in the program's source.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SourceLocation {
    /// As the compiler recorded it.
    pub file: String,
    /// Counts from 1.
    pub line: Option<u32>,
    /// Counts from 1.
    pub column: Option<u32>,
}

/// Explains `error`, with which a call into `program` ended.
///
/// Works on code of every tier, cached or not. The program's file is read for its debug
/// information; when that is impossible, or the file has changed, there are names but no lines.
pub fn explain_trap(error: &wasmtime::Error, program: &Program) -> TrapReport {
    let memory_fault = memory_fault(error);
    let (kind, summary, hint) = describe(error, memory_fault);
    let mut report = TrapReport {
        kind,
        summary,
        hint: hint.map(str::to_owned),
        memory_fault,
        frames: Vec::new(),
        more_frames: false,
        has_debug_information: false,
    };
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return report;
    };
    let module = program.bytes().unwrap_or_default();
    let source = SourceMap::new(module);
    report.has_debug_information = source.is_some();
    report.more_frames = backtrace.frames().len() >= KEPT_FRAMES;
    for frame in backtrace.frames() {
        add_frames(&mut report.frames, frame, source.as_ref(), module);
    }
    report
}

/// Adds the frames that one frame of compiled code stands for: it may have inlined others.
fn add_frames(
    frames: &mut Vec<TrapFrame>,
    frame: &wasmtime::FrameInfo,
    source: Option<&SourceMap<'_>>,
    module: &[u8],
) {
    let function_index = frame.func_index();
    let module_offset = frame
        .module_offset()
        .and_then(|offset| u64::try_from(offset).ok());
    let lines = match (source, module_offset) {
        (Some(source), Some(offset)) => source.find(offset),
        _ => Vec::new(),
    };
    let whole = || match frame.func_name() {
        Some(name) => names::demangle(name),
        // Stripped: what is exported still has a name.
        None => match source::export_name(module, function_index) {
            Some(name) => names::demangle(name),
            None => format!("function {function_index}"),
        },
    };
    if lines.is_empty() {
        frames.push(TrapFrame {
            function: whole(),
            function_index,
            module_offset,
            location: None,
            is_inlined: false,
        });
        return;
    }
    let outermost = lines.len() - 1;
    for (index, line) in lines.into_iter().enumerate() {
        let is_inlined = index < outermost;
        let function = match line.function {
            Some(name) if is_inlined || frame.func_name().is_none() => names::demangle(&name),
            None if is_inlined => "an inlined function".to_owned(),
            _ => whole(),
        };
        frames.push(TrapFrame {
            function,
            function_index,
            module_offset,
            location: line.location,
            is_inlined,
        });
    }
}

/// The address that Wasmtime found, which it tells in words alone.
fn memory_fault(error: &wasmtime::Error) -> Option<MemoryFault> {
    error.chain().find_map(|cause| {
        let text = cause.to_string();
        let rest = text.strip_prefix("memory fault at wasm address 0x")?;
        let (address, size) = rest.split_once(" in linear memory of size 0x")?;
        Some(MemoryFault {
            address: u64::from_str_radix(address, 16).ok()?,
            memory_size: u64::from_str_radix(size.trim(), 16).ok()?,
        })
    })
}

fn describe(
    error: &wasmtime::Error,
    fault: Option<MemoryFault>,
) -> (TrapKind, String, Option<&'static str>) {
    if error.is::<wasmtime::ThrownException>() {
        let summary = "threw an exception that nothing caught".to_owned();
        return (TrapKind::UncaughtException, summary, None);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return (TrapKind::Host, error.root_cause().to_string(), None);
    };
    let (kind, summary, hint) = words(*trap);
    let summary = match fault {
        Some(fault) => format!(
            "{summary}: at address {:#x}, and the memory ends at {:#x}",
            fault.address, fault.memory_size
        ),
        None if kind == TrapKind::Other => format!("{summary} ({trap})"),
        None => summary.to_owned(),
    };
    (kind, summary, hint)
}

fn words(trap: Trap) -> (TrapKind, &'static str, Option<&'static str>) {
    use TrapKind as Kind;
    match trap {
        Trap::StackOverflow => (
            Kind::StackOverflow,
            "ran out of stack",
            Some("usually a recursion that does not end, or one that is too deep"),
        ),
        Trap::MemoryOutOfBounds => (
            Kind::MemoryOutOfBounds,
            "accessed memory that it does not have",
            Some("usually a wild or null pointer, or an index past the end of a buffer"),
        ),
        Trap::HeapMisaligned => (
            Kind::MisalignedAtomic,
            "used an atomic operation on an address that is not aligned",
            None,
        ),
        Trap::TableOutOfBounds => (
            Kind::TableOutOfBounds,
            "used a table entry that does not exist",
            Some("usually a call through a function pointer that is not one"),
        ),
        Trap::IndirectCallToNull => (Kind::CallToNull, "called a null function pointer", None),
        Trap::BadSignature => (
            Kind::CallTypeMismatch,
            "called a function pointer as if it had another type",
            Some("usually a function cast to a type with other parameters or another result"),
        ),
        Trap::IntegerOverflow => (
            Kind::IntegerOverflow,
            "computed an integer that does not fit (the smallest integer divided by -1, or too large a number converted)",
            None,
        ),
        Trap::IntegerDivisionByZero => (Kind::DivisionByZero, "divided an integer by zero", None),
        Trap::BadConversionToInteger => (
            Kind::InvalidConversion,
            "converted a floating-point number that is not a number, or too large, to an integer",
            None,
        ),
        Trap::UnreachableCodeReached => (
            Kind::Unreachable,
            "stopped itself (it executed `unreachable`)",
            Some(
                "this is how compilers end a panic, an abort or a failed assertion; the program \
                  may have said more on its standard error",
            ),
        ),
        Trap::Interrupt => (Kind::Interrupted, "was interrupted", None),
        Trap::AtomicWaitNonSharedMemory => (
            Kind::AtomicWaitNotShared,
            "waited on memory that is not shared with another thread",
            None,
        ),
        Trap::NullReference => (Kind::NullReference, "used a null reference", None),
        Trap::ArrayOutOfBounds => (
            Kind::ArrayOutOfBounds,
            "used an array element that does not exist",
            None,
        ),
        Trap::AllocationTooLarge => (
            Kind::AllocationTooLarge,
            "allocated something larger than can be",
            None,
        ),
        Trap::CastFailure => (
            Kind::CastFailure,
            "cast a reference to a type that it does not have",
            None,
        ),
        _ => (Kind::Other, "trapped", None),
    }
}

#[cfg(test)]
mod tests;
