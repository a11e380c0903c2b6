//! The end of every unwinding: the old version answers as well as before.

use adapters::installation::Installation;
use adapters::probe::Probe;
use adapters::runtime::Swap;
use anyhow::anyhow;
use domain::Job;
use engine::{JobContext, Report, StepError};
use protocol::output::Baseline;

use crate::new::downtime;

pub(crate) async fn check(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let baseline: Baseline = cx.required(Job::Validate).await?;
    if let Some(swap) = cx.earlier::<Swap>(Job::Prepare).await? {
        old_is_live(cx, installation, &swap).await?;
    }
    if !baseline.healthy {
        cx.log("the old version runs; it was not healthy before either");
        return Ok(Report::default());
    }
    let down_so_far = cx.since(Job::StopOld).await?;
    let rule = &installation.health;
    let probe = Probe::new(rule.clone())?;
    match probe.until_healthy(rule.within(), baseline.build.as_deref()).await {
        Ok(healthy) => {
            cx.log("the old version is healthy");
            let facts =
                down_so_far.map(|down| downtime(down + healthy.first_answer_after)).unwrap_or_default();
            Ok(Report { facts, ..Report::default() })
        }
        Err(problem) => Err(StepError::retry(
            format!("The old version is back but does not pass its health check: {problem}."),
            anyhow!("unhealthy after the rollback: {problem}"),
        )),
    }
}

async fn old_is_live(cx: &JobContext, installation: &Installation, swap: &Swap) -> Result<(), StepError> {
    let live = installation.runtime(&cx.state_dir())?.live().await?;
    match live {
        Some(live) if live.id == swap.old && live.running => Ok(()),
        found => Err(StepError::retry(
            "The old version is not running.",
            anyhow!("expected {}, found {found:?}", swap.old),
        )),
    }
}
