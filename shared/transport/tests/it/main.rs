//! The transport through its public surface: one suite over both brokers, and `RabbitMQ`'s own failures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod conformance;
mod faults;
mod messages;
mod proxy;
mod rabbitmq;
mod users;
mod world;
