//! What people are told when a run moves: plain sentences, one place.

use std::time::Duration;

use domain::run::{Event, Outcome, Phase, Run, Transition};
use domain::{Cause, Job, Plan, PromotionId, Step};
use protocol::event::plan_of;
use protocol::{InvalidMessage, Kind, ProgressEvent};
use store::outbox::{self, Outgoing};
use store::promotions::About;
use store::runs::Locked;
use store::{Result, Tx, progress, promotions};
use transport::Exchange;
use uuid::Uuid;

use crate::advance::RELAY_GRACE;
use crate::schedule;

/// One sentence for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) kind: Kind,
    pub(crate) step: Option<Step>,
    pub(crate) message: String,
}

/// Writes the news of a transition; returns the messages for whoever listens on the broker.
pub(crate) async fn tell(
    tx: &mut Tx,
    locked: &Locked,
    event: &Event,
    next: &Transition,
) -> Result<Vec<Outgoing>> {
    let mut messages = Vec::new();
    match locked.plan {
        Plan::Promotion => {}
        Plan::Ship => {
            let about = promotions::about(tx, &locked.promotion).await?;
            let mut told = of_shipping(&about, &locked.run, event, &next.run);
            if let Some(ready) = told.iter_mut().find(|item| item.kind == Kind::Created) {
                let outlook = schedule::outlook_within(tx, &locked.promotion).await?;
                ready.message = format!("{} {outlook}", ready.message);
            }
            for item in told {
                messages.push(publish(tx, &locked.promotion, &item).await?);
            }
            return Ok(messages);
        }
        // Whoever follows the promotion waits for its steps; the log has the rest.
        Plan::Errand => return Ok(messages),
    }
    let is_rollback = promotions::is_rollback(tx, &locked.promotion).await?;
    for item in of_transition(&locked.run, event, &next.run, locked.time_limit) {
        let item = if is_rollback { found_again(item) } else { item };
        messages.push(publish(tx, &locked.promotion, &item).await?);
    }
    Ok(messages)
}

/// Writes one piece of news of a promotion and the message that carries it.
pub(crate) async fn publish(tx: &mut Tx, promotion: &PromotionId, news: &News) -> Result<Outgoing> {
    let (sequence, at) =
        progress::insert(tx, promotion, news.kind.as_str(), news.step, &news.message).await?;
    let about = promotions::about(tx, promotion).await?;
    let (plan, steps_total) = plan_of(news.step);
    let event = ProgressEvent {
        sequence,
        at,
        kind: news.kind,
        promotion: promotion.to_string(),
        build: about.build,
        installation: about.installation,
        plan: plan.to_string(),
        step: news.step.map(Step::number),
        step_title: news.step.map(|step| step.title().to_owned()),
        steps_total,
        message: news.message.clone(),
    };
    let id = Uuid::now_v7();
    let message = Outgoing {
        id,
        exchange: Exchange::Events.as_str().to_owned(),
        routing_key: event.routing_key(),
        body: event.envelope(id),
        traceparent: None,
    };
    outbox::insert(tx, &message, RELAY_GRACE).await?;
    Ok(message)
}

/// The message that tells the sender of a ship message why it was not taken.
pub(crate) async fn refusal(
    tx: &mut Tx,
    message_id: Option<&str>,
    refused: &InvalidMessage,
) -> Result<Outgoing> {
    let id = Uuid::now_v7();
    let message = Outgoing {
        id,
        exchange: Exchange::Events.as_str().to_owned(),
        routing_key: "ship.refused".to_owned(),
        body: protocol::event::refusal(id, message_id, refused),
        traceparent: None,
    };
    outbox::insert(tx, &message, RELAY_GRACE).await?;
    Ok(message)
}

/// Why the promotion stands where it stands after this run's latest move.
pub(crate) fn reason(run: &Run, limit: Duration) -> Option<String> {
    match &run.phase {
        Phase::Forward { .. } | Phase::Finished(Outcome::Done) => None,
        Phase::Asking { question, .. } => Some(question.clone()),
        Phase::Draining { cause, .. }
        | Phase::Compensating { cause, .. }
        | Phase::Finished(Outcome::Refused(cause) | Outcome::RolledBack(cause) | Outcome::Failed(cause)) => {
            Some(cause.sentence(limit))
        }
        Phase::Finished(Outcome::Deployed { warning }) => warning.clone(),
        Phase::NeedsAttention { cause, job: undo, reason, .. }
        | Phase::Finished(Outcome::GivenUp { cause, undo, reason }) => Some(format!(
            "{} Putting it back stopped at “{}”: {reason}",
            cause.sentence(limit),
            undoing(*undo).trim_end_matches('.'),
        )),
    }
}

