//! Dead letters over HTTP: messages that nobody could handle.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::named::UnknownName;
use engine::Engine;
use engine::dead_letters::{self, Settlement};
use engine::store::dead_letters as records;
use protocol::http::{DeadLetter, DeadLetterSummary, Decision, FieldProblem, LetterBody, Settled};
use serde::Deserialize;

use crate::access::Signed;
use crate::problem::Failure;
use crate::promotions::required_reason;
use crate::request::Asked;

#[derive(Debug, Deserialize)]
pub(crate) struct Filter {
    state: Option<String>,
    before: Option<i64>,
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Vec<DeadLetterSummary>>, Failure> {
    let state = filter.state.as_deref().map(known_state).transpose()?;
    let letters = engine.store.dead_letters(state, filter.before).await?;
    Ok(Json(letters.into_iter().map(summary).collect()))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<DeadLetter>, Failure> {
    let letter = find(&engine, &id).await?;
    Ok(Json(DeadLetter {
        job: letter.order.map(|order| order.job.to_string()),
        attempt: letter.order.map(|order| order.attempt),
        run: letter.order.map(|order| order.run.to_string()),
        content_type: letter.content_type,
        traceparent: letter.traceparent,
        body: LetterBody::new(&letter.body),
        summary: summary(letter.summary),
    }))
}

pub(crate) async fn redrive(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(_, by): Signed<Decision>,
) -> Result<Json<DeadLetterSummary>, Failure> {
    let id = find(&engine, &id).await?.summary.id;
    let settlement = dead_letters::redrive(&engine, id, &by).await?;
    settled(&engine, id, settlement, "cannot be sent again").await
}

pub(crate) async fn discard(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Signed(decision, by): Signed<Decision>,
) -> Result<Json<DeadLetterSummary>, Failure> {
    let id = find(&engine, &id).await?.summary.id;
    let reason = required_reason(decision.reason, "Say why it is to be discarded.")?;
    let settlement = dead_letters::discard(&engine, id, &by, &reason).await?;
    settled(&engine, id, settlement, "cannot be discarded").await
}

async fn settled(
    engine: &Engine,
    id: i64,
    settlement: Settlement,
    what: &str,
) -> Result<Json<DeadLetterSummary>, Failure> {
    match settlement {
        Settlement::Done => Ok(Json(summary(find(engine, &id.to_string()).await?.summary))),
        Settlement::Unknown => Err(unknown(&id.to_string())),
        Settlement::Refused(why) => {
            Err(Failure::new(StatusCode::CONFLICT, format!("Dead letter {id} {what}: {why}.")))
        }
    }
}

async fn find(engine: &Engine, id: &str) -> Result<records::Letter, Failure> {
    let number = id.parse().map_err(|_| unknown(id))?;
    engine.store.dead_letter(number).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failure {
    Failure::not_found(format!("There is no dead letter {id}."))
}

fn known_state(word: &str) -> Result<records::State, Failure> {
    word.parse().map_err(|unknown: UnknownName| {
        let field = FieldProblem { field: "state".into(), problem: unknown.to_string() };
        Failure::wrong_fields("No dead letter can be in such a state.", vec![field])
    })
}

fn summary(letter: records::Summary) -> DeadLetterSummary {
    DeadLetterSummary {
        id: letter.id,
        state: letter.state.as_str().to_owned(),
        queue: letter.queue,
        reason: letter.reason,
        promotion: letter.promotion.map(|id| id.to_string()),
        message_id: letter.message_id.map(|id| id.to_string()),
        deliveries: letter.deliveries,
        size_bytes: letter.size_bytes,
        received_at: letter.received_at,
        settled: letter.settled.map(|settled| Settled {
            by: settled.by,
            at: settled.at,
            reason: settled.reason,
            sent_as: settled.sent_as.map(|id| id.to_string()),
        }),
    }
}
