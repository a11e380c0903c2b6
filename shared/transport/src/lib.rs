//! Carries job ids, ship messages and events between processes: `RabbitMQ` through lapin, or the same inside one
//! process. Only this crate knows lapin.
//!
//! # Protocol
//! 1. `slipway topology apply` declares everything once ([`Broker::topology_apply`]); services look at their
//!    start whether it is there ([`Broker::topology_check`]).
//! 2. Whoever committed a change publishes its outbox rows ([`Broker::publish`]) and marks those that the broker
//!    confirmed. What was not confirmed stays, and is published again.
//! 3. A worker consumes its queue ([`Broker::consume`]), commits, and then acks. What it drops or retries
//!    comes again; what it cannot ever deal with it moves to the dead letters, with the reason.
//! 4. After [`topology::DELIVERY_LIMIT`] failed deliveries the broker itself moves a message to the dead letters,
//!    where somebody fails the job ([`Broker::consume_dead`]).
//! 5. Connections and consumers rebuild themselves for ever, with growing jittered delays; nothing here waits
//!    for `RabbitMQ` without a limit.
//!
//! # Invariants
//! - At least once: a message may be repeated, delayed and reordered, and is lost only with the broker's disk.
//!   Consumers tell repeats by [`Delivery::id`]; the truth is in Postgres.
//! - A publish that answered `Ok` reached a queue (events and control excepted: nobody may be listening).
//! - A consumer is never deaf: on error, cancellation or silence it is rebuilt, with its prefetch. That it still
//!   hears is proven on its own channel every few seconds; that the broker takes messages, by a probe.
//! - A right that the broker denies is never mended by trying again: [`Broker::refused`] says it.
//! - Publishing and consuming never share a connection, consumers never share a channel.
//! - Rollback jobs never wait behind forward jobs.
//! - Both brokers pass the same conformance suite (`tests/it`).
//!
//! # What it does not do
//! No ordering, no deduplication, no delayed messages, no priorities, no request and reply, no large bodies:
//! those belong to the database. No recovery by lapin, whose revived consumers can be deaf. No TLS yet.

mod amqp;
mod broker;
mod consumer;
mod delivery;
mod error;
mod local;
mod message;
pub mod topology;

pub use self::amqp::Amqp;
pub use self::broker::{Broker, Health};
pub use self::consumer::{Consumer, Subscription};
pub use self::delivery::Delivery;
pub use self::error::{ConnectError, Outage, PublishError, TopologyError};
pub use self::local::{Fault, FaultPlan, Local, SingledOut};
pub use self::message::{Exchange, Message, PAYLOAD_BYTES_MAX, UnknownExchange};
pub use self::topology::{DELIVERY_LIMIT, Names, Queue, SUBSCRIPTION_LENGTH_MAX, Topology};
