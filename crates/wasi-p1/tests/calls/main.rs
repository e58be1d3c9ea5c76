//! The functions over a real kernel: what guests see in their memory, and what they cannot do.

mod arbitrary;
mod files;
mod process;
mod system;
mod waiting;
