//! Promotions that start by themselves when their window opens.

use domain::{PromotionId, Status};
use jiff::Timestamp;
use protocol::Kind;
use store::audit::Actor;
use store::outbox::Outgoing;
use store::queue::{self, Waiting};
use store::{Result, Store, Tx, leadership, promotions};

use crate::Engine;
use crate::approval::Case;
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
        let decision = windows.decide_start(waiting);
        if decision.may_start() {
            let known = waiting.opens_at.filter(|at| *at <= windows.now());
            let at = known.unwrap_or(windows.now());
            let sentence = "The window is open: it starts as soon as it is its turn.".to_owned();
            return Self { at: Some(at), sentence };
        }
        let sentence = match (decision.next_opening, waiting.approval_ends_at) {
            (Some(at), Some(ends_at)) if ends_at <= at => format!(
                "It would start by itself when the window opens: {}. But its approval holds only until {}: unless \
                 somebody approves it again, it does not start.",
                windows.tell(at),
                windows.tell(ends_at)
            ),
            (Some(at), _) => format!("It starts by itself when the window opens: {}.", windows.tell(at)),
            (None, _) => format!("No window opens for it: {}", windows.sentence(&decision)),
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
        return Ok((Wish::not_from(status), Vec::new()));
    }
    let Some(waiting) = queue::find(&mut tx, id).await? else { return Ok((Wish::Unknown, Vec::new())) };
    let mut windows = Windows::read_within(&mut tx).await?;
    if let Some(why) = Case::read(&mut tx, id, &windows).await?.and_then(|case| case.lapsed()) {
        return Ok((Wish::Refused(why), Vec::new()));
    }
    let decision = windows.decide_start(&waiting);
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

/// Schedules a promotion that has just been approved, if no window is open for it and one opens later: it starts by
/// itself then. Otherwise it may start, or is to hear why not.
pub(crate) async fn unless_open(
    tx: &mut Tx,
    id: &PromotionId,
    windows: &mut Windows,
) -> Result<Option<String>> {
    let Some(waiting) = queue::find(tx, id).await? else { return Ok(None) };
    let decision = windows.decide_start(&waiting);
    if decision.may_start() || decision.next_opening.is_none() {
        return Ok(None);
    }
    let opening = Opening::of(&waiting, windows);
    queue::schedule(tx, id, opening.at, Some(&opening.sentence)).await?;
    Ok(Some(opening.sentence))
}

/// When the promotion could start as things are, as a sentence for people; `None` if there is no such promotion.
pub(crate) async fn opening(tx: &mut Tx, id: &PromotionId, windows: &mut Windows) -> Result<Option<String>> {
    let Some(waiting) = queue::find(tx, id).await? else { return Ok(None) };
    let decision = windows.decide_start(&waiting);
    Ok(Some(match decision.next_opening {
        Some(at) => format!("As things are, it can start {}.", windows.tell(at)),
        None => windows.sentence(&decision),
    }))
}

/// When the promotion starts once somebody approves it, as a sentence for people; empty if there is no such promotion.
pub(crate) async fn outlook(store: &Store, id: &PromotionId) -> Result<String> {
    let mut tx = store.begin().await?;
    outlook_within(&mut tx, id).await
}

/// The same as a part of a transaction.
pub(crate) async fn outlook_within(tx: &mut Tx, id: &PromotionId) -> Result<String> {
    let mut windows = Windows::read_within(tx).await?;
    let Some(waiting) = queue::find(tx, id).await? else { return Ok(String::new()) };
    let decision = windows.decide_start(&waiting);
    Ok(match decision.next_opening {
        _ if decision.may_start() => "It starts as soon as somebody approves it.".to_owned(),
        Some(at) => {
            format!(
                "Once somebody approves it, it starts by itself when the window opens: {}.",
                windows.tell(at)
            )
        }
        None => windows.sentence(&decision),
    })
}

/// Says anew what a scheduled promotion waits for.
pub(crate) async fn restate(tx: &mut Tx, id: &PromotionId, windows: &mut Windows) -> Result<()> {
    let Some(waiting) = queue::find(tx, id).await? else { return Ok(()) };
    let opening = Opening::of(&waiting, windows);
    queue::schedule(tx, id, opening.at, Some(&opening.sentence)).await
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