/// What people are told of a ship run; nothing of one that a person has stopped, who was told.
fn of_shipping(about: &About, before: &Run, event: &Event, after: &Run) -> Vec<News> {
    match &after.phase {
        Phase::Forward { job, attempt: 1, .. } => went_on(before, *job),
        Phase::Forward { job, .. } => {
            if let Event::Answered { by } = event {
                vec![news(Kind::StepStarted, *job, format!("{by} has answered. Going on."))]
            } else {
                vec![retried(*job, event)]
            }
        }
        Phase::Asking { job, question, .. } => vec![news(Kind::Asked, *job, question.clone())],
        Phase::Finished(Outcome::Done) => {
            let About { title, installation, .. } = about;
            let ready = format!("“{title}” is ready to be shipped to {installation} and waits for approval.");
            vec![
                news(Kind::StepFinished, Job::Deploy, finished(Step::Deploy)),
                News { kind: Kind::Created, step: None, message: ready },
            ]
        }
        Phase::Finished(Outcome::Failed(Cause::Cancelled { .. }))
        | Phase::Draining { .. }
        | Phase::Compensating { .. }
        | Phase::NeedsAttention { .. } => vec![],
        Phase::Finished(_) => {
            let why = reason(after, Duration::ZERO).unwrap_or_default();
            vec![News { kind: Kind::NotShipped, step: None, message: why }]
        }
    }
}

fn of_transition(before: &Run, event: &Event, after: &Run, limit: Duration) -> Vec<News> {
    match &after.phase {
        Phase::Forward { job, attempt, .. } if *attempt > 1 => vec![retried(*job, event)],
        Phase::Forward { job, .. } => went_on(before, *job),
        Phase::Asking { .. } | Phase::Draining { .. } => vec![],
        Phase::Compensating { job, attempt, .. } if *attempt > 1 => vec![retried(*job, event)],
        Phase::Compensating { job, cause, .. } => went_back(before, *job, cause, limit),
        Phase::NeedsAttention { .. } => {
            let why = reason(after, limit).unwrap_or_default();
            vec![News { kind: Kind::NeedsAttention, step: None, message: why }]
        }
        Phase::Finished(outcome) => ended(before, outcome, after, limit),
    }
}

fn news(kind: Kind, job: Job, message: impl Into<String>) -> News {
    News { kind, step: Some(job.step()), message: message.into() }
}

fn retried(job: Job, event: &Event) -> News {
    news(Kind::StepRetried, job, trying_again(event))
}

/// Why something is tried once more.
fn trying_again(event: &Event) -> String {
    let why = match event {
        Event::Failed { reason, .. } => reason.clone(),
        Event::Lost { .. } => "Whoever was working on it vanished.".to_owned(),
        Event::Released { .. } => "Whoever was working on it had to stop.".to_owned(),
        Event::ResumeRequested { by } => format!("{by} asked to go on."),
        Event::Postponed { pause, .. } => {
            return format!("It has to wait, and is tried again in {} s.", pause.as_secs());
        }
        Event::Succeeded { .. }
        | Event::Refused { .. }
        | Event::Asked { .. }
        | Event::Answered { .. }
        | Event::DeadlinePassed
        | Event::CancelRequested { .. }
        | Event::GiveUpRequested { .. } => String::new(),
    };
    format!("{why} Trying again.").trim_start().to_owned()
}

fn went_on(before: &Run, next: Job) -> Vec<News> {
    let done = before.current().map(|(job, _)| job).filter(|job| job.step() != next.step());
    let mut all: Vec<News> =
        done.map(|job| news(Kind::StepFinished, job, finished(job.step()))).into_iter().collect();
    if done == Some(Job::Record) {
        all.push(news(Kind::Deployed, Job::Record, "The new version is in production."));
    }
    if done.is_some() {
        all.push(news(Kind::StepStarted, next, doing(next.step())));
    }
    all
}

fn went_back(before: &Run, next: Job, cause: &Cause, limit: Duration) -> Vec<News> {
    match before.phase {
        Phase::Compensating { job, .. } => {
            vec![news(Kind::StepFinished, job, undone(job)), news(Kind::StepStarted, next, undoing(next))]
        }
        Phase::Forward { job, .. } | Phase::Draining { job, .. } => vec![
            news(Kind::RollingBack, job, cause.sentence(limit)),
            news(Kind::StepStarted, next, undoing(next)),
        ],
        Phase::Asking { .. } | Phase::NeedsAttention { .. } | Phase::Finished(_) => vec![],
    }
}

fn ended(before: &Run, outcome: &Outcome, after: &Run, limit: Duration) -> Vec<News> {
    let last = before.current().map_or(Job::Finish, |(job, _)| job);
    let why = reason(after, limit).unwrap_or_default();
    match outcome {
        Outcome::Deployed { warning: None } => vec![
            news(Kind::StepFinished, last, finished(Step::Cleanup)),
            news(
                Kind::CleanedUp,
                last,
                "Done: the new version is in production and temporary files are gone.",
            ),
        ],
        Outcome::Deployed { warning: Some(warning) } => vec![news(
            Kind::CleanedUp,
            last,
            format!(
                "The new version is in production, but not everything temporary could be removed: {warning}"
            ),
        )],
        Outcome::Refused(Cause::Cancelled { .. }) => vec![news(Kind::Cancelled, last, why)],
        Outcome::Refused(_) => vec![news(Kind::Held, last, why)],
        Outcome::RolledBack(_) => vec![
            news(Kind::StepFinished, last, undone(last)),
            News {
                kind: Kind::RolledBack,
                step: None,
                message: format!("{why} The old version is back in production and works."),
            },
        ],
        Outcome::GivenUp { .. } => vec![News { kind: Kind::NeedsAttention, step: None, message: why }],
        Outcome::Done | Outcome::Failed(_) => vec![],
    }
}

