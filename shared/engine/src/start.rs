//! Beginnings: a ship message becomes a promotion, an approved promotion becomes a run.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::run::Run;
use domain::{PromotionId, Status};
use protocol::{InvalidMessage, Kind};
use store::audit::Actor;
use store::inbox::Answer;
use store::jobs::{self, Try};
use store::outbox::Outgoing;
use store::runs::Locked;
use store::{Result, StoreError, inbox, outbox, promotions, queue, runs, waits, windows};
use uuid::Uuid;

use crate::approval::{self, Case};
use crate::news::News;
use crate::{Engine, advance, news, ship, turn};

/// What became of a wish of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// It is so.
    Granted,
    /// There is no such promotion.
    Unknown,
    /// The promotion stands where this cannot be; holds its status.
    NotFrom(Status),
    /// Another person than the one who asked for it must approve it.
    OwnRequest,
    /// No; holds the sentence that says why.
    Refused(String),
}

impl Wish {
    /// It cannot be from this status.
    pub(crate) fn not_from(status: Status) -> Self {
        if status == Status::Shipping {
            return Wish::Refused(
                "The feature is still being made ready for that question, so there is nothing yet that somebody \
                 could decide to deploy. Try again when it is pending; withdraw or reject it if it is not \
                 to come to that."
                    .to_owned(),
            );
        }
        Wish::NotFrom(status)
    }
}

/// Creates a promotion and begins its ship run, after which it waits for approval, in the name of whoever handed the feature in, and answers its
/// ship message; a message that was answered before keeps its answer.
pub async fn create_promotion(
    engine: &Engine,
    message_id: &str,
    new: &promotions::New,
    by: &Actor,
) -> Result<()> {
    engine.recorded(record_promotion(engine, message_id, new, by)).await
}

async fn record_promotion(
    engine: &Engine,
    message_id: &str,
    new: &promotions::New,
    by: &Actor,
) -> Result<((), Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    promotions::insert(&mut tx, new).await?;
    if !inbox::insert(&mut tx, message_id, &Answer::Accepted(new.id.clone())).await? {
        return Ok(((), Vec::new()));
    }
    let mut messages = ship::begin(&mut tx, &new.id).await?;
    let shipping = News {
        kind: Kind::Shipping,
        step: None,
        message: format!("“{}” is being taken out of the place where it was built.", new.title),
    };
    messages.push(news::publish(&mut tx, &new.id, &shipping).await?);
    tx.nudge().await?;
    tx.commit().await?;
    Ok(((), messages))
}

/// Puts on record, together with what it brings about, that a message about this promotion was heard; false when it was
/// answered before, and must not have its effect again. What is wished otherwise carries no message.
pub(crate) async fn hear(tx: &mut store::Tx, message: Option<&str>, promotion: &PromotionId) -> Result<bool> {
    match message {
        Some(id) => inbox::insert(tx, id, &Answer::Accepted(promotion.clone())).await,
        None => Ok(true),
    }
}

/// Puts the refusal of a ship message on record and tells whoever listens for events.
/// A message without a readable id can only be told of.
pub async fn refuse_message(
    engine: &Engine,
    message_id: Option<&str>,
    refused: &InvalidMessage,
) -> Result<()> {
    engine.recorded(record_refusal(engine, message_id, refused)).await
}

async fn record_refusal(
    engine: &Engine,
    message_id: Option<&str>,
    refused: &InvalidMessage,
) -> Result<((), Vec<Outgoing>)> {
    let mut tx = engine.store.begin().await?;
    if let Some(id) = message_id {
        let answer = Answer::Refused { field: refused.field.clone(), reason: refused.problem.clone() };
        if !inbox::insert(&mut tx, id, &answer).await? {
            return Ok(((), Vec::new()));
        }
    }
    let message = news::refusal(&mut tx, message_id, refused).await?;
    tx.commit().await?;
    Ok(((), vec![message]))
}

/// Announces again what is due and nobody took, at growing `pauses`, and says what: the messages seem to be
/// lost. A repeat is harmless.
pub async fn remind(engine: &Engine, pauses: RangeInclusive<Duration>) -> Result<Vec<Try>> {
    engine.recorded(take_forgotten(engine, pauses)).await
}

async fn take_forgotten(
    engine: &Engine,
    pauses: RangeInclusive<Duration>,
) -> Result<(Vec<Try>, Vec<Outgoing>)> {
    let mut tx = engine.store.begin().await?;
    let mut messages = Vec::new();
    let mut forgotten = Vec::new();
    for (which, traceparent) in jobs::take_forgotten(&mut tx, pauses).await? {
        let message = advance::job_message(which, traceparent);
        outbox::insert(&mut tx, &message, advance::RELAY_GRACE).await?;
        messages.push(message);
        forgotten.push(which);
    }
    tx.commit().await?;
    Ok((forgotten, messages))
}

