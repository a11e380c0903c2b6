//! The run machine from outside: the whole matrix, and what holds for any sequence of events.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects; helpers outside a test function too"
)]

mod known_failings;
mod matrix;
mod properties;
mod sequences;
