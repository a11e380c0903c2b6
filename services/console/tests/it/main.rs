//! The console over HTTP, on a real database and a broker inside the process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod access;
mod approvals;
mod dead_letters;
mod decisions;
mod moves;
mod problems;
mod progress;
mod ready;
mod rollbacks;
mod windows;
mod world;
