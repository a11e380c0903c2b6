//! Jobs and their leases. A job's row is its inbox entry, its lease and its result in one.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::{Direction, Job};
use serde_json::Value;
use uuid::Uuid;

use crate::{Result, Store, Tx};

/// One try of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// The run.
    pub run: Uuid,
    /// The job.
    pub job: Job,
    /// Which try, from 1.
    pub attempt: u32,
}

/// The right to run one try for as long as was asked for, counted from before the question was put: no
/// clock is compared with another one, nor with itself after it may have been set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Larger than every token granted before.
    pub token: i64,
}

/// What a renewal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The run no longer wants the job: stop and report.
    pub stop_requested: bool,
}

/// How a try ended, as its row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It reached its goal.
    Succeeded,
    /// It did not.
    Failed,
    /// It certainly did nothing.
    Refused,
    /// A person has to choose something first; what, stands in its output.
    Asked,
    /// It had to wait for something outside.
    Postponed,
    /// Its worker had to end and handed it back.
    Released,
    /// Its lease ran out.
    Lost,
    /// Nobody had begun it when the run stopped wanting it.
    Stopped,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            End::Succeeded => "succeeded",
            End::Failed => "failed",
            End::Refused => "refused",
            End::Asked => "asked",
            End::Postponed => "postponed",
            End::Released => "released",
            End::Lost => "lost",
            End::Stopped => "stopped",
        }
    }
}

/// Who holds a try. A worker holds it until its end is on record: when its lease is over somebody
/// may declare it lost, and until then its report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody has begun it.
    Nobody,
    /// A worker.
    Worker {
        /// The lease's token.
        token: i64,
        /// Whether the lease still lasts.
        lasts: bool,
    },
    /// It has ended.
    Ended,
}

