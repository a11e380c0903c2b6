//! Undoes what the new version did to the database, if it did anything.
//!
//! The state at the stop is compared with the present one first. Where they are the same, nothing is touched;
//! else the earlier state takes the production name, the present one is kept aside, and what only that has is
//! counted.

use std::collections::BTreeSet;

use adapters::database::{self, Database, DatabaseError, Dump, Fingerprint, Source, Surplus};
use adapters::installation::Installation;
use domain::Job;
use engine::job::Reason;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};

use crate::from_database;
use crate::snapshot::AtStop;

/// What a rollback goes back to.
enum Earlier {
    /// The copy made at the stop.
    Copy,
    /// The backup taken at the stop.
    AtStop(Dump),
    /// The backup taken before the deployment.
    Backup(Dump),
}

impl Earlier {
    fn source(&self) -> Source<'_> {
        match self {
            Earlier::Copy => Source::Snapshot,
            Earlier::AtStop(dump) | Earlier::Backup(dump) => Source::Dump(dump),
        }
    }

    /// The moment, for people.
    fn moment(&self) -> &'static str {
        match self {
            Earlier::Copy | Earlier::AtStop(_) => "the moment when the old version was stopped",
            Earlier::Backup(_) => "the backup taken before the deployment",
        }
    }
}

pub(crate) async fn restore(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let database = installation.database().await.map_err(from_database)?;
    let Some(at_stop) = cx.earlier::<AtStop>(Job::Snapshot).await? else {
        // The new version never ran; something may have been kept all the same.
        database.unfence().await.map_err(from_database)?;
        let_go(cx, &database).await?;
        cx.log("the new version never ran, so the database is as it was");
        return Ok(note("The database was not touched."));
    };
    if let Some(why) = at_stop.skipped {
        cx.log("nothing was kept at the stop, so nothing is put back");
        return Ok(note(&format!("{} It was left as it is.", why.sentence())));
    }
    let earlier = match at_stop.dump.clone() {
        Some(dump) => Earlier::AtStop(dump),
        None if at_stop.copied => Earlier::Copy,
        None => Earlier::Backup(cx.required(Job::Dump).await?),
    };
    let is_put_back = database.kept(cx.order.promotion.as_str()).await.map_err(from_database)?.is_some();
    if is_put_back {
        return put_back(cx, &database, &earlier, None).await;
    }
    // A try that died just before it swapped the names left it closed to everybody.
    database.unfence().await.map_err(from_database)?;
    let (before, now) = compared(cx, &database, &at_stop).await?;
    if before == now {
        // What was kept stays until this is on record: a repeat has to find the same.
        cx.log(format!("unchanged since the stop: fingerprint {}", before.digest()));
        return Ok(note("The new version changed nothing in the database, so nothing was put back."));
    }
    before.differences(&now).iter().for_each(|line| cx.log(line.as_str()));
    let changed = match &earlier {
        Earlier::Copy | Earlier::AtStop(_) => before.changed_tables(&now),
        Earlier::Backup(dump) => dump.fingerprint.changed_tables(&now),
    };
    put_back(cx, &database, &earlier, Some(&changed)).await
}

/// The database at the stop and as it is now.
async fn compared(
    cx: &JobContext,
    database: &Database,
    at_stop: &AtStop,
) -> Result<(Fingerprint, Fingerprint), StepError> {
    let dumped = at_stop.dump.as_ref().map(|it| &it.fingerprint);
    let (production, promotion) = (database.name(), cx.order.promotion.as_str());
    match at_stop.fingerprint.as_ref().or(dumped) {
        Some(before) => {
            let now = database.fingerprint_like(production, before).await.map_err(from_database)?;
            Ok((before.clone(), now))
        }
        None => tokio::try_join!(database.snapshot_fingerprint(promotion), database.fingerprint(production))
            .map_err(from_database),
    }
}

