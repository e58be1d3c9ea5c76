//! Tools for tests: seeded randomness, clocks by hand, a naive model of a file system, suites.

pub mod backend;
pub mod clock;
pub mod host;
pub mod late;
pub mod model;
pub mod network;
pub mod random;
pub mod scenario;
pub mod simulate;
pub mod simulator;

pub use clock::StepClock;
pub use late::LateSource;
pub use model::Model;
pub use random::SplitMix64;