/// Queues a try, to be claimed after the delay.
pub async fn insert(tx: &mut Tx, which: Try, direction: Direction, delay: Duration) -> Result<()> {
    sqlx::query!(
        "insert into jobs (run, job, attempt, direction, available_at, announced_at)
         select $1, $2, $3, $4, due, due from (select slipway_now() + make_interval(secs => $5) as due) as delayed",
        which.run,
        which.job.as_str(),
        number(which.attempt),
        direction.as_str(),
        delay.as_secs_f64(),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Who holds the try now. The run must be locked, or the answer may be old at once.
pub async fn holder(tx: &mut Tx, which: Try) -> Result<Holder> {
    let row = sqlx::query!(
        r#"select state, token, coalesce(lease_until > slipway_now(), false) as "lasts!"
           from jobs where run = $1 and job = $2 and attempt = $3 for update"#,
        which.run,
        which.job.as_str(),
        number(which.attempt),
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(match row {
        Some(row) if row.state == "queued" || row.state == "held" => Holder::Nobody,
        Some(row) if row.state == "running" => match row.token {
            Some(token) => Holder::Worker { token, lasts: row.lasts },
            None => Holder::Nobody,
        },
        Some(_) | None => Holder::Ended,
    })
}

/// Asks whoever runs the try to stop, and lets nobody begin it.
pub async fn request_stop(tx: &mut Tx, which: Try) -> Result<()> {
    sqlx::query!(
        "update jobs set stop_requested = true where run = $1 and job = $2 and attempt = $3",
        which.run,
        which.job.as_str(),
        number(which.attempt),
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Writes how the try ended.
pub async fn end(
    tx: &mut Tx,
    which: Try,
    end: End,
    reason: Option<&str>,
    output: Option<&Value>,
) -> Result<()> {
    sqlx::query!(
        "update jobs set state = $4, reason = $5, output = $6, finished_at = slipway_now()
         where run = $1 and job = $2 and attempt = $3",
        which.run,
        which.job.as_str(),
        number(which.attempt),
        end.as_str(),
        reason,
        output,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// What the try asked, or left, whatever became of it.
pub async fn output_of(tx: &mut Tx, which: Try) -> Result<Option<Value>> {
    let output = sqlx::query_scalar!(
        "select output from jobs where run = $1 and job = $2 and attempt = $3",
        which.run,
        which.job.as_str(),
        number(which.attempt),
    )
    .fetch_optional(&mut *tx.0)
    .await?;
    Ok(output.flatten())
}

/// Takes tries that nobody has begun since they were announced, and that have no message on its way: the
/// broker lost it, somebody holds it who is gone, or all workers are busy. They count as announced now.
///
/// A try is taken after the first of the `pauses`, then each time when it has waited twice as long, and
/// at last after the longest pause again and again, whoever looks. Each comes with its run's trace.
pub async fn take_forgotten(
    tx: &mut Tx,
    pauses: RangeInclusive<Duration>,
) -> Result<Vec<(Try, Option<String>)>> {
    let rows = sqlx::query!(
        "with forgotten as (
             select j.run, j.job, j.attempt, r.traceparent from jobs j join runs r on r.id = j.run
             where j.state = 'queued' and not j.stop_requested
                   and slipway_now() >= j.announced_at
                       + greatest(make_interval(secs => $1),
                                  least(make_interval(secs => $2), j.announced_at - j.available_at))
                   and not exists (select from outbox o where o.body ->> 'run' = j.run::text)
             order by j.announced_at limit 100 for update of j skip locked)
         update jobs set announced_at = slipway_now() from forgotten
         where jobs.run = forgotten.run and jobs.job = forgotten.job and jobs.attempt = forgotten.attempt
         returning jobs.run, jobs.job, jobs.attempt, forgotten.traceparent",
        pauses.start().as_secs_f64(),
        pauses.end().as_secs_f64(),
    )
    .fetch_all(&mut *tx.0)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((to_try(row.run, &row.job, row.attempt)?, row.traceparent)))
        .collect())
}

impl Store {
    /// Takes the try if nobody has it, and starts the run's deadline with its first job.
    ///
    /// `None` when there is nothing to do: taken, ended, stopped, or not due yet. Locks the run before
    /// its job, as whoever changes a run does: in the other order the two could block each other.
    pub async fn claim(&self, which: Try, owner: &str, lease: Duration) -> Result<Option<Lease>> {
        let row = sqlx::query!(
            r#"with wanted as (select id from runs where id = $1 for update),
               claimed as (
                 update jobs
                 set state = 'running', token = nextval('lease_tokens'), lease_owner = $4,
                     started_at = slipway_now(), lease_until = slipway_now() + make_interval(secs => $5)
                 from wanted
                 where run = wanted.id and job = $2 and attempt = $3 and state = 'queued' and not stop_requested
                       and available_at <= slipway_now()
                 returning run, token)
               update runs
               set deadline_at = coalesce(deadline_at, slipway_now() + make_interval(secs => time_limit_seconds))
               from claimed where runs.id = claimed.run
               returning claimed.token as "token!""#,
            which.run,
            which.job.as_str(),
            number(which.attempt),
            owner,
            lease.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Lease { token: row.token }))
    }

    /// Extends the lease; `None` when it is no longer ours: touch nothing from now on.
    ///
    /// A lease that is over but that nobody took away is extended all the same: the holder of the token
    /// is the only one, and by its own clock it has kept in time.
    pub async fn renew(&self, which: Try, token: i64, lease: Duration) -> Result<Option<Renewal>> {
        let row = sqlx::query!(
            r#"update jobs set lease_until = slipway_now() + make_interval(secs => $5)
               where run = $1 and job = $2 and attempt = $3 and token = $4 and state = 'running'
               returning stop_requested"#,
            which.run,
            which.job.as_str(),
            number(which.attempt),
            token,
            lease.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Renewal { stop_requested: row.stop_requested }))
    }

    /// Tries that somebody must declare lost: the lease is over, or the run is draining and nobody
    /// ever began them.
    pub async fn lost_tries(&self) -> Result<Vec<Try>> {
        let rows = sqlx::query!(
            "select run, job, attempt from jobs
             where (state = 'running' and lease_until <= slipway_now())
                   or (state in ('held', 'queued') and stop_requested)
             order by lease_until limit 100"
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().filter_map(|row| to_try(row.run, &row.job, row.attempt)).collect())
    }

    /// Tries that could be begun for longer than `waited` in the given direction, and nobody did.
    pub async fn starved_tries(&self, direction: Direction, waited: Duration) -> Result<Vec<Try>> {
        let rows = sqlx::query!(
            "select run, job, attempt from jobs
             where state = 'queued' and not stop_requested and direction = $1
                   and available_at <= slipway_now() - make_interval(secs => $2)
             order by available_at limit 100",
            direction.as_str(),
            waited.as_secs_f64(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().filter_map(|row| to_try(row.run, &row.job, row.attempt)).collect())
    }

    /// What the job's successful try left for later jobs of the run.
    pub async fn output(&self, run: Uuid, job: Job) -> Result<Option<Value>> {
        let output = sqlx::query_scalar!(
            "select output from jobs where run = $1 and job = $2 and state = 'succeeded' order by attempt desc limit 1",
            run,
            job.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(output.flatten())
    }

    /// How long ago the job was first begun in this run, by the database's clock. A try that certainly did nothing
    /// does not count.
    pub async fn since_started(&self, run: Uuid, job: Job) -> Result<Option<Duration>> {
        let elapsed = sqlx::query_scalar!(
            "select extract(epoch from slipway_now() - min(started_at))::float8 from jobs
               where run = $1 and job = $2 and state <> 'refused'",
            run,
            job.as_str(),
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(elapsed.map(seconds))
    }
}

/// `None` for a job of a newer plan: the version that queued it looks after it.
pub(crate) fn to_try(run: Uuid, job: &str, attempt: i32) -> Option<Try> {
    let Ok(job) = job.parse() else {
        tracing::warn!(%run, job, "leaving a job alone that this version does not know");
        return None;
    };
    Some(Try { run, job, attempt: attempt.unsigned_abs() })
}

/// A count as the records hold it.
pub(crate) fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A span that the database answered; what is past is zero.
fn seconds(span: f64) -> Duration {
    Duration::try_from_secs_f64(span).unwrap_or_default()
}
