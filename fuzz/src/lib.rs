//! What the fuzz targets share: taking an input apart, systems and trees of files, memory in use.

pub mod guest;
pub mod input;
#[expect(unsafe_code, reason = "an allocator is unsafe to implement")]
pub mod memory_unsafe;
pub mod system;
pub mod tree;
pub mod way;
pub mod wire;

pub use input::Input;

/// Whether printing it would move a terminal's cursor or reorder its text.
#[must_use]
pub fn drives_terminal(shown: char) -> bool {
    shown.is_control() || matches!(shown, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
