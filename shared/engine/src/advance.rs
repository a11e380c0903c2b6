//! The only way a run changes.

use std::time::Duration;

use domain::run::{Effect, Event, Ignored, Run, Transition};
use domain::{Direction, Job, Plan, PromotionId, Status, Turn};
use protocol::JobMessage;
use serde_json::json;
use store::audit::Actor;
use store::jobs::{self, End, Holder, Try};
use store::outbox::{self, Outgoing};
use store::runs::{self, Locked};
use store::{Result, Tx, backups, inventory, leadership, promotions, waits};
use transport::Exchange;
use uuid::Uuid;

use crate::errand::{self, Errand};
use crate::job::Report;
use crate::{Engine, news};

/// The relay leaves a fresh message alone for this long: whoever committed it publishes it at once.
pub(crate) const RELAY_GRACE: Duration = Duration::from_secs(2);

/// Who tells of an event; decides whether they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter<'a> {
    /// The worker with this fencing token; heard until its try is declared lost.
    Worker {
        /// The token that the claim granted.
        token: i64,
    },
    /// The leading supervisor; heard in its own term alone, on a lost job only when its lease is over
    /// or nobody may begin it, on a failed one only when nobody has begun it.
    Supervisor {
        /// Its term.
        term: i64,
    },
    /// Whoever looks after the dead letters; heard on an order that nobody has begun.
    DeadLetters,
    /// A person.
    Person(&'a Actor),
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// The run moved on.
    Moved(Run),
    /// Nothing changed, for this reason; a worker's report is kept as evidence.
    Ignored(Ignored),
}

/// Applies an event to a run: one transaction, all or nothing.
///
/// # Errors
/// Only that the records could not be changed; try again, a repeat is harmless: the second time the
/// event is stale. A supervisor, who has others to tell, does not wait for a run that somebody is at.
pub async fn advance(
    engine: &Engine,
    run: Uuid,
    event: &Event,
    reporter: Reporter<'_>,
    report: &Report,
) -> Result<Advanced> {
    engine.recorded(record(engine, run, event, reporter, report)).await
}

/// Writes what follows from the event; answers with the messages to publish at once.
async fn record(
    engine: &Engine,
    run: Uuid,
    event: &Event,
    reporter: Reporter<'_>,
    report: &Report,
) -> Result<(Advanced, Vec<Outgoing>)> {
    let mut tx = match reporter {
        Reporter::Person(by) => engine.store.begin_as(by).await?,
        Reporter::Supervisor { .. } => engine.store.begin_brief().await?,
        Reporter::Worker { .. } | Reporter::DeadLetters => engine.store.begin().await?,
    };
    let recorded = record_within(&mut tx, run, event, reporter, report).await?;
    tx.commit().await?;
    Ok(recorded)
}

/// The same as a part of a transaction.
pub(crate) async fn record_within(
    tx: &mut Tx,
    run: Uuid,
    event: &Event,
    reporter: Reporter<'_>,
    report: &Report,
) -> Result<(Advanced, Vec<Outgoing>)> {
    let Some(locked) = runs::lock(tx, run).await? else {
        return Ok((Advanced::Ignored(Ignored::Finished), Vec::new()));
    };
    let heard = may_speak(tx, run, event, reporter).await?;
    let next = match if heard { locked.run.apply(event) } else { Err(Ignored::Stale) } {
        Ok(next) => next,
        Err(ignored) => {
            if matches!(reporter, Reporter::Worker { .. }) {
                runs::record_event(tx, run, event, Some(&ignored.to_string())).await?;
            }
            return Ok((Advanced::Ignored(ignored), Vec::new()));
        }
    };
    runs::record_event(tx, run, event, None).await?;
    runs::update(tx, run, &next.run).await?;
    end_try(tx, run, event, report).await?;
    if matches!(event, Event::Succeeded { .. }) {
        promotions::set_facts(tx, &locked.promotion, &report.facts).await?;
    }
    write_backups(tx, &locked, report).await?;
    write_shipped(tx, &locked.promotion, event, report).await?;
    let mut messages = carry_out(tx, &locked, &next).await?;
    if matches!(event, Event::Succeeded { .. }) {
        // A run that turned back while its job was done orders nothing that it would wait for.
        let wanted = |errand: &&Errand| !errand.job.is_awaited() || next.run.wants_errand();
        for errand in report.errands.iter().filter(wanted) {
            let traceparent = locked.traceparent.as_deref();
            let awaited_by = errand.job.is_awaited().then_some(locked.id);
            let (_, orders) = errand::begin(tx, &locked.promotion, errand, traceparent, awaited_by).await?;
            messages.extend(orders);
        }
    }
    messages.extend(news::tell(tx, &locked, event, &next).await?);
    tx.nudge().await?;
    Ok((Advanced::Moved(next.run), messages))
}

