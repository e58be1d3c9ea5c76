//! The native host: what Linux and macOS give the kernel through its ports.
//!
//! | what | for |
//! |---|---|
//! | [`HostDirectory`] | a directory of the host as a mount |
//! | [`ImageFile`] | a disk image, locked |
//! | [`NativeClock`], [`NativeEntropy`] | the kernel's ports |
//! | [`stdin`], [`stdout`], [`stderr`] | the process's own streams, escapes filtered on request |
//! | [`NativeNetwork`], [`Resolver`] | TCP, UDP and names |
//! | [`HostListener`] | sockets that listen before a program runs |
//! | [`Reactor`], [`Parker`] | blocking: what a thread does while a call is `Pending` |
//! | [`drive`], [`Alarm`] | the same for tasks that no waiting thread stands behind |
//! | [`Interrupts`] | SIGINT, SIGTERM, SIGHUP |
//! | [`Usage`] | CPU time and peak memory |
//!
//! Nothing is created before it is used: a program that never blocks never pays for the
//! reactor. Threads are started by two things alone: lookups of names, whose few threads end
//! when idle, and [`drive`].
//!
//! Linux is the first home. macOS and the BSDs compile the portable halves (a listing is a
//! snapshot, appends are not atomic against other processes, a pipe stands in for the
//! eventfd). Windows is refused at compile time: its names, its reparse points and its
//! handles need a backend of their own.

#![deny(missing_docs)]

#[cfg(not(unix))]
compile_error!(
    "holm-host-native needs a Unix host (Linux or macOS); there is no Windows backend yet"
);

mod byte_stream;
mod clock;
mod descriptor;
mod directory;
mod disk;
mod entropy;
mod errno;
mod error;
mod file;
mod interrupt;
mod interrupt_unsafe;
mod listener;
mod metadata;
mod net;
mod notifier;
mod parker;
mod reactor;
mod socket;
mod stdio;
mod usage;
mod usage_unsafe;
mod wakers;

pub use clock::NativeClock;
pub use directory::HostDirectory;
pub use disk::{ImageError, ImageFile};
pub use entropy::NativeEntropy;
pub use errno::from_host;
pub use error::{HostError, SignalsError};
pub use file::HostFile;
pub use holm_kernel::escape::EscapeFilter;
pub use interrupt::Interrupts;
pub use listener::HostListener;
pub use net::{FixedResolver, NativeNetwork, Resolver, SystemResolver};
pub use parker::Parker;
pub use reactor::{Alarm, Reactor, drive, reactor};
pub use stdio::{Escapes, stderr, stdin, stdout};
pub use usage::Usage;
