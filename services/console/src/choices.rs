//! What the gates found, and what people answer ship runs, over HTTP.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::{Answer, Job};
use engine::store::audit::Actor;
use engine::{Engine, ship};
use protocol::gates::{Acknowledged, Findings};
use protocol::http::PromotionSummary;
use protocol::question::GivenAnswer;

use crate::access::Signed;
use crate::problem::Failure;
use crate::promotions::{find, granted, summary};

pub(crate) async fn findings(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<Findings>, Failure> {
    let promotion = find(&engine, &id).await?;
    let report = ship::left_by(&engine.store, &promotion.id, Job::Gates).await?;
    let acknowledged = engine.store.acknowledged(&promotion.build).await?;
    let acknowledged = acknowledged.into_iter().map(|it| Acknowledged {
        fingerprint: it.fingerprint,
        by: it.by,
        reason: it.reason,
    });
    Ok(Json(Findings { report, acknowledged: acknowledged.collect() }))
}

/// Answers what takes nothing upon anybody.
pub(crate) async fn answer(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(given, by): Signed<GivenAnswer>,
) -> Result<Json<PromotionSummary>, Failure> {
    if given.answer.parse().is_ok_and(Answer::is_consent) {
        let detail = "Statements that lose data are acknowledged, and secrets released, each at an address of its own.";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    give(&engine, &id, given, &by).await
}

/// Statements that lose data are meant.
pub(crate) async fn acknowledge(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(given, by): Signed<GivenAnswer>,
) -> Result<Json<PromotionSummary>, Failure> {
    give(&engine, &id, GivenAnswer { answer: Answer::Acknowledge.to_string(), ..given }, &by).await
}

/// What looks like a secret may be read by everybody.
pub(crate) async fn release(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(given, by): Signed<GivenAnswer>,
) -> Result<Json<PromotionSummary>, Failure> {
    give(&engine, &id, GivenAnswer { answer: Answer::Release.to_string(), ..given }, &by).await
}

async fn give(
    engine: &Engine,
    id: &str,
    given: GivenAnswer,
    by: &Actor,
) -> Result<Json<PromotionSummary>, Failure> {
    let promotion = find(engine, id).await?;
    // Under the name that the caller really has.
    let given = GivenAnswer { by: by.name.clone(), ..given };
    if given.reason.as_ref().is_some_and(|reason| reason.contains('\0')) {
        return Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "The reason holds a character that cannot be kept.",
        ));
    }
    granted(&ship::answer(engine, &promotion.id, &given, by, None).await?, "answered")?;
    Ok(Json(summary(&find(engine, id).await?)))
}
