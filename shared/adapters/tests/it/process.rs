//! The process runtime with real processes.

#![expect(clippy::unwrap_used, reason = "a test ends where the world is not as it should be")]

mod builds;
mod deaths;
mod migrations;
mod swaps;
mod world;
