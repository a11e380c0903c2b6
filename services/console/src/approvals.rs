//! What people say yes or no to, and when it may start, over HTTP.

use axum::Json;
use axum::extract::{Path, State};
use engine::{Engine, approval, bypass, schedule as schedules};
use protocol::http::{Decision, PromotionPlan, PromotionSummary};

use crate::access::Signed;
use crate::problem::Failure;
use crate::promotions::{find, granted, required_reason, summary};

/// What it would do if it were started as things are. The plan is kept, so that it can be approved by its hash.
pub(crate) async fn plan(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<PromotionPlan>, Failure> {
    let id = find(&engine, &id).await?.id;
    let proposal = approval::propose(&engine.store, &id).await?;
    let proposal = proposal.ok_or_else(|| Failure::not_found(format!("There is no promotion {id}.")))?;
    let (approved_by, approval_ends_at) = proposal.approved.unzip();
    Ok(Json(PromotionPlan {
        promotion: id.to_string(),
        plan: proposal.hash,
        sentences: proposal.sentences,
        expected_downtime_ms: proposal.last_downtime_ms,
        approved_by,
        approval_ends_at,
        lapsed: proposal.lapsed,
    }))
}

pub(crate) async fn approve(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let wish = approval::approve(&engine, &promotion.id, &by, decision.plan.as_deref()).await?;
    granted(&wish, "approved")?;
    Ok(Json(summary(&find(&engine, &id).await?)))
}

/// Says no to what has not begun.
pub(crate) async fn reject(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let reason = required_reason(decision.reason, "Say why it is not to be deployed.")?;
    granted(&approval::reject(&engine, &promotion.id, &by, &reason).await?, "rejected")?;
    Ok(Json(summary(&find(&engine, &id).await?)))
}

/// Lets it start although no window is open.
pub(crate) async fn override_windows(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let reason = required_reason(decision.reason, "Say why it is not to wait for a deployment window.")?;
    let wish = bypass::override_windows(&engine, &promotion.id, &by, &reason).await?;
    granted(&wish, "started outside the deployment windows")?;
    Ok(Json(summary(&find(&engine, &id).await?)))
}

/// Makes it an emergency that waits for no window, and sets it going.
pub(crate) async fn make_emergency(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let reason = required_reason(decision.reason, "Say why it cannot wait for a deployment window.")?;
    granted(&bypass::make_emergency(&engine, &promotion.id, &by, &reason).await?, "made an emergency")?;
    Ok(Json(summary(&find(&engine, &id).await?)))
}

/// Lets it start by itself when its window opens.
pub(crate) async fn schedule(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(_, by): Signed<Decision>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    granted(&schedules::schedule(&engine, &promotion.id, &by).await?, "scheduled")?;
    Ok(Json(summary(&find(&engine, &id).await?)))
}
