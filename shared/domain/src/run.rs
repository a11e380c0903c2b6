//! The run machine: what happens next, given what happened.
//!
//! ```text
//! Forward ──job failed for good─────────────────▶ Compensating ──last undo done──▶ Finished
//!    │  └──deadline, cancel──▶ Draining ──report──▲   │      ▲                       ▲
//!    │                              or lease over     ▼      │ a person resumes      │
//!    │                                             NeedsAttention ──gives up─────────┤
//!    └──last job done (or given up after the pivot)──────────────────────────────────┘
//! ```
//! A ship run and an errand take the lower way and, as they leave nothing to undo, end where a promotion turns. A ship
//! run may ask a person something on its way: it is `Asking` until somebody answers, and then runs the job that asked
//! again. Nobody works on it meanwhile, however long that takes.
//!
//! A try of a job ends in one of three ways: it succeeded; it certainly did nothing
//! ([`Event::Refused`]); or nobody can say what it did (it failed, it was lost, it was handed back,
//! it was stopped). What nobody can say is undone like a success. Its undo needs no arming: the run
//! stands at the job before anybody may begin it, and what it stands at is undone.
//!
//! Invariants
//! - A finished run never changes.
//! - Undo runs the exact reverse of the plan, starting with the job that was under way unless that
//!   certainly did nothing.
//! - No undo starts while the job that it undoes may still act: deadline and cancel go through
//!   `Draining`, which ends with the worker's report or with its lease.
//! - After [`Job::Record`] succeeded a run only goes forward.
//!
//! Not decided here: who runs a job, how long a lease is, when a message is sent.

mod decision;

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use self::decision::{Try, asking, compensating, draining, enqueue, forward, moved, waiting};
use crate::job::{Job, PLAN, SHIP};
use crate::promotion::Status;

/// One promotion, ship run or errand on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// Where it stands.
    pub phase: Phase,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Going toward the new version; left when the job is reported or given up.
    Forward {
        /// The job under way.
        job: Job,
        /// Which try, from 1.
        attempt: u32,
        /// Tries that failed or were lost; bounded by [`Job::attempts_max`].
        strikes: u32,
    },
    /// A person has to choose something first; left when somebody answers. Only a ship run asks.
    Asking {
        /// The job that asked, and will be run again.
        job: Job,
        /// The try that asked.
        attempt: u32,
        /// What it asked, one or two plain sentences.
        question: String,
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
    /// Going back; left when the last undo job is done or one cannot be done.
    Compensating {
        /// The furthest forward job that may have acted.
        from: Job,
        /// The undo job under way.
        job: Job,
        /// Which try of it, from 1.
        attempt: u32,
        /// Tries of it that failed or were lost; bounded by [`Job::attempts_max`].
        strikes: u32,
        /// Why the run is undone.
        cause: Cause,
    },
    /// An undo job could not be done; left when a person resumes or gives up. The installation is
    /// still taken: nothing is deployed over what is half undone.
    NeedsAttention {
        /// The furthest forward job that may have acted.
        from: Job,
        /// The undo job that could not be done.
        job: Job,
        /// The last try of it.
        attempt: u32,
        /// Why the run was being undone.
        cause: Cause,
        /// Why the undo job could not be done, one plain sentence.
        reason: String,
    },
    /// Over. Nothing leaves it.
    Finished(Outcome),
}

