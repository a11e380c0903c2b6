//! The database's clock, when somebody sets it.

use std::time::Duration;

use crate::{Result, Tx};

/// Moves every deadline and delay by as much as the clock was moved, in seconds: what was left of them
/// before is left of them afterwards. Leases last for `lease` from now on: one that was renewed since
/// the jump cannot be told from one that was not.
pub async fn follow_jump(tx: &mut Tx, by_seconds: f64, lease: Duration) -> Result<()> {
    sqlx::query!(
        "update runs set deadline_at = least(deadline_at + make_interval(secs => $1),
                                             slipway_now() + make_interval(secs => time_limit_seconds))
         where phase <> 'finished'",
        by_seconds,
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!(
        "update jobs set available_at = available_at + make_interval(secs => $1),
                announced_at = announced_at + make_interval(secs => $1),
                started_at = started_at + make_interval(secs => $1),
                lease_until = case when state = 'running' then slipway_now() + make_interval(secs => $2) end
         where run in (select id from runs where phase <> 'finished')",
        by_seconds,
        lease.as_secs_f64(),
    )
    .execute(&mut *tx.0)
    .await?;
    sqlx::query!("update outbox set available_at = available_at + make_interval(secs => $1)", by_seconds)
        .execute(&mut *tx.0)
        .await?;
    Ok(())
}