/// What a step is doing, while it does it.
pub(crate) fn doing(step: Step) -> &'static str {
    match step {
        Step::Validate => "Checking that everything is in place.",
        Step::WindowCheck => "Checking whether now is a time to deploy.",
        Step::Backup => "Backing up the production database.",
        Step::Extract => "Laying the feature's sealed files over the current source.",
        Step::Build => "Building the new version.",
        Step::Prepare => "Making sure that the current version can be brought back.",
        Step::Stop => "Stopping the current version; the application is briefly unavailable.",
        Step::Start => "Starting the new version.",
        Step::Health => "Checking that the new version works.",
        Step::Record => "Recording the deployment.",
        Step::Cleanup => "Removing temporary files and the old version.",
        Step::Seal => "Taking the feature out of the place where it was built.",
        Step::Register => "Registering the product.",
        Step::Epic => "Adding the feature to the backlog.",
        Step::Assess => "Looking whether the feature could be shared with others.",
        Step::Propose => "Asking the security gates, and proposing the feature.",
        Step::Deploy => "Looking when it could be deployed.",
    }
}

fn finished(step: Step) -> &'static str {
    match step {
        Step::Validate => "Everything is in place.",
        Step::WindowCheck => "Now is a time to deploy.",
        Step::Backup => "The production database is backed up, and the backup was read back.",
        Step::Extract => "The feature's sealed files are laid over the current source.",
        Step::Build => "The new version is built.",
        Step::Prepare => "The current version can be brought back at any moment.",
        Step::Stop => "The current version is stopped.",
        Step::Start => "The new version runs.",
        Step::Health => "The new version works.",
        Step::Record => "The deployment is on record.",
        Step::Cleanup => "Temporary files are gone.",
        Step::Seal => "The feature is sealed: what is looked at and approved now is what would be deployed.",
        Step::Register => "The product is registered; it becomes active with its deployment.",
        Step::Epic => "The feature is in the backlog of operations.",
        Step::Assess => "Whether the feature is shared with others is decided.",
        Step::Propose => "The security gates have looked at the feature.",
        Step::Deploy => "It is known when it could be deployed.",
    }
}

/// A rollback finds what other promotions take and build.
fn found_again(item: News) -> News {
    let (looking, found) = match item.step {
        Some(Step::Extract) => (
            "Looking for the source of the earlier version.",
            "The source of the earlier version is there, unchanged.",
        ),
        Some(Step::Build) => (
            "Looking for the earlier version itself.",
            "The earlier version is there; nothing has to be built.",
        ),
        Some(_) | None => return item,
    };
    let is = |words: fn(Step) -> &'static str| item.step.is_some_and(|step| item.message == words(step));
    let message = match (is(doing), is(finished)) {
        (true, _) => looking,
        (false, true) => found,
        (false, false) => return item,
    };
    News { message: message.to_owned(), ..item }
}

fn undoing(job: Job) -> &'static str {
    undo_sentences(job).0
}

fn undone(job: Job) -> &'static str {
    undo_sentences(job).1
}

/// What an undo job is doing, and what it has done.
fn undo_sentences(job: Job) -> (&'static str, &'static str) {
    match job {
        Job::StopNew => ("Stopping the new version.", "The new version is stopped and removed."),
        Job::Restore => ("Putting the database back as it was.", "The database is as it was."),
        Job::StartOld => ("Starting the old version again.", "The old version runs again."),
        Job::Unprepare => {
            ("Removing what was prepared for the swap.", "What was prepared for the swap is removed.")
        }
        Job::DiscardImage => {
            ("Removing the version that was built.", "The version that was built is removed.")
        }
        Job::DiscardContext => ("Removing the build files.", "The build files are removed."),
        Job::DiscardPartial => ("Removing unfinished backup files.", "No unfinished backup files are left."),
        Job::CheckOld => ("Checking that the old version works.", "The old version works."),
        Job::Validate
        | Job::CheckWindow
        | Job::Dump
        | Job::Extract
        | Job::Image
        | Job::Prepare
        | Job::StopOld
        | Job::Snapshot
        | Job::StartNew
        | Job::CheckNew
        | Job::Record
        | Job::Finish
        | Job::Seal
        | Job::Register
        | Job::Epic
        | Job::Assess
        | Job::Gates
        | Job::Propose
        | Job::Deploy
        | Job::RehearseBackup
        | Job::VerifyBackup
        | Job::PruneBackups => (doing(job.step()), finished(job.step())),
    }
}
