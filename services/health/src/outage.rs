//! The time for which nobody was served, put together from what each job of the swap saw.

use std::time::{Duration, Instant};

use adapters::probe::{Healthy, Sight, SinceStop, downtime};
use domain::Job;
use engine::store::promotions::Facts;
use engine::{JobContext, StepError};

/// How long the outage lasted that ended before or during this health check, which began to ask at `begun`; it began
/// during the job `stop`, and `start` is the job that put the version in its place which was checked.
pub(crate) async fn length(
    cx: &JobContext,
    (stop, start): (Job, Job),
    begun: Instant,
    healthy: &Healthy,
) -> Result<Duration, StepError> {
    let told_at = Instant::now();
    let since = cx.since(Job::StopOld).await?.unwrap_or_default();
    let clock = SinceStop::new(told_at, since);
    let check = Sight {
        refused_ms: healthy.was_refused.then(|| clock.at(begun)),
        answered_ms: Some(clock.at(begun + healthy.first_answer_after)),
    };
    Ok(downtime(cx.earlier(stop).await?, cx.earlier(start).await?, check))
}

/// For the promotion's record.
pub(crate) fn facts(length: Duration) -> Facts {
    Facts { downtime_ms: length.as_millis().try_into().ok(), ..Facts::default() }
}
