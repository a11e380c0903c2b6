//! Dead letters: taken over from the broker, told to the runs they belong to, settled by people.

use domain::run::{Event, Phase};
use domain::{Direction, Plan};
use protocol::{MESSAGE_BYTES_MAX, ShipMessage};
use store::audit::Actor;
use store::dead_letters::{self, Letter, New, State};
use store::jobs::{self, Holder, Try};
use store::outbox::{self, Outgoing};
use store::{Result, StoreError, Tx, answered, inbox, runs};
use transport::{Delivery, Exchange, Queue};
use uuid::Uuid;

use crate::advance::{RELAY_GRACE, job_message, record_within};
use crate::{Engine, Report, Reporter, worker};

/// Longest text about a letter that is kept, in characters: its reason is a sentence, the body is kept whole.
const TEXT_LENGTH_MAX: usize = 500;

/// What became of a person's wish to settle a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It is so, now or since before.
    Done,
    /// There is no such letter.
    Unknown,
    /// It stays as it is; says why, as the end of a sentence.
    Refused(String),
}

/// Keeps a letter and fails the job that it orders, if nobody has begun that: one transaction. Returns the
/// letter's id.
///
/// A letter whose run is over, unknown or unreadable is kept all the same.
///
/// # Errors
/// The records could not be changed and the letter is not kept; try again.
///
/// # Idempotency
/// The same letter again is the same record, and its job has failed already.
pub async fn keep(engine: &Engine, queue: &Queue, letter: &Delivery) -> Result<i64> {
    let new = to_record(queue, letter);
    match engine.recorded(keep_and_tell(engine, &new)).await {
        Err(error) if !error.is_passing() => {
            tracing::error!(queue = new.queue, %error, "the run of a dead letter could not be told");
            answered(keep_alone(engine, &new)).await
        }
        kept => kept,
    }
}

async fn keep_alone(engine: &Engine, new: &New) -> Result<i64> {
    let mut tx = engine.store.begin().await?;
    let id = dead_letters::keep(&mut tx, new).await?;
    tx.commit().await?;
    Ok(id)
}

async fn keep_and_tell(engine: &Engine, new: &New) -> Result<(i64, Vec<Outgoing>)> {
    let mut tx = engine.store.begin().await?;
    let id = dead_letters::keep(&mut tx, new).await?;
    let mut messages = Vec::new();
    if let Some(order) = new.order.filter(|order| queue_of(*order).to_string() == new.queue) {
        let event = failure(order, new.deliveries, id);
        let (told, news) =
            record_within(&mut tx, order.run, &event, Reporter::DeadLetters, &Report::default()).await?;
        tracing::error!(letter = id, run = %order.run, job = %order.job, ?told, "an order was not taken");
        messages = news;
    }
    tx.commit().await?;
    Ok((id, messages))
}

/// What a try that nobody can be told of counts as. An undo is tried again: a person is called only when
/// that fails as often as it may.
fn failure(order: Try, deliveries: Option<u32>, letter: i64) -> Event {
    let Try { job, attempt, .. } = order;
    let title = job.step().title();
    let step = match job.plan() {
        Plan::Ship => format!("“{title}”"),
        Plan::Promotion | Plan::Errand => format!("step {}, “{title}”", job.step().number()),
    };
    let is_undo = job.direction() == Direction::Undo;
    let (what, so) = if is_undo {
        (format!("The order to undo {step},"), "")
    } else {
        let so = match job.unwinding().next() {
            _ if job.plan() != Plan::Promotion => "",
            None => ", so the deployment was not started",
            // Past the pivot nothing is undone.
            Some(_) if job == domain::Job::Finish => "",
            Some(_) => ", so the deployment had to be undone",
        };
        (format!("The order for {step},"), so)
    };
    let tries = deliveries.filter(|count| *count > 1);
    let tries = tries.map_or_else(String::new, |count| format!(" after {count} tries"));
    Event::Failed {
        job,
        attempt,
        reason: format!(
            "{what} could not be delivered{tries}{so}. \
             Whoever runs Slipway sees why with `slipway dlq show {letter}`."
        ),
        retry: is_undo,
    }
}

fn to_record(queue: &Queue, letter: &Delivery) -> New {
    New {
        message_id: letter.id,
        queue: queue.to_string(),
        body: letter.body.clone(),
        content_type: plain(&letter.content_type),
        traceparent: letter.traceparent.as_deref().map(plain),
        reason: plain(letter.dead_reason.as_deref().unwrap_or("nobody said why")),
        deliveries: letter.died_after.filter(|count| *count > 0),
        order: match queue {
            Queue::Intake => None,
            Queue::Jobs(_) | Queue::Undo(_) => worker::read(&letter.body).ok(),
        },
    }
}

/// The queue that an order belongs on. On any other nobody can take it, which says nothing about its job.
fn queue_of(order: Try) -> Queue {
    let worker = order.job.worker().to_string();
    match order.job.direction() {
        Direction::Forward => Queue::Jobs(worker),
        Direction::Undo => Queue::Undo(worker),
    }
}

/// A text that strangers may have written, fit for the records and for people's eyes.
fn plain(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(TEXT_LENGTH_MAX).collect()
}

