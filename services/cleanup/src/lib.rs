//! The cleanup worker: removes what is no longer needed, and never what a rollback may still need.

use adapters::change_set;
use adapters::installation::Installation;
use adapters::runtime::Swap;
use anyhow::{Context, Result};
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// Runs until the process drains. Several may run at once, on machines that share the data folder.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Cleanup, Removals).await
}

/// The cleanup worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Removals;

impl JobHandler for Removals {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        let promotion = cx.order.promotion.as_str();
        match job {
            Job::Finish => finish(cx, &installation).await?,
            Job::DiscardContext => change_set::discard(&cx.context_dir(promotion)).await?,
            Job::DiscardImage => installation.runtime(&cx.state_dir())?.discard_image(promotion).await?,
            other => return Err(StepError::not_ours(other)),
        }
        Ok(Report::default())
    }
}

async fn finish(cx: &JobContext, installation: &Installation) -> Result<(), StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let runtime = installation.runtime(&cx.state_dir())?;
    runtime
        .finish(&swap, installation.keep_releases)
        .await
        .map_err(|error| StepError::retry("The old version could not be removed.", error))?;
    cx.log("the old version is removed; its image is kept");
    let database = installation.database().await.context("reach the production database")?;
    database.drop_snapshot(&swap.promotion).await.context("drop the copy taken at the stop")?;
    cx.log("the copy of the database taken at the stop is dropped; the backup is kept");
    remove_replaced_source(cx).await
}

/// The source that this deployment replaced: the next feature is laid over this one's.
async fn remove_replaced_source(cx: &JobContext) -> Result<(), StepError> {
    let deployed = cx.deployed(2).await?;
    for replaced in deployed.iter().filter(|promotion| **promotion != cx.order.promotion) {
        change_set::discard(&cx.context_dir(replaced.as_str())).await?;
    }
    Ok(())
}