/// `changed` names the tables that can hold anything which the earlier state has not.
async fn put_back(
    cx: &JobContext,
    database: &Database,
    earlier: &Earlier,
    changed: Option<&BTreeSet<String>>,
) -> Result<Report, StepError> {
    let promotion = cx.order.promotion.as_str();
    let restored = match database.restore(promotion, earlier.source()).await {
        Ok(restored) => restored,
        Err(error) => return Err(not_restored(cx, database, earlier, error).await),
    };
    let kept = restored.failed_database;
    cx.log(format!("restored; the failed one is kept as {kept}"));
    let surplus = match database.surplus(promotion, changed).await {
        Ok(surplus) => Some(surplus),
        Err(error) => {
            // All of it is kept, counted or not.
            cx.log(format!("what was written since could not be counted: {:#}", anyhow::Error::new(error)));
            None
        }
    };
    for Surplus { table, rows } in surplus.iter().flatten() {
        cx.log(format!("{table}: {rows} rows only in {kept}"));
    }
    let data_note =
        format!("The database is as it was at {}. {}", earlier.moment(), told(surplus.as_deref(), &kept));
    let facts = Facts { kept_database: Some(kept), data_note: Some(data_note), ..Facts::default() };
    Ok(Report { facts, ..Report::default() })
}

/// Tells a person who may have to do it by hand where the earlier state is: the log says how to put it back.
async fn not_restored(
    cx: &JobContext,
    database: &Database,
    earlier: &Earlier,
    error: DatabaseError,
) -> StepError {
    let (place, instructions) = match earlier {
        Earlier::Copy => {
            let copy = database.snapshot_name(cx.order.promotion.as_str());
            (copy, database.snapshot_instructions(cx.order.promotion.as_str()).await)
        }
        Earlier::AtStop(dump) | Earlier::Backup(dump) => {
            (dump.path.display().to_string(), database.restore_instructions(dump))
        }
    };
    // Every further try fails alike.
    if cx.attempt == 1
        && let Ok(instructions) = instructions
    {
        cx.log("to put it back by hand, paste this:");
        instructions.lines().for_each(|line| cx.log(line));
    }
    let sentence = format!(
        "{error} The data as it was at {} is kept in {place}; the log says how to put it back.",
        earlier.moment()
    );
    match from_database(error) {
        StepError::Retry(reason) => StepError::Retry(Reason { sentence: Some(sentence), ..reason }),
        StepError::Fail(reason) => StepError::Fail(Reason { sentence: Some(sentence), ..reason }),
        other @ (StepError::Refuse(_) | StepError::Ask(_) | StepError::Postpone(_) | StepError::Release) => {
            other
        }
    }
}

/// What the replaced database holds besides, for people.
fn told(surplus: Option<&[Surplus]>, kept: &str) -> String {
    let Some(surplus) = surplus else {
        return format!("Everything that was written after that is kept in {kept}.");
    };
    let count = |count: u64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let rows: u64 = surplus.iter().map(|it| it.rows).sum();
    match rows {
        0 => format!("No row was written after that; what the new version did to it is kept in {kept}."),
        rows => {
            let were = if rows == 1 { "was" } else { "were" };
            let they = if rows == 1 { "it is" } else { "they are" };
            let (rows, tables) = (count(rows, "row"), count(surplus.len() as u64, "table"));
            format!("{rows} in {tables} {were} written or changed after that; {they} kept in {kept}.")
        }
    }
}

/// Removes what was kept at the stop, when nothing depends on it any more.
pub(crate) async fn let_go(cx: &JobContext, database: &Database) -> Result<(), StepError> {
    database.drop_snapshot(cx.order.promotion.as_str()).await.map_err(from_database)?;
    match cx.earlier::<Dump>(Job::Dump).await? {
        Some(first) => database::discard(&database::at_stop(&first.path)).map_err(from_database),
        None => Ok(()),
    }
}

fn note(sentence: &str) -> Report {
    Report { facts: Facts { data_note: Some(sentence.into()), ..Facts::default() }, ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_in_plain_words() {
        let surplus = |rows: &[u64]| -> Vec<Surplus> {
            rows.iter().map(|rows| Surplus { table: "public.orders".to_owned(), rows: *rows }).collect()
        };
        let cases = [
            (
                Some(surplus(&[7, 4, 1])),
                "12 rows in 3 tables were written or changed after that; they are kept in shop_kept.",
            ),
            (
                Some(surplus(&[1])),
                "1 row in 1 table was written or changed after that; it is kept in shop_kept.",
            ),
            (
                Some(surplus(&[])),
                "No row was written after that; what the new version did to it is kept in shop_kept.",
            ),
            (None, "Everything that was written after that is kept in shop_kept."),
        ];
        for (surplus, expected) in cases {
            assert_eq!(told(surplus.as_deref(), "shop_kept"), expected);
        }
    }
}
