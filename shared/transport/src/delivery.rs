//! A message in a consumer's hands, and the three ways to settle it.

use uuid::Uuid;

use crate::{amqp, local};

/// A message to act on. Settle it with [`ack`](Self::ack), [`retry`](Self::retry) or
/// [`dead_letter`](Self::dead_letter); dropping it is a retry.
///
/// Each of the three answers `true` when the broker was told, and `false` when the way to it is lost: then the
/// broker delivers the message again. Even after `true` it may, because the answer itself can be lost; so whoever
/// acts on messages remembers the ids.
#[derive(Debug)]
pub struct Delivery {
    /// The publisher's id. `None` when a foreign publisher set none, or one that is not a UUID.
    pub id: Option<Uuid>,
    /// The key it was published with; for dead letters, the key of the dead-letter exchange.
    pub routing_key: String,
    /// The body as published.
    pub body: Vec<u8>,
    /// Media type of the body; empty when the publisher set none.
    pub content_type: String,
    /// W3C trace context of whoever caused the message.
    pub traceparent: Option<String>,
    /// How many deliveries of it have failed before this one.
    pub delivery_count: u32,
    /// False guarantees that nobody has seen it before; true only says that somebody may have.
    pub redelivered: bool,
    /// The broker's user who published it, as verified by the broker, when the publisher said so; a broker inside
    /// the process has no users.
    pub user_id: Option<String>,
    /// Why it is a dead letter, when it is one.
    pub dead_reason: Option<String>,
    /// How often it had been delivered when it became a dead letter, where that is known.
    pub died_after: Option<u32>,
    pub(crate) receipt: Receipt,
}

/// What settles a delivery with its broker. Dropped unsettled, it gives the message back.
#[derive(Debug)]
pub(crate) enum Receipt {
    Amqp(amqp::Receipt),
    Local(local::Receipt),
}

impl Delivery {
    /// Says that the message is done with. Ack after commit, never before.
    #[must_use = "false means that the message comes again"]
    pub async fn ack(self) -> bool {
        match self.receipt {
            Receipt::Amqp(receipt) => receipt.ack().await,
            Receipt::Local(receipt) => receipt.ack(),
        }
    }

    /// Gives the message back to be delivered again at once, to anybody; beyond
    /// [`DELIVERY_LIMIT`](crate::DELIVERY_LIMIT) failed deliveries it becomes a dead letter.
    #[must_use = "false means that the broker counts the delivery as failed by itself"]
    pub async fn retry(self) -> bool {
        match self.receipt {
            Receipt::Amqp(receipt) => receipt.retry().await,
            Receipt::Local(receipt) => receipt.retry(),
        }
    }

    /// Moves the message to the dead-letter queue, with the reason beside it.
    ///
    /// When the broker takes no messages at the moment, the dead letter arrives without our reason.
    #[must_use = "false means that the message comes again"]
    pub async fn dead_letter(self, reason: &str) -> bool {
        match self.receipt {
            Receipt::Amqp(receipt) => receipt.dead_letter(self.body, reason).await,
            Receipt::Local(receipt) => receipt.dead_letter(reason),
        }
    }
}

/// Why a message is dead that nobody declared dead.
pub(crate) fn worn_out_reason(deliveries: u32) -> String {
    format!("the message was delivered {deliveries} times and nobody could finish with it")
}
