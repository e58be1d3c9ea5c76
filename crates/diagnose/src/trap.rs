//! Traps: what happened, in words, and in which functions, on which lines.

use serde::{Deserialize, Serialize};

use crate::names::demangle;
use crate::source::{SourceMap, export_name};

/// What kind of end it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Interrupted from outside, by the engine.
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

/// One function that was running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceLocation {
    /// As the compiler recorded it.
    pub file: String,
    /// Counts from 1.
    pub line: Option<u32>,
    /// Counts from 1.
    pub column: Option<u32>,
}

/// A function that was running, as an engine tells it.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// The function's index in the module.
    pub function_index: u32,
    /// The instruction's offset in the module, in bytes.
    pub module_offset: Option<u64>,
    /// Its name in the module, mangled.
    pub name: Option<&'a str>,
}

impl TrapKind {
    /// What happened, as half a sentence for "the program ...", and what usually causes it.
    #[must_use]
    pub fn words(self) -> (&'static str, Option<&'static str>) {
        use TrapKind as Kind;
        match self {
            Kind::StackOverflow => (
                "ran out of stack",
                Some("usually a recursion that does not end, or one that is too deep"),
            ),
            Kind::MemoryOutOfBounds => (
                "accessed memory that it does not have",
                Some("usually a wild or null pointer, or an index past the end of a buffer"),
            ),
            Kind::MisalignedAtomic => (
                "used an atomic operation on an address that is not aligned",
                None,
            ),
            Kind::TableOutOfBounds => (
                "used a table entry that does not exist",
                Some("usually a call through a function pointer that is not one"),
            ),
            Kind::CallToNull => ("called a null function pointer", None),
            Kind::CallTypeMismatch => (
                "called a function pointer as if it had another type",
                Some("usually a function cast to a type with other parameters or another result"),
            ),
            Kind::IntegerOverflow => (
                "computed an integer that does not fit (the smallest integer divided by -1, or too large a number converted)",
                None,
            ),
            Kind::DivisionByZero => ("divided an integer by zero", None),
            Kind::InvalidConversion => (
                "converted a floating-point number that is not a number, or too large, to an integer",
                None,
            ),
            Kind::Unreachable => (
                "stopped itself (it executed `unreachable`)",
                Some(
                    "this is how compilers end a panic, an abort or a failed assertion; the program \
                      may have said more on its standard error",
                ),
            ),
            Kind::Interrupted => ("was interrupted", None),
            Kind::AtomicWaitNotShared => (
                "waited on memory that is not shared with another thread",
                None,
            ),
            Kind::NullReference => ("used a null reference", None),
            Kind::ArrayOutOfBounds => ("used an array element that does not exist", None),
            Kind::AllocationTooLarge => ("allocated something larger than can be", None),
            Kind::CastFailure => ("cast a reference to a type that it does not have", None),
            Kind::UncaughtException => ("threw an exception that nothing caught", None),
            Kind::Other | Kind::Host => ("trapped", None),
        }
    }
}

/// The functions that one frame of compiled code stands for, innermost first: the compiler may
/// have inlined others. `source` is of the program's file, whose bytes are `module`.
#[must_use]
pub fn explain_frame(
    frame: RawFrame<'_>,
    source: Option<&SourceMap<'_>>,
    module: &[u8],
) -> Vec<TrapFrame> {
    let RawFrame {
        function_index,
        module_offset,
        name,
    } = frame;
    let lines = match (source, module_offset) {
        (Some(source), Some(offset)) => source.find(offset),
        _ => Vec::new(),
    };
    let whole = || match name {
        Some(name) => demangle(name),
        // Stripped: what is exported still has a name.
        None => match export_name(module, function_index) {
            Some(name) => demangle(name),
            None => format!("function {function_index}"),
        },
    };
    if lines.is_empty() {
        return vec![TrapFrame {
            function: whole(),
            function_index,
            module_offset,
            location: None,
            is_inlined: false,
        }];
    }
    let outermost = lines.len() - 1;
    let explained = lines.into_iter().enumerate().map(|(index, line)| {
        let is_inlined = index < outermost;
        let function = match line.function {
            Some(name) if is_inlined || frame.name.is_none() => demangle(&name),
            None if is_inlined => "an inlined function".to_owned(),
            _ => whole(),
        };
        TrapFrame {
            function,
            function_index,
            module_offset,
            location: line.location,
            is_inlined,
        }
    });
    explained.collect()
}

#[cfg(test)]
mod tests {
    use super::{RawFrame, TrapKind, explain_frame};

    #[test]
    fn a_function_without_a_name_has_a_number() {
        let frame = RawFrame {
            function_index: 7,
            module_offset: Some(12),
            name: None,
        };
        let frames = explain_frame(frame, None, b"");
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].function, "function 7");
        let named = RawFrame {
            name: Some("_ZN4core9panicking5panic17h0123456789abcdefE"),
            ..frame
        };
        assert_eq!(
            explain_frame(named, None, b"")[0].function,
            "core::panicking::panic"
        );
    }

    #[test]
    fn a_hint_is_no_sentence_of_its_own() {
        let (summary, hint) = TrapKind::StackOverflow.words();
        assert_eq!(summary, "ran out of stack");
        assert!(hint.is_some_and(|hint| !hint.ends_with('.')));
    }
}
