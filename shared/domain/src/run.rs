//! The run machine: what happens next, given what happened.
//!
//! ```text
//! Forward ──job failed for good────────────────▶ Compensating ──last undo done──▶ Finished
//!    │  └──deadline, cancel──▶ Draining ──report or lease over──▲      └─undo given up─▶ Finished
//!    └──last job done (or given up after the pivot)──────────────────────────────▶ Finished
//! ```
//!
//! Invariants
//! - A finished run never changes.
//! - Undo runs the exact reverse of the plan, starting with the job that was under way: what
//!   failed or was lost may have acted.
//! - No undo starts while the job that it undoes may still act: deadline and cancel go through
//!   `Draining`, which ends with the worker's report or with its lease.
//! - After [`Job::Record`] succeeded a run only goes forward.
//!
//! Not decided here: who runs a job, how long a lease is, when a message is sent.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::job::{Job, PLAN};
use crate::promotion::Status;

/// One promotion on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where it stands.
    pub phase: Phase,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Going toward the new version; left when the job is reported or given up.
    Forward {
        /// The job under way.
        job: Job,
        /// Which try, from 1.
        attempt: u32,
    },
    /// The worker was told to stop; left when it reports or its lease is over.
    Draining {
        /// The job that was under way.
        job: Job,
        /// Its try.
        attempt: u32,
        /// Why the run will be undone.
        cause: Cause,
    },
    /// Going back; left when the last undo job is done or one is given up.
    Compensating {
        /// The furthest forward job that may have acted.
        from: Job,
        /// The undo job under way.
        job: Job,
        /// Which try of it, from 1.
        attempt: u32,
        /// Why the run is undone.
        cause: Cause,
    },
    /// Over. Nothing leaves it.
    Finished(Outcome),
}

/// Why a run is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A job reported that it failed.
    Failed {
        /// The job.
        job: Job,
        /// Its reason, one plain sentence.
        reason: String,
    },
    /// The workers that took the job vanished, more often than it may be tried.
    Lost {
        /// The job.
        job: Job,
    },
    /// The promotion took longer than it may.
    Deadline {
        /// The job under way when time ran out.
        job: Job,
    },
    /// A person stopped it.
    Cancelled {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The new version serves and is on record.
    Deployed {
        /// What Cleanup could not do, if anything.
        warning: Option<String>,
    },
    /// Nothing was done, for this cause.
    Refused(Cause),
    /// The old version serves, checked.
    RolledBack(Cause),
    /// An undo job was given up; a person has to act.
    NeedsAttention {
        /// Why the run was being undone.
        cause: Cause,
        /// The undo job that could not be done.
        undo: Job,
        /// Its reason, one plain sentence.
        reason: String,
    },
}

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker reports that the job reached its goal.
    Succeeded {
        /// The job.
        job: Job,
        /// The try that is reported.
        attempt: u32,
    },
    /// A worker reports that the job did not reach its goal.
    Failed {
        /// The job.
        job: Job,
        /// The try that is reported.
        attempt: u32,
        /// One plain sentence.
        reason: String,
        /// Whether another try may help.
        retry: bool,
    },
    /// Validate or Window check says no; nothing was done.
    Refused {
        /// The job.
        job: Job,
        /// The try that is reported.
        attempt: u32,
        /// One plain sentence: why not, and what would help.
        reason: String,
    },
    /// The job's lease is over without a report, or nobody holds one while draining.
    Lost {
        /// The job.
        job: Job,
        /// The try that was lost.
        attempt: u32,
    },
    /// The promotion's time is over.
    DeadlinePassed,
    /// A person stops the run.
    CancelRequested {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: String,
    },
}

/// Something to make happen, in the same transaction as the phase change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Queue this try of the job after the delay.
    Enqueue {
        /// The job.
        job: Job,
        /// The try, from 1.
        attempt: u32,
        /// The pause before it.
        delay: Duration,
    },
    /// Tell whoever runs this try to stop, and let nobody begin it.
    Stop {
        /// The job.
        job: Job,
        /// The try.
        attempt: u32,
    },
    /// The promotion stands here from now on.
    Settle(Status),
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The run after the event.
    pub run: Run,
    /// What to make happen, in order.
    pub effects: Vec<Effect>,
}

