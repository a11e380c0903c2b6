//! One kind of worker: takes jobs from its queues, runs them under a lease, reports.
//!
//! 1. A message names a try. Claim it in the database; the claim is what counts: from here on the
//!    lease, not the broker, brings the job back.
//! 2. Run the handler while the heartbeat keeps the lease. Stop it at once when the run no longer
//!    wants it, the lease cannot be kept, its time is over or the process must end.
//! 3. Report through `advance`, also what was cut short. A report that comes too late is refused there
//!    by its token and kept as evidence.
//! 4. Acknowledge the message. Until then it counts against the prefetch, so a worker whose slots
//!    are taken leaves further messages to others.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::run::Event;
use domain::{Job, Plan, Worker};
use futures_util::FutureExt;
use protocol::JobMessage;
use store::jobs::Try;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use transport::{Delivery, Exchange, Queue};

use crate::heartbeat::{self, Claimed};
use crate::job::{JobContext, JobHandler, Order, Reason, Report, StepError, Urgency};
use crate::patience::patiently;
use crate::{Advanced, Engine, Reporter, advance, failpoint, log};

/// How long a report may take once the process is told to let go.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a report that nobody waits for any more is tried.
const EVIDENCE_LIMIT: Duration = Duration::from_mins(1);

/// Runs this kind of worker until the process drains and its jobs are done or abandoned.
pub async fn run<H: JobHandler>(engine: &Engine, worker: Worker, handler: H) -> anyhow::Result<()> {
    let handler = Arc::new(handler);
    let nudge = follow_control(engine).await;
    let name = worker.as_str();
    tracing::info!(worker = name, "ready");
    // Undo never waits behind forward jobs: it has slots of its own.
    tokio::join!(
        serve(engine, worker, &handler, Queue::Jobs(name.into()), &nudge),
        serve(engine, worker, &handler, Queue::Undo(name.into()), &nudge),
    );
    Ok(())
}

/// Works on the jobs of one queue, as many at once as there are slots.
async fn serve<H: JobHandler>(
    engine: &Engine,
    worker: Worker,
    handler: &Arc<H>,
    queue: Queue,
    nudge: &watch::Receiver<u64>,
) {
    let slots = Arc::new(Semaphore::new(engine.config.worker_slots.into()));
    let mut messages = engine.broker.consume(&queue, engine.config.worker_slots, engine.shutdown.draining());
    let jobs = TaskTracker::new();
    loop {
        // The slot comes first: a message in hand without one would keep others from it.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let Some(delivery) = messages.next().await else { break };
        let (engine, handler, nudge) = (engine.clone(), Arc::clone(handler), nudge.clone());
        jobs.spawn(async move {
            take(&engine, worker, &*handler, delivery, nudge).await;
            drop(slot);
        });
    }
    jobs.close();
    jobs.wait().await;
}

/// A counter that grows with every word that some job may no longer be wanted.
async fn follow_control(engine: &Engine) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    let stop = engine.shutdown.draining();
    let mut words = engine.broker.subscribe(Exchange::Control, "#", stop).await;
    tokio::spawn(async move {
        while words.next().await.is_some() {
            sender.send_modify(|count| *count += 1);
        }
        // Keep the channel open for heartbeats that outlive the subscription.
        sender.closed().await;
    });
    receiver
}

async fn take<H: JobHandler>(
    engine: &Engine,
    worker: Worker,
    handler: &H,
    delivery: Delivery,
    nudge: watch::Receiver<u64>,
) {
    let which = match order_for(worker, &delivery.body) {
        Ok(which) => which,
        Err(problem) => {
            tracing::error!(%problem, "a message is not an order of ours");
            note(delivery.dead_letter(&problem).await);
            return;
        }
    };
    let span =
        tracing::info_span!("promotion.job", job = %which.job, attempt = which.attempt, worker = %worker);
    telemetry::continue_trace(&span, delivery.traceparent.as_deref());
    claim_and_run(engine, handler, which, delivery, nudge).instrument(span).await;
}

async fn claim_and_run<H: JobHandler>(
    engine: &Engine,
    handler: &H,
    which: Try,
    delivery: Delivery,
    mut nudge: watch::Receiver<u64>,
) {
    // Words from before the claim are none of its business; those from now on are.
    nudge.mark_unchanged();
    match unless_told_to_go(engine, patiently(|| claim(engine, which))).await {
        Some(Ok(Some(claimed))) => {
            failpoint::pass("after_lease", [which.job]);
            attempt(engine, handler, &claimed, nudge).await;
            failpoint::pass("after_commit_before_ack", [which.job]);
            note(delivery.ack().await);
        }
        Some(Ok(None)) => {
            tracing::debug!("somebody else has it, or it is over");
            note(delivery.ack().await);
        }
        Some(Err(error)) => {
            tracing::error!(%error, "could not claim");
            note(delivery.retry().await);
        }
        // The process must end; dropping the delivery gives it back.
        None => drop(delivery),
    }
}

