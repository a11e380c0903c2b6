//! Step 3: the production database in a verified file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use adapters::database::{self, Bytes, Database, Dump, dump_name};
use adapters::installation::Installation;
use anyhow::Context;
use domain::Job;
use engine::store::backups::Backup;
use engine::{JobContext, Report, StepError};
use jiff::Timestamp;

use crate::progress::Progress;
use crate::restore::let_go;
use crate::snapshot::AtStop;
use crate::{from_database, room};

pub(crate) async fn dump(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let target = target(cx, installation)?;
    tokio::fs::create_dir_all(&installation.backup_dir)
        .await
        .map_err(|error| StepError::retry("The backup folder could not be made.", error))?;
    let database = installation.database().await.map_err(from_database)?;
    if Database::recorded(&target).is_none() {
        room::check(cx, installation, &database).await?;
    }
    let dump = write(cx, &database, &target).await?;
    let size = i64::try_from(dump.size_bytes).context("read the size of the backup")?;
    let backup = Backup {
        path: dump.path.display().to_string(),
        size_bytes: size,
        sha256: dump.sha256.clone(),
        server_version: dump.server_version.text.clone(),
        restore_instructions: database.restore_instructions(&dump).map_err(from_database)?,
    };
    cx.log(format!(
        "to restore it by hand (`slipway promotions show {}` prints it to be pasted):",
        cx.order.promotion
    ));
    backup.restore_instructions.lines().for_each(|line| cx.log(line));
    Ok(Report { backup: Some(backup), ..Report::with_output(&dump)? })
}

/// Writes a backup; the log tells how far it is.
pub(crate) async fn write(cx: &JobContext, database: &Database, target: &Path) -> Result<Dump, StepError> {
    cx.log(format!("writing {}", target.display()));
    let mut progress = Progress::begin(Instant::now());
    let tell = |bytes| {
        if let Some(line) = progress.at(bytes, Instant::now()) {
            cx.log(line);
        }
    };
    let written = database.dump(target, tell).await;
    if let Some(line) = progress.end(Instant::now()) {
        cx.log(line);
    }
    let dump = written.map_err(from_database)?;
    let (size, title) = (Bytes(dump.size_bytes), dump.rung.title());
    cx.log(format!("backup of {size} ({} bytes) {title}, sha256 {}", dump.size_bytes, dump.sha256));
    Ok(dump)
}

/// No half-written file is left, and no file that nobody knows of; a backup on record stays.
pub(crate) async fn discard_partial(
    cx: &JobContext,
    installation: &Installation,
) -> Result<Report, StepError> {
    // Only then is the database asked: before, it may be what keeps the deployment from going on.
    if cx.earlier::<AtStop>(Job::Snapshot).await?.is_some() {
        let database = installation.database().await.map_err(from_database)?;
        let_go(cx, &database).await?;
        cx.log("what was kept of the database at the stop is removed");
    }
    let target = target(cx, installation)?;
    match cx.earlier::<Dump>(Job::Dump).await? {
        Some(_on_record) => database::discard_partial(&target),
        None => database::discard(&target),
    }
    .map_err(from_database)?;
    Ok(Report::default())
}

/// The same file for every try of a run: its name holds the run's beginning, which its id tells.
fn target(cx: &JobContext, installation: &Installation) -> Result<PathBuf, StepError> {
    let (seconds, _) =
        cx.order.run.get_timestamp().context("read the run's beginning from its id")?.to_unix();
    let begun = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let begun = begun.context("read the run's beginning from its id")?;
    Ok(installation.backup_dir.join(dump_name(cx.order.build.as_str(), begun)))
}
