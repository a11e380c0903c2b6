//! Private servers: a Postgres, a `RabbitMQ` node, a Docker engine, each in a folder of its own.
//!
//! Each listens on free ports of the loopback address, changes nothing of the machine's own services or
//! firewall, and ends with the value that stands for it. Its owner may also stop it in order, kill it, and
//! start it again: on the same ports, with the same data.
//!
//! Everything here blocks the calling thread while it waits; asynchronous callers take
//! `tokio::task::spawn_blocking` or `block_in_place`.

pub mod daemon;
pub mod docker;
pub mod folder;
pub mod interrupt;
pub mod packages;
pub mod port;
pub mod postgres;
pub mod rabbitmq;
pub mod secret;
