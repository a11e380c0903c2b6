//! Starts approved promotions when their turn comes.

use std::time::Duration;

use anyhow::Result;
use engine::Engine;
use engine::start::start_next;
use engine::store::StoreError;

/// How often to look without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Starts whatever may start, until the process drains; woken by commits, and by the clock because
/// a nudge can be missed.
pub(crate) async fn run(engine: &Engine) -> Result<()> {
    let stop = engine.shutdown.draining();
    while !stop.is_cancelled() {
        if let Err(error) = follow_nudges(engine).await {
            tracing::warn!(%error, "the starter waits for the database");
            engine.pause_for_database().await;
        }
    }
    Ok(())
}

/// Returns when the process drains, or with the error that cut the connection.
async fn follow_nudges(engine: &Engine) -> Result<(), StoreError> {
    let stop = engine.shutdown.draining();
    let mut nudges = engine.store.nudges().await?;
    while !stop.is_cancelled() {
        while let Some(promotion) = start_next(engine).await? {
            tracing::info!(%promotion, "started");
        }
        tokio::select! {
            heard = nudges.next() => heard?,
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}
