//! The health worker: proves that a version works, the way its users would notice.

mod new;
mod old;

use adapters::installation::Installation;
use adapters::runtime::{Instance, Runtime};
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// Runs until the process drains. Several may run at once.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Health, Checks).await
}

/// The health worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Checks;

impl JobHandler for Checks {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        match job {
            Job::CheckNew => new::check(cx, &installation).await,
            Job::CheckOld => old::check(cx, &installation).await,
            other => Err(StepError::not_ours(other)),
        }
    }
}

/// Returns when the instance is no longer the one start that it was, with what happened to it.
async fn until_it_ends(runtime: &Runtime, first: &Instance, every: std::time::Duration) -> String {
    loop {
        tokio::time::sleep(every).await;
        match runtime.instance(&first.id).await {
            Ok(Some(now))
                if now.running && now.restarts == first.restarts && now.started_at == first.started_at => {}
            Ok(Some(now)) => return what_happened(first, &now),
            Ok(None) => return "it is gone".into(),
            // Not an answer about the instance; the question is asked again.
            Err(error) => tracing::warn!(%error, "could not look at the instance"),
        }
    }
}

fn what_happened(first: &Instance, now: &Instance) -> String {
    if now.out_of_memory {
        "it ran out of memory".into()
    } else if now.restarts != first.restarts || now.started_at != first.started_at {
        "it crashed and was started again".into()
    } else {
        "it ended by itself".into()
    }
}
