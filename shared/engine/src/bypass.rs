//! Promotions that do not wait for a window: emergencies, and those that somebody lets go past it.

use std::time::Duration;

use calendar::Change;
use domain::{ChangeType, PromotionId, Status};
use protocol::Kind;
use store::audit::Actor;
use store::outbox::Outgoing;
use store::queue::{self, Waiting};
use store::{Result, Tx, promotions};

use crate::Engine;
use crate::approval::{self, Case};
use crate::news::{self, News};
use crate::start::Wish;
use crate::windows::Windows;

/// Why a promotion need not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// It is an emergency: neither windows nor blackouts hold it back.
    Emergency,
    /// Somebody lets it go past closed windows; blackouts hold it back.
    Override,
}

/// Makes the promotion an emergency that waits for no window, and asks for it to start once it is approved.
///
/// # Idempotency
/// The latest reason counts.
pub async fn make_emergency(engine: &Engine, id: &PromotionId, by: &Actor, reason: &str) -> Result<Wish> {
    engine.recorded(record(engine, id, by, reason, Right::Emergency)).await
}

/// Lets a change that is no emergency start although no window is open, once it is approved. It stays what it is, and
/// no blackout lets it pass that would not anyway.
///
/// # Idempotency
/// The latest reason counts.
pub async fn override_windows(engine: &Engine, id: &PromotionId, by: &Actor, reason: &str) -> Result<Wish> {
    engine.recorded(record(engine, id, by, reason, Right::Override)).await
}

async fn record(
    engine: &Engine,
    id: &PromotionId,
    by: &Actor,
    reason: &str,
    right: Right,
) -> Result<(Wish, Vec<Outgoing>)> {
    let mut tx = engine.store.begin_as(by).await?;
    let Some(status) = promotions::lock_status(&mut tx, id).await? else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    // Who gets round the windows does not say yes as well.
    let is_approved = match status {
        Status::Pending => false,
        Status::Approved | Status::Scheduled => true,
        Status::Deploying
        | Status::Deployed
        | Status::RollingBack
        | Status::RolledBack
        | Status::NeedsAttention
        | Status::Rejected
        | Status::Cancelled
        | Status::Shipping
        | Status::NotShipped => return Ok((Wish::not_from(status), Vec::new())),
    };
    let windows = Windows::read_within(&mut tx).await?;
    let (Some(waiting), Some(before)) =
        (queue::find(&mut tx, id).await?, Case::read(&mut tx, id, &windows).await?)
    else {
        return Ok((Wish::Unknown, Vec::new()));
    };
    if right == Right::Override
        && let Some(why) = not_to_be_overridden(&waiting, &windows)
    {
        return Ok((Wish::Refused(why), Vec::new()));
    }
    write(&mut tx, id, &by.name, reason, right).await?;
    let mut messages = vec![tell(&mut tx, id, &by.name, reason, right).await?];
    if is_approved {
        messages.extend(go_on(&mut tx, id, &before, &windows).await?);
    }
    tx.nudge().await?;
    tx.commit().await?;
    Ok((Wish::Granted, messages))
}

/// Why nobody can let it go past the windows, for people.
fn not_to_be_overridden(waiting: &Waiting, windows: &Windows) -> Option<String> {
    if waiting.change_type == ChangeType::Emergency {
        return Some("It is an emergency already, which waits for no window.".to_owned());
    }
    let change = Change { change_type: waiting.change_type, risk: waiting.risk };
    let limit = Duration::from_secs(waiting.time_limit_seconds.unsigned_abs().into());
    let decision = windows.decide_past_windows(change, limit);
    (!decision.may_start()).then(|| {
        format!(
            "It can go past deployment windows, but not past a blackout. {} Only an emergency does not wait for that.",
            windows.sentence(&decision)
        )
    })
}

async fn write(tx: &mut Tx, id: &PromotionId, by: &str, reason: &str, right: Right) -> Result<()> {
    match right {
        Right::Emergency => queue::make_emergency(tx, id, by, reason).await,
        Right::Override => queue::override_windows(tx, id, by, reason).await,
    }
}

/// Lets an approved promotion start now. The approval, if it holds, goes with it: nothing of what is done has changed.
async fn go_on(tx: &mut Tx, id: &PromotionId, before: &Case, windows: &Windows) -> Result<Option<Outgoing>> {
    if let Some(why) = before.lapsed() {
        return Ok(Some(approval::send_back(tx, id, &why).await?));
    }
    let Some(after) = Case::read(tx, id, windows).await? else { return Ok(None) };
    promotions::set_status(tx, id, Status::Approved, None).await?;
    after.rebind(tx).await?;
    promotions::request_start(tx, id).await?;
    Ok(None)
}

async fn tell(tx: &mut Tx, id: &PromotionId, by: &str, reason: &str, right: Right) -> Result<Outgoing> {
    let message = match right {
        Right::Emergency => {
            format!("{by} made the promotion an emergency that waits for no window: {reason}")
        }
        Right::Override => format!("{by} lets the promotion start outside the deployment windows: {reason}"),
    };
    news::publish(tx, id, &News { kind: Kind::Scheduled, step: None, message }).await
}
