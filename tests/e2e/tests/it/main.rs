//! Slipway from outside: the real program with real servers, asked by its command line, its HTTP API
//! and its broker, and then an independent look at what serves, what the database holds and what is left.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod container;
mod database;
mod feature;
mod listener;
mod outcome;
mod patience;
mod program;
mod removal;
mod role;
mod servers;
mod shop;
mod system;

mod clocks;
mod data;
mod decisions;
mod disk;
mod faults;
mod features;
mod intake;
mod network;
mod progress;
mod records;
mod secrets;
