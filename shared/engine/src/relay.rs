//! From the outbox to the broker: at once by whoever committed, and by the sweep for what was left.

use std::time::Duration;

use store::outbox::{self, Outgoing};
use store::{Result, answered};
use transport::Message;
use uuid::Uuid;

use crate::{Engine, failpoint};

/// How often the sweep looks without being woken.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// How many messages one sweep takes.
const BATCH_MAX: i64 = 200;

/// A message that was taken but not confirmed is taken again after this long.
const RETAKE_AFTER: Duration = Duration::from_secs(15);

impl Engine {
    /// Waits for a transaction, but not for ever, and publishes at once the messages that it left in the
    /// outbox; answers what else it did. What is not published here stays for the sweep.
    ///
    /// # Errors
    /// Those of the transaction; nothing is published then.
    pub(crate) fn recorded<T>(
        &self,
        transaction: impl Future<Output = Result<(T, Vec<Outgoing>)>>,
    ) -> impl Future<Output = Result<T>> {
        // In a box from the beginning: whoever waits for several would carry them all.
        let transaction = Box::pin(transaction);
        async move {
            let (done, messages) = answered(transaction).await?;
            if let Err(error) = self.publish_and_forget(messages).await {
                tracing::debug!(%error, "the relay will publish these messages again");
            }
            Ok(done)
        }
    }

    async fn publish_and_forget(&self, messages: Vec<Outgoing>) -> Result<usize> {
        let names = failpoint::names(&messages);
        let (ids, messages): (Vec<Uuid>, Vec<Message>) =
            messages.into_iter().filter_map(|message| Some((message.id, to_message(message)?))).unzip();
        if ids.is_empty() {
            return Ok(0);
        }
        let answers = self.broker.publish(messages).await;
        let mut sent = Vec::with_capacity(ids.len());
        for (id, answer) in ids.into_iter().zip(answers) {
            match answer {
                Ok(()) => sent.push(id),
                Err(error) => tracing::warn!(message = %id, %error, "a message was not published yet"),
            }
        }
        failpoint::pass("after_publish_before_mark", names);
        answered(self.store.outbox_sent(&sent)).await?;
        Ok(sent.len())
    }
}

/// Sweeps the outbox until the process drains. Several may run: each message is taken by one.
pub async fn run(engine: &Engine) {
    let stop = engine.shutdown.draining();
    while !stop.is_cancelled() {
        match sweep(engine, Duration::ZERO).await {
            // A full batch: there is probably more.
            Ok(taken) if i64::try_from(taken).is_ok_and(|taken| taken >= BATCH_MAX) => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the relay waits for the database");
                engine.pause_for_database().await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Publishes what has been due for `overdue`, one batch at most; answers how many messages it took.
pub async fn sweep(engine: &Engine, overdue: Duration) -> Result<usize> {
    let due = answered(take(engine, overdue)).await?;
    let taken = due.len();
    engine.publish_and_forget(due).await?;
    Ok(taken)
}

async fn take(engine: &Engine, overdue: Duration) -> Result<Vec<Outgoing>> {
    let mut tx = engine.store.begin().await?;
    let due = outbox::take_due(&mut tx, BATCH_MAX, overdue, RETAKE_AFTER).await?;
    tx.commit().await?;
    Ok(due)
}

/// `None` for an exchange that this version does not know: the row stays for one that does.
fn to_message(message: Outgoing) -> Option<Message> {
    let Ok(exchange) = message.exchange.parse() else {
        tracing::error!(exchange = message.exchange, "a message for an unknown exchange stays in the outbox");
        return None;
    };
    Some(Message {
        id: message.id,
        exchange,
        routing_key: message.routing_key,
        body: message.body.to_string().into_bytes(),
        content_type: "application/json".into(),
        traceparent: message.traceparent,
    })
}
