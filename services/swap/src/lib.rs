//! The swap worker: stops, starts and names application instances.

mod mode;
mod watched;
mod window;

use adapters::disk;
use adapters::installation::Installation;
use adapters::runtime::{Release, Runtime, Unfit};
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};
use protocol::output::{Built, Extracted};

/// Runs until the process drains. Several may run at once.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Swap, Moves).await
}

/// The swap worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Moves;

impl JobHandler for Moves {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        let runtime = installation.runtime(&cx.state_dir())?.telling(cx.log_sender());
        match job {
            Job::Prepare => prepare(cx, &installation, runtime).await,
            Job::StopOld => {
                window::still_open(cx).await?;
                watched::stop_old(cx, &installation, &runtime).await
            }
            Job::StartNew => watched::start_new(cx, &installation, &runtime).await,
            Job::StopNew => watched::stop_new(cx, &installation, &runtime).await,
            Job::StartOld => watched::start_old(cx, &installation, &runtime).await,
            Job::Unprepare => {
                runtime.unprepare(cx.order.promotion.as_str()).await?;
                Ok(Report::default())
            }
            other => Err(StepError::not_ours(other)),
        }
    }
}

async fn prepare(
    cx: &JobContext,
    installation: &Installation,
    runtime: Runtime,
) -> Result<Report, StepError> {
    let extracted: Extracted = cx.required(Job::Extract).await?;
    let built: Built = cx.required(Job::Image).await?;
    let release = Release {
        promotion: cx.order.promotion.to_string(),
        build: cx.order.build.to_string(),
        source_hash: extracted.source_hash,
    };
    let runtime = match mode::must_stop_first(extracted.changes_schema, cx.order.rolls_back_to.is_some()) {
        Some(why) => runtime.stopping_first(why),
        None => runtime,
    };
    let swap = match runtime.prepare(&release, &built.image).await {
        Err(error) if disk::is_full(&error) => {
            return Err(StepError::disk_full(&installation.disk(), error));
        }
        Err(error) => return Err(unfit(cx, error)),
        Ok(swap) => swap,
    };
    cx.log(format!("old instance {}, image {}", swap.old, swap.old_image));
    cx.log(format!("new instance {}, image {}", swap.new, swap.new_image));
    Report::with_output(&swap)
}

/// A version that was tried beside the old one and is not well is told from a machine that could not try it.
fn unfit(cx: &JobContext, error: anyhow::Error) -> StepError {
    let Some(Unfit { problem, output }) = error.downcast_ref() else {
        return error.into();
    };
    cx.log("the last lines of the new version:");
    output.lines().for_each(|line| cx.log(format!("    {line}")));
    StepError::fail_plainly(format!(
        "The new version did not pass its health check: {problem}. The current version was not interrupted."
    ))
}
