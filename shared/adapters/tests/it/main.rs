//! The adapters against the real parts of the outside world; `cargo xtask test` starts them.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod change_set;
mod database;
mod docker;
mod probe;
mod process;
mod watch;