async fn claim(engine: &Engine, which: Try) -> store::Result<Option<Claimed>> {
    let asked = Instant::now();
    let length = engine.config.lease();
    let lease = engine.store.claim(which, &engine.owner, length).await?;
    Ok(lease.map(|lease| Claimed { which, lease, asked, length }))
}

async fn attempt<H: JobHandler>(
    engine: &Engine,
    handler: &H,
    claimed: &Claimed,
    nudge: watch::Receiver<u64>,
) {
    let which = claimed.which;
    let unwanted = CancellationToken::new();
    let heartbeat = heartbeat::keep(&engine.store, claimed, nudge, unwanted.clone());
    tokio::pin!(heartbeat);
    let result = tokio::select! {
        result = execute(engine, handler, which) => result,
        () = &mut heartbeat => {
            tracing::warn!("the lease cannot be kept: nothing more is touched");
            let evidence = testify(engine, claimed);
            return if tokio::time::timeout(EVIDENCE_LIMIT, evidence).await.is_err() {
                tracing::warn!("nobody heard why the job was cut short");
            };
        }
        () = unwanted.cancelled() => {
            Err(StepError::fail_plainly("It was stopped because the deployment is being undone."))
        }
        () = tokio::time::sleep(which.job.time_limit()) => Err(StepError::Retry(Reason {
            sentence: Some(format!("“{}” took too long and was stopped.", which.job.step().title())),
            ..Reason::default()
        })),
        () = engine.shutdown.abandoned().cancelled_owned() => Err(StepError::Release),
    };
    failpoint::pass("after_effect", [which.job]);
    let (event, report) = to_event(which, result);
    let reported = report_until_heard(engine, which, claimed.lease.token, &event, &report);
    tokio::pin!(reported);
    // The lease is kept while the report is on its way. It ends when the report is heard, and what
    // follows from it is still to be published then, so that end cuts nothing short.
    tokio::select! {
        () = &mut reported => return,
        () = &mut heartbeat => {}
    }
    reported.await;
}

/// Says that the job was cut short. Heard if nobody has declared it lost; evidence otherwise.
async fn testify(engine: &Engine, claimed: &Claimed) {
    let result = Err(StepError::Retry(Reason {
        sentence: Some("The worker lost touch with Slipway's records and stopped.".into()),
        ..Reason::default()
    }));
    let (event, report) = to_event(claimed.which, result);
    report_until_heard(engine, claimed.which, claimed.lease.token, &event, &report).await;
}

/// Runs the handler; whatever it does, the outcome is a value.
async fn execute<H: JobHandler>(engine: &Engine, handler: &H, which: Try) -> Result<Report, StepError> {
    let order = order(engine, which).await?;
    tracing::info!(promotion = %order.promotion, "started");
    let (sender, writer) = log::open(engine.store.clone(), order.promotion.clone(), which.job);
    let cx =
        JobContext::new(order, which.attempt, engine.store.clone(), engine.config.data_dir.clone(), sender);
    let result = AssertUnwindSafe(handler.run(which.job, &cx)).catch_unwind().await.unwrap_or_else(|_| {
        Err(StepError::Retry(Reason {
            detail: Some(anyhow::anyhow!("the handler panicked")),
            ..Reason::default()
        }))
    });
    match &result {
        Ok(_) => tracing::info!(promotion = %cx.order.promotion, "done"),
        Err(
            StepError::Retry(Reason { sentence, detail, .. })
            | StepError::Fail(Reason { sentence, detail, .. }),
        ) => {
            let detail = detail.as_ref().map(|detail| format!("{detail:#}"));
            cx.log(format!("failed: {}", detail.as_deref().or(sentence.as_deref()).unwrap_or("no detail")));
            tracing::warn!(promotion = %cx.order.promotion, sentence, detail, "failed");
        }
        Err(StepError::Refuse(sentence)) => cx.log(format!("refused: {sentence}")),
        Err(StepError::Ask(question)) => {
            cx.log(format!("asked: {}", question.sentence));
            question.details.iter().for_each(|detail| cx.log(format!("    {detail}")));
        }
        Err(StepError::Postpone(pause)) => cx.log(format!("put off for {} s", pause.as_secs())),
        Err(StepError::Release) => {}
    }
    drop(cx);
    writer.close().await;
    result
}

