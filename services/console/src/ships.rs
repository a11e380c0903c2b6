//! Ship messages over HTTP: put on the same exchange as those that come by AMQP.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use engine::Engine;
use engine::store::inbox::Answer;
use engine::transport::{Exchange, Message};
use protocol::choice::{CANCEL_SCHEMA, CHOICE_SCHEMA};
use protocol::http::{FieldProblem, ShipAccepted, ShipAnswer};
use protocol::ship::{SCHEMA, ShipMessage};
use uuid::Uuid;

use crate::problem::Failure;

pub(crate) async fn post(
    State(engine): State<Engine>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ShipAccepted>), Failure> {
    let body = body?;
    let message = ShipMessage::parse(&body).map_err(|refused| {
        let field = FieldProblem { field: refused.field, problem: refused.problem };
        Failure::wrong_fields("The ship message cannot be taken.", vec![field])
    })?;
    let outgoing = Message {
        id: Uuid::now_v7(),
        exchange: Exchange::Ship,
        routing_key: "ship".into(),
        body: body.to_vec(),
        content_type: "application/cloudevents+json".into(),
        traceparent: None,
    };
    match engine.broker.publish(vec![outgoing]).await.pop() {
        Some(Ok(())) => Ok((StatusCode::ACCEPTED, Json(ShipAccepted { message: message.id }))),
        answer => {
            tracing::error!(?answer, "a ship message was not published");
            let detail =
                "The ship message could not be put on its queue. Nothing was started; try again shortly.";
            Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    }
}

pub(crate) async fn answer(
    State(engine): State<Engine>,
    Path(message): Path<String>,
) -> Result<Json<ShipAnswer>, Failure> {
    // No message has such an id, and the database would refuse even to look for it.
    if message.contains('\0') {
        return Err(Failure::not_found("There is no such ship message."));
    }
    Ok(Json(match engine.store.answer(&message).await? {
        None => ShipAnswer::Waiting,
        Some(Answer::Refused { field, reason }) => ShipAnswer::Refused { field, reason },
        Some(Answer::Accepted(id)) => match engine.store.promotion(&id).await? {
            Some(promotion) => {
                ShipAnswer::Accepted { promotion: id.to_string(), change_request: promotion.change_request }
            }
            None => ShipAnswer::Waiting,
        },
    }))
}

pub(crate) async fn schema() -> impl IntoResponse {
    published(SCHEMA)
}

pub(crate) async fn choice_schema() -> impl IntoResponse {
    published(CHOICE_SCHEMA)
}

pub(crate) async fn cancel_schema() -> impl IntoResponse {
    published(CANCEL_SCHEMA)
}

fn published(schema: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/schema+json")], schema)
}
