//! Between stop and start: the database as it was when nobody wrote any more.

use adapters::database::Fingerprint;
use adapters::installation::Installation;
use engine::{JobContext, Report, StepError};
use serde::{Deserialize, Serialize};

use crate::from_database;

/// The database at the stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AtStop {
    /// Its exact contents, to tell whether the new version changed anything.
    pub(crate) fingerprint: Fingerprint,
    /// Whether a copy of it was kept aside.
    pub(crate) copied: bool,
}

pub(crate) async fn snapshot(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let database = installation.database().await.map_err(from_database)?;
    let copied = installation.database.snapshot;
    if copied {
        let snapshot = database.snapshot(cx.order.promotion.as_str()).await.map_err(from_database)?;
        cx.log(format!("the database as it is at the stop is kept as {}", snapshot.database));
    } else {
        cx.log("no copy is kept at the stop: the installation says so; a rollback would use the backup");
    }
    let fingerprint = database.fingerprint(database.name()).await.map_err(from_database)?;
    cx.log(format!("fingerprint of the database at the stop: {}", fingerprint.digest()));
    Report::with_output(&AtStop { fingerprint, copied })
}
