//! What the fuzz targets share: taking an input apart, trees of files, memory in use.

pub mod guest;
pub mod input;
#[expect(unsafe_code, reason = "an allocator is unsafe to implement")]
pub mod memory_unsafe;
pub mod tree;
pub mod way;

pub use input::Input;
