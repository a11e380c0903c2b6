//! Consuming inside the process.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Letter, Local};
use crate::Delivery;
use crate::topology::SUBSCRIPTION_LENGTH_MAX;

/// A consumer of one queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    broker: Local,
    queue: String,
    /// A permit for each message that may be out.
    slots: Arc<Semaphore>,
    changed: Option<Arc<Notify>>,
    stop: CancellationToken,
    /// The queue goes with its consumer.
    is_temporary: bool,
}

impl Inbox {
    pub(super) fn new(broker: Local, queue: String, prefetch: u16, stop: CancellationToken) -> Self {
        let changed = broker.lock().get(&queue).map(|line| Arc::clone(&line.changed));
        Self {
            broker,
            queue,
            slots: Arc::new(Semaphore::new(prefetch.max(1).into())),
            changed,
            stop,
            is_temporary: false,
        }
    }

    pub(super) fn temporary(broker: Local, queue: String, stop: CancellationToken) -> Self {
        let mut inbox = Self::new(broker, queue, SUBSCRIPTION_LENGTH_MAX, stop);
        inbox.is_temporary = true;
        inbox
    }

    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            () = self.broker.closing.cancelled() => None,
            delivery = self.wait() => delivery,
        }
    }

    async fn wait(&self) -> Option<Delivery> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let Some(changed) = &self.changed else {
            // The queue does not exist: like a consumer of a missing queue, it waits to be stopped.
            return std::future::pending().await;
        };
        loop {
            let mut change = std::pin::pin!(changed.notified());
            // Listen before looking, or a message that comes in between is slept through.
            change.as_mut().enable();
            if let Some(letter) = self.broker.take(&self.queue) {
                return Some(self.deliver(letter, slot));
            }
            change.await;
        }
    }

    fn deliver(&self, letter: Letter, slot: OwnedSemaphorePermit) -> Delivery {
        let message = Arc::clone(&letter.message);
        Delivery {
            id: Some(message.id),
            routing_key: message.routing_key.clone(),
            body: message.body.clone(),
            content_type: message.content_type.clone(),
            traceparent: message.traceparent.clone(),
            delivery_count: letter.delivery_count,
            redelivered: letter.delivery_count > 0,
            user_id: None,
            dead_reason: letter.dead_reason.clone(),
            died_after: letter.died_after,
            receipt: crate::delivery::Receipt::Local(Receipt {
                broker: self.broker.clone(),
                queue: self.queue.clone(),
                letter: Some(letter),
                _slot: slot,
            }),
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if self.is_temporary {
            self.broker.lock().remove(&self.queue);
        }
    }
}

/// Settles a delivery.
#[derive(Debug)]
pub(crate) struct Receipt {
    broker: Local,
    queue: String,
    /// Here as long as the delivery is not settled.
    letter: Option<Letter>,
    _slot: OwnedSemaphorePermit,
}

impl Receipt {
    pub(crate) fn ack(mut self) -> bool {
        self.letter.take().is_some() && !self.broker.closing.is_cancelled()
    }

    pub(crate) fn retry(self) -> bool {
        drop(self);
        true
    }

    pub(crate) fn dead_letter(mut self, reason: &str) -> bool {
        let letter = self.letter.take();
        if let Some(letter) = &letter {
            self.broker.bury(&self.queue, letter, reason.to_owned());
        }
        letter.is_some()
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(letter) = self.letter.take() {
            self.broker.give_back(&self.queue, letter);
        }
    }
}
