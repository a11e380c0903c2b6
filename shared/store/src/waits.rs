//! Runs that wait for an errand, and their jobs that are held meanwhile.

use uuid::Uuid;

use crate::jobs::{Try, number, to_try};
use crate::{Result, Store, Tx};

/// Writes a try that nobody may begin before it is released.
pub async fn hold(tx: &mut Tx, which: Try) -> Result<()> {
    sqlx::query!(
        "insert into jobs (run, job, attempt, direction, state, available_at, announced_at)
         values ($1, $2, $3, $4, 'held', slipway_now(), slipway_now())",
        which.run,
        which.job.as_str(),
        number(which.attempt),
        which.job.direction().as_str(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Queues a held try, due now; `false` if it is not held any more, or no longer wanted.
pub async fn release(tx: &mut Tx, which: Try) -> Result<bool> {
    let released = sqlx::query!(
        "update jobs set state = 'queued', available_at = slipway_now(), announced_at = slipway_now()
         where run = $1 and job = $2 and attempt = $3 and state = 'held' and not stop_requested",
        which.run,
        which.job.as_str(),
        number(which.attempt),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(released.rows_affected() > 0)
}

impl Store {
    /// Whether the run waits for an errand, or did.
    pub async fn awaits_errand(&self, run: Uuid) -> Result<bool> {
        Ok(sqlx::query_scalar!(r#"select exists (select from runs where awaited_by = $1) as "it!""#, run)
            .fetch_one(&self.pool)
            .await?)
    }

    /// Held tries whose errand is over, each with the errand's run.
    pub async fn held_tries(&self) -> Result<Vec<(Try, Uuid)>> {
        let rows = sqlx::query!(
            "select j.run, j.job, j.attempt, e.id as errand from jobs j join runs e on e.awaited_by = j.run
             where j.state = 'held' and not j.stop_requested and e.phase = 'finished' limit 100"
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((to_try(row.run, &row.job, row.attempt)?, row.errand)))
            .collect())
    }

    /// Errands under way whose run turned back, or is over, and so waits for them no more.
    pub async fn unwanted_errands(&self) -> Result<Vec<Uuid>> {
        Ok(sqlx::query_scalar!(
            "select e.id from runs e join runs r on r.id = e.awaited_by
             where e.phase = 'forward' and r.phase <> 'forward' limit 100"
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
