//! Keeps a lease alive while its job runs, and says at once when it is over.

use std::time::Duration;

use store::Store;
use store::jobs::{Lease, Try};
use tokio::sync::watch;
use tokio::time::Instant;

/// Why a job must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The run no longer wants it: stop and report.
    Requested,
    /// The lease is over or about to be: stop and touch nothing; a report would be refused.
    LeaseLost,
}

/// Before the lease ends everything must have stopped: this share of it is kept for that.
const MARGIN_SHARE: u32 = 5;

/// Renews at a third of the lease, and at once when `nudge` changes; returns when the job must stop.
///
/// The lease is measured from before the database was asked, on this machine's monotonic clock, so
/// it ends here no later than there.
pub(crate) async fn keep(
    store: &Store,
    which: Try,
    lease: Lease,
    claimed: Instant,
    length: Duration,
    mut nudge: watch::Receiver<u64>,
) -> Stop {
    let margin = length / MARGIN_SHARE;
    let mut ends = claimed + lease.remaining;
    nudge.mark_unchanged();
    loop {
        let last_moment = ends - margin;
        let next = last_moment.min(Instant::now() + length / 3);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            Ok(()) = nudge.changed() => {}
        }
        let asked = Instant::now();
        match tokio::time::timeout_at(last_moment, store.renew(which, lease.token, length)).await {
            Ok(Ok(Some(renewal))) if renewal.stop_requested => return Stop::Requested,
            Ok(Ok(Some(renewal))) => ends = asked + renewal.remaining,
            Ok(Ok(None)) | Err(_) => return Stop::LeaseLost,
            // Tried again after another third; the last moment ends it.
            Ok(Err(error)) => tracing::warn!(job = %which.job, %error, "could not renew the lease"),
        }
    }
}