/// Queues a held try, whose errand is over; nothing if that was done already.
pub async fn release(engine: &Engine, which: Try) -> Result<()> {
    engine.recorded(record_release(engine, which)).await
}

async fn record_release(engine: &Engine, which: Try) -> Result<((), Vec<Outgoing>)> {
    let mut tx = engine.store.begin_brief().await?;
    let Some(locked) = runs::lock(&mut tx, which.run).await? else { return Ok(((), Vec::new())) };
    if !waits::release(&mut tx, which).await? {
        return Ok(((), Vec::new()));
    }
    let message = advance::job_message(which, locked.traceparent);
    outbox::insert(&mut tx, &message, advance::RELAY_GRACE).await?;
    tx.commit().await?;
    Ok(((), vec![message]))
}

/// Withdraws a promotion of which nothing was done yet. The same `message` does it once.
pub async fn withdraw(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    reason: &str,
    message: Option<&str>,
) -> Result<Wish> {
    engine.recorded(record_withdrawal(engine, id, by, reason, message)).await
}

async fn record_withdrawal(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    reason: &str,
    message: Option<&str>,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let mut messages = ship::stop(&mut tx, id, by, reason).await?;
    let status = promotions::lock_status(&mut tx, id).await?;
    let Some(status) = status else { return Ok((Wish::Unknown, Vec::new())) };
    if status == Status::Deploying || !status.may_become(Status::Cancelled) {
        return Ok((Wish::NotFrom(status), Vec::new()));
    }
    if !hear(&mut tx, message, id).await? {
        return Ok((Wish::Granted, Vec::new()));
    }
    let said = format!("{} withdrew the promotion: {reason}", by.name);
    promotions::set_status(&mut tx, id, Status::Cancelled, Some(&said)).await?;
    promotions::withdraw_start(&mut tx, id).await?;
    let withdrawn = News { kind: Kind::Cancelled, step: None, message: said };
    messages.push(news::publish(&mut tx, id, &withdrawn).await?);
    tx.commit().await?;
    Ok((Wish::Granted, messages))
}

/// What became of the promotion whose turn it was.
enum Beginning {
    /// There was none.
    Nobody,
    /// It has begun.
    Of(PromotionId),
    /// Its approval does not hold any more: it waits for another one, and the next one may be asked.
    SentBack,
}

/// Starts the next promotion whose turn it is and whose approval holds; `None` when there is none.
pub async fn start_next(engine: &Engine) -> Result<Option<PromotionId>> {
    loop {
        match engine.recorded(record_start(engine)).await? {
            Beginning::Nobody => return Ok(None),
            Beginning::Of(id) => return Ok(Some(id)),
            Beginning::SentBack => {}
        }
    }
}

async fn record_start(engine: &Engine) -> Result<(Beginning, Vec<Outgoing>)> {
    let nothing = (Beginning::Nobody, Vec::new());
    let mut tx = engine.store.begin().await?;
    if turn::next(&mut tx).await?.is_none() {
        return Ok(nothing);
    }
    // Whoever starts somebody keeps all others from it, so that no more are under way than a window lets.
    windows::lock(&mut tx).await?;
    let Some((next, windows)) = turn::next(&mut tx).await? else { return Ok(nothing) };
    if !queue::take(&mut tx, &next).await? {
        return Ok(nothing);
    }
    let Some(case) = Case::read(&mut tx, &next.id, &windows).await? else { return Ok(nothing) };
    if let Some(why) = case.lapsed() {
        let message = approval::send_back(&mut tx, &next.id, &why).await?;
        tx.nudge().await?;
        tx.commit().await?;
        return Ok((Beginning::SentBack, vec![message]));
    }
    let (id, limit) = (next.id, next.time_limit_seconds);
    let first = Run::start();
    let span = tracing::info_span!("promotion", promotion = %id);
    let traceparent = telemetry::traceparent(&span);
    let run = Uuid::now_v7();
    match runs::insert(&mut tx, run, &id, &first.run, limit, traceparent.as_deref()).await {
        Ok(()) => {}
        // Another scheduler was faster: its run is under way, this promotion keeps its place.
        Err(StoreError::Conflict { constraint, .. }) if constraint == "runs_one_per_installation" => {
            return Ok(nothing);
        }
        Err(error) => return Err(error),
    }
    let locked = runs::lock(&mut tx, run).await?;
    let Some(locked) = locked else { return Ok(nothing) };
    let mut messages = advance::carry_out(&mut tx, &locked, &first).await?;
    messages.push(announce_start(&mut tx, &locked).await?);
    tx.commit().await?;
    Ok((Beginning::Of(id), messages))
}

async fn announce_start(tx: &mut store::Tx, locked: &Locked) -> Result<Outgoing> {
    let step = domain::Step::Validate;
    let started = News { kind: Kind::StepStarted, step: Some(step), message: news::doing(step).to_owned() };
    news::publish(tx, &locked.promotion, &started).await
}
