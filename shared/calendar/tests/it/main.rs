//! The calendar, asked as its callers ask it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod cases;
mod clocks;
mod export;
mod feed;
mod profiles;
mod recurrence;
mod sample;
mod scan;
mod sentences;
