//! Features are proposed to a GitHub on this machine, which compares every word with GitHub's own description.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod faults;
mod fork;
mod merge;
mod open;
mod report;
mod world;