/// Why an event changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The run is over.
    Finished,
    /// The event speaks of a job or a try that is no longer the current one.
    Stale,
    /// The deployment is on record; it can no longer be stopped this way.
    PastPivot,
    /// The run is being undone already.
    AlreadyUnwinding,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ignored::Finished => "the run is over",
            Ignored::Stale => "the event speaks of a try that is no longer the current one",
            Ignored::PastPivot => "the deployment is on record already",
            Ignored::AlreadyUnwinding => "the run is being undone already",
        })
    }
}

impl core::error::Error for Ignored {}

impl Run {
    /// A new run: its first job queued, its promotion deploying.
    pub fn start() -> Transition {
        let first = PLAN[0];
        Transition {
            run: Run { phase: Phase::Forward { job: first, attempt: 1 } },
            effects: vec![Effect::Settle(Status::Deploying), enqueue(first, 1)],
        }
    }

    /// The job under way and its try, unless the run is over.
    pub fn current(&self) -> Option<(Job, u32)> {
        match self.phase {
            Phase::Forward { job, attempt }
            | Phase::Draining { job, attempt, .. }
            | Phase::Compensating { job, attempt, .. } => Some((job, attempt)),
            Phase::Finished(_) => None,
        }
    }

    /// What follows from the event. Never panics.
    ///
    /// # Errors
    /// [`Ignored`] says why nothing follows; the caller drops the event and keeps it as evidence.
    pub fn apply(&self, event: &Event) -> Result<Transition, Ignored> {
        if let Some(reported) = event.report() {
            match self.current() {
                None => return Err(Ignored::Finished),
                Some(current) if current != reported => return Err(Ignored::Stale),
                Some(_) => {}
            }
        }
        match &self.phase {
            Phase::Forward { job, attempt } => forward(*job, *attempt, event),
            Phase::Draining { job, cause, .. } => draining(*job, cause, event),
            Phase::Compensating { from, job, attempt, cause } => {
                compensating(*from, *job, *attempt, cause, event)
            }
            Phase::Finished(_) => Err(Ignored::Finished),
        }
    }
}

impl Event {
    /// The job and try that a report speaks of; `None` for what comes from outside.
    pub fn report(&self) -> Option<(Job, u32)> {
        match self {
            Event::Succeeded { job, attempt }
            | Event::Failed { job, attempt, .. }
            | Event::Refused { job, attempt, .. }
            | Event::Lost { job, attempt } => Some((*job, *attempt)),
            Event::DeadlinePassed | Event::CancelRequested { .. } => None,
        }
    }
}

fn forward(job: Job, attempt: u32, event: &Event) -> Result<Transition, Ignored> {
    let past_pivot = job == Job::Finish;
    match event {
        Event::Succeeded { .. } => Ok(next_forward(job)),
        Event::Failed { retry: true, .. } | Event::Lost { .. } if attempt < job.attempts_max() => {
            Ok(moved(Phase::Forward { job, attempt: attempt + 1 }, vec![enqueue(job, attempt + 1)]))
        }
        Event::Failed { reason, .. } | Event::Refused { reason, .. } if past_pivot => {
            Ok(deployed(Some(reason.clone())))
        }
        Event::Lost { .. } if past_pivot => Ok(deployed(Some(lost_sentence(job)))),
        Event::Failed { reason, .. } | Event::Refused { reason, .. } => {
            Ok(unwind(job, Cause::Failed { job, reason: reason.clone() }))
        }
        Event::Lost { .. } => Ok(unwind(job, Cause::Lost { job })),
        Event::DeadlinePassed | Event::CancelRequested { .. } if past_pivot => Err(Ignored::PastPivot),
        Event::DeadlinePassed => Ok(drain(job, attempt, Cause::Deadline { job })),
        Event::CancelRequested { by, reason } => {
            Ok(drain(job, attempt, Cause::Cancelled { by: by.clone(), reason: reason.clone() }))
        }
    }
}

fn draining(job: Job, cause: &Cause, event: &Event) -> Result<Transition, Ignored> {
    match event {
        // Whatever the worker says, it is no longer acting. Even a success is undone: the time is over.
        Event::Succeeded { .. } | Event::Failed { .. } | Event::Refused { .. } | Event::Lost { .. } => {
            Ok(unwind(job, cause.clone()))
        }
        Event::DeadlinePassed | Event::CancelRequested { .. } => Err(Ignored::AlreadyUnwinding),
    }
}

