//! What can go wrong, by what the caller does about it.

use std::time::Duration;

/// The broker cannot do it now; the same call may succeed later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No connection at the moment; it is being rebuilt.
    #[error("the connection to RabbitMQ is down and is being rebuilt")]
    Disconnected,
    /// The broker is short of memory or disk and takes nothing until an operator or time helps.
    #[error("RabbitMQ takes no messages at the moment: {0}")]
    Blocked(String),
    /// The broker did not answer in time; whether it acted is unknown.
    #[error("RabbitMQ did not answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The broker said no, with its AMQP reply code.
    #[error("RabbitMQ refused: {text} (AMQP {code})")]
    Refused {
        /// The AMQP reply code, such as 404.
        code: u16,
        /// The broker's own words.
        text: String,
    },
    /// The connection or channel failed.
    #[error("the connection to RabbitMQ failed: {0}")]
    Failed(String),
}

impl From<lapin::Error> for Outage {
    fn from(error: lapin::Error) -> Self {
        if let lapin::ErrorKind::ProtocolError(refusal) = error.kind() {
            return Self::Refused { code: refusal.get_id(), text: refusal.get_message().to_string() };
        }
        Self::Failed(error.to_string())
    }
}

/// Why a message was not published. Only after `Unavailable` may it have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue is bound for it: the topology is not applied, or the key is wrong.
    #[error(
        "no queue takes messages with the routing key {routing_key:?} from the exchange {exchange:?}; \
         run `slipway topology apply`"
    )]
    Unroutable {
        /// The exchange, by our name.
        exchange: &'static str,
        /// The key that led nowhere.
        routing_key: String,
    },
    /// The queue is full; publish it again later.
    #[error("the queue is full and takes no more messages")]
    Rejected,
    /// The body is over [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX); it was not sent and never can be.
    #[error("the message has {bytes} bytes, more than a message may have")]
    TooLarge {
        /// The size of the body.
        bytes: usize,
    },
    /// The broker cannot take it now; publish it again later.
    #[error("the message could not be handed to the message broker")]
    Unavailable(#[source] Outage),
}

/// Why [`Broker::amqp`](crate::Broker::amqp) could not connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The configuration is wrong: trying again is useless until a person changes it.
    #[error("{sentence}")]
    Refused {
        /// One sentence for the person who configures: what is wrong and what to do.
        sentence: String,
    },
    /// The broker is not there (yet); try again.
    #[error("RabbitMQ cannot be reached")]
    Unavailable(#[source] Outage),
}

/// Why the topology could not be declared or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Something with this name exists with other settings, or this user may not declare it.
    #[error("{sentence}")]
    Refused {
        /// One sentence for the operator: what is wrong and what to do.
        sentence: String,
    },
    /// The broker is not there (yet); try again.
    #[error("RabbitMQ cannot be reached")]
    Unavailable(#[source] Outage),
}
