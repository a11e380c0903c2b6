//! Between stop and start: the database as it was when nobody wrote any more.
//!
//! This lies in the time without service, so it does no more than it must: a copy holds the state at the stop by
//! itself, and is only read if there is a rollback.

use adapters::database::{self, Database, DatabaseError, Dump, Fingerprint};
use adapters::installation::Installation;
use domain::Job;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};
use serde::{Deserialize, Serialize};

use crate::from_database;
use crate::keep::{Keep, Skip, decide};

/// The database at the stop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AtStop {
    /// Its exact contents, where neither a copy nor a backup of that moment tells them; older records have it
    /// always.
    #[serde(default)]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Whether a copy of it was kept aside.
    #[serde(default)]
    pub(crate) copied: bool,
    /// The backup that was taken at the stop because no copy could be.
    #[serde(default)]
    pub(crate) dump: Option<Dump>,
    /// Why nothing was kept.
    #[serde(default)]
    pub(crate) skipped: Option<Skip>,
}

pub(crate) async fn snapshot(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let keep = decide(cx, installation.database.snapshot).await?;
    if let Keep::Nothing(why) = keep {
        cx.log(why.sentence());
        let facts = Facts { data_note: Some(why.sentence().to_owned()), ..Facts::default() };
        let at_stop = AtStop { skipped: Some(why), ..AtStop::default() };
        return Ok(Report { facts, ..Report::with_output(&at_stop)? });
    }
    let database = installation.database().await.map_err(from_database)?;
    let at_stop = match keep {
        Keep::Copy => copy(cx, &database).await?,
        Keep::Fingerprint | Keep::Nothing(_) => fingerprint(cx, &database).await?,
    };
    Report::with_output(&at_stop)
}

async fn copy(cx: &JobContext, database: &Database) -> Result<AtStop, StepError> {
    match database.snapshot(cx.order.promotion.as_str()).await {
        Ok(snapshot) => {
            cx.log(format!("the database as it is at the stop is kept as {}", snapshot.database));
            Ok(AtStop { copied: true, ..AtStop::default() })
        }
        Err(error @ DatabaseError::NoCopy { .. }) => {
            cx.log(format!("{:#}", anyhow::Error::new(error)));
            cx.log("a second backup is taken instead");
            Ok(AtStop { dump: Some(second_backup(cx, database).await?), ..AtStop::default() })
        }
        Err(error) => Err(from_database(error)),
    }
}

async fn second_backup(cx: &JobContext, database: &Database) -> Result<Dump, StepError> {
    let first: Dump = cx.required(Job::Dump).await?;
    let target = database::at_stop(&first.path);
    crate::dump::write(cx, database, &target).await.map_err(|error| match error {
        // The old version is stopped: this is no refusal any more.
        StepError::Refuse(sentence) => StepError::fail_plainly(sentence),
        other @ (StepError::Retry(_)
        | StepError::Fail(_)
        | StepError::Ask(_)
        | StepError::Postpone(_)
        | StepError::Release) => other,
    })
}

async fn fingerprint(cx: &JobContext, database: &Database) -> Result<AtStop, StepError> {
    cx.log("no copy is kept at the stop: the installation says so; a rollback would use the backup");
    let fingerprint = database.fingerprint(database.name()).await.map_err(from_database)?;
    cx.log(format!("fingerprint of the database at the stop: {}", fingerprint.digest()));
    Ok(AtStop { fingerprint: Some(fingerprint), ..AtStop::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_older_versions_left_can_be_read() {
        let fingerprint = json!({ "schema": {}, "tables": {}, "sequences": {}, "large_objects": { "count": 0, "hash": "" } });
        let old = json!({ "fingerprint": fingerprint, "copied": true });
        let at_stop: AtStop = serde_json::from_value(old).unwrap();
        assert!(at_stop.copied && at_stop.fingerprint.is_some());
        assert!(at_stop.dump.is_none() && at_stop.skipped.is_none());
    }
}
