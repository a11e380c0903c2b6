//! What follows from an event, phase by phase.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Cause, Effect, Event, Ignored, Outcome, Phase, Run, Transition, lost_sentence};
use crate::job::{Job, Plan};
use crate::promotion::Status;

/// A job under way: which try, and how many before it failed or were lost.
#[derive(Clone, Copy)]
pub(super) struct Try {
    pub(super) job: Job,
    pub(super) attempt: u32,
    pub(super) strikes: u32,
}

impl Try {
    /// The try after this one, if the event allows another.
    fn next(self, event: &Event) -> Option<Try> {
        let strikes = match event {
            Event::Released { .. } | Event::Postponed { .. } => self.strikes,
            Event::Failed { retry: true, .. } | Event::Lost { .. } => self.strikes + 1,
            Event::Succeeded { .. }
            | Event::Failed { retry: false, .. }
            | Event::Refused { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::DeadlinePassed
            | Event::CancelRequested { .. }
            | Event::ResumeRequested { .. }
            | Event::GiveUpRequested { .. } => return None,
        };
        (strikes < self.job.attempts_max()).then_some(Try { attempt: self.attempt + 1, strikes, ..self })
    }

    /// Queues it. A loss makes nobody wait: it was noticed only when the lease was over, which was pause enough.
    fn enqueue_after(self, event: &Event) -> Effect {
        let pause = match event {
            Event::Postponed { pause, .. } => {
                return Effect::Enqueue { job: self.job, attempt: self.attempt, delay: *pause };
            }
            Event::Lost { .. } | Event::Released { .. } => 0,
            Event::Succeeded { .. }
            | Event::Failed { .. }
            | Event::Refused { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::DeadlinePassed
            | Event::CancelRequested { .. }
            | Event::ResumeRequested { .. }
            | Event::GiveUpRequested { .. } => self.strikes,
        };
        enqueue(self.job, self.attempt, pause)
    }
}

pub(super) fn forward(current: Try, event: &Event) -> Result<Transition, Ignored> {
    let Try { job, attempt, .. } = current;
    let past_pivot = job == Job::Finish;
    if let Some(next) = current.next(event) {
        let phase = Phase::Forward { job, attempt: next.attempt, strikes: next.strikes };
        return Ok(moved(phase, vec![next.enqueue_after(event)]));
    }
    match event {
        Event::Succeeded { .. } => Ok(next_forward(job)),
        Event::Failed { reason, .. } | Event::Refused { reason, .. } if past_pivot => {
            Ok(deployed(Some(reason.clone())))
        }
        Event::Lost { .. } | Event::Released { .. } | Event::Postponed { .. } if past_pivot => {
            Ok(deployed(Some(lost_sentence(job))))
        }
        Event::Asked { question, .. } if job.plan() == Plan::Ship => {
            let phase = Phase::Asking { job, attempt, question: question.clone() };
            Ok(moved(phase, vec![Effect::Settle(Status::Shipping)]))
        }
        Event::Failed { reason, .. } | Event::Asked { question: reason, .. } => {
            Ok(unwind(job.plan(), Some(job), Cause::Failed { job, reason: reason.clone() }))
        }
        Event::Refused { reason, .. } => {
            let cause = Cause::Failed { job, reason: reason.clone() };
            Ok(unwind(job.plan(), untouched(job, attempt), cause))
        }
        Event::Lost { .. } | Event::Released { .. } | Event::Postponed { .. } => {
            Ok(unwind(job.plan(), Some(job), Cause::Lost { job }))
        }
        Event::DeadlinePassed | Event::CancelRequested { .. } if past_pivot => Err(Ignored::PastPivot),
        Event::DeadlinePassed => Ok(drain(job, attempt, Cause::Deadline { job })),
        Event::CancelRequested { by, reason } => {
            Ok(drain(job, attempt, Cause::Cancelled { by: by.clone(), reason: reason.clone() }))
        }
        Event::ResumeRequested { .. } | Event::GiveUpRequested { .. } | Event::Answered { .. } => {
            Err(Ignored::NotWaiting)
        }
    }
}

/// Nobody is at it: what a person says is done at once.
pub(super) fn asking(job: Job, attempt: u32, event: &Event) -> Result<Transition, Ignored> {
    match event {
        Event::Answered { .. } => {
            let attempt = attempt + 1;
            let phase = Phase::Forward { job, attempt, strikes: 0 };
            Ok(moved(phase, vec![Effect::Settle(Status::Shipping), enqueue(job, attempt, 0)]))
        }
        Event::CancelRequested { by, reason } => {
            let cause = Cause::Cancelled { by: by.clone(), reason: reason.clone() };
            Ok(unwind(job.plan(), Some(job), cause))
        }
        Event::DeadlinePassed | Event::ResumeRequested { .. } | Event::GiveUpRequested { .. } => {
            Err(Ignored::NotWaiting)
        }
        Event::Succeeded { .. }
        | Event::Failed { .. }
        | Event::Refused { .. }
        | Event::Asked { .. }
        | Event::Postponed { .. }
        | Event::Released { .. }
        | Event::Lost { .. } => Err(Ignored::Stale),
    }
}

pub(super) fn draining(job: Job, attempt: u32, cause: &Cause, event: &Event) -> Result<Transition, Ignored> {
    match event {
        // Whatever the worker says, it is no longer acting. Even a success is undone: the time is over.
        Event::Succeeded { .. }
        | Event::Failed { .. }
        | Event::Asked { .. }
        | Event::Postponed { .. }
        | Event::Released { .. }
        | Event::Lost { .. } => Ok(unwind(job.plan(), Some(job), cause.clone())),
        Event::Refused { .. } => Ok(unwind(job.plan(), untouched(job, attempt), cause.clone())),
        Event::DeadlinePassed | Event::CancelRequested { .. } => Err(Ignored::AlreadyUnwinding),
        Event::ResumeRequested { .. } | Event::GiveUpRequested { .. } | Event::Answered { .. } => {
            Err(Ignored::NotWaiting)
        }
    }
}

pub(super) fn compensating(
    from: Job,
    undo: Try,
    cause: &Cause,
    event: &Event,
) -> Result<Transition, Ignored> {
    let job = undo.job;
    if let Some(next) = undo.next(event) {
        let phase = Phase::Compensating {
            from,
            job,
            attempt: next.attempt,
            strikes: next.strikes,
            cause: cause.clone(),
        };
        return Ok(moved(phase, vec![next.enqueue_after(event)]));
    }
    let call_a_person = |reason: String| {
        let phase = Phase::NeedsAttention { from, job, attempt: undo.attempt, cause: cause.clone(), reason };
        moved(phase, vec![Effect::Settle(Status::NeedsAttention)])
    };
    match event {
        Event::Succeeded { .. } => Ok(next_undo(from, job, cause)),
        Event::Failed { reason, .. }
        | Event::Refused { reason, .. }
        | Event::Asked { question: reason, .. } => Ok(call_a_person(reason.clone())),
        Event::Lost { .. } | Event::Released { .. } | Event::Postponed { .. } => {
            Ok(call_a_person(lost_sentence(job)))
        }
        Event::DeadlinePassed | Event::CancelRequested { .. } => Err(Ignored::AlreadyUnwinding),
        Event::ResumeRequested { .. } | Event::GiveUpRequested { .. } | Event::Answered { .. } => {
            Err(Ignored::NotWaiting)
        }
    }
}

pub(super) fn waiting(
    from: Job,
    job: Job,
    attempt: u32,
    cause: &Cause,
    stuck: &str,
    event: &Event,
) -> Result<Transition, Ignored> {
    match event {
        Event::ResumeRequested { .. } => {
            let phase =
                Phase::Compensating { from, job, attempt: attempt + 1, strikes: 0, cause: cause.clone() };
            Ok(moved(phase, vec![Effect::Settle(Status::RollingBack), enqueue(job, attempt + 1, 0)]))
        }
        Event::GiveUpRequested { by, reason } => {
            let reason = format!("{stuck} {by} took over: {reason}");
            let outcome = Outcome::GivenUp { cause: cause.clone(), undo: job, reason };
            Ok(moved(Phase::Finished(outcome), vec![Effect::Settle(Status::NeedsAttention)]))
        }
        Event::DeadlinePassed | Event::CancelRequested { .. } => Err(Ignored::AlreadyUnwinding),
        Event::Answered { .. } => Err(Ignored::NotWaiting),
        Event::Succeeded { .. }
        | Event::Failed { .. }
        | Event::Refused { .. }
        | Event::Asked { .. }
        | Event::Postponed { .. }
        | Event::Released { .. }
        | Event::Lost { .. } => Err(Ignored::Stale),
    }
}

/// The furthest job that may have acted when this try certainly did nothing: the one before, or
/// the job itself when an earlier try of it may have acted.
fn untouched(job: Job, attempt: u32) -> Option<Job> {
    if attempt > 1 {
        return Some(job);
    }
    job.position()?.checked_sub(1).map(|position| job.sequence()[position])
}

fn next_forward(job: Job) -> Transition {
    let next = job.position().and_then(|position| job.sequence().get(position + 1)).copied();
    let Some(next) = next else {
        return match job.plan() {
            Plan::Promotion => deployed(None),
            Plan::Ship => moved(Phase::Finished(Outcome::Done), vec![Effect::Settle(Status::Pending)]),
            Plan::Errand => moved(Phase::Finished(Outcome::Done), vec![]),
        };
    };
    let mut effects = vec![enqueue(next, 1, 0)];
    if job == Job::Record {
        effects.insert(0, Effect::Settle(Status::Deployed));
    }
    moved(Phase::Forward { job: next, attempt: 1, strikes: 0 }, effects)
}

fn drain(job: Job, attempt: u32, cause: Cause) -> Transition {
    moved(Phase::Draining { job, attempt, cause }, vec![Effect::Stop { job, attempt }])
}

/// Starts the undo of everything up to `from`, or ends the run where there is nothing to undo.
fn unwind(plan: Plan, from: Option<Job>, cause: Cause) -> Transition {
    if let Some((from, first)) = from.and_then(|from| Some((from, from.unwinding().next()?))) {
        let phase = Phase::Compensating { from, job: first, attempt: 1, strikes: 0, cause };
        return moved(phase, vec![Effect::Settle(Status::RollingBack), enqueue(first, 1, 0)]);
    }
    let is_cancelled = matches!(cause, Cause::Cancelled { .. });
    let (settled, outcome) = match plan {
        Plan::Promotion if is_cancelled => (Some(Status::Cancelled), Outcome::Refused(cause)),
        Plan::Promotion => (Some(Status::Approved), Outcome::Refused(cause)),
        // Whoever stops a ship run has decided about its promotion.
        Plan::Ship if is_cancelled => (None, Outcome::Failed(cause)),
        Plan::Ship => (Some(Status::NotShipped), Outcome::Failed(cause)),
        Plan::Errand => (None, Outcome::Failed(cause)),
    };
    moved(Phase::Finished(outcome), settled.into_iter().map(Effect::Settle).collect())
}

fn next_undo(from: Job, job: Job, cause: &Cause) -> Transition {
    let next = from.unwinding().skip_while(|undo| *undo != job).nth(1);
    match next {
        Some(next) => {
            let phase = Phase::Compensating { from, job: next, attempt: 1, strikes: 0, cause: cause.clone() };
            moved(phase, vec![enqueue(next, 1, 0)])
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

pub(super) fn moved(phase: Phase, effects: Vec<Effect>) -> Transition {
    Transition { run: Run { phase }, effects }
}

pub(super) fn enqueue(job: Job, attempt: u32, strikes: u32) -> Effect {
    Effect::Enqueue { job, attempt, delay: Job::backoff(strikes) }
}
