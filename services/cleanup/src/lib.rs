//! The cleanup worker: removes what is no longer needed, and never what a rollback may still need.

use adapters::change_set;
use adapters::database::Database;
use adapters::installation::Installation;
use adapters::runtime::Swap;
use anyhow::{Context, Result};
use domain::{Job, Worker};
use engine::retention::Retention;
use engine::{Engine, Errand, JobContext, JobHandler, Report, StepError, worker};
use serde_json::Value;

/// How long a database that a failed version left is kept.
const FAILED_DATABASE_DAYS: i32 = 7;

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
            Job::Finish => return finish(cx, &installation).await,
            Job::DiscardContext => change_set::discard(&cx.context_dir(promotion)).await?,
            Job::DiscardImage => installation.runtime(&cx.state_dir())?.discard_image(promotion).await?,
            other => return Err(StepError::not_ours(other)),
        }
        Ok(Report::default())
    }
}

async fn finish(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let swap: Swap = cx.required(Job::Prepare).await?;
    let runtime = installation.runtime(&cx.state_dir())?;
    let deployments = cx.kept_deployments(installation.keep_releases).await?;
    runtime
        .finish(&swap, installation.keep_releases.max(deployments.earlier.len()))
        .await
        .map_err(|error| StepError::retry("The old version could not be removed.", error))?;
    cx.log("the old version is removed; its image is kept");
    let database = installation.database().await.context("reach the production database")?;
    database.drop_snapshot(&swap.promotion).await.context("drop the copy taken at the stop")?;
    cx.log("the copy of the database taken at the stop is dropped; the backup is kept");
    drop_failed_databases(cx, &database).await?;
    for deployed in &deployments.beyond {
        change_set::discard(&cx.context_dir(deployed.as_str())).await?;
    }
    for over in cx.never_deployed().await?.iter().chain(&deployments.beyond) {
        change_set::discard(&cx.change_set_dir(over.as_str())).await?;
    }
    Ok(Report { errands: prune_backups(cx, installation).await?, ..Report::default() })
}

/// What failed versions left is kept for a week, for somebody to look at.
async fn drop_failed_databases(cx: &JobContext, database: &Database) -> Result<(), StepError> {
    for (promotion, name) in cx.failed_databases(FAILED_DATABASE_DAYS).await? {
        if database.exists(&name).await.context("look for a failed database")? {
            database.drop_failed(promotion.as_str()).await.context("drop a failed database")?;
            cx.log(format!(
                "{name}, which {promotion} had left, is dropped after {FAILED_DATABASE_DAYS} days"
            ));
        }
    }
    Ok(())
}

/// Backups are for those to remove who have their folder: the one taken at the stop, which nothing needs any more,
/// and those beyond what is kept.
async fn prune_backups(cx: &JobContext, installation: &Installation) -> Result<Vec<Errand>, StepError> {
    let rule = Retention { backups: installation.backups_keep, releases: installation.keep_releases };
    let at_stop: Option<Value> = cx.earlier(Job::Snapshot).await?;
    let was_dumped = at_stop.is_some_and(|it| !it["dump"].is_null());
    let is_needed = was_dumped || !cx.prunable_backups(&rule).await?.is_empty();
    let errand = is_needed.then_some(Errand { job: Job::PruneBackups, input: Value::Null });
    Ok(errand.into_iter().collect())
}
