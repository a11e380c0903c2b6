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

/// One renewal may take this share of the lease, so that there is time for another one.
const ANSWER_SHARE: u32 = 5;

/// After a renewal that nobody heard the next one follows in this share of the lease.
const AGAIN_SHARE: u32 = 15;

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
    let mut last_moment = asked + length - length / MARGIN_SHARE;
    let mut pause = length / 3;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(last_moment.min(Instant::now() + pause)) => {}
            Ok(()) = nudge.changed() => {}
        }
        failpoint::pass("in_heartbeat", [which.job]);
        let asked = Instant::now();
        let answer_by = last_moment.min(asked + length / ANSWER_SHARE);
        let renewal = store.renew(which, lease.token, length);
        let problem = match tokio::time::timeout_at(answer_by, renewal).await {
            Ok(Ok(Some(renewal))) => {
                last_moment = asked + length - length / MARGIN_SHARE;
                pause = length / 3;
                if renewal.stop_requested {
                    unwanted.cancel();
                }
                continue;
            }
            Ok(Ok(None)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "Slipway's database was silent".to_owned(),
        };
        tracing::warn!(job = %which.job, problem, "could not renew the lease");
        if Instant::now() >= last_moment {
            return;
        }
        pause = length / AGAIN_SHARE;
    }
}
