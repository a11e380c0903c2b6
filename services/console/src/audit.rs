//! The audit trail over HTTP.

use axum::Json;
use axum::extract::State;
use engine::Engine;
use engine::store::audit as records;
use protocol::http::{AuditEntry, AuditVerdict};
use serde::Deserialize;

use crate::problem::Failure;
use crate::request::Asked;

#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    before: Option<i64>,
    after: Option<i64>,
}

/// Oldest first after a number, otherwise newest first.
pub(crate) async fn list(
    State(engine): State<Engine>,
    Asked(page): Asked<Page>,
) -> Result<Json<Vec<AuditEntry>>, Failure> {
    let entries = match page.after {
        Some(number) => engine.store.audit_after(number).await?,
        None => engine.store.audit_before(page.before).await?,
    };
    Ok(Json(entries.into_iter().map(to_wire).collect()))
}

pub(crate) async fn verify(State(engine): State<Engine>) -> Result<Json<AuditVerdict>, Failure> {
    let verdict = engine.store.verify_audit().await?;
    Ok(Json(AuditVerdict { entries: verdict.entries, head: verdict.head, problems: verdict.problems }))
}

fn to_wire(entry: records::Entry) -> AuditEntry {
    AuditEntry { number: entry.number, entry: entry.entry, hash: entry.hash }
}
