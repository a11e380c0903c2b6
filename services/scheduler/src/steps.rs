//! The steps that touch only our own records: Validate, Window check and Record of a promotion; Register product, Backlog
//! epic and Deploy of a ship run.

use std::time::Duration;

use adapters::installation::Installation;
use adapters::probe::Probe;
use adapters::runtime::Swap;
use domain::{ChangeType, Job};
use engine::store::promotions::Facts;
use engine::{JobContext, JobHandler, Report, StepError};
use protocol::output::Baseline;

use crate::window;

/// How long the running version may take to show that it is healthy: it has been up for long.
const BASELINE_WITHIN: Duration = Duration::from_secs(10);

/// The scheduler's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Steps;

impl JobHandler for Steps {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        match job {
            Job::Validate => validate(cx).await,
            Job::CheckWindow => window::check(cx).await,
            Job::Record => record(cx).await,
            // What they put on record is written with their report, in one transaction.
            Job::Register | Job::Epic => Ok(Report::default()),
            Job::Deploy => deploy(cx).await,
            other => Err(StepError::not_ours(other)),
        }
    }
}

async fn validate(cx: &JobContext) -> Result<Report, StepError> {
    let installation = Installation::parse(&cx.order.installation)
        .map_err(|wrong| StepError::Refuse(format!("{wrong} Then start the promotion again.")))?;
    if !installation.enabled {
        return Err(StepError::Refuse(format!(
            "Promotions are switched off for {}. Switch them on and start the promotion again.",
            installation.name
        )));
    }
    let baseline = baseline(cx, &installation).await?;
    if !baseline.healthy && cx.order.change_type != ChangeType::Emergency {
        return Err(StepError::Refuse(format!(
            "The version that is running now is not healthy ({}), so nobody could tell whether the new one is. \
             Mend it first, or ship the change as an emergency.",
            baseline.problem.as_deref().unwrap_or("no detail")
        )));
    }
    Report::with_output(&baseline)
}

async fn baseline(cx: &JobContext, installation: &Installation) -> Result<Baseline, StepError> {
    let probe = Probe::new(installation.health.clone())?;
    let baseline = match probe.until_healthy(BASELINE_WITHIN, None).await {
        Ok(healthy) => Baseline { healthy: true, build: healthy.build, problem: None },
        Err(problem) => Baseline { healthy: false, build: None, problem: Some(problem) },
    };
    cx.log(match &baseline.problem {
        None => format!(
            "the running version is healthy (build {})",
            baseline.build.as_deref().unwrap_or("unknown")
        ),
        Some(problem) => format!("the running version is not healthy: {problem}"),
    });
    Ok(baseline)
}

/// Says when it could start; it does as soon as somebody approves it, or when its window opens after that.
async fn deploy(cx: &JobContext) -> Result<Report, StepError> {
    cx.log(cx.outlook().await?);
    Ok(Report::default())
}

/// The record itself is written with this report, in one transaction: status, facts, product,
/// change request, and whose source is in production.
async fn record(cx: &JobContext) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    Ok(Report { facts: Facts { image: Some(swap.new_image), ..Facts::default() }, ..Report::default() })
}
