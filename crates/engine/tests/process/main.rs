//! Programs run as processes: imports, entries, blocking, exits, traps; in both tiers.

mod blocking;
mod entries;
mod exits;
mod host;
mod imports;
