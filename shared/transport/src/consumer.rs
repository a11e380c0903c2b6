//! Where messages come out: a consumer of a queue, a subscription to a topic.

use futures_util::FutureExt;

use crate::{Delivery, Exchange, Message, amqp, local};

/// Takes messages from one queue for as long as it lives, whatever happens to the broker.
#[derive(Debug)]
pub struct Consumer(pub(crate) Inbox);

#[derive(Debug)]
pub(crate) enum Inbox {
    Amqp(amqp::Inbox),
    Local(local::Inbox),
}

impl Consumer {
    /// The next message; `None` only after the stop token was cancelled or the broker closed.
    ///
    /// Never more messages than the prefetch are out at once. After `None`, deliveries in hand can still be settled.
    ///
    /// # Cancel safety
    /// Safe: a message that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Delivery> {
        match &mut self.0 {
            Inbox::Amqp(inbox) => inbox.next().await,
            Inbox::Local(inbox) => inbox.next().await,
        }
    }
}

/// Hears what is published while it lives. Best effort: what is published during an outage, or beyond
/// [`SUBSCRIPTION_LENGTH_MAX`](crate::SUBSCRIPTION_LENGTH_MAX) unheard messages, is lost.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) exchange: Exchange,
    pub(crate) consumer: Consumer,
}

impl Subscription {
    /// The next message; `None` only after the stop token was cancelled or the broker closed.
    ///
    /// # Cancel safety
    /// Safe: a message that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let mut delivery = self.consumer.next().await?;
            let heard = delivery.id.map(|id| Message {
                id,
                exchange: self.exchange,
                routing_key: std::mem::take(&mut delivery.routing_key),
                body: std::mem::take(&mut delivery.body),
                content_type: std::mem::take(&mut delivery.content_type),
                traceparent: delivery.traceparent.take(),
            });
            // One poll hands the ack to the connection. Nobody waits for it: waiting could lose the message
            // when the caller gives up, and a lost ack only repeats a notice.
            if delivery.ack().now_or_never() == Some(false) {
                tracing::debug!("a notice will be heard twice: the connection was lost");
            }
            if heard.is_some() {
                return heard;
            }
            tracing::debug!(exchange = self.exchange.as_str(), "ignored a notice without an id of ours");
        }
    }
}
