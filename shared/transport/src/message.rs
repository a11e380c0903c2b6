//! What is published: the exchange, the message and its limits.

use std::str::FromStr;

use uuid::Uuid;

use crate::PublishError;

/// Largest body in bytes. Messages carry ids and short notices; dumps, logs and change sets stay where they are.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Largest routing key or media type in bytes: AMQP's own limit for short strings.
pub(crate) const SHORT_BYTES_MAX: usize = 255;

/// Where a message is published. The outbox stores [`Exchange::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// Ship messages, choices and cancellations on their way to the scheduler.
    Ship,
    /// Forward jobs, routed by worker.
    Jobs,
    /// Rollback jobs, routed by worker.
    Undo,
    /// Progress for whoever listens, routed by topic; nobody listening is fine.
    Events,
    /// Best-effort nudges to running workers, such as "stop this job", routed by topic.
    Control,
}

impl Exchange {
    /// Every exchange that is published to.
    pub const ALL: [Self; 5] = [Self::Ship, Self::Jobs, Self::Undo, Self::Events, Self::Control];

    /// The name that the outbox stores; [`Names`](crate::Names) turns it into the broker's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Jobs => "jobs",
            Self::Undo => "undo",
            Self::Events => "events",
            Self::Control => "control",
        }
    }

    /// Whether a message that reaches no queue counts as failed.
    pub(crate) fn is_mandatory(self) -> bool {
        match self {
            Self::Ship | Self::Jobs | Self::Undo => true,
            Self::Events | Self::Control => false,
        }
    }
}

/// The text names no exchange.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no exchange called {0:?}")]
pub struct UnknownExchange(pub String);

impl FromStr for Exchange {
    type Err = UnknownExchange;

    fn from_str(text: &str) -> Result<Self, UnknownExchange> {
        Self::ALL
            .into_iter()
            .find(|exchange| exchange.as_str() == text)
            .ok_or_else(|| UnknownExchange(text.to_owned()))
    }
}

/// One message as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Identifies the message through every redelivery and duplicate; the outbox row's id.
    pub id: Uuid,
    /// Where it is published.
    pub exchange: Exchange,
    /// What the exchange routes by; at most 255 bytes.
    pub routing_key: String,
    /// At most [`PAYLOAD_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// Media type of the body.
    pub content_type: String,
    /// W3C trace context of whoever caused the message.
    pub traceparent: Option<String>,
}

impl Message {
    /// Refuses what no broker would carry.
    pub(crate) fn check(&self) -> Result<(), PublishError> {
        let bytes = self.body.len();
        let short = [&self.routing_key, &self.content_type];
        if bytes > PAYLOAD_BYTES_MAX || short.iter().any(|text| text.len() > SHORT_BYTES_MAX) {
            return Err(PublishError::TooLarge { bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exchange, UnknownExchange};

    #[test]
    fn what_the_outbox_stored_is_read_back() {
        for exchange in Exchange::ALL {
            assert_eq!(exchange.as_str().parse(), Ok(exchange));
        }
        let unknown = UnknownExchange("slipway.jobs".to_owned());
        assert_eq!("slipway.jobs".parse::<Exchange>(), Err(unknown));
    }
}
