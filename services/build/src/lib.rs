//! The build worker: lays the sealed files over what is in production, and makes an image of that; or finds both again.

mod bring_back;
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
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        match (job, &cx.order.rolls_back_to) {
            (Job::Extract, Some(target)) => bring_back::source(cx, &installation, target).await,
            (Job::Image, Some(target)) => bring_back::image(cx, &installation, target).await,
            (Job::Extract, None) => extract::extract(cx, &installation).await,
            (Job::Image, None) => image::image(cx, &installation).await,
            (other, _) => Err(StepError::not_ours(other)),
        }
    }
}
