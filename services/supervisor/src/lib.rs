//! The supervisor: compares what should be with what is, and tells the runs.
//!
//! It takes no input. Every round looks at all runs: deadlines that have passed, leases that are over,
//! jobs whose message the broker lost, jobs that nobody takes, messages that nobody publishes, openings of
//! deployment windows that scheduled promotions wait for. Rounds
//! are made every half second and at once when somebody commits something; they are idempotent.
//!
//! Several supervisors may run; one leads and makes the rounds. Each campaigns before each round, so
//! another one takes over within `TERM_LENGTH` and a round. What a leader tells a run holds only in
//! its own term. Beside the rounds each listens for orders that nobody could take.

mod clock;
mod dead_letters;
mod round;

use std::time::Duration;

use anyhow::Result;
use engine::Engine;
use engine::store::leadership::Campaign;
use engine::store::{StoreError, answered};
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::{Clock, Reading};
use crate::round::Found;

/// How often a round is made: a deadline is noticed within a second.
const ROUND_EVERY: Duration = Duration::from_millis(500);

/// How long a leader that is not heard of keeps the lead.
const TERM_LENGTH: Duration = Duration::from_secs(1);

/// Makes rounds and listens until the process drains.
pub async fn run(engine: &Engine) -> Result<()> {
    tokio::join!(make_rounds(engine), dead_letters::run(engine));
    Ok(())
}

async fn make_rounds(engine: &Engine) {
    let stop = engine.shutdown.draining();
    let mut clock = Clock::default();
    let mut nudges = engine.store.nudges();
    let mut rounds = tokio::time::interval(ROUND_EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = nudges.next() => {}
            () = stop.cancelled() => break,
        }
        match round(engine, &mut clock).await {
            Ok(()) => {}
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "the supervisor waits for the database");
                engine.pause_for_database().await;
            }
            Err(error) => {
                tracing::error!(%error, "a round was cut short");
                engine.pause_for_database().await;
            }
        }
    }
    if let Err(error) = answered(engine.store.resign(&engine.owner)).await {
        tracing::debug!(%error, "the lead ends with its term");
    }
}

async fn round(engine: &Engine, clock: &mut Clock) -> Result<(), StoreError> {
    // Looked for before the clock is read: what is found by a clock that was set just now is not believed.
    let found = answered(Found::look(&engine.store)).await?;
    let asked = Instant::now();
    let Campaign { term, clock: shown } = answered(engine.store.campaign(&engine.owner, TERM_LENGTH)).await?;
    let jump = clock.jump(Reading { shown, asked, answered: Instant::now() });
    match (term, jump) {
        (None, _) => Ok(()),
        (Some(term), Some(jump)) => round::follow_jump(engine, term, jump).await,
        (Some(term), None) => found.tell(engine, term).await,
    }
}
