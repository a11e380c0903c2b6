//! The supervisor: compares what should be with what is, and tells the runs.
//!
//! It takes no input. Every round looks at all runs: deadlines that have passed, leases that are
//! over, jobs whose message the broker lost. Rounds are idempotent, so several supervisors may run.
//! Beside the rounds it listens for orders that nobody could take.

mod dead_letters;

use std::time::Duration;

use anyhow::Result;
use domain::run::Event;
use engine::start::remind;
use engine::store::StoreError;
use engine::{Engine, Report, Reporter, advance};
use uuid::Uuid;

/// How often a round is made: a deadline is noticed within a second.
const ROUND_EVERY: Duration = Duration::from_millis(500);

/// A job that nobody took for this long is announced again: its message is probably lost.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// Makes rounds and listens until the process drains.
pub async fn run(engine: &Engine) -> Result<()> {
    tokio::join!(make_rounds(engine), dead_letters::run(engine));
    Ok(())
}

async fn make_rounds(engine: &Engine) {
    let stop = engine.shutdown.draining();
    let mut rounds = tokio::time::interval(ROUND_EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stop.cancelled() => return,
        }
        match round(engine).await {
            Ok(()) => {}
            Err(error @ (StoreError::Unavailable(_) | StoreError::ReadOnly)) => {
                tracing::warn!(%error, "the supervisor waits for the database");
            }
            Err(error) => tracing::error!(%error, "a round was cut short"),
        }
    }
}

async fn round(engine: &Engine) -> Result<(), StoreError> {
    for run in engine.store.runs_past_deadline().await? {
        tell(engine, run, &Event::DeadlinePassed).await?;
    }
    for lost in engine.store.lost_tries().await? {
        tell(engine, lost.run, &Event::Lost { job: lost.job, attempt: lost.attempt }).await?;
    }
    for forgotten in remind(engine, FORGOTTEN_AFTER).await? {
        tracing::warn!(run = %forgotten.run, job = %forgotten.job, "announced a job again that nobody took");
    }
    Ok(())
}

async fn tell(engine: &Engine, run: Uuid, event: &Event) -> Result<(), StoreError> {
    match advance(engine, run, event, Reporter::Supervisor, &Report::default()).await {
        Ok(told) => tracing::info!(%run, ?event, ?told, "told a run"),
        Err(error @ (StoreError::Unavailable(_) | StoreError::ReadOnly)) => return Err(error),
        // One bad run must not hold up the others; it is looked at again next round.
        Err(error) => tracing::error!(%run, %error, "a run could not be told"),
    }
    Ok(())
}
