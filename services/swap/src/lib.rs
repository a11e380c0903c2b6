//! The swap worker: stops, starts and names application instances.

mod watched;
mod window;

use adapters::disk;
use adapters::installation::Installation;
use adapters::runtime::{Release, Runtime, Swap};
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
            Job::Prepare => prepare(cx, &installation, &runtime).await,
            Job::StopOld => {
                window::still_open(cx).await?;
                watched::stop_old(cx, &installation, &runtime).await
            }
            Job::StartNew => watched::start_new(cx, &installation, &runtime).await,
            Job::StopNew => stop_new(cx, &runtime).await,
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
    runtime: &Runtime,
) -> Result<Report, StepError> {
    let extracted: Extracted = cx.required(Job::Extract).await?;
    let built: Built = cx.required(Job::Image).await?;
    let release = Release {
        promotion: cx.order.promotion.to_string(),
        build: cx.order.build.to_string(),
        source_hash: extracted.source_hash,
    };
    let swap = match runtime.prepare(&release, &built.image).await {
        Err(error) if disk::is_full(&error) => {
            return Err(StepError::disk_full(&installation.disk(), error));
        }
        prepared => prepared?,
    };
    cx.log(format!("old instance {}, image {}", swap.old, swap.old_image));
    cx.log(format!("new instance {}, image {}", swap.new, swap.new_image));
    Report::with_output(&swap)
}

async fn stop_new(cx: &JobContext, runtime: &Runtime) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    runtime
        .stop_new(&swap)
        .await
        .map_err(|error| StepError::retry("The new version could not be stopped.", error))?;
    cx.log("the new version is stopped and removed");
    Ok(Report::default())
}
