//! Starts approved promotions when their turn comes.

use std::time::Duration;

use engine::Engine;
use engine::start::start_next;

/// How often to look without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Starts whatever may start, until the process drains; woken by commits, and by the clock because
/// a nudge can be missed.
pub(crate) async fn run(engine: &Engine) {
    let stop = engine.shutdown.draining();
    let mut nudges = engine.store.nudges();
    while !stop.is_cancelled() {
        match start_next(engine).await {
            Ok(Some(promotion)) => {
                tracing::info!(%promotion, "started");
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "the starter waits for the database");
                engine.pause_for_database().await;
            }
        }
        tokio::select! {
            () = nudges.next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
