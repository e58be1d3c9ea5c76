//! Explaining traps: what happened, in plain words, and where, in names and source lines.
//!
//! Nothing here costs anything until a trap happens: names come from the compiled code, lines
//! from the program's own file, which is then read for the first time.

mod core_dump;

use holm_diagnose::source::SourceMap;
use holm_diagnose::trap::{RawFrame, explain_frame};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

pub use core_dump::{CoreDumpError, core_dump};
pub use holm_diagnose::trap::{SourceLocation, TrapFrame, TrapKind};

use crate::program::Program;

/// Wasmtime keeps the innermost frames only.
const KEPT_FRAMES: usize = 20;

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
        let raw = RawFrame {
            function_index: frame.func_index(),
            module_offset: frame
                .module_offset()
                .and_then(|offset| u64::try_from(offset).ok()),
            name: frame.func_name(),
        };
        report
            .frames
            .extend(explain_frame(raw, source.as_ref(), module));
    }
    report
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

/// How the engine's error ends when a store has as many handles as it may.
const TOO_MANY_HANDLES: &str = "store handle limit exceeded";

fn describe(
    error: &wasmtime::Error,
    fault: Option<MemoryFault>,
) -> (TrapKind, String, Option<&'static str>) {
    if error.is::<wasmtime::ThrownException>() {
        let kind = TrapKind::UncaughtException;
        let (summary, hint) = kind.words();
        return (kind, summary.to_owned(), hint);
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        let summary = "the component holds more resources at once than one may: streams, \
                       sockets, pollables, requests (the bound `resources`)";
        return (TrapKind::Host, summary.to_owned(), None);
    }
    // The engine has no type for it.
    if error.root_cause().to_string().ends_with(TOO_MANY_HANDLES) {
        let summary = "the component holds more handles at once than one may: streams and \
                       futures, calls under way, resources (the bound `resources`)";
        return (TrapKind::Host, summary.to_owned(), None);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return (TrapKind::Host, error.root_cause().to_string(), None);
    };
    let kind = kind_of(*trap);
    let (summary, hint) = kind.words();
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

/// The engine's traps by the words that every host has for them.
fn kind_of(trap: Trap) -> TrapKind {
    match trap {
        Trap::StackOverflow => TrapKind::StackOverflow,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::HeapMisaligned => TrapKind::MisalignedAtomic,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapKind::CallToNull,
        Trap::BadSignature => TrapKind::CallTypeMismatch,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::DivisionByZero,
        Trap::BadConversionToInteger => TrapKind::InvalidConversion,
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::Interrupt => TrapKind::Interrupted,
        Trap::AtomicWaitNonSharedMemory => TrapKind::AtomicWaitNotShared,
        Trap::NullReference => TrapKind::NullReference,
        Trap::ArrayOutOfBounds => TrapKind::ArrayOutOfBounds,
        Trap::AllocationTooLarge => TrapKind::AllocationTooLarge,
        Trap::CastFailure => TrapKind::CastFailure,
        _ => TrapKind::Other,
    }
}

#[cfg(test)]
mod tests;
