//! Slipway from outside: the real program with real servers, asked by its command line, its HTTP API
//! and its broker, and then an independent look at what serves, what the database holds and what is left.
//! Only where jobs themselves must go wrong another program takes its place (`src/faulty.rs`).

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod container;
mod database;
mod feature;
mod gate;
mod listener;
mod outcome;
mod patience;
mod program;
mod removal;
mod role;
mod servers;
mod shop;
mod stranger;
mod system;
mod upstream;

mod approvals;
mod backups;
mod broker;
mod clocks;
mod compensation;
mod crashes;
mod data;
mod dead_letters;
mod decisions;
mod disk;
mod downtime;
mod faults;
mod features;
mod intake;
mod known_failings;
mod network;
mod progress;
mod records;
mod rehearsals;
mod restarts;
mod rollbacks;
mod secrets;
mod ship_faults;
mod ship_phase;
mod ship_questions;
mod ships;
mod warm;
mod windows;
