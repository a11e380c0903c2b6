//! Promotions that start by themselves when their window opens, and those that cannot wait for one.

use domain::{PromotionId, Status};
use jiff::Timestamp;
use protocol::Kind;
use store::audit::Actor;
use store::outbox::Outgoing;
use store::queue::{self, Waiting};
use store::{Result, Store, Tx, leadership, promotions};

use crate::Engine;
use crate::news::{self, News};
use crate::start::Wish;
use crate::windows::Windows;

/// When a scheduled promotion may start, where the record says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The promotion that waits for it.
    pub promotion: PromotionId,
    opening: Opening,
}

/// When a promotion may start, as far as the windows are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opening {
    /// Not before; `None` where no window opens for it.
    at: Option<Timestamp>,
    /// That as a sentence for people.
    sentence: String,
}

impl Opening {
    fn of(waiting: &Waiting, windows: &mut Windows) -> Self {
        let decision = windows.decide_start(waiting).clone();
        if decision.may_start() {
            let known = waiting.opens_at.filter(|at| *at <= windows.now());
            let at = known.unwrap_or(windows.now());
            let sentence = "The window is open: it starts as soon as it is its turn.".to_owned();
            return Self { at: Some(at), sentence };
        }
        let sentence = match decision.next_opening {
            Some(at) => format!("It starts by itself when the window opens: {}.", windows.tell(at)),
            None => format!("No window opens for it: {}", windows.sentence(&decision)),
        };
        Self { at: decision.next_opening.map(as_recorded), sentence }
    }
}

/// The records count microseconds.
fn as_recorded(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Lets an approved promotion start by itself when its window opens.
///
/// # Idempotency
/// One that is scheduled already keeps its place.
pub async fn schedule(engine: &Engine, id: &PromotionId, by: &Actor) -> Result<Wish> {
    engine.recorded(record_schedule(engine, id, by)).await
}

async fn record_schedule(engine: &Engine, id: &PromotionId, by: &Actor) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let Some(status) = promotions::lock_status(&mut tx, id).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    if status != Status::Scheduled && !status.may_become(Status::Scheduled) {
        return Ok((Wish::NotFrom(status), Vec::new()));
    }
    let Some(waiting) = queue::find(&mut tx, id).await? else { return Ok((Wish::Unknown, Vec::new())) };
    let mut windows = Windows::read_within(&mut tx).await?;
    let decision = windows.decide_start(&waiting).clone();
    if !decision.may_start() && decision.next_opening.is_none() {
        return Ok((Wish::Refused(windows.sentence(&decision)), Vec::new()));
    }
    let opening = Opening::of(&waiting, &mut windows);
    queue::schedule(&mut tx, id, opening.at, Some(&opening.sentence)).await?;
    let said = format!("{} scheduled the promotion. {}", by.name, opening.sentence);
    let message = tell(&mut tx, id, said).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok((Wish::Granted, vec![message]))
}

/// Makes the promotion an emergency that waits for no window, and asks for it to start once it is approved.
///
/// # Idempotency
/// The latest reason counts.
pub async fn make_emergency(engine: &Engine, id: &PromotionId, by: &Actor, reason: &str) -> Result<Wish> {
    engine.recorded(record_emergency(engine, id, by, reason)).await
}

async fn record_emergency(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    reason: &str,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let Some(status) = promotions::lock_status(&mut tx, id).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    match status {
        // Who gets round the windows does not say yes as well.
        Status::Pending => {}
        Status::Approved | Status::Scheduled => {
            promotions::set_status(&mut tx, id, Status::Approved, None).await?;
            promotions::request_start(&mut tx, id).await?;
        }
        Status::Deploying
        | Status::Deployed
        | Status::RollingBack
        | Status::RolledBack
        | Status::NeedsAttention
        | Status::Rejected
        | Status::Cancelled => return Ok((Wish::NotFrom(status), Vec::new())),
    }
    queue::make_emergency(&mut tx, id, &by.name, reason).await?;
    let said = format!("{} made the promotion an emergency that waits for no window: {reason}", by.name);
    let message = tell(&mut tx, id, said).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok((Wish::Granted, vec![message]))
}

/// Scheduled promotions whose openings are not those on record: windows were changed, a window has closed, or
/// the clock was set. Changes nothing.
pub async fn moved_openings(store: &Store) -> Result<Vec<Moved>> {
    let scheduled = store.scheduled().await?;
    if scheduled.is_empty() {
        return Ok(Vec::new());
    }
    let mut windows = Windows::read(store).await?;
    let opening = |it: Waiting| {
        let opening = Opening::of(&it, &mut windows);
        (opening.at != it.opens_at).then_some(Moved { promotion: it.id, opening })
    };
    Ok(scheduled.into_iter().filter_map(opening).collect())
}

/// Writes a moved opening and tells people, in the term of the leading supervisor alone.
///
/// # Idempotency
/// The second time it has not moved.
pub async fn follow_opening(engine: &Engine, term: i64, moved: &Moved) -> Result<()> {
    engine.recorded(record_opening(engine, term, moved)).await
}

async fn record_opening(engine: &Engine, term: i64, moved: &Moved) -> Result<((), Vec<Outgoing>)> {
    let Moved { promotion, opening } = moved;
    let mut tx = engine.store.begin_brief().await?;
    let is_scheduled = promotions::lock_status(&mut tx, promotion).await? == Some(Status::Scheduled);
    if !is_scheduled || !leadership::holds(&mut tx, term).await? {
        return Ok(((), Vec::new()));
    }
    queue::schedule(&mut tx, promotion, opening.at, Some(&opening.sentence)).await?;
    let message = tell(&mut tx, promotion, opening.sentence.clone()).await?;
    tx.nudge().await?;
    tx.commit().await?;
    Ok(((), vec![message]))
}

async fn tell(tx: &mut Tx, promotion: &PromotionId, message: String) -> Result<Outgoing> {
    news::publish(tx, promotion, &News { kind: Kind::Scheduled, step: None, message }).await
}
