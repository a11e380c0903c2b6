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
    let dump: Dump;
    let (source, expected, from) = if at_stop.copied {
        (Source::Snapshot, &at_stop.fingerprint, "the moment when the old version was stopped")
    } else {
        dump = cx.required(Job::Dump).await?;
        (Source::Dump(&dump), &dump.fingerprint, "the backup taken before the deployment")
    };
    let restored = database.restore(promotion, source).await.map_err(from_database)?;
    let differences =
        expected.differences(&database.fingerprint(database.name()).await.map_err(from_database)?);
    if !differences.is_empty() {
        cx.log(format!("differs from what it was: {}", differences.join("; ")));
        return Err(StepError::fail_plainly(
            "The database was put back but is not exactly as it was; the log says how it differs.",
        ));
    }
    cx.log(format!(
        "restored; fingerprint {}; the failed one is kept as {}",
        expected.digest(),
        restored.failed_database
    ));
    let facts = Facts {
        kept_database: Some(restored.failed_database),
        data_note: Some(format!(
            "The database is as it was at {from}. What the new version did to it is kept aside."
        )),
        ..Facts::default()
    };
    Ok(Report { facts, ..Report::default() })
}

fn note(sentence: &str) -> Report {
    Report { facts: Facts { data_note: Some(sentence.into()), ..Facts::default() }, ..Report::default() }
}