fn compensating(
    from: Job,
    job: Job,
    attempt: u32,
    cause: &Cause,
    event: &Event,
) -> Result<Transition, Ignored> {
    let give_up = |reason: String| {
        let outcome = Outcome::NeedsAttention { cause: cause.clone(), undo: job, reason };
        moved(Phase::Finished(outcome), vec![Effect::Settle(Status::NeedsAttention)])
    };
    match event {
        Event::Succeeded { .. } => Ok(next_undo(from, job, cause)),
        Event::Failed { retry: true, .. } | Event::Lost { .. } if attempt < job.attempts_max() => {
            let phase = Phase::Compensating { from, job, attempt: attempt + 1, cause: cause.clone() };
            Ok(moved(phase, vec![enqueue(job, attempt + 1)]))
        }
        Event::Failed { reason, .. } | Event::Refused { reason, .. } => Ok(give_up(reason.clone())),
        Event::Lost { .. } => Ok(give_up(lost_sentence(job))),
        Event::DeadlinePassed | Event::CancelRequested { .. } => Err(Ignored::AlreadyUnwinding),
    }
}

fn next_forward(job: Job) -> Transition {
    let next = job.position().and_then(|position| PLAN.get(position + 1)).copied();
    let Some(next) = next else { return deployed(None) };
    let mut effects = vec![enqueue(next, 1)];
    if job == Job::Record {
        effects.insert(0, Effect::Settle(Status::Deployed));
    }
    moved(Phase::Forward { job: next, attempt: 1 }, effects)
}

fn drain(job: Job, attempt: u32, cause: Cause) -> Transition {
    moved(Phase::Draining { job, attempt, cause }, vec![Effect::Stop { job, attempt }])
}

/// Starts the undo of everything up to `from`, or ends the run where there is nothing to undo.
fn unwind(from: Job, cause: Cause) -> Transition {
    if let Some(first) = from.unwinding().next() {
        let phase = Phase::Compensating { from, job: first, attempt: 1, cause };
        return moved(phase, vec![Effect::Settle(Status::RollingBack), enqueue(first, 1)]);
    }
    let status = match cause {
        Cause::Cancelled { .. } => Status::Cancelled,
        Cause::Failed { .. } | Cause::Lost { .. } | Cause::Deadline { .. } => Status::Approved,
    };
    moved(Phase::Finished(Outcome::Refused(cause)), vec![Effect::Settle(status)])
}

fn next_undo(from: Job, job: Job, cause: &Cause) -> Transition {
    let next = from.unwinding().skip_while(|undo| *undo != job).nth(1);
    match next {
        Some(next) => {
            let phase = Phase::Compensating { from, job: next, attempt: 1, cause: cause.clone() };
            moved(phase, vec![enqueue(next, 1)])
        }
        None => moved(
            Phase::Finished(Outcome::RolledBack(cause.clone())),
            vec![Effect::Settle(Status::RolledBack)],
        ),
    }
}

fn deployed(warning: Option<String>) -> Transition {
    moved(Phase::Finished(Outcome::Deployed { warning }), vec![])
}

fn moved(phase: Phase, effects: Vec<Effect>) -> Transition {
    Transition { run: Run { phase }, effects }
}

fn enqueue(job: Job, attempt: u32) -> Effect {
    Effect::Enqueue { job, attempt, delay: Job::backoff(attempt) }
}

fn lost_sentence(job: Job) -> String {
    format!("Nobody finished “{}”: whoever took it vanished each time.", job.step().title())
}

impl Cause {
    /// The cause as one or two plain sentences for people; `limit` is the promotion's time limit.
    pub fn sentence(&self, limit: Duration) -> String {
        match self {
            Cause::Failed { reason, .. } => reason.clone(),
            Cause::Lost { job } => lost_sentence(*job),
            Cause::Deadline { job } => format!(
                "The deployment took longer than its limit of {} and was stopped during step {}, “{}”.",
                in_words(limit),
                job.step().number(),
                job.step().title(),
            ),
            Cause::Cancelled { by, reason } => format!("{by} stopped the deployment: {reason}"),
        }
    }
}

/// A time limit as people say it: `10 minutes`, `45 seconds`.
fn in_words(limit: Duration) -> String {
    let seconds = limit.as_secs();
    let (number, unit) = if seconds >= 60 && seconds.is_multiple_of(60) {
        (seconds / 60, "minute")
    } else {
        (seconds, "second")
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}
