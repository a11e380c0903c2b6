//! The adapters against the real parts of the outside world.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod change_set;
