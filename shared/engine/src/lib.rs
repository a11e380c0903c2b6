//! What every service shares: the way a run is changed, and the way a job is worked on.
//!
//! ```text
//! message ─▶ claim (lease + token) ─▶ handler acts, heartbeat renews ─▶ advance ─▶ ack ─▶ next message
//! ```
//!
//! Invariants
//! - Only [`advance()`] changes a run: one transaction locks the run, checks who speaks, applies the
//!   event, and writes the history, the jobs, the news and the outbox together.
//! - A message is acknowledged only after the claim it led to is committed; what it means stands in
//!   the database, so a repeated or lost message changes nothing.
//! - A handler acts outside any transaction and only while its lease lasts.
//! - Leases and deadlines are compared by the database's clock; here they are spans that remain.
//!
//! Absent on purpose: what the jobs do (the services), and SQL, AMQP or HTTP of its own.

pub mod advance;
pub mod approval;
pub mod attention;
pub mod bypass;
pub mod config;
pub mod dead_letters;
pub mod errand;
pub mod job;
pub mod lifecycle;
pub mod plan;
pub mod relay;
pub mod retention;
pub mod rollback;
pub mod schedule;
pub mod ship;
pub mod start;
pub mod windows;
pub mod worker;

mod failpoint;
mod heartbeat;
mod log;
mod news;
mod patience;
mod turn;

use std::sync::Arc;

use store::Store;
use transport::Broker;

pub use advance::{Advanced, Reporter, advance};
pub use config::Config;
pub use errand::Errand;
pub use job::{JobContext, JobHandler, Order, Report, StepError};
pub use lifecycle::Shutdown;
pub use store;
pub use transport;

/// What every service works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The settings, checked.
    pub config: Arc<Config>,
    /// Slipway's own records.
    pub store: Store,
    /// The way to the other processes.
    pub broker: Broker,
    /// Whether this process is to end.
    pub shutdown: Shutdown,
    /// Names this start of this process in leases; never used again.
    pub owner: Arc<str>,
}

/// How long to wait before the database is asked again.
const DATABASE_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

impl Engine {
    /// Waits a little for a database that is away, or until the process drains.
    pub async fn pause_for_database(&self) {
        tokio::select! {
            () = tokio::time::sleep(DATABASE_PAUSE) => {}
            () = self.shutdown.draining().cancelled_owned() => {}
        }
    }
}
