//! The records on a real database: what the schema refuses, who gets what, what comes back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod audit;
mod claims;
mod dead_letters;
mod errors;
mod grants;
mod kept;
mod leadership;
mod messages;
mod moves;
mod network;
mod run_records;
mod schema;
mod turns;
mod upgrade;
mod waits;
mod world;
