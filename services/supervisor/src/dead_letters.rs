//! Empties the dead-letter queues into the records: nothing that nobody could handle is lost, and no
//! promotion waits for an order that nobody will take.

use engine::transport::{Delivery, Queue};
use engine::{Engine, dead_letters};
use futures_util::future::join_all;

/// One after the other: there should be none.
const PREFETCH: u16 = 1;

/// Follows the dead letters of all queues until the process drains. Several supervisors share them.
pub(crate) async fn run(engine: &Engine) {
    join_all(Queue::all().iter().map(|queue| follow(engine, queue))).await;
}

async fn follow(engine: &Engine, queue: &Queue) {
    let mut letters = engine.broker.consume_dead(queue, PREFETCH, engine.shutdown.draining());
    while let Some(letter) = letters.next().await {
        if !keep(engine, queue, &letter).await {
            // Dropping the letter gives it back.
            return;
        }
        if !letter.ack().await {
            tracing::debug!("the broker will deliver this dead letter again");
        }
    }
}

/// Keeps the letter, however long the database is away; false when the process must end first.
async fn keep(engine: &Engine, queue: &Queue, letter: &Delivery) -> bool {
    while !engine.shutdown.draining().is_cancelled() {
        match dead_letters::keep(engine, queue, letter).await {
            Ok(id) => {
                tracing::error!(letter = id, %queue, reason = letter.dead_reason, "kept a dead letter");
                return true;
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, %queue, "a dead letter waits for the database");
            }
            Err(error) => tracing::error!(%error, %queue, "a dead letter could not be kept; trying again"),
        }
        engine.pause_for_database().await;
    }
    false
}