/// Sends a kept letter again to the queue where it died.
///
/// The message gets a new id, so that it is a letter of its own should it die again. A ship message keeps the
/// id that its sender gave it; a refusal that it was answered is taken back.
///
/// # Idempotency
/// What was sent again already is not sent once more.
pub async fn redrive(engine: &Engine, id: i64, by: &Actor) -> Result<Settlement> {
    engine.recorded(record_redrive(engine, id, by)).await
}

async fn record_redrive(engine: &Engine, id: i64, by: &Actor) -> Result<(Settlement, Vec<Outgoing>)> {
    let stays = |settlement| Ok((settlement, Vec::new()));
    let mut tx = engine.store.begin_as(by).await?;
    let Some(letter) = dead_letters::lock(&mut tx, id).await? else { return stays(Settlement::Unknown) };
    match letter.summary.state {
        State::Kept => {}
        State::Redriven => return stays(Settlement::Done),
        State::Discarded => return stays(Settlement::Refused("it was discarded".to_owned())),
    }
    let message = match message_again(&mut tx, &letter).await? {
        Ok(message) => message,
        Err(why) => return stays(Settlement::Refused(why)),
    };
    outbox::insert(&mut tx, &message, RELAY_GRACE).await?;
    if outbox::body_bytes(&mut tx, message.id).await? > MESSAGE_BYTES_MAX {
        return stays(Settlement::Refused("it would be larger than a message may be".to_owned()));
    }
    dead_letters::redrive(&mut tx, id, &by.name, message.id).await?;
    tx.commit().await?;
    tracing::info!(letter = id, by = by.name, message = %message.id, "sent a dead letter again");
    Ok((Settlement::Done, vec![message]))
}

/// Says that a kept letter will never be sent again.
///
/// # Idempotency
/// What was discarded already stays so, with its first reason.
pub async fn discard(engine: &Engine, id: i64, by: &Actor, reason: &str) -> Result<Settlement> {
    let mut tx = engine.store.begin_as(by).await?;
    let Some(letter) = dead_letters::lock(&mut tx, id).await? else { return Ok(Settlement::Unknown) };
    match letter.summary.state {
        State::Kept => {}
        State::Redriven => return Ok(Settlement::Refused("it was sent again".to_owned())),
        State::Discarded => return Ok(Settlement::Done),
    }
    dead_letters::discard(&mut tx, id, &by.name, reason).await?;
    tx.commit().await?;
    tracing::info!(letter = id, by = by.name, reason, "discarded a dead letter");
    Ok(Settlement::Done)
}

/// The message to send again, or why that would be for nothing, as the end of a sentence.
type Again = std::result::Result<Outgoing, String>;

async fn message_again(tx: &mut Tx, letter: &Letter) -> Result<Again> {
    if letter.is_cut() {
        return Ok(Err("it is larger than a message may be, and only its beginning is kept".to_owned()));
    }
    let queue = Queue::all().into_iter().find(|queue| queue.to_string() == letter.summary.queue);
    let traceparent = letter.traceparent.clone();
    match queue {
        Some(Queue::Intake) => ship_again(tx, &letter.body, traceparent).await,
        Some(queue @ (Queue::Jobs(_) | Queue::Undo(_))) => match letter.order {
            Some(order) => order_again(tx, &queue, order, traceparent).await,
            None => Ok(Err("it is no order of Slipway's, so it would come back".to_owned())),
        },
        None => Ok(Err("this version does not know its queue".to_owned())),
    }
}

async fn ship_again(tx: &mut Tx, body: &[u8], traceparent: Option<String>) -> Result<Again> {
    let message = match ShipMessage::parse(body) {
        Ok(message) => message,
        Err(wrong) => return Ok(Err(format!("it would be refused again ({wrong})"))),
    };
    let Ok(body) = serde_json::from_slice(body) else { return Ok(Err("it is not JSON".to_owned())) };
    if let Some(promotion) = inbox::forget_refusal(tx, &message.id).await? {
        return Ok(Err(format!("it became {promotion}; sending it again would change nothing")));
    }
    let (exchange, routing_key) = (Exchange::Ship.as_str().to_owned(), "ship".to_owned());
    Ok(Ok(Outgoing { id: Uuid::now_v7(), exchange, routing_key, body, traceparent }))
}

/// An order is only worth sending while somebody may begin its try: the claim refuses everything else.
async fn order_again(tx: &mut Tx, queue: &Queue, order: Try, traceparent: Option<String>) -> Result<Again> {
    if queue_of(order) != *queue {
        return Ok(Err(format!("it was on the wrong queue: {} is not done there", order.job)));
    }
    let is_over = match runs::lock(tx, order.run).await {
        Ok(Some(locked)) => matches!(locked.run.phase, Phase::Finished(_)),
        Ok(None) => return Ok(Err("there is no such deployment".to_owned())),
        Err(StoreError::Unknown { .. }) => {
            return Ok(Err("its deployment belongs to another version of Slipway".to_owned()));
        }
        Err(error) => return Err(error),
    };
    let nothing = "sending it again would change nothing";
    Ok(match jobs::holder(tx, order).await? {
        Holder::Nobody => Ok(job_message(order, traceparent)),
        Holder::Worker { .. } => Err(format!("a worker took the job since; {nothing}")),
        Holder::Ended if is_over => Err(format!("its deployment is over; {nothing}")),
        Holder::Ended => Err(format!("its try has ended; {nothing}")),
    })
}
