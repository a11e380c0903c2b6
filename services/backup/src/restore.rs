//! Undoes what the new version did to the database, if it did anything.

use adapters::database::{Database, Dump, Source};
use adapters::installation::Installation;
use domain::Job;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};

use crate::from_database;
use crate::snapshot::AtStop;

pub(crate) async fn restore(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let database = installation.database().await.map_err(from_database)?;
    let promotion = cx.order.promotion.as_str();
    let Some(at_stop) = cx.earlier::<AtStop>(Job::Snapshot).await? else {
        // The new version never ran; a copy may have been made all the same.
        database.unfence().await.map_err(from_database)?;
        database.drop_snapshot(promotion).await.map_err(from_database)?;
        cx.log("the new version never ran, so the database is as it was");
        return Ok(note("The database was not touched."));
    };
    if database.kept(promotion).await.map_err(from_database)?.is_none()
        && !database.changed_since(&at_stop.fingerprint).await.map_err(from_database)?
    {
        database.drop_snapshot(promotion).await.map_err(from_database)?;
        cx.log(format!("unchanged since the stop: fingerprint {}", at_stop.fingerprint.digest()));
        return Ok(note("The new version changed nothing in the database, so nothing was put back."));
    }
    put_back(cx, &database, &at_stop).await
}

async fn put_back(cx: &JobContext, database: &Database, at_stop: &AtStop) -> Result<Report, StepError> {
    let promotion = cx.order.promotion.as_str();
    let (restored, from) = if at_stop.copied {
        let restored = database.restore(promotion, Source::Snapshot).await.map_err(from_database)?;
        shown_to_be_the_same(cx, database, at_stop).await?;
        (restored, "the moment when the old version was stopped")
    } else {
        // A restore from a backup compares every row with it before it counts.
        let dump: Dump = cx.required(Job::Dump).await?;
        let restored = database.restore(promotion, Source::Dump(&dump)).await.map_err(from_database)?;
        (restored, "the backup taken before the deployment")
    };
    cx.log(format!("restored; the failed one is kept as {}", restored.failed_database));
    let facts = Facts {
        kept_database: Some(restored.failed_database),
        data_note: Some(format!(
            "The database is as it was at {from}. What the new version did to it is kept aside."
        )),
        ..Facts::default()
    };
    Ok(Report { facts, ..Report::default() })
}

async fn shown_to_be_the_same(
    cx: &JobContext,
    database: &Database,
    at_stop: &AtStop,
) -> Result<(), StepError> {
    let now = database.fingerprint(database.name()).await.map_err(from_database)?;
    let differences = at_stop.fingerprint.differences(&now);
    if differences.is_empty() {
        cx.log(format!("the same as at the stop: fingerprint {}", now.digest()));
        return Ok(());
    }
    cx.log(format!("differs from what it was: {}", differences.join("; ")));
    Err(StepError::fail_plainly(
        "The database was put back but is not exactly as it was; the log says how it differs.",
    ))
}

fn note(sentence: &str) -> Report {
    Report { facts: Facts { data_note: Some(sentence.into()), ..Facts::default() }, ..Report::default() }
}
