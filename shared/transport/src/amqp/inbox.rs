//! The consumer's end of a driver: what arrives, and how it is settled.

use std::sync::Arc;

use futures_util::FutureExt;
use lapin::Acker;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::ShortString;
use tokio::sync::{mpsc, watch};

use super::consumer::{Session, Stop};
use super::publisher::Publisher;
use super::wire::{self, Packet};
use crate::{Delivery, Outage};

/// A message and the session that it arrived on.
pub(super) struct Arrival {
    pub(super) raw: lapin::message::Delivery,
    pub(super) session: Arc<Session>,
}

/// Where the dead letters of a queue go.
#[derive(Clone, Debug)]
pub(super) struct Grave {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    /// The queue itself holds dead letters, so `RabbitMQ` would drop what it rejects.
    pub(super) is_here: bool,
}

/// Receives what a driver takes from the broker.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) stop: Stop,
    pub(super) publisher: Arc<Publisher>,
    pub(super) grave: Option<Grave>,
}

impl Inbox {
    pub(crate) async fn next(&mut self) -> Option<Delivery> {
        loop {
            let arrival = tokio::select! {
                biased;
                () = self.stop.requested() => return self.end(),
                arrival = self.arrivals.recv() => arrival?,
            };
            // What arrived on a session that is gone comes again: to act on it now would be for nothing.
            if arrival.raw.acker.usable() {
                return Some(self.delivery(arrival));
            }
        }
    }

    /// Gives back what nobody has seen yet.
    fn end(&mut self) -> Option<Delivery> {
        self.arrivals.close();
        while let Ok(arrival) = self.arrivals.try_recv() {
            put_back(&arrival.raw.acker);
        }
        None
    }

    fn delivery(&self, arrival: Arrival) -> Delivery {
        let Arrival { raw, session } = arrival;
        let properties = raw.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        Delivery {
            id: wire::id(&properties),
            routing_key: raw.routing_key.to_string(),
            body: raw.data,
            content_type: text(properties.content_type()).unwrap_or_default(),
            traceparent: wire::traceparent(&properties),
            delivery_count: wire::delivery_count(&properties),
            redelivered: raw.redelivered,
            user_id: text(properties.user_id()),
            dead_reason: wire::dead_reason(&properties),
            died_after: wire::died_after(&properties),
            receipt: crate::delivery::Receipt::Amqp(Receipt {
                acker: raw.acker,
                properties: Box::new(properties),
                session,
                publisher: Arc::clone(&self.publisher),
                grave: self.grave.clone(),
            }),
        }
    }
}

/// Settles a delivery. Keeps the session's channel open until then, also after the consumer has stopped.
#[derive(Debug)]
pub(crate) struct Receipt {
    acker: Acker,
    properties: Box<BasicProperties>,
    session: Arc<Session>,
    publisher: Arc<Publisher>,
    grave: Option<Grave>,
}

impl Receipt {
    pub(crate) async fn ack(self) -> bool {
        let acked = self.acker.ack(BasicAckOptions::default());
        settled(self.session.live.answer(acked).await)
    }

    pub(crate) async fn retry(self) -> bool {
        self.reject(true).await
    }

    pub(crate) async fn dead_letter(self, body: Vec<u8>, reason: &str) -> bool {
        if !self.acker.usable() {
            return false;
        }
        let Some(grave) = &self.grave else {
            return self.reject(false).await;
        };
        let is_here = grave.is_here;
        let (exchange, key) = (grave.exchange.clone(), grave.routing_key.clone());
        let copy = Packet::dead_letter(exchange, key, &self.properties, body, reason);
        let published = self.publisher.publish(vec![Ok(copy)]).await;
        match published.into_iter().find_map(Result::err) {
            None => self.ack().await,
            Some(error) => {
                tracing::warn!(%error, reason, "a dead letter loses its reason: RabbitMQ takes no messages");
                self.reject(is_here).await
            }
        }
    }

    /// Reject rather than nack: from `RabbitMQ` 4.3 on only reject counts as a failed delivery.
    async fn reject(self, requeue: bool) -> bool {
        let rejected = self.acker.reject(BasicRejectOptions { requeue });
        settled(self.session.live.answer(rejected).await)
    }
}

fn settled(told: Result<bool, Outage>) -> bool {
    told.unwrap_or_else(|outage| {
        tracing::debug!(%outage, "could not settle a message; it comes again");
        false
    })
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // One poll hands the request to the connection, if nothing else has settled the message; if the
        // connection is gone, the broker knows already.
        let options = BasicRejectOptions { requeue: true };
        if let Some(Err(error)) = self.acker.reject(options).now_or_never() {
            tracing::debug!(%error, "could not give a message back; it comes again");
        }
    }
}

/// Gives back a message that nobody has acted on: nack, because it is no failed delivery.
pub(super) fn put_back(acker: &Acker) {
    let options = BasicNackOptions { requeue: true, multiple: false };
    if let Some(Err(error)) = acker.nack(options).now_or_never() {
        tracing::debug!(%error, "could not put a message back; it comes again");
    }
}

/// Whether a queue that should be consumed is.
#[derive(Debug)]
pub(super) struct Attendance {
    pub(super) queue: String,
    pub(super) is_consuming: watch::Receiver<bool>,
}

impl Attendance {
    /// False once the consumer has ended.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_consuming.has_changed().is_ok()
    }

    /// The queue, if it should be consumed at this moment and is not.
    pub(super) fn missed(&self) -> Option<String> {
        (!*self.is_consuming.borrow()).then(|| self.queue.clone())
    }

    /// Waits for the consumer's first success, or its end.
    pub(super) async fn begun(&mut self) {
        if self.is_consuming.wait_for(|is| *is).await.is_err() {
            tracing::debug!(queue = self.queue, "the consumer ended before it began");
        }
    }
}
