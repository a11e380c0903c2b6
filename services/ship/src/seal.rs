//! The feature out of the place where it was built, once. What is approved, and all that is done later, is what
//! was sealed here.

use adapters::change_set::{self, Change, ChangeSet, Kind, Limits, Sandbox, TakeError};
use adapters::disk;
use adapters::installation::{Application, Installation};
use anyhow::{Context as _, anyhow};
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};
use protocol::output::Sealed;
use serde_json::Value;

use crate::risk;

/// Whoever has more to read than this reads none of it; the log has all.
const RISKS_TOLD: usize = 10;

pub(crate) async fn seal(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let sandbox = sandbox(&cx.order.sandbox, installation)?;
    let folder = cx.change_set_dir(cx.order.promotion.as_str());
    let set = change_set::take(&sandbox, cx.order.baseline.as_deref(), &Limits::default(), &folder)
        .await
        .map_err(|error| from_take(cx, error))?;
    cx.log(format!("change set {}: {} files", set.hash, set.changes.len()));
    for change in &set.changes {
        cx.log(format!("    {}", describe(change)));
    }
    let (set, risks) = tokio::task::spawn_blocking(move || risk::risks(&set).map(|risks| (set, risks)))
        .await
        .context("look for what would lose data")??;
    for risk in &risks {
        cx.log(format!("    {risk}"));
    }
    let facts = Facts { change_set: Some(set.hash.clone()), ..Facts::default() };
    Ok(Report { facts, ..Report::with_output(&summary(set, risks))? })
}

fn describe(change: &Change) -> String {
    match &change.kind {
        Kind::Added => format!("added    {}", change.path),
        Kind::Modified => format!("modified {}", change.path),
        Kind::Deleted => format!("deleted  {}", change.path),
        Kind::Renamed { from } => format!("renamed  {from} → {}", change.path),
    }
}

fn summary(set: ChangeSet, mut risks: Vec<String>) -> Sealed {
    let count = |is: fn(&Kind) -> bool| set.changes.iter().filter(|change| is(&change.kind)).count();
    let risks_total = risks.len();
    risks.truncate(RISKS_TOLD);
    Sealed {
        risks,
        risks_total,
        added: count(|kind| matches!(kind, Kind::Added)),
        modified: count(|kind| matches!(kind, Kind::Modified)),
        renamed: count(|kind| matches!(kind, Kind::Renamed { .. })),
        deleted: count(|kind| matches!(kind, Kind::Deleted)),
        changes_schema: set.changes_schema(),
        change_set: set.hash,
    }
}

fn sandbox(description: &Value, installation: &Installation) -> Result<Sandbox, StepError> {
    let text = |field: &str| description.get(field).and_then(Value::as_str).map(str::to_owned);
    match (text("directory"), text("container"), text("path")) {
        (Some(directory), _, _) => Ok(Sandbox::Directory(directory.into())),
        (None, Some(id), Some(path)) => Ok(Sandbox::Container { host: engine_of(installation), id, path }),
        _ => Err(anyhow!("the sandbox on record is neither a directory nor a container").into()),
    }
}

/// Sandboxes run on the engine of the application.
fn engine_of(installation: &Installation) -> Option<String> {
    match &installation.application {
        Application::Docker(docker) => docker.host.clone(),
        Application::Process(_) => None,
    }
}

fn from_take(cx: &JobContext, error: TakeError) -> StepError {
    match error {
        TakeError::Unavailable(error) if disk::is_full(&error) => {
            StepError::disk_full(&cx.data_disk(), error)
        }
        TakeError::Unavailable(_) => StepError::retry(error.to_string(), error),
        TakeError::Empty
        | TakeError::Refused { .. }
        | TakeError::Unusable(_)
        | TakeError::Baseline(_)
        | TakeError::Damaged(_) => StepError::fail(error.to_string(), error),
    }
}
