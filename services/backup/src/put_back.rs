//! A rollback that somebody wants the data of, too: a backup takes the place of the database while nothing runs.

use adapters::database::Dump;
use adapters::installation::Installation;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};

use crate::from_database;

/// Step 3: restores the backup beside the database while the present version still serves.
pub(crate) async fn make_ready(
    cx: &JobContext,
    installation: &Installation,
    path: &str,
) -> Result<(), StepError> {
    let dump = wanted(cx, path).await?;
    let database = installation.database().await.map_err(from_database)?;
    cx.log(format!("restoring {path} beside the database"));
    database.make_ready(cx.order.promotion.as_str(), &dump).await.map_err(from_database)?;
    cx.log("restored, and compared with what was backed up");
    Ok(())
}

/// Removes what was made ready.
pub(crate) async fn discard_ready(cx: &JobContext, installation: &Installation) -> Result<(), StepError> {
    let database = installation.database().await.map_err(from_database)?;
    database.drop_ready(cx.order.promotion.as_str()).await.map_err(from_database)
}

pub(crate) async fn wanted(cx: &JobContext, path: &str) -> Result<Dump, StepError> {
    cx.backup_output(path).await?.ok_or_else(|| {
        StepError::fail_plainly(format!(
            "Slipway's records of the backup {path} are gone, so it cannot be put back."
        ))
    })
}

/// Step 7: puts the backup back. What it replaces is the state at the stop itself, so no copy of that is needed.
pub(crate) async fn put_back(
    cx: &JobContext,
    installation: &Installation,
    path: &str,
) -> Result<Report, StepError> {
    let dump = wanted(cx, path).await?;
    let database = installation.database().await.map_err(from_database)?;
    let put_back = database.put_back(cx.order.promotion.as_str(), &dump).await.map_err(from_database)?;
    let replaced = put_back.replaced_database.clone();
    cx.log(format!("{path} is put back; what it replaced is kept as {replaced}"));
    let note = format!(
        "The database is as it was in the backup of {}. Everything as it was when the version before was stopped \
         is kept in {replaced}; nothing removes it by itself.",
        dump.verified_at.strftime("%Y-%m-%d %H:%M UTC"),
    );
    let facts = Facts { kept_database: Some(replaced), data_note: Some(note), ..Facts::default() };
    Ok(Report { facts, ..Report::with_output(&put_back)? })
}

/// Takes it back: the database is again what it was at the stop.
pub(crate) async fn take_back(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let database = installation.database().await.map_err(from_database)?;
    let failed = database.take_back(cx.order.promotion.as_str()).await.map_err(from_database)?;
    let note = if let Some(failed) = &failed {
        cx.log(format!("taken back; what was done with the backup's data is kept as {failed}"));
        "The database is as it was when the version before was stopped. What was done with the backup's data is \
         kept aside."
    } else {
        cx.log("nothing was put back, so the database is as it was");
        "The database was not touched."
    };
    let facts = Facts { kept_database: failed, data_note: Some(note.into()), ..Facts::default() };
    Ok(Report { facts, ..Report::default() })
}
