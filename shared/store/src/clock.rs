//! The database's clock, when somebody sets it.

use std::time::Duration;

use crate::{Result, Tx};

/// By how much the clock was set, and when at the earliest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// Ahead, or back where negative.
    pub seconds: f64,
    /// The earliest moment when it may have happened, by the new clock; what was written since then is by
    /// that clock already.
    pub since: Duration,
}

/// Moves every deadline and every instant that spans are measured from as far as the clock was moved:
/// what was left or had passed before is left or has passed afterwards.
///
/// What waits is due now, and announced again, since a worker may have found it not due. Leases last for
/// `lease` from now on: one that was renewed since the jump cannot be told from one that was not.
pub async fn follow_jump(tx: &mut Tx, jump: Jump, lease: Duration) -> Result<()> {
    let since = jump.since.as_secs_f64();
    sqlx::query!(
        "update runs set deadline_at = case
                when deadline_at - make_interval(secs => time_limit_seconds)
                     between to_timestamp($2) and slipway_now() then deadline_at
                else least(deadline_at + make_interval(secs => $1),
                           slipway_now() + make_interval(secs => time_limit_seconds)) end
         where phase <> 'finished'",
        jump.seconds,
        since,
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "update jobs set
                available_at = case when state = 'queued' then slipway_now() else available_at end,
                announced_at = case when state = 'queued' then slipway_now() - interval '1 minute' else announced_at end,
                started_at = case
                    when started_at between to_timestamp($2) and slipway_now()
                    then started_at else started_at + make_interval(secs => $1) end,
                finished_at = case
                    when finished_at between to_timestamp($2) and slipway_now()
                    then finished_at else finished_at + make_interval(secs => $1) end,
                lease_until = case when state = 'running' then slipway_now() + make_interval(secs => $3) end
         where run in (select id from runs where phase <> 'finished'
                       or finished_at between to_timestamp($2) and slipway_now())",
        jump.seconds,
        since,
        lease.as_secs_f64(),
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!("update outbox set available_at = slipway_now()").execute(&mut *tx.0).await?;
    Ok(())
}
