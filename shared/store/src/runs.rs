//! Runs: where each promotion stands on its way to an approval and through the plan, and where errands do.

use domain::job::PLAN_VERSION;
use domain::run::{Cause, Event, Outcome, Phase, Run};
use domain::{Job, Plan, PromotionId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::known;
use crate::jobs::number;
use crate::{Result, Store, StoreError, Tx};

/// A run, locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Its id.
    pub id: Uuid,
    /// What it runs through.
    pub plan: Plan,
    /// The promotion that it runs or, an errand, is about.
    pub promotion: PromotionId,
    /// The installation's name.
    pub installation: String,
    /// Where it stands.
    pub run: Run,
    /// How long it may take in all; ship runs and errands have no such limit, and zero here.
    pub time_limit: std::time::Duration,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
}

/// The columns that hold a phase.
#[derive(Default)]
struct PhaseColumns {
    phase: &'static str,
    job: Option<&'static str>,
    attempt: Option<i32>,
    strikes: i32,
    unwind_from: Option<&'static str>,
    cause: Option<Value>,
    outcome: Option<&'static str>,
    outcome_note: Option<String>,
}

struct Row {
    promotion: String,
    installation: String,
    plan: String,
    plan_version: i32,
    phase: String,
    job: Option<String>,
    attempt: Option<i32>,
    strikes: i32,
    unwind_from: Option<String>,
    cause: Option<Value>,
    outcome: Option<String>,
    outcome_note: Option<String>,
    time_limit_seconds: Option<i32>,
    traceparent: Option<String>,
}

/// The run of which this is true.
macro_rules! row {
    ($condition:literal, $argument:expr) => {
        sqlx::query_as!(
            Row,
            "select promotion, installation, plan, plan_version, phase, job, attempt, strikes, unwind_from, cause,
                    outcome, outcome_note, time_limit_seconds, traceparent
             from runs where " + $condition,
            $argument,
        )
    };
}

/// An errand as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its run.
    pub id: Uuid,
    /// How it ended; `None` while it is under way.
    pub outcome: Option<Outcome>,
}

