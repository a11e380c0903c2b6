//! Routes; who may call them stands in [`access`].

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use engine::Engine;
use engine::store::answered;

use crate::problem::Failure;
use crate::{
    access, approvals, audit, backups, checks, choices, dead_letters, installations, inventory, promotions,
    rollbacks, ships, stream, tokens, windows,
};

/// Largest body that is taken, in bytes; a ship message has its own, smaller limit.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// How long one request may take: one commit and its messages, or a look at everything.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn router(engine: Engine) -> Router {
    let api = Router::new()
        .route("/ships", post(ships::post))
        .route("/ships/{message}", get(ships::answer))
        .route("/schemas/ship.requested.v1", get(ships::schema))
        .route("/schemas/ship.choice.v1", get(ships::choice_schema))
        .route("/schemas/ship.cancel.v1", get(ships::cancel_schema))
        .route("/promotions", get(promotions::list))
        .route("/promotions/{id}", get(promotions::show))
        .route("/promotions/{id}/plan", get(approvals::plan))
        .route("/promotions/{id}/findings", get(choices::findings))
        .route("/promotions/{id}/answer", post(choices::answer))
        .route("/promotions/{id}/acknowledge", post(choices::acknowledge))
        .route("/promotions/{id}/release", post(choices::release))
        .route("/promotions/{id}/approve", post(approvals::approve))
        .route("/promotions/{id}/reject", post(approvals::reject))
        .route("/promotions/{id}/override", post(approvals::override_windows))
        .route("/promotions/{id}/emergency", post(approvals::make_emergency))
        .route("/promotions/{id}/schedule", post(approvals::schedule))
        .route("/promotions/{id}/cancel", post(promotions::cancel))
        .route("/promotions/{id}/resume", post(promotions::resume))
        .route("/promotions/{id}/give-up", post(promotions::give_up))
        .route("/promotions/{id}/rollback", get(rollbacks::plan).post(rollbacks::order))
        .route("/promotions/{id}/log", get(promotions::log))
        .route("/promotions/{id}/events", get(stream::events))
        .route("/products", get(inventory::products))
        .route("/epics", get(inventory::epics))
        .route("/restorable", get(rollbacks::restorable))
        .route("/backups", get(backups::list))
        .route("/backups/prune", post(backups::prune))
        .route("/backups/{id}", get(backups::show))
        .route("/backups/{id}/verify", post(backups::verify))
        .route("/backups/{id}/restore", get(backups::restore_plan).post(backups::restore))
        .route("/installations", get(installations::list))
        .route("/installations/{name}", get(installations::show).put(installations::apply))
        .route("/installations/{name}/check", post(checks::installation))
        .route("/windows", get(windows::list).post(windows::add))
        .route("/windows/decision", get(windows::decide))
        .route("/windows/zone", put(windows::set_zone))
        .route("/windows/{id}", delete(windows::remove))
        .route("/blackouts", get(windows::blackouts).post(windows::add_blackout))
        .route("/blackouts/import", post(windows::import_blackouts))
        .route("/blackouts/{id}", delete(windows::remove_blackout))
        .route("/calendar.ics", get(windows::calendar))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/{id}", get(dead_letters::show))
        .route("/dead-letters/{id}/redrive", post(dead_letters::redrive))
        .route("/dead-letters/{id}/discard", post(dead_letters::discard))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}/revoke", post(tokens::revoke))
        .route("/audit", get(audit::list))
        .route("/audit/verify", get(audit::verify))
        .route("/doctor", get(checks::doctor))
        .route_layer(middleware::from_fn(within_limit))
        .route_layer(middleware::from_fn_with_state(engine.clone(), access::check));
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "This address does not take such a request.")
        })
        .fallback(|| async { Failure::not_found("There is nothing at this address.") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(engine)
}

/// Nobody waits for ever for a database that the network cut off; a stream has begun by then.
async fn within_limit(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_LIMIT, next.run(request)).await;
    answer.unwrap_or_else(|_| Failure::silence().into_response())
}

/// Ready to take traffic: the database answers and the broker takes messages.
async fn ready(State(engine): State<Engine>) -> Response {
    match answered(engine.store.ping()).await {
        Ok(_) if engine.broker.health().is_ready() => "ready".into_response(),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "the message broker does not answer").into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}
