//! The build worker: takes the feature's files once, and makes an image of them.

mod extract;
mod image;

use adapters::installation::Installation;
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// Runs until the process drains. Several may run at once, on machines that share the data folder.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Build, Builds).await
}

/// The build worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Builds;

impl JobHandler for Builds {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        match job {
            Job::Extract => extract::extract(cx, &installation).await,
            Job::Image => image::image(cx, &installation).await,
            other => Err(StepError::not_ours(other)),
        }
    }
}