async fn write_backups(tx: &mut Tx, locked: &Locked, report: &Report) -> Result<()> {
    if let Some(backup) = &report.backup {
        backups::upsert(tx, &locked.promotion, backup).await?;
    }
    if let Some(checked) = &report.checked {
        backups::check(tx, checked).await?;
    }
    if !report.pruned.is_empty() {
        backups::prune(tx, &report.pruned).await?;
    }
    Ok(())
}

/// What a job of a ship run puts on record when it is done.
async fn write_shipped(tx: &mut Tx, promotion: &PromotionId, event: &Event, report: &Report) -> Result<()> {
    let Event::Succeeded { job, .. } = event else { return Ok(()) };
    if *job == Job::Register {
        inventory::register(tx, promotion).await?;
    }
    if *job == Job::Epic {
        inventory::open_epic(tx, promotion).await?;
    }
    if report.is_merged {
        promotions::complete_build(tx, promotion).await?;
    }
    Ok(())
}

async fn may_speak(tx: &mut Tx, run: Uuid, event: &Event, reporter: Reporter<'_>) -> Result<bool> {
    if let Reporter::Supervisor { term } = reporter
        && !leadership::holds(tx, term).await?
    {
        return Ok(false);
    }
    let Some((job, attempt)) = event.report() else { return Ok(true) };
    let holder = jobs::holder(tx, Try { run, job, attempt }).await?;
    Ok(match reporter {
        Reporter::Worker { token } => {
            matches!(holder, Holder::Worker { token: current, .. } if current == token)
        }
        Reporter::Supervisor { .. } | Reporter::DeadLetters => match event {
            Event::Lost { .. } => matches!(holder, Holder::Worker { lasts: false, .. } | Holder::Nobody),
            Event::Failed { .. } => holder == Holder::Nobody,
            Event::Succeeded { .. }
            | Event::Refused { .. }
            | Event::Asked { .. }
            | Event::Postponed { .. }
            | Event::Answered { .. }
            | Event::Released { .. }
            | Event::DeadlinePassed
            | Event::CancelRequested { .. }
            | Event::ResumeRequested { .. }
            | Event::GiveUpRequested { .. } => false,
        },
        Reporter::Person(_) => false,
    })
}

/// Closes the row of the try that the event speaks of.
async fn end_try(tx: &mut Tx, run: Uuid, event: &Event, report: &Report) -> Result<()> {
    let Some((job, attempt)) = event.report() else { return Ok(()) };
    let which = Try { run, job, attempt };
    let (end, reason) = match event {
        Event::Succeeded { .. } => (End::Succeeded, None),
        Event::Failed { reason, .. } => (End::Failed, Some(reason.as_str())),
        Event::Refused { reason, .. } => (End::Refused, Some(reason.as_str())),
        Event::Asked { question, .. } => (End::Asked, Some(question.as_str())),
        Event::Postponed { .. } => (End::Postponed, None),
        Event::Released { .. } => (End::Released, None),
        Event::Lost { .. } => match jobs::holder(tx, which).await? {
            Holder::Nobody => (End::Stopped, None),
            Holder::Worker { .. } | Holder::Ended => (End::Lost, None),
        },
        Event::DeadlinePassed
        | Event::Answered { .. }
        | Event::CancelRequested { .. }
        | Event::ResumeRequested { .. }
        | Event::GiveUpRequested { .. } => return Ok(()),
    };
    jobs::end(tx, which, end, reason, report.output.as_ref()).await
}

