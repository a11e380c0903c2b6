//! An errand: backups that nobody needs any more are removed, and what was taken at the stop of a promotion that is
//! over.

use std::path::Path;

use adapters::database::{self, Dump};
use adapters::installation::Installation;
use domain::Job;
use engine::retention::Retention;
use engine::{JobContext, Report, StepError};

use crate::from_database;

pub(crate) async fn prune(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let rule = Retention { backups: installation.backups_keep, releases: installation.keep_releases };
    let mut pruned = Vec::new();
    // Decided anew: what was needed when the errand was ordered may have changed.
    for record in cx.prunable_backups(&rule).await? {
        let path = record.backup.path;
        database::discard(Path::new(&path)).map_err(from_database)?;
        cx.log(format!("removed backup {}, {path}: it is beyond what is kept", record.id));
        pruned.push(path);
    }
    if let Some(first) = cx.left_by::<Dump>(&cx.order.promotion, Job::Dump).await? {
        database::discard(&database::at_stop(&first.path)).map_err(from_database)?;
    }
    Ok(Report { pruned, ..Report::default() })
}
