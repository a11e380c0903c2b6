//! Keeps a lease alive while its job runs, and says at once when the job is no longer wanted.

use std::time::Duration;

use store::Store;
use store::jobs::{Lease, Try};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::failpoint;

/// A try that is ours for a while.
pub(crate) struct Claimed {
    pub(crate) which: Try,
    pub(crate) lease: Lease,
    /// From before the database was asked, on this machine's monotonic clock: the lease ends here
    /// no later than there.
    pub(crate) asked: Instant,
    /// How long every renewal makes it last.
    pub(crate) length: Duration,
}

/// Before the lease ends everything must have stopped: this share of it is kept for that.
const MARGIN_SHARE: u32 = 5;

/// Renews at a third of the lease, and at once when `nudge` changes; returns when the lease is over
/// or about to be: touch nothing from then on, a report would be refused.
///
/// When the run no longer wants the job, cancels `unwanted` and keeps the lease for the report.
pub(crate) async fn keep(
    store: &Store,
    claimed: &Claimed,
    mut nudge: watch::Receiver<u64>,
    unwanted: CancellationToken,
) {
    let &Claimed { which, lease, asked, length } = claimed;
    let margin = length / MARGIN_SHARE;
    let mut ends = asked + lease.remaining;
    loop {
        let last_moment = ends - margin;
        let next = last_moment.min(Instant::now() + length / 3);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            Ok(()) = nudge.changed() => {}
        }
        failpoint::pass("in_heartbeat", [which.job]);
        let asked = Instant::now();
        match tokio::time::timeout_at(last_moment, store.renew(which, lease.token, length)).await {
            Ok(Ok(Some(renewal))) => {
                ends = asked + renewal.remaining;
                if renewal.stop_requested {
                    unwanted.cancel();
                }
            }
            Ok(Ok(None)) | Err(_) => return,
            // Tried again after another third; the last moment ends it.
            Ok(Err(error)) => tracing::warn!(job = %which.job, %error, "could not renew the lease"),
        }
    }
}
