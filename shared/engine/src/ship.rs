//! Ship runs: what is done about a feature before anybody is asked whether it may be deployed.

use domain::PromotionId;
use domain::run::{Event, Run};
use store::audit::Actor;
use store::outbox::Outgoing;
use store::{Result, Tx, runs};
use uuid::Uuid;

use crate::{Report, Reporter, advance};

/// Begins the ship run of a promotion that is being created; answers with the messages to publish at once.
pub(crate) async fn begin(tx: &mut Tx, promotion: &PromotionId) -> Result<Vec<Outgoing>> {
    let first = Run::ship();
    let run = Uuid::now_v7();
    let span = tracing::info_span!("ship", %promotion);
    runs::insert_ship(tx, run, promotion, &first.run, telemetry::traceparent(&span).as_deref()).await?;
    let Some(locked) = runs::lock(tx, run).await? else { return Ok(Vec::new()) };
    advance::carry_out(tx, &locked, &first).await
}

/// Stops the promotion's ship run, if it is under way, because a person decides about the promotion itself. It comes
/// before the promotion is locked, in the order in which a run does that.
pub(crate) async fn stop(
    tx: &mut Tx,
    promotion: &PromotionId,
    by: &Actor,
    reason: &str,
) -> Result<Vec<Outgoing>> {
    let Some(run) = runs::open_ship_run(tx, promotion).await? else { return Ok(Vec::new()) };
    let event = Event::CancelRequested { by: by.name.clone(), reason: reason.to_owned() };
    let (_, messages) =
        advance::record_within(tx, run, &event, Reporter::Person(by), &Report::default()).await?;
    Ok(messages)
}