async fn order(engine: &Engine, which: Try) -> Result<Order, StepError> {
    let gone = || StepError::fail_plainly("Slipway's records of this deployment are gone.");
    let promotion = patiently(|| engine.store.promotion_of_run(which.run)).await?.ok_or_else(gone)?;
    let installation =
        patiently(|| engine.store.installation(&promotion.installation)).await?.ok_or_else(gone)?;
    let input = match which.job.plan() {
        Plan::Promotion | Plan::Ship => None,
        Plan::Errand => patiently(|| engine.store.input(which.run)).await?,
    };
    Ok(Order {
        run: which.run,
        input,
        promotion: promotion.id,
        build: promotion.build,
        title: promotion.title,
        requested_by: promotion.requested_by.clone(),
        created_at: promotion.created_at,
        verification: promotion.verification,
        contribution: promotion.contribution,
        change_type: promotion.change_type,
        risk: promotion.risk,
        urgency: promotion
            .change_reason
            .map(|reason| Urgency { by: promotion.reason_by.unwrap_or(promotion.requested_by), reason }),
        overrides_windows: promotion.overrides_windows,
        sandbox: promotion.sandbox,
        baseline: promotion.baseline,
        change_set: promotion.facts.change_set,
        rolls_back_to: promotion.rolls_back_to,
        restore_from: promotion.restore_from,
        installation: installation.description,
        installation_name: installation.name,
        current_promotion: installation.current_promotion,
    })
}

fn to_event(which: Try, result: Result<Report, StepError>) -> (Event, Report) {
    let Try { job, attempt, .. } = which;
    let failed = |reason: Reason, retry| {
        let sentence = reason.sentence.unwrap_or_else(|| {
            format!("“{}” could not be done; the log of this deployment says why.", job.step().title())
        });
        let report = Report { checked: reason.checked, ..Report::default() };
        (Event::Failed { job, attempt, reason: sentence, retry }, report)
    };
    match result {
        Ok(report) => (Event::Succeeded { job, attempt }, report),
        Err(StepError::Retry(reason)) => failed(reason, true),
        Err(StepError::Fail(reason)) => failed(reason, false),
        Err(StepError::Refuse(reason)) => (Event::Refused { job, attempt, reason }, Report::default()),
        Err(StepError::Ask(question)) => {
            let output = serde_json::to_value(&question).ok();
            let question = question.sentence;
            (Event::Asked { job, attempt, question }, Report { output, ..Report::default() })
        }
        Err(StepError::Postpone(pause)) => (Event::Postponed { job, attempt, pause }, Report::default()),
        Err(StepError::Release) => (Event::Released { job, attempt }, Report::default()),
    }
}

async fn report_until_heard(engine: &Engine, which: Try, token: i64, event: &Event, report: &Report) {
    let reporter = Reporter::Worker { token };
    let heard = patiently(|| advance(engine, which.run, event, reporter, report));
    match unless_told_to_go(engine, heard).await {
        Some(Ok(Advanced::Moved(_))) => {}
        Some(Ok(Advanced::Ignored(why))) => tracing::warn!(%why, "the report changed nothing"),
        Some(Err(error)) => tracing::error!(%error, "the report was refused"),
        None => tracing::warn!("the process ended before the report was heard"),
    }
}

/// Tries until the database answers; `None` when the process must end first.
async fn unless_told_to_go<T>(engine: &Engine, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        result = call => Some(result),
        () = last_words(engine) => None,
    }
}

/// Returns a little after the process is told to let go: a report under way may still be heard.
async fn last_words(engine: &Engine) {
    engine.shutdown.abandoned().cancelled_owned().await;
    tokio::time::sleep(LAST_WORDS).await;
}

/// A settlement that the broker did not hear makes it repeat the message; the claim makes that harmless.
fn note(heard: bool) {
    if !heard {
        tracing::debug!("the broker will deliver this message again");
    }
}

/// The try that an order names.
///
/// # Errors
/// What is wrong with it: it is not an order of ours.
pub fn read(body: &[u8]) -> Result<Try, String> {
    let message: JobMessage =
        serde_json::from_slice(body).map_err(|error| format!("not a job message: {error}"))?;
    let job: Job = message.job.parse().map_err(|_| format!("unknown job {:?}", message.job))?;
    Ok(Try { run: message.run, job, attempt: message.attempt })
}

fn order_for(worker: Worker, body: &[u8]) -> Result<Try, String> {
    let which = read(body)?;
    if which.job.worker() != worker {
        return Err(format!("{} is not a job of the {worker} worker", which.job));
    }
    Ok(which)
}
