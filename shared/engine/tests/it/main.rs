//! The engine with workers, relay and supervisor on a real database, and handlers that do as they are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod approvals;
mod dead_letters;
mod deadline;
mod errands;
mod happy;
mod lease;
mod lossy;
mod lost_messages;
mod network;
mod queue;
mod rehearsals;
mod rollbacks;
mod ships;
mod shutdown;
mod supervisors;
mod undo;
mod windows;
mod world;
