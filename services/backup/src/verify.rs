//! An errand: a backup on record is read again, whole.

use std::path::Path;

use adapters::database::{Database, DatabaseError, Dump, Rung};
use adapters::installation::Installation;
use engine::store::backups::Checked;
use engine::{JobContext, Report, StepError};
use protocol::output::AboutBackup;

use crate::from_database;

pub(crate) async fn verify(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let dump = wanted(cx).await?;
    let path = dump.path.display().to_string();
    let database = installation.database().await.map_err(from_database)?;
    cx.log(format!("reading {path} again"));
    let (rung, problem) = match database.verify(&dump).await {
        Ok(()) => (proven(&dump), None),
        Err(error @ DatabaseError::Damaged { .. }) => (Rung::Written, Some(error.to_string())),
        Err(error) => return Err(from_database(error)),
    };
    cx.log(problem.clone().unwrap_or_else(|| format!("still good, sha256 {}", dump.sha256)));
    Ok(Report { checked: Some(checked(path, rung, problem)), ..Report::default() })
}

/// The backup that an errand is about.
pub(crate) async fn wanted(cx: &JobContext) -> Result<Dump, StepError> {
    let AboutBackup { backup: path } = cx.input()?;
    if !Path::new(&path).parent().is_some_and(Path::is_dir) {
        return Err(StepError::retry(
            "The backup folder is not there, so nobody can say whether the backup is good.",
            anyhow::anyhow!("{path}: no such folder"),
        ));
    }
    cx.backup_output(&path)
        .await?
        .ok_or_else(|| StepError::Refuse(format!("Slipway's records of the backup {path} are gone.")))
}

pub(crate) fn checked(path: String, rung: Rung, problem: Option<String>) -> Checked {
    Checked { path, problem, rung: rung.as_str().to_owned() }
}

/// How far a backup is proven that was read back just now: the same bytes may have been rehearsed earlier.
fn proven(dump: &Dump) -> Rung {
    let recorded = Database::recorded(&dump.path).filter(|it| it.sha256 == dump.sha256);
    recorded.map_or(Rung::ReadBack, |it| it.rung.max(Rung::ReadBack))
}
