//! The swap worker: stops, starts and names application instances.

use adapters::disk;
use adapters::installation::Installation;
use adapters::runtime::{Release, Runtime, StartError, Swap};
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
        let runtime = installation.runtime(&cx.state_dir())?;
        match job {
            Job::Prepare => prepare(cx, &installation, &runtime).await,
            Job::StopOld => stop_old(cx, &runtime).await,
            Job::StartNew => start_new(cx, &runtime).await,
            Job::StopNew => undo(cx, &runtime, Undo::StopNew).await,
            Job::StartOld => undo(cx, &runtime, Undo::StartOld).await,
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

async fn stop_old(cx: &JobContext, runtime: &Runtime) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    runtime
        .stop_old(&swap)
        .await
        .map_err(|error| StepError::retry("The current version could not be stopped.", error))?;
    cx.log("the old version is stopped and stays stopped");
    Ok(Report::default())
}

async fn start_new(cx: &JobContext, runtime: &Runtime) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    match runtime.start_new(&swap).await {
        Ok(()) => {
            cx.log("the new version is started");
            Ok(Report::default())
        }
        Err(StartError::Exited(detail)) => {
            Err(StepError::fail("The new version ended right after its start.", anyhow::anyhow!(detail)))
        }
        Err(StartError::Unavailable(error)) => {
            Err(StepError::retry("The new version could not be started.", error))
        }
    }
}

/// The two moves back that need what `prepare` found.
enum Undo {
    StopNew,
    StartOld,
}

async fn undo(cx: &JobContext, runtime: &Runtime, undo: Undo) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    match undo {
        Undo::StopNew => {
            runtime
                .stop_new(&swap)
                .await
                .map_err(|error| StepError::retry("The new version could not be stopped.", error))?;
            cx.log("the new version is stopped and removed");
        }
        Undo::StartOld => {
            runtime
                .start_old(&swap)
                .await
                .map_err(|error| StepError::retry("The old version could not be started again.", error))?;
            cx.log("the old version runs again");
        }
    }
    Ok(Report::default())
}
