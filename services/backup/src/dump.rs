//! Step 3: the production database in a verified file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use adapters::database::{self, Bytes, Database, Dump, dump_name};
use adapters::installation::Installation;
use anyhow::Context;
use domain::Job;
use engine::store::backups::Backup;
use engine::{Errand, JobContext, Report, StepError};
use jiff::Timestamp;
use protocol::output::AboutBackup;
use serde_json::json;

use crate::progress::Progress;
use crate::restore::let_go;
use crate::snapshot::AtStop;
use crate::{from_database, put_back, room};

pub(crate) async fn dump(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let target = target(cx, installation)?;
    tokio::fs::create_dir_all(&installation.backup_dir)
        .await
        .map_err(|error| StepError::retry("The backup folder could not be made.", error))?;
    let database = installation.database().await.map_err(from_database)?;
    if Database::recorded(&target).is_none() {
        let bytes = beside_bytes(cx, installation, &database).await?;
        room::check(cx, installation, &database, bytes).await?;
    }
    let dump = write(cx, &database, &target).await?;
    let size = i64::try_from(dump.size_bytes).context("read the size of the backup")?;
    let not_covered = database.not_covered().await.map_err(from_database)?;
    cx.log(not_covered.as_str());
    let backup = Backup {
        path: dump.path.display().to_string(),
        size_bytes: size,
        sha256: dump.sha256.clone(),
        server_version: dump.server_version.text.clone(),
        restore_instructions: database.restore_instructions(&dump).map_err(from_database)?,
        rung: dump.rung.as_str().to_owned(),
        not_covered: Some(not_covered),
    };
    cx.log(format!(
        "to restore it by hand (`slipway promotions show {}` prints it to be pasted):",
        cx.order.promotion
    ));
    backup.restore_instructions.lines().for_each(|line| cx.log(line));
    let errands = if installation.database.rehearse { vec![rehearsal(&backup.path)] } else { Vec::new() };
    Ok(Report { backup: Some(backup), errands, ..Report::with_output(&dump)? })
}

/// Goes on beside the next steps; the promotion waits for it before it touches the old version.
fn rehearsal(backup: &str) -> Errand {
    Errand { job: Job::RehearseBackup, input: json!(AboutBackup { backup: backup.to_owned() }) }
}

/// What will lie beside the production database at the same time: first a rehearsal and then the copy at the stop,
/// or a rehearsal and the backup that is put back instead.
async fn beside_bytes(
    cx: &JobContext,
    installation: &Installation,
    database: &Database,
) -> Result<u64, StepError> {
    let size = database.size_bytes().await.map_err(from_database)?;
    let Some(path) = &cx.order.restore_from else { return Ok(size) };
    let put_back = match put_back::wanted(cx, path).await?.database_bytes {
        0 => size,
        recorded => recorded,
    };
    let rehearsal = if installation.database.rehearse { size } else { 0 };
    Ok(put_back.saturating_add(rehearsal))
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
    if cx.awaits_errand().await? {
        let database = installation.database().await.map_err(from_database)?;
        database.drop_rehearsals().await.map_err(from_database)?;
        cx.log("nothing of the backup's rehearsal is left");
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
