//! Backups over HTTP.

use adapters::installation::Installation;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::{Job, Outcome};
use engine::Engine;
use engine::errand::{self, Errand};
use engine::retention::{self, Retention};
use engine::rollback::{Data, Plan};
use engine::store::backups::{Record, State as BackupState};
use engine::store::runs;
use protocol::http::{
    BackupRecord, BackupSummary, Decision, ErrandState, PromotionSummary, PruneRequest, RollbackPlan,
};
use protocol::output::AboutBackup;
use serde_json::{Value, json};

use crate::access::{Caller, Signed};
use crate::installations;
use crate::problem::Failure;
use crate::promotions::{Filter, required_reason};
use crate::request::{Asked, Body};
use crate::rollbacks::{ordered, plan_to_wire, planned};

pub(crate) async fn list(
    State(engine): State<Engine>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Vec<BackupSummary>>, Failure> {
    let all = engine.store.backups(filter.installation.as_deref()).await?;
    Ok(Json(all.into_iter().map(summary).collect()))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<BackupRecord>, Failure> {
    Ok(Json(record(&engine, &id).await?))
}

/// Has it read again, whole; the answer says how that stands.
pub(crate) async fn verify(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(_, by): Signed<Decision>,
) -> Result<Json<BackupRecord>, Failure> {
    let backup = find(&engine, &id).await?;
    if backup.state == BackupState::Pruned {
        return Err(Failure::new(StatusCode::CONFLICT, format!("Backup {id} is no longer kept.")));
    }
    let errand = Errand { job: Job::VerifyBackup, input: about(&backup) };
    errand::order(&engine, &backup.promotion, &errand, &by).await?;
    Ok(Json(record(&engine, &id).await?))
}

pub(crate) async fn restore_plan(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<RollbackPlan>, Failure> {
    let backup = find(&engine, &id).await?;
    Ok(Json(plan_to_wire(&planned_restore(&engine, &backup).await?)))
}

pub(crate) async fn restore(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let reason = required_reason(decision.reason, "Say why it is to be restored.")?;
    let backup = find(&engine, &id).await?;
    let plan = planned_restore(&engine, &backup).await?;
    ordered(&engine, &plan, &by, &reason).await
}

/// The version that serves now, with the backup's data.
async fn planned_restore(engine: &Engine, backup: &Record) -> Result<Plan, Failure> {
    let deployments = engine.store.deployments(Some(&backup.installation)).await?;
    let Some(present) = deployments.first() else {
        let sentence = format!(
            "Nothing has been deployed to {} yet, so Slipway does not have the version that serves there. Restore the \
             backup by hand: `slipway backups show {}` says how.",
            backup.installation, backup.id,
        );
        return Err(Failure::new(StatusCode::CONFLICT, sentence));
    };
    planned(engine, &backup.installation, &present.promotion, Data::From(backup)).await
}

/// Has backups removed that nobody needs any more, and says which.
pub(crate) async fn prune(
    State(engine): State<Engine>,
    caller: Caller,
    Body(request): Body<PruneRequest>,
) -> Result<Json<Vec<BackupSummary>>, Failure> {
    let known = match &request.installation {
        Some(name) => vec![installations::find(&engine, name).await?],
        None => engine.store.installations().await?,
    };
    let by = caller.unnamed();
    let mut gone = Vec::new();
    for installation in known {
        let Ok(described) = Installation::parse(&installation.description) else { continue };
        let rule = Retention { backups: described.backups_keep, releases: described.keep_releases };
        let prunable = retention::prunable(&engine.store, &installation.name, &rule).await?;
        if let Some(newest) = prunable.first().filter(|_| !request.dry_run) {
            let errand = Errand { job: Job::PruneBackups, input: Value::Null };
            errand::order(&engine, &newest.promotion, &errand, &by).await?;
        }
        gone.extend(prunable.into_iter().map(summary));
    }
    Ok(Json(gone))
}

async fn find(engine: &Engine, id: &str) -> Result<Record, Failure> {
    let unknown = || Failure::not_found(format!("There is no backup {id}. See `slipway backups list`."));
    let number: i64 = id.parse().map_err(|_| unknown())?;
    engine.store.backup(number).await?.ok_or_else(unknown)
}

async fn record(engine: &Engine, id: &str) -> Result<BackupRecord, Failure> {
    let found = find(engine, id).await?;
    let errand = engine.store.latest_errand(&found.promotion, Job::VerifyBackup, &about(&found)).await?;
    // Read again: whoever sees that the errand is over sees what came of it.
    let found = find(engine, id).await?;
    Ok(BackupRecord {
        sha256: found.backup.sha256.clone(),
        server_version: found.backup.server_version.clone(),
        restore_instructions: found.backup.restore_instructions.clone(),
        not_covered: found.backup.not_covered.clone(),
        verification: errand.map(state),
        summary: summary(found),
    })
}

fn about(backup: &Record) -> Value {
    json!(AboutBackup { backup: backup.backup.path.clone() })
}

fn state(errand: runs::Errand) -> ErrandState {
    let (state, reason) = match errand.outcome {
        None => ("running", None),
        Some(Outcome::Failed(cause)) => ("failed", Some(cause.sentence(std::time::Duration::ZERO))),
        Some(
            Outcome::Done
            | Outcome::Deployed { .. }
            | Outcome::Refused(_)
            | Outcome::RolledBack(_)
            | Outcome::GivenUp { .. },
        ) => ("done", None),
    };
    ErrandState { state: state.to_owned(), reason }
}

fn summary(record: Record) -> BackupSummary {
    BackupSummary {
        id: record.id,
        state: record.state.as_str().to_owned(),
        installation: record.installation,
        promotion: record.promotion.to_string(),
        title: record.title,
        taken_at: record.taken_at,
        path: record.backup.path,
        size_bytes: record.backup.size_bytes.unsigned_abs(),
        rung: record.backup.rung,
        verified_at: record.verified_at,
        problem: record.problem,
        pinned: record.pinned,
    }
}
