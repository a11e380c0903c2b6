//! The end of every unwinding: the old version answers as well as before.

use std::time::Instant;

use adapters::installation::Installation;
use adapters::probe::Probe;
use adapters::runtime::Swap;
use anyhow::anyhow;
use domain::Job;
use engine::{JobContext, Report, StepError};
use protocol::output::Baseline;

use crate::outage;

pub(crate) async fn check(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let baseline: Baseline = cx.required(Job::Validate).await?;
    let swap: Option<Swap> = cx.earlier(Job::Prepare).await?;
    if let Some(swap) = &swap {
        old_is_live(cx, installation, swap).await?;
    }
    if !baseline.healthy {
        cx.log("the old version runs; it was not healthy before either");
        return Ok(Report::default());
    }
    // Where the new version took over running, the outages are those of the moves forth and back.
    let moves = match swap {
        Some(swap) if swap.warm => (Job::StartNew, Job::StopNew),
        Some(_) | None => (Job::StopOld, Job::StartOld),
    };
    let was_stopped = cx.since(moves.0).await?.is_some();
    let begun = Instant::now();
    let rule = &installation.health;
    let probe = Probe::new(rule.clone())?;
    match probe.until_healthy(rule.within(), baseline.build.as_deref()).await {
        Ok(healthy) => {
            cx.log("the old version is healthy");
            if !was_stopped {
                return Ok(Report::default());
            }
            let down = outage::length(cx, moves, begun, &healthy).await?;
            cx.log(format!("nobody was served for {} ms", down.as_millis()));
            Ok(Report { facts: outage::facts(down), ..Report::default() })
        }
        Err(problem) => Err(StepError::retry(
            format!("The old version is back but does not pass its health check: {problem}."),
            anyhow!("unhealthy after the rollback: {problem}"),
        )),
    }
}

async fn old_is_live(cx: &JobContext, installation: &Installation, swap: &Swap) -> Result<(), StepError> {
    let runtime = installation.runtime(&cx.state_dir())?;
    let old = runtime.old(swap).await?;
    match runtime.live().await? {
        Some(live) if live.running && old.is_some_and(|old| old.id == live.id) => Ok(()),
        found => Err(StepError::retry(
            "The old version is not running.",
            anyhow!("expected {}, found {found:?}", swap.old),
        )),
    }
}
