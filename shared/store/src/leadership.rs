//! Who leads where several processes may run and one acts.
//!
//! A term belongs to one leader and grows with every change. What the leader writes says in which
//! term, in the same transaction ([`holds`]): one that was replaced without noticing changes nothing.

use std::time::Duration;

use crate::{Result, Store, Tx};

/// The role of making the supervisor's rounds.
const SUPERVISOR: &str = "supervisor";

/// What a campaign answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// The term, if the caller leads now.
    pub term: Option<i64>,
    /// The database's clock. Only the difference between two readings means anything.
    pub clock: Duration,
}

/// Whether this is still the current term; nobody takes over before the transaction ends.
pub async fn holds(tx: &mut Tx, term: i64) -> Result<bool> {
    let held = sqlx::query_scalar!(
        r#"select term = $2 as "held!" from leadership where role = $1 for share"#,
        SUPERVISOR,
        term,
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(held.unwrap_or_default())
}

impl Store {
    /// Leads the supervisors for `length` from now on, unless another one does.
    ///
    /// # Idempotency
    /// The leader that campaigns again keeps its term and leads for longer.
    pub async fn campaign(&self, candidate: &str, length: Duration) -> Result<Campaign> {
        let row = sqlx::query!(
            r#"with won as (
                 insert into leadership (role, leader, term, until)
                 values ($1, $2, 1, slipway_now() + make_interval(secs => $3))
                 on conflict (role) do update
                     set leader = excluded.leader, until = excluded.until,
                         term = leadership.term + (leadership.leader <> excluded.leader)::integer
                     where leadership.leader = excluded.leader or leadership.until <= slipway_now()
                           -- Nobody leads for so long: the clock was set back.
                           or leadership.until > slipway_now() + make_interval(secs => 2 * $3)
                 returning term)
               select (select term from won) as term, extract(epoch from slipway_now())::float8 as "clock!""#,
            SUPERVISOR,
            candidate,
            length.as_secs_f64(),
        )
        .fetch_one(&self.pool)
        .await?;
        let clock = Duration::try_from_secs_f64(row.clock).unwrap_or_default();
        Ok(Campaign { term: row.term, clock })
    }

    /// Lets another one lead at once, if the caller leads.
    pub async fn resign(&self, leader: &str) -> Result<()> {
        sqlx::query!(
            "update leadership set until = slipway_now() where role = $1 and leader = $2",
            SUPERVISOR,
            leader,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