/// Why a run is undone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// A person took over from an undo job that could not be done.
    GivenUp {
        /// Why the run was being undone.
        cause: Cause,
        /// The undo job that was not done, nor any after it.
        undo: Job,
        /// Who took over and what they said, one or two plain sentences.
        reason: String,
    },
    /// The ship run or errand was done.
    Done,
    /// The ship run or errand could not be done, for this cause.
    Failed(Cause),
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
    /// The worker looked and did not begin: this try certainly did nothing, another gives the same.
    Refused {
        /// The job.
        job: Job,
        /// The try that is reported.
        attempt: u32,
        /// One plain sentence: why not, and what would help.
        reason: String,
    },
    /// The job cannot go on before a person has chosen something. Only a ship run's may ask; another one's has failed.
    Asked {
        /// The job.
        job: Job,
        /// The try that asks.
        attempt: u32,
        /// What it asks, one or two plain sentences.
        question: String,
    },
    /// The job cannot go on before some time has passed; the pause is somebody else's wish, so it counts as no strike.
    Postponed {
        /// The job.
        job: Job,
        /// The try that ends.
        attempt: u32,
        /// How long to wait.
        pause: Duration,
    },
    /// A person has answered what the run asked.
    Answered {
        /// Who.
        by: String,
    },
    /// The worker must end and hands the job back, as far as it came. Counts as no strike: a
    /// restart of workers, however often, fails no deployment.
    Released {
        /// The job.
        job: Job,
        /// The try that is handed back.
        attempt: u32,
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
    /// A person has removed what was in the way: the undo goes on where it stopped.
    ResumeRequested {
        /// Who.
        by: String,
    },
    /// A person looks after the rest; the run ends as it is.
    GiveUpRequested {
        /// Who.
        by: String,
        /// What they did or will do, in their words.
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
    /// The promotion stands here from now on, for the reason that the run now has.
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
    /// Nothing waits for a person.
    NotWaiting,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ignored::Finished => "the run is over",
            Ignored::Stale => "the event speaks of a try that is no longer the current one",
            Ignored::PastPivot => "the deployment is on record already",
            Ignored::AlreadyUnwinding => "the run is being undone already",
            Ignored::NotWaiting => "the run does not wait for a person",
        })
    }
}

impl core::error::Error for Ignored {}

impl Run {
    /// A new run: its first job queued, its promotion deploying.
    pub fn start() -> Transition {
        let first = PLAN[0];
        Transition {
            run: Run { phase: Phase::Forward { job: first, attempt: 1, strikes: 0 } },
            effects: vec![Effect::Settle(Status::Deploying), enqueue(first, 1, 0)],
        }
    }

    /// A new ship run: its first job queued. Its promotion is shipping.
    pub fn ship() -> Transition {
        Self::errand(SHIP[0])
    }

    /// A new errand: its job queued. The job is one of [`ERRANDS`](crate::job::ERRANDS); any other would go on
    /// as its promotion does.
    pub fn errand(job: Job) -> Transition {
        moved(Phase::Forward { job, attempt: 1, strikes: 0 }, vec![enqueue(job, 1, 0)])
    }

    /// The job under way and its try; none when the run is over or waits for a person.
    pub fn current(&self) -> Option<(Job, u32)> {
        match self.phase {
            Phase::Forward { job, attempt, .. }
            | Phase::Draining { job, attempt, .. }
            | Phase::Compensating { job, attempt, .. } => Some((job, attempt)),
            Phase::Asking { .. } | Phase::NeedsAttention { .. } | Phase::Finished(_) => None,
        }
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Finished(outcome) => Some(outcome),
            Phase::Forward { .. }
            | Phase::Asking { .. }
            | Phase::Draining { .. }
            | Phase::Compensating { .. }
            | Phase::NeedsAttention { .. } => None,
        }
    }

    /// What follows from the event. Never panics.
    ///
    /// # Errors
    /// [`Ignored`] says why nothing follows; the caller drops the event and keeps it as evidence.
    pub fn apply(&self, event: &Event) -> Result<Transition, Ignored> {
        if matches!(self.phase, Phase::Finished(_)) {
            return Err(Ignored::Finished);
        }
        if event.report().is_some_and(|reported| self.current() != Some(reported)) {
            return Err(Ignored::Stale);
        }
        match &self.phase {
            Phase::Forward { job, attempt, strikes } => {
                forward(Try { job: *job, attempt: *attempt, strikes: *strikes }, event)
            }
            Phase::Asking { job, attempt, .. } => asking(*job, *attempt, event),
            Phase::Draining { job, attempt, cause } => draining(*job, *attempt, cause, event),
            Phase::Compensating { from, job, attempt, strikes, cause } => {
                let undo = Try { job: *job, attempt: *attempt, strikes: *strikes };
                compensating(*from, undo, cause, event)
            }
            Phase::NeedsAttention { from, job, attempt, cause, reason } => {
                waiting(*from, *job, *attempt, cause, reason, event)
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
            | Event::Asked { job, attempt, .. }
            | Event::Postponed { job, attempt, .. }
            | Event::Released { job, attempt }
            | Event::Lost { job, attempt } => Some((*job, *attempt)),
            Event::DeadlinePassed
            | Event::Answered { .. }
            | Event::CancelRequested { .. }
            | Event::ResumeRequested { .. }
            | Event::GiveUpRequested { .. } => None,
        }
    }
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
