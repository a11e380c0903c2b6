//! An errand: a backup on record is read again, whole.

use std::path::Path;

use adapters::database::{DatabaseError, Dump};
use adapters::installation::Installation;
use engine::store::backups::Checked;
use engine::{JobContext, Report, StepError};
use protocol::output::AboutBackup;

use crate::from_database;

pub(crate) async fn verify(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let AboutBackup { backup: path } = cx.input()?;
    if !Path::new(&path).parent().is_some_and(Path::is_dir) {
        return Err(StepError::retry(
            "The backup folder is not there, so nobody can say whether the backup is good.",
            anyhow::anyhow!("{path}: no such folder"),
        ));
    }
    let Some(dump) = cx.backup_output::<Dump>(&path).await? else {
        return Err(StepError::Refuse(format!("Slipway's records of the backup {path} are gone.")));
    };
    let database = installation.database().await.map_err(from_database)?;
    cx.log(format!("reading {path} again"));
    let problem = match database.verify(&dump).await {
        Ok(()) => None,
        Err(error @ DatabaseError::Damaged { .. }) => Some(error.to_string()),
        Err(error) => return Err(from_database(error)),
    };
    cx.log(problem.clone().unwrap_or_else(|| format!("still good, sha256 {}", dump.sha256)));
    Ok(Report { checked: Some(Checked { path, problem }), ..Report::default() })
}
