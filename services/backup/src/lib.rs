//! The backup worker: keeps the production database safe before the swap, and puts it back after one that failed.

mod dump;
mod keep;
mod progress;
mod prune;
mod put_back;
mod rehearse;
mod restore;
mod room;
mod snapshot;
mod verify;

use adapters::database::DatabaseError;
use adapters::installation::Installation;
use anyhow::Result;
use domain::{Job, Worker};
use engine::{Engine, JobContext, JobHandler, Report, StepError, worker};

/// Runs until the process drains. Several may run at once, on machines that share the backup folder.
pub async fn run(engine: &Engine) -> Result<()> {
    worker::run(engine, Worker::Backup, Backups).await
}

/// The backup worker's jobs.
#[derive(Debug, Clone, Copy)]
pub struct Backups;

impl JobHandler for Backups {
    #[expect(clippy::wildcard_enum_match_arm, reason = "its queues bring only its own jobs")]
    async fn run(&self, job: Job, cx: &JobContext) -> Result<Report, StepError> {
        let installation = cx.installation(Installation::parse)?;
        if let Some(backup) = &cx.order.restore_from {
            match job {
                Job::Dump => {
                    let report = dump::dump(cx, &installation).await?;
                    put_back::make_ready(cx, &installation, backup).await?;
                    return Ok(report);
                }
                Job::DiscardPartial => put_back::discard_ready(cx, &installation).await?,
                Job::Snapshot => return put_back::put_back(cx, &installation, backup).await,
                Job::Restore => return put_back::take_back(cx, &installation).await,
                _ => {}
            }
        }
        match job {
            Job::Dump => dump::dump(cx, &installation).await,
            Job::DiscardPartial => dump::discard_partial(cx, &installation).await,
            Job::Snapshot => snapshot::snapshot(cx, &installation).await,
            Job::Restore => restore::restore(cx, &installation).await,
            Job::RehearseBackup => rehearse::rehearse(cx, &installation).await,
            Job::VerifyBackup => verify::verify(cx, &installation).await,
            Job::PruneBackups => prune::prune(cx, &installation).await,
            other => Err(StepError::not_ours(other)),
        }
    }
}

/// The database's errors are sentences for people already; this says which are worth another try.
fn from_database(error: DatabaseError) -> StepError {
    let sentence = error.to_string();
    match error {
        DatabaseError::Failed(error) => StepError::from(error),
        // Looked for before anything is written.
        DatabaseError::Space { .. } | DatabaseError::ServerSpace { .. } => StepError::Refuse(sentence),
        DatabaseError::Refused { .. }
        | DatabaseError::Missing { .. }
        | DatabaseError::Unsupported { .. }
        | DatabaseError::Full { .. }
        | DatabaseError::ToolsMissing { .. }
        | DatabaseError::ToolsTooOld { .. }
        | DatabaseError::Damaged { .. }
        | DatabaseError::NoCopy { .. } => StepError::fail(sentence, error),
        DatabaseError::Unreachable { .. }
        | DatabaseError::InUse { .. }
        | DatabaseError::Busy { .. }
        | DatabaseError::NotRestored { .. }
        | DatabaseError::LeftClosed { .. } => StepError::retry(sentence, error),
    }
}
