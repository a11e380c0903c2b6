//! The moves that visitors notice: each is watched through the address that they use.

use std::time::{Duration, Instant};

use adapters::installation::Installation;
use adapters::probe::{Probe, Seen, Sight, SinceStop, Watch};
use adapters::runtime::{End, Runtime, StartError, Swap};
use anyhow::anyhow;
use domain::Job;
use engine::{JobContext, Report, StepError};
use protocol::output::Baseline;

/// How long the old version is watched after its start for its first good answer; the health check sees a later one.
const BACK_WITHIN: Duration = Duration::from_secs(3);

pub(crate) async fn stop_old(
    cx: &JobContext,
    installation: &Installation,
    runtime: &Runtime,
) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    if swap.warm {
        cx.log("the old version serves until the new one takes over");
        return Report::with_output(&Sight::default());
    }
    let probe = Probe::new(installation.health.clone())?;
    let watch = Watch::new(&probe, None);
    let (stopped, seen, clock) = watched(cx, &watch, runtime.stop_old(&swap)).await?;
    stopped.map_err(|error| StepError::retry("The current version could not be stopped.", error))?;
    cx.log("the old version is stopped and stays stopped");
    Report::with_output(&Sight::of_stop(seen, Instant::now(), cx.attempt > 1, clock))
}

pub(crate) async fn start_new(
    cx: &JobContext,
    installation: &Installation,
    runtime: &Runtime,
) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let probe = Probe::new(installation.health.clone())?;
    // Whoever answers during a move is one of two versions that are well.
    let watch = Watch::new(&probe, (!swap.warm).then_some(cx.order.build.as_str()));
    let start = runtime.start_new_until(&swap, watch.answered());
    let (started, seen, clock) = watched(cx, &watch, start).await?;
    started.map_err(to_step_error)?;
    if swap.warm {
        cx.log("the new version has taken over");
        return Report::with_output(&Sight::of_move(seen, clock));
    }
    cx.log("the new version is started");
    Report::with_output(&Sight::of_start(seen, clock))
}

pub(crate) async fn stop_new(
    cx: &JobContext,
    installation: &Installation,
    runtime: &Runtime,
) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let refused = |error| StepError::retry("The new version could not be stopped.", error);
    if !swap.warm {
        runtime.stop_new(&swap).await.map_err(refused)?;
        cx.log("the new version is stopped and removed");
        return Ok(Report::default());
    }
    let probe = Probe::new(installation.health.clone())?;
    let watch = Watch::new(&probe, None);
    let (stopped, seen, clock) = watched(cx, &watch, runtime.stop_new(&swap)).await?;
    stopped.map_err(refused)?;
    cx.log("the old version has its place back; the new one is stopped and removed");
    Report::with_output(&Sight::of_move(seen, clock))
}

pub(crate) async fn start_old(
    cx: &JobContext,
    installation: &Installation,
    runtime: &Runtime,
) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let baseline: Option<Baseline> = cx.earlier(Job::Validate).await?;
    let probe = Probe::new(installation.health.clone())?;
    let watch = Watch::new(&probe, baseline.as_ref().and_then(|it| it.build.as_deref()));
    let start = async {
        runtime.start_old(&swap).await?;
        if baseline.as_ref().is_some_and(|it| it.healthy) {
            let is_back = tokio::time::timeout(BACK_WITHIN, watch.answered()).await.is_ok();
            tracing::debug!(is_back, "the old version was started");
        }
        anyhow::Ok(())
    };
    let (started, seen, clock) = watched(cx, &watch, start).await?;
    started.map_err(|error| StepError::retry("The old version could not be started again.", error))?;
    cx.log("the old version runs again");
    Report::with_output(&Sight::of_start(seen, clock))
}

/// Does the move while it is watched; returns what came of it, what was seen, and how to tell the time of that.
async fn watched<T>(
    cx: &JobContext,
    watch: &Watch<'_>,
    deed: impl Future<Output = T>,
) -> Result<(T, Seen, SinceStop), StepError> {
    let told_at = Instant::now();
    let (since, (done, seen)) = tokio::join!(cx.since(Job::StopOld), watch.during(deed));
    Ok((done, seen, SinceStop::new(told_at, since?.unwrap_or_default())))
}

fn to_step_error(error: StartError) -> StepError {
    let fail = |sentence, end: End| StepError::fail(sentence, anyhow!("{end}"));
    match error {
        StartError::Exited(end) if end.out_of_memory => {
            fail("The new version ran out of memory and ended right after its start.", end)
        }
        StartError::Exited(end) => fail("The new version ended right after its start.", end),
        StartError::Migration(end) if end.out_of_memory => fail(
            "The new version ran out of memory while it brought the data up to date, so it was not started.",
            end,
        ),
        StartError::Migration(end) => {
            fail("The new version could not bring the data up to date, so it was not started.", end)
        }
        StartError::Unavailable(error) => StepError::retry("The new version could not be started.", error),
    }
}
