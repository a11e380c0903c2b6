//! The health worker: proves that a version works, the way its users would notice.

mod new;
mod old;
mod outage;

use std::time::Duration;

use adapters::installation::Installation;
use adapters::runtime::{Instance, Runtime};
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// How soon the end of an instance is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

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
async fn until_it_ends(runtime: &Runtime, first: &Instance) -> String {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match runtime.instance(&first.id).await {
            Ok(Some(now))
                if now.running && now.restarts == first.restarts && now.started_at == first.started_at => {}
            Ok(Some(now)) if now.restarts == first.restarts && now.started_at != first.started_at => {
                return "it was started anew".into();
            }
            Ok(Some(now)) => return last_end(&now),
            Ok(None) => return "it is gone".into(),
            // Not an answer about the instance; the question is asked again.
            Err(error) => tracing::warn!(%error, "could not look at the instance"),
        }
    }
}

/// How an instance came to its last end, for people.
fn last_end(instance: &Instance) -> String {
    match (instance.out_of_memory, instance.restarts) {
        (true, _) => "it ran out of memory".into(),
        (false, 0) => "it ended by itself".into(),
        (false, 1) => "it crashed and was started again".into(),
        (false, times) => format!("it crashed {times} times and was started again each time"),
    }
}
