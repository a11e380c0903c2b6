//! The ship worker: makes a finished feature ready for the question whether it may be deployed.

mod assess;
mod assessment;
mod change;
mod gates;
mod proposal;
mod propose;
mod risk;
mod seal;

use adapters::installation::Installation;
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// Runs until the process drains. Several may run at once, on machines that share the data folder.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Ship, Ships).await
}

/// The ship worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Ships;

impl JobHandler for Ships {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        match job {
            Job::Seal => seal::seal(cx, &installation).await,
            Job::Assess => assess::assess(cx, &installation).await,
            Job::Gates => gates::ask(cx, &installation).await,
            Job::Propose => propose::propose(cx, &installation).await,
            other => Err(StepError::not_ours(other)),
        }
    }
}