/// Writes what follows; returns the messages to publish at once after the commit.
pub(crate) async fn carry_out(tx: &mut Tx, locked: &Locked, next: &Transition) -> Result<Vec<Outgoing>> {
    let mut messages = Vec::new();
    for effect in &next.effects {
        match effect {
            Effect::Enqueue { job, attempt, delay } => {
                let which = Try { run: locked.id, job: *job, attempt: *attempt };
                if !is_its_turn(tx, which).await? {
                    waits::hold(tx, which).await?;
                    continue;
                }
                let delay = jittered(*delay);
                jobs::insert(tx, which, job.direction(), delay).await?;
                let message = job_message(which, locked.traceparent.clone());
                if delay.is_zero() {
                    outbox::insert(tx, &message, RELAY_GRACE).await?;
                    messages.push(message);
                } else {
                    outbox::insert(tx, &message, delay).await?;
                }
            }
            Effect::Stop { job, attempt } => {
                jobs::request_stop(tx, Try { run: locked.id, job: *job, attempt: *attempt }).await?;
                messages.push(stop_message(locked.id));
            }
            Effect::Settle(status) => settle(tx, locked, next, *status).await?,
        }
    }
    Ok(messages)
}

/// Whether the job may begin, as far as an errand of its run is concerned. One that ends at this moment is seen
/// by the supervisor, who releases what was held in vain.
async fn is_its_turn(tx: &mut Tx, which: Try) -> Result<bool> {
    if !which.job.waits() {
        return Ok(true);
    }
    let errand = runs::awaited(tx, which.run).await?;
    Ok(errand.is_none_or(|errand| which.job.turn(&errand) == Turn::Now))
}

async fn settle(tx: &mut Tx, locked: &Locked, next: &Transition, status: Status) -> Result<()> {
    let before = promotions::lock_status(tx, &locked.promotion).await?;
    if locked.plan == Plan::Ship && before != Some(Status::Shipping) {
        // A person has decided meanwhile, and that stays.
        return Ok(());
    }
    if !before.is_some_and(|before| before == status || before.may_become(status)) {
        tracing::error!(promotion = %locked.promotion, ?before, after = %status, "an illegal move was not made");
        return Ok(());
    }
    let reason = news::reason(&next.run, locked.time_limit);
    promotions::set_status(tx, &locked.promotion, status, reason.as_deref()).await?;
    if status == Status::Deployed {
        promotions::record_deployment(tx, &locked.promotion).await?;
    }
    Ok(())
}

/// A little longer each time: what failed together is not tried again together.
fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(1.0 + fastrand::f64() / 2.0)
}

/// The order to run a try, addressed to the queue of its worker and direction.
pub fn job_message(which: Try, traceparent: Option<String>) -> Outgoing {
    let exchange = match which.job.direction() {
        Direction::Forward => Exchange::Jobs,
        Direction::Undo => Exchange::Undo,
    };
    Outgoing {
        id: Uuid::now_v7(),
        exchange: exchange.as_str().to_owned(),
        routing_key: which.job.worker().as_str().to_owned(),
        body: json!(JobMessage { run: which.run, job: which.job.to_string(), attempt: which.attempt }),
        traceparent,
    }
}

/// Tells the workers to look whether their jobs are still wanted. Best effort: the heartbeat asks anyway.
fn stop_message(run: Uuid) -> Outgoing {
    Outgoing {
        id: Uuid::now_v7(),
        exchange: Exchange::Control.as_str().to_owned(),
        routing_key: "stop".to_owned(),
        body: json!({ "run": run }),
        traceparent: None,
    }
}
