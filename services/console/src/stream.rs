//! Progress as server-sent events; resumed with `?after=` the last number seen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use domain::Step;
use engine::Engine;
use engine::store::answered;
use engine::store::progress::Told;
use engine::store::promotions::Promotion;
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use protocol::ProgressEvent;
use protocol::event::plan_of;

use crate::problem::Failure;
use crate::promotions::{After, find};
use crate::request::Asked;

/// How often the records are asked for news.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A comment this often tells callers that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// News of one promotion as it happens; ends when the process drains or the database is away, and
/// the caller resumes it.
pub(crate) async fn events(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    Asked(after): Asked<After>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let promotion = find(&engine, &id).await?;
    let drain = engine.shutdown.draining();
    let batches = stream::unfold((engine, promotion, after.after), next_batch);
    let events = batches.flat_map(stream::iter).take_until(drain.cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

type Position = (Engine, Promotion, i64);

/// Waits for the next news; `None` ends the stream.
async fn next_batch(
    (engine, promotion, after): Position,
) -> Option<(Vec<Result<Event, Infallible>>, Position)> {
    loop {
        let told = match answered(engine.store.progress_after(&promotion.id, after)).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(%error, "a stream of events was cut");
                return None;
            }
        };
        if let Some(last) = told.last().map(|last| last.sequence) {
            let events = told.iter().filter_map(|told| to_event(&promotion, told)).map(Ok).collect();
            return Some((events, (engine, promotion, last)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn to_event(promotion: &Promotion, told: &Told) -> Option<Event> {
    // A kind that this version does not know was written by a newer one: its callers will see it there.
    let kind = serde_json::from_value(told.kind.clone().into()).ok()?;
    let (plan, steps_total) = plan_of(told.step);
    let event = ProgressEvent {
        sequence: told.sequence,
        at: told.at,
        kind,
        promotion: promotion.id.to_string(),
        build: promotion.build.to_string(),
        installation: promotion.installation.clone(),
        plan: plan.to_string(),
        step: told.step.map(Step::number),
        step_title: told.step.map(|step| step.title().to_owned()),
        steps_total,
        message: told.message.clone(),
    };
    Event::default().id(told.sequence.to_string()).json_data(event).ok()
}
