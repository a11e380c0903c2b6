//! Errands: jobs outside a promotion's steps, with the same queues, leases, tries and dead letters.

use domain::run::Run;
use domain::{Job, PromotionId};
use serde_json::Value;
use store::audit::Actor;
use store::outbox::Outgoing;
use store::{Result, Tx, runs};
use uuid::Uuid;

use crate::{Engine, advance};

/// A job to be run for itself.
///
/// It is about one promotion, in whose log its lines stand; it takes nobody's turn and has no deadline. The
/// promotion may wait for it ([`domain::turn`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Errand {
    /// One of [`domain::job::ERRANDS`].
    pub job: Job,
    /// What it is about, for its handler.
    pub input: Value,
}

/// Starts an errand about the promotion; returns its run.
///
/// One about the same that is under way is not started twice, unless both are asked for at once: then it is
/// done twice, which changes nothing.
pub async fn order(engine: &Engine, promotion: &PromotionId, errand: &Errand, by: &Actor) -> Result<Uuid> {
    let known = engine.store.latest_errand(promotion, errand.job, &errand.input).await?;
    if let Some(known) = known.filter(|it| it.outcome.is_none()) {
        return Ok(known.id);
    }
    engine.recorded(record(engine, promotion, errand, by)).await
}

async fn record(
    engine: &Engine,
    promotion: &PromotionId,
    errand: &Errand,
    by: &Actor,
) -> Result<(Uuid, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let span = tracing::info_span!("errand", %promotion, job = %errand.job);
    let begun = begin(&mut tx, promotion, errand, telemetry::traceparent(&span).as_deref(), None).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok(begun)
}

/// The same as a part of a transaction, for a run that waits for it or for nobody; answers with the messages to
/// publish at once.
pub(crate) async fn begin(
    tx: &mut Tx,
    promotion: &PromotionId,
    errand: &Errand,
    traceparent: Option<&str>,
    awaited_by: Option<Uuid>,
) -> Result<(Uuid, Vec<Outgoing>)> {
    let first = Run::errand(errand.job);
    let run = Uuid::now_v7();
    runs::insert_errand(tx, run, promotion, &first.run, &errand.input, traceparent, awaited_by).await?;
    let Some(locked) = runs::lock(tx, run).await? else { return Ok((run, Vec::new())) };
    let messages = advance::carry_out(tx, &locked, &first).await?;
    Ok((run, messages))
}
