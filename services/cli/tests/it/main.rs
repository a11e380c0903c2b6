//! The command line against a console that answers what a test tells it to.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod audit;
mod backups;
mod calendar;
mod console;
mod display;
mod dlq;
mod follow;
mod installations;
mod promotions;
mod report;
mod rollbacks;
mod sample;
mod scan;
mod ship;
mod tokens;
mod windows;
