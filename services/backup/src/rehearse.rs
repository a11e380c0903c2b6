//! An errand that a promotion waits for: its backup is restored beside the production database and compared.

use adapters::database::{DatabaseError, Rung};
use adapters::installation::Installation;
use engine::{JobContext, Report, StepError};

use crate::from_database;
use crate::verify::{checked, wanted};

pub(crate) async fn rehearse(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let dump = wanted(cx).await?;
    let path = dump.path.display().to_string();
    let database = installation.database().await.map_err(from_database)?;
    cx.log(format!("restoring {path} beside the production database, to prove it"));
    match database.rehearse(cx.order.promotion.as_str(), &dump).await {
        Ok(()) => {
            cx.log(format!("backup {}: {path} gives what was backed up", Rung::Rehearsed.title()));
            Ok(Report { checked: Some(checked(path, Rung::Rehearsed, None)), ..Report::default() })
        }
        Err(error @ DatabaseError::Damaged { .. }) => {
            Err(StepError::damaged(checked(path, Rung::Written, Some(error.to_string())), error))
        }
        Err(DatabaseError::Failed(error)) => Err(StepError::retry(
            "The backup can be read, but restoring it did not work; the log says what was in the way.",
            error,
        )),
        Err(error) => Err(from_database(error)),
    }
}
