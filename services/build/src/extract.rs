//! Step 4: the sealed change set over the source that is in production.

use std::path::PathBuf;

use adapters::change_set::{self, Change, Kind, LayError, Limits, Sandbox, Stamp, TakeError};
use adapters::disk;
use adapters::installation::{Application, Installation};
use anyhow::anyhow;
use engine::store::promotions::Facts;
use engine::{JobContext, Report, StepError};
use serde_json::Value;

use protocol::output::Extracted;

pub(crate) async fn extract(cx: &JobContext, installation: &Installation) -> Result<Report, StepError> {
    let sandbox = sandbox(&cx.order.sandbox, installation)?;
    let sealed = cx.change_set_dir();
    let set = change_set::take(&sandbox, cx.order.baseline.as_deref(), &Limits::default(), &sealed)
        .await
        .map_err(|error| from_take(cx, error))?;
    cx.log(format!("change set {}: {} files", set.hash, set.changes.len()));
    for change in &set.changes {
        cx.log(format!("    {}", describe(change)));
    }
    let base = base(cx, installation);
    cx.log(format!("laid over {}", base.display()));
    let stamp = Stamp { build: cx.order.build.to_string(), promotion: cx.order.promotion.to_string() };
    let context = cx.context_dir(cx.order.promotion.as_str());
    let context = set.lay_over(&base, &context, &stamp).await;
    let context = context.map_err(|error| from_lay(cx, error))?;
    cx.log(format!("build context: {} files, source {}", context.manifest.len(), context.source_hash));
    let facts = Facts { change_set: Some(set.hash.clone()), ..Facts::default() };
    let report = Report::with_output(&Extracted {
        changes_schema: Some(set.changes_schema()),
        change_set: set.hash,
        source_hash: context.source_hash,
    })?;
    Ok(Report { facts, ..report })
}

fn describe(change: &Change) -> String {
    match &change.kind {
        Kind::Added => format!("added    {}", change.path),
        Kind::Modified => format!("modified {}", change.path),
        Kind::Deleted => format!("deleted  {}", change.path),
        Kind::Renamed { from } => format!("renamed  {from} → {}", change.path),
    }
}

/// What is in production: the source last deployed, or the base source where nothing was yet.
fn base(cx: &JobContext, installation: &Installation) -> PathBuf {
    let deployed = cx.order.current_promotion.as_deref().map(|promotion| cx.context_dir(promotion));
    deployed.filter(|context| context.is_dir()).unwrap_or_else(|| installation.base_source.clone())
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

pub(crate) fn from_lay(cx: &JobContext, error: LayError) -> StepError {
    match error {
        LayError::Unavailable(error) if disk::is_full(&error) => StepError::disk_full(&cx.data_disk(), error),
        LayError::Unavailable(_) => StepError::retry(error.to_string(), error),
        LayError::Conflict { .. } | LayError::Base { .. } | LayError::Changed => {
            StepError::fail(error.to_string(), error)
        }
    }
}