/// Writes a new run of the promotion.
///
/// # Errors
/// [`StoreError::Conflict`] on `runs_one_per_installation`: another run is under way there.
pub async fn insert(
    tx: &mut Tx,
    id: Uuid,
    promotion: &PromotionId,
    run: &Run,
    time_limit_seconds: i32,
    traceparent: Option<&str>,
) -> Result<()> {
    let columns = to_columns(&run.phase);
    sqlx::query!(
        "insert into runs (id, promotion, installation, plan_version, phase, job, attempt, time_limit_seconds, traceparent)
         select $1, p.id, p.installation, $3, $4, $5, $6, $7, $8 from promotions p where p.id = $2",
        id,
        promotion.as_str(),
        PLAN_VERSION,
        columns.phase,
        columns.job,
        columns.attempt,
        time_limit_seconds,
        traceparent,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Writes the ship run of the promotion. It has no deadline and holds up nothing.
///
/// # Errors
/// [`StoreError::Conflict`] on `runs_one_ship_run`: it has one.
pub async fn insert_ship(
    tx: &mut Tx,
    id: Uuid,
    promotion: &PromotionId,
    run: &Run,
    traceparent: Option<&str>,
) -> Result<()> {
    let columns = to_columns(&run.phase);
    sqlx::query!(
        "insert into runs (id, promotion, installation, plan, plan_version, phase, job, attempt, traceparent)
         select $1, p.id, p.installation, 'ship', $3, $4, $5, $6, $7 from promotions p where p.id = $2",
        id,
        promotion.as_str(),
        PLAN_VERSION,
        columns.phase,
        columns.job,
        columns.attempt,
        traceparent,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The promotion's ship run, while it is under way.
pub async fn open_ship_run(tx: &mut Tx, promotion: &PromotionId) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "select id from runs where promotion = $1 and phase <> 'finished' and plan = 'ship'",
        promotion.as_str()
    )
    .fetch_optional(&mut *tx.0)
    .await?)
}

/// Writes a new errand about the promotion. It has no deadline, and holds up nothing but the run that awaits it.
pub async fn insert_errand(
    tx: &mut Tx,
    id: Uuid,
    promotion: &PromotionId,
    run: &Run,
    input: &Value,
    traceparent: Option<&str>,
    awaited_by: Option<Uuid>,
) -> Result<()> {
    let columns = to_columns(&run.phase);
    sqlx::query!(
        "insert into runs (id, promotion, installation, plan, plan_version, phase, job, attempt, input, traceparent,
                           awaited_by)
         select $1, p.id, p.installation, 'errand', $3, $4, $5, $6, $7, $8, $9 from promotions p where p.id = $2",
        id,
        promotion.as_str(),
        PLAN_VERSION,
        columns.phase,
        columns.job,
        columns.attempt,
        input,
        traceparent,
        awaited_by,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// The run, locked against everybody else until the transaction ends; `None` if there is none.
///
/// # Errors
/// [`StoreError::Unknown`] for a run of another plan version: it is refused, not guessed at.
pub async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Locked>> {
    let row = row!("id = $1 for update", id).fetch_optional(&mut *tx.0).await?;
    row.map(|row| row.locked(id)).transpose()
}

/// The errand that the run waits for, if there is one. It is not locked: whoever is told by it looks again.
pub async fn awaited(tx: &mut Tx, run: Uuid) -> Result<Option<Run>> {
    let row = row!("awaited_by = $1", run).fetch_optional(&mut *tx.0).await?;
    row.map(|row| Ok(Run { phase: row.phase()? })).transpose()
}

/// Writes the phase that follows from an event and counts the event.
pub async fn update(tx: &mut Tx, id: Uuid, run: &Run) -> Result<()> {
    let columns = to_columns(&run.phase);
    sqlx::query!(
        "update runs set version = version + 1, phase = $2, job = $3, attempt = $4, unwind_from = $5, cause = $6,
                outcome = $7, outcome_note = $8, strikes = $9,
                finished_at = case when $2 = 'finished' then slipway_now() end
         where id = $1",
        id,
        columns.phase,
        columns.job,
        columns.attempt,
        columns.unwind_from,
        columns.cause,
        columns.outcome,
        columns.outcome_note,
        columns.strikes,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

/// Appends an event to the run's history; `ignored` says why it changed nothing.
pub async fn record_event(tx: &mut Tx, id: Uuid, event: &Event, ignored: Option<&str>) -> Result<()> {
    sqlx::query!(
        "insert into run_events (run, event, ignored) values ($1, $2, $3)",
        id,
        event_to_json(event),
        ignored,
    )
    .execute(&mut *tx.0)
    .await?;
    Ok(())
}

impl Store {
    /// The events that changed the run, oldest first: replaying them gives the run.
    pub async fn run_history(&self, id: Uuid) -> Result<Vec<Event>> {
        let rows = sqlx::query_scalar!(
            "select event from run_events where run = $1 and ignored is null order by sequence",
            id
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(event_from_json).collect()
    }

    /// Where the run stands.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] for a run of another plan version: it is refused, not guessed at.
    pub async fn run(&self, id: Uuid) -> Result<Option<Run>> {
        let row = row!("id = $1", id).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.locked(id)).transpose()?.map(|locked| locked.run))
    }

    /// What an errand is about.
    pub async fn input(&self, id: Uuid) -> Result<Option<Value>> {
        let input = sqlx::query_scalar!("select input from runs where id = $1", id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(input.flatten())
    }

    /// The latest errand about this that had this job to do.
    pub async fn latest_errand(
        &self,
        promotion: &PromotionId,
        job: Job,
        input: &Value,
    ) -> Result<Option<Errand>> {
        let id = sqlx::query_scalar!(
            "select id from runs r where promotion = $1 and plan = 'errand' and input = $3
                    and exists (select from jobs j where j.run = r.id and j.job = $2)
             order by created_at desc limit 1",
            promotion.as_str(),
            job.as_str(),
            input,
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(id) = id else { return Ok(None) };
        let outcome = self.run(id).await?.and_then(|run| run.outcome().cloned());
        Ok(Some(Errand { id, outcome }))
    }

    /// The promotion's unfinished run, if it has one.
    pub async fn open_run(&self, promotion: &PromotionId) -> Result<Option<Uuid>> {
        let id = sqlx::query_scalar!(
            "select id from runs where promotion = $1 and phase <> 'finished' and plan = 'promotion'",
            promotion.as_str()
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(id)
    }

    /// Runs whose deadline has passed and that still go forward before the pivot.
    pub async fn runs_past_deadline(&self) -> Result<Vec<Uuid>> {
        let ids = sqlx::query_scalar!(
            "select id from runs where phase = 'forward' and job <> $1 and deadline_at <= slipway_now()
             order by deadline_at limit 100",
            Job::Finish.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids)
    }
}

impl Row {
    fn locked(self, id: Uuid) -> Result<Locked> {
        if self.plan_version != PLAN_VERSION {
            return Err(StoreError::Unknown {
                column: "runs.plan_version",
                value: self.plan_version.to_string(),
            });
        }
        let limit = self.time_limit_seconds.unwrap_or_default().unsigned_abs();
        Ok(Locked {
            id,
            plan: known("runs.plan", &self.plan)?,
            promotion: known("runs.promotion", &self.promotion)?,
            installation: self.installation.clone(),
            time_limit: std::time::Duration::from_secs(limit.into()),
            traceparent: self.traceparent.clone(),
            run: Run { phase: self.phase()? },
        })
    }

    fn phase(&self) -> Result<Phase> {
        let job = || known("runs.job", self.job.as_deref().unwrap_or_default());
        let cause = || cause_from_json(self.cause.as_ref().unwrap_or(&Value::Null));
        let attempt = self.attempt.unwrap_or_default().unsigned_abs();
        let strikes = self.strikes.unsigned_abs();
        let from = || known("runs.unwind_from", self.unwind_from.as_deref().unwrap_or_default());
        let note = || self.outcome_note.clone().unwrap_or_default();
        match self.phase.as_str() {
            "forward" => Ok(Phase::Forward { job: job()?, attempt, strikes }),
            "asking" => Ok(Phase::Asking { job: job()?, attempt, question: note() }),
            "draining" => Ok(Phase::Draining { job: job()?, attempt, cause: cause()? }),
            "compensating" => {
                Ok(Phase::Compensating { from: from()?, job: job()?, attempt, strikes, cause: cause()? })
            }
            "needs_attention" => Ok(Phase::NeedsAttention {
                from: from()?,
                job: job()?,
                attempt,
                cause: cause()?,
                reason: note(),
            }),
            "finished" => Ok(Phase::Finished(match self.outcome.as_deref().unwrap_or_default() {
                "deployed" => Outcome::Deployed { warning: self.outcome_note.clone() },
                "refused" => Outcome::Refused(cause()?),
                "rolled_back" => Outcome::RolledBack(cause()?),
                "done" => Outcome::Done,
                "failed" => Outcome::Failed(cause()?),
                "given_up" => Outcome::GivenUp { cause: cause()?, undo: job()?, reason: note() },
                other => return Err(StoreError::Unknown { column: "runs.outcome", value: other.to_owned() }),
            })),
            other => Err(StoreError::Unknown { column: "runs.phase", value: other.to_owned() }),
        }
    }
}

fn to_columns(phase: &Phase) -> PhaseColumns {
    let over = || PhaseColumns { phase: "finished", ..PhaseColumns::default() };
    let at = |phase, job: &Job, attempt: u32| PhaseColumns {
        phase,
        job: Some(job.as_str()),
        attempt: Some(number(attempt)),
        ..PhaseColumns::default()
    };
    match phase {
        Phase::Forward { job, attempt, strikes } => {
            PhaseColumns { strikes: number(*strikes), ..at("forward", job, *attempt) }
        }
        Phase::Asking { job, attempt, question } => {
            PhaseColumns { outcome_note: Some(question.clone()), ..at("asking", job, *attempt) }
        }
        Phase::Draining { job, attempt, cause } => {
            PhaseColumns { cause: Some(cause_to_json(cause)), ..at("draining", job, *attempt) }
        }
        Phase::Compensating { from, job, attempt, strikes, cause } => PhaseColumns {
            strikes: number(*strikes),
            unwind_from: Some(from.as_str()),
            cause: Some(cause_to_json(cause)),
            ..at("compensating", job, *attempt)
        },
        Phase::NeedsAttention { from, job, attempt, cause, reason } => PhaseColumns {
            unwind_from: Some(from.as_str()),
            cause: Some(cause_to_json(cause)),
            outcome_note: Some(reason.clone()),
            ..at("needs_attention", job, *attempt)
        },
        Phase::Finished(Outcome::Deployed { warning }) => {
            PhaseColumns { outcome: Some("deployed"), outcome_note: warning.clone(), ..over() }
        }
        Phase::Finished(Outcome::Refused(cause)) => {
            PhaseColumns { outcome: Some("refused"), cause: Some(cause_to_json(cause)), ..over() }
        }
        Phase::Finished(Outcome::RolledBack(cause)) => {
            PhaseColumns { outcome: Some("rolled_back"), cause: Some(cause_to_json(cause)), ..over() }
        }
        Phase::Finished(Outcome::Done) => PhaseColumns { outcome: Some("done"), ..over() },
        Phase::Finished(Outcome::Failed(cause)) => {
            PhaseColumns { outcome: Some("failed"), cause: Some(cause_to_json(cause)), ..over() }
        }
        Phase::Finished(Outcome::GivenUp { cause, undo, reason }) => PhaseColumns {
            job: Some(undo.as_str()),
            outcome: Some("given_up"),
            outcome_note: Some(reason.clone()),
            cause: Some(cause_to_json(cause)),
            ..over()
        },
    }
}

fn cause_to_json(cause: &Cause) -> Value {
    match cause {
        Cause::Failed { job, reason } => json!({ "kind": "failed", "job": job.as_str(), "reason": reason }),
        Cause::Lost { job } => json!({ "kind": "lost", "job": job.as_str() }),
        Cause::Deadline { job } => json!({ "kind": "deadline", "job": job.as_str() }),
        Cause::Cancelled { by, reason } => json!({ "kind": "cancelled", "by": by, "reason": reason }),
    }
}

fn cause_from_json(value: &Value) -> Result<Cause> {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let job = || known("runs.cause", &text("job"));
    match text("kind").as_str() {
        "failed" => Ok(Cause::Failed { job: job()?, reason: text("reason") }),
        "lost" => Ok(Cause::Lost { job: job()? }),
        "deadline" => Ok(Cause::Deadline { job: job()? }),
        "cancelled" => Ok(Cause::Cancelled { by: text("by"), reason: text("reason") }),
        _ => Err(StoreError::Unknown { column: "runs.cause", value: value.to_string() }),
    }
}

fn event_to_json(event: &Event) -> Value {
    let report = |kind: &str, job: &Job, attempt: u32| json!({ "kind": kind, "job": job.as_str(), "attempt": attempt });
    match event {
        Event::Succeeded { job, attempt } => report("succeeded", job, *attempt),
        Event::Released { job, attempt } => report("released", job, *attempt),
        Event::Asked { job, attempt, question } => {
            json!({ "kind": "asked", "job": job.as_str(), "attempt": attempt, "question": question })
        }
        Event::Postponed { job, attempt, pause } => {
            json!({ "kind": "postponed", "job": job.as_str(), "attempt": attempt, "seconds": pause.as_secs() })
        }
        Event::Answered { by } => json!({ "kind": "answered", "by": by }),
        Event::Lost { job, attempt } => report("lost", job, *attempt),
        Event::Failed { job, attempt, reason, retry } => {
            json!({ "kind": "failed", "job": job.as_str(), "attempt": attempt, "reason": reason, "retry": retry })
        }
        Event::Refused { job, attempt, reason } => {
            json!({ "kind": "refused", "job": job.as_str(), "attempt": attempt, "reason": reason })
        }
        Event::DeadlinePassed => json!({ "kind": "deadline_passed" }),
        Event::CancelRequested { by, reason } => {
            json!({ "kind": "cancel_requested", "by": by, "reason": reason })
        }
        Event::ResumeRequested { by } => json!({ "kind": "resume_requested", "by": by }),
        Event::GiveUpRequested { by, reason } => {
            json!({ "kind": "give_up_requested", "by": by, "reason": reason })
        }
    }
}

fn event_from_json(value: &Value) -> Result<Event> {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let job = || known("run_events.event", &text("job"));
    let attempt = value["attempt"].as_u64().and_then(|it| it.try_into().ok()).unwrap_or_default();
    match text("kind").as_str() {
        "succeeded" => Ok(Event::Succeeded { job: job()?, attempt }),
        "released" => Ok(Event::Released { job: job()?, attempt }),
        "asked" => Ok(Event::Asked { job: job()?, attempt, question: text("question") }),
        "postponed" => {
            let seconds = value["seconds"].as_u64().unwrap_or_default();
            Ok(Event::Postponed { job: job()?, attempt, pause: std::time::Duration::from_secs(seconds) })
        }
        "answered" => Ok(Event::Answered { by: text("by") }),
        "lost" => Ok(Event::Lost { job: job()?, attempt }),
        "failed" => {
            let retry = value["retry"].as_bool().unwrap_or_default();
            Ok(Event::Failed { job: job()?, attempt, reason: text("reason"), retry })
        }
        "refused" => Ok(Event::Refused { job: job()?, attempt, reason: text("reason") }),
        "deadline_passed" => Ok(Event::DeadlinePassed),
        "cancel_requested" => Ok(Event::CancelRequested { by: text("by"), reason: text("reason") }),
        "resume_requested" => Ok(Event::ResumeRequested { by: text("by") }),
        "give_up_requested" => Ok(Event::GiveUpRequested { by: text("by"), reason: text("reason") }),
        _ => Err(StoreError::Unknown { column: "run_events.event", value: value.to_string() }),
    }
}
