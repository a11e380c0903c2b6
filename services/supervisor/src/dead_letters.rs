//! Orders that nobody could take: their jobs fail with the reason instead of waiting for ever.

use domain::Worker;
use engine::advance::dead_letter_event;
use engine::store::StoreError;
use engine::transport::{Delivery, Queue};
use engine::{Engine, Report, Reporter, advance, worker};
use futures_util::future::join_all;

/// One after the other: there should be none.
const PREFETCH: u16 = 1;

/// Follows the dead letters of all workers until the process drains.
pub(crate) async fn run(engine: &Engine) {
    let queues = Worker::ALL.iter().map(|worker| worker.as_str().to_owned());
    join_all(
        queues.flat_map(|name| [Queue::Jobs(name.clone()), Queue::Undo(name)]).map(|it| follow(engine, it)),
    )
    .await;
}

async fn follow(engine: &Engine, queue: Queue) {
    let mut letters = engine.broker.consume_dead(&queue, PREFETCH, engine.shutdown.draining());
    while let Some(letter) = letters.next().await {
        let heard = match fail(engine, &letter).await {
            Ok(()) => letter.ack().await,
            Err(error) => {
                tracing::warn!(%error, "a dead letter waits for the database");
                engine.pause_for_database().await;
                letter.retry().await
            }
        };
        if !heard {
            tracing::debug!("the broker will deliver this dead letter again");
        }
    }
}

/// Fails the job that the letter orders, if it still waits.
async fn fail(engine: &Engine, letter: &Delivery) -> Result<(), StoreError> {
    let reason = letter.dead_reason.as_deref().unwrap_or("nobody could take it");
    let Ok(which) = worker::read(&letter.body) else {
        let body = String::from_utf8_lossy(&letter.body);
        tracing::error!(reason, %body, "discarded a message that is no order");
        return Ok(());
    };
    let event = dead_letter_event(which.job, which.attempt, reason);
    match advance(engine, which.run, &event, Reporter::DeadLetters, &Report::default()).await {
        Ok(told) => {
            tracing::error!(run = %which.run, job = %which.job, reason, ?told, "an order was not taken");
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::ReadOnly)) => return Err(error),
        Err(error) => tracing::error!(run = %which.run, reason, %error, "a run could not be told"),
    }
    Ok(())
}
