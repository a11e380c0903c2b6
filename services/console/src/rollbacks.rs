//! Bringing earlier versions back, over HTTP.

use std::collections::HashMap;

use adapters::installation::{Application, Installation};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::PromotionId;
use engine::Engine;
use engine::job::context_dir;
use engine::rollback::{self, Data, Ordered, Plan, Refusal};
use engine::store::audit::Actor;
use engine::store::backups::State as BackupState;
use engine::store::rollbacks::Deployment;
use protocol::http::{PromotionSummary, Restorable, RollbackPlan, RollbackRequest};
use serde::Deserialize;

use crate::access::Signed;
use crate::installations;
use crate::problem::Failure;
use crate::promotions::{Filter, find, required_reason, summary};
use crate::request::Asked;

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    restore_data: bool,
}

impl Wish {
    fn data(&self) -> Data<'static> {
        if self.restore_data { Data::AsBefore } else { Data::Keep }
    }
}

/// Every version that was deployed, with what is left of it.
pub(crate) async fn restorable(
    State(engine): State<Engine>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Vec<Restorable>>, Failure> {
    let all = engine.store.deployments(filter.installation.as_deref()).await?;
    let mut by_installation: HashMap<&str, Vec<Deployment>> = HashMap::new();
    for deployment in &all {
        by_installation.entry(deployment.installation.as_str()).or_default().push(deployment.clone());
    }
    let mut found = Vec::with_capacity(all.len());
    for deployment in &all {
        let history = by_installation.get(deployment.installation.as_str()).map_or(&[][..], Vec::as_slice);
        found.push(to_wire(&engine, history, deployment).await);
    }
    Ok(Json(found))
}

pub(crate) async fn plan(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<RollbackPlan>, Failure> {
    let promotion = find(&engine, &id).await?;
    let plan = planned(&engine, &promotion.installation, &promotion.id, wish.data()).await?;
    Ok(Json(plan_to_wire(&plan)))
}

pub(crate) async fn order(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(request, by): Signed<RollbackRequest>,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(&engine, &id).await?;
    let reason = required_reason(Some(request.reason), "Say why it is to be brought back.")?;
    let wish = Wish { restore_data: request.restore_data };
    let plan = planned(&engine, &promotion.installation, &promotion.id, wish.data()).await?;
    ordered(&engine, &plan, &by, &reason).await
}

/// What bringing the version back would do.
///
/// # Errors
/// A conflict says why it cannot be brought back.
pub(crate) async fn planned(
    engine: &Engine,
    installation: &str,
    target: &PromotionId,
    data: Data<'_>,
) -> Result<Plan, Failure> {
    let deployments = engine.store.deployments(Some(installation)).await?;
    let plan = Plan::new(&deployments, target, data)
        .map_err(|Refusal(sentence)| Failure::new(StatusCode::CONFLICT, sentence))?;
    if let Some(open) = engine.store.open_rollback(target).await? {
        return Err(is_open(&open));
    }
    for (what, kept) in
        [("image", image_kept(engine, &plan.target).await), ("source", source_kept(engine, &plan.target))]
    {
        if kept == Some(false) {
            let sentence = format!(
                "The {what} of {target} is no longer kept, so its version cannot be brought back. Ship its feature \
                 again."
            );
            return Err(Failure::new(StatusCode::CONFLICT, sentence));
        }
    }
    Ok(plan)
}

/// Creates the promotion that does what was planned.
pub(crate) async fn ordered(
    engine: &Engine,
    plan: &Plan,
    by: &Actor,
    reason: &str,
) -> Result<Json<PromotionSummary>, Failure> {
    match rollback::order(engine, plan, by, reason).await? {
        Ordered::As(id) => Ok(Json(summary(&find(engine, id.as_str()).await?))),
        Ordered::Open(open) => Err(is_open(&open)),
    }
}

fn is_open(open: &PromotionId) -> Failure {
    let sentence = format!("{open} brings this version back already. Wait for its end, or cancel it.");
    Failure::new(StatusCode::CONFLICT, sentence)
}

pub(crate) fn plan_to_wire(plan: &Plan) -> RollbackPlan {
    RollbackPlan {
        promotion: plan.target.promotion.to_string(),
        installation: plan.target.installation.clone(),
        steps: plan.sentences(),
        backup: plan.backup.as_ref().map(|backup| backup.id),
    }
}

async fn to_wire(engine: &Engine, history: &[Deployment], deployment: &Deployment) -> Restorable {
    let at = history.iter().position(|it| it.promotion == deployment.promotion).unwrap_or_default();
    let later = &history[..at];
    let before_next = later.last().and_then(|next| next.backup.as_ref());
    Restorable {
        promotion: deployment.promotion.to_string(),
        build: deployment.build.clone(),
        title: deployment.title.clone(),
        installation: deployment.installation.clone(),
        deployed_at: deployment.deployed_at,
        requested_by: deployment.requested_by.clone(),
        approved_by: deployment.approved_by.clone(),
        serves: history.first().is_some_and(|present| rollback::serves(present, deployment)),
        image_kept: image_kept(engine, deployment).await,
        source_kept: source_kept(engine, deployment),
        backup: before_next.filter(|it| it.state == BackupState::Kept).map(|it| it.id),
        schema_changed_since: rollback::changed_since(later),
    }
}

/// `None` where this console cannot see what the workers have.
async fn image_kept(engine: &Engine, deployment: &Deployment) -> Option<bool> {
    let image = deployment.image.as_deref()?;
    let known = installations::find(engine, &deployment.installation).await.ok()?;
    let installation = Installation::parse(&known.description).ok()?;
    if let Application::Process(process) = &installation.application
        && !process.root.is_dir()
    {
        return None;
    }
    let state_dir = engine.config.data_dir.join("specifications").join(&installation.name);
    installation.runtime(&state_dir).ok()?.keeps(image).await.ok()
}

/// As [`image_kept`].
fn source_kept(engine: &Engine, deployment: &Deployment) -> Option<bool> {
    let context = context_dir(&engine.config.data_dir, deployment.promotion.as_str());
    context.parent()?.is_dir().then(|| context.is_dir())
}
