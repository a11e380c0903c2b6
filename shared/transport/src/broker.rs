//! The broker as everybody else sees it.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::amqp::Amqp;
use crate::consumer::Inbox;
use crate::local::Local;
use crate::{
    ConnectError, Consumer, Exchange, FaultPlan, Message, Names, PublishError, Queue, Subscription,
    TopologyError,
};

/// A message broker. Cheap to clone: clones share connections, which end with the last of them.
#[derive(Clone, Debug)]
pub enum Broker {
    /// `RabbitMQ`, shared by any number of processes.
    Amqp(Amqp),
    /// The same behavior inside one process; messages die with it, and the outbox sends them again.
    Local(Local),
}

/// How the way to the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Both connections, the publishing and the consuming one, are up.
    pub connected: bool,
    /// Since when the broker takes no messages (it is short of memory or disk).
    pub blocked_since: Option<Instant>,
    /// Queues that should be consumed and are not, because of an outage or because they are missing.
    pub unattended: Vec<String>,
}

impl Health {
    /// Whether this process can do its work.
    pub fn is_ready(&self) -> bool {
        self.connected && self.blocked_since.is_none() && self.unattended.is_empty()
    }
}

impl Broker {
    /// Connects to `RabbitMQ`, within 10 seconds.
    ///
    /// From then on the connections rebuild themselves. `connection_name` is what operators see in the broker's
    /// list of connections: the role and the process.
    ///
    /// # Errors
    /// - wrong URL, user, password or virtual host → [`ConnectError::Refused`]; a person must change it
    /// - no broker there → [`ConnectError::Unavailable`]; try again
    pub async fn amqp(url: &str, connection_name: &str, names: Names) -> Result<Self, ConnectError> {
        Amqp::connect(url, connection_name, names).await.map(Self::Amqp)
    }

    /// A broker inside this process, its topology in place.
    pub fn local() -> Self {
        Self::Local(Local::new(Names::default(), FaultPlan::default()))
    }

    /// As [`local`](Self::local), and does wrong to messages what the plan says.
    pub fn local_with(plan: FaultPlan) -> Self {
        Self::Local(Local::new(Names::default(), plan))
    }

    /// Declares every exchange, queue and binding that is missing.
    ///
    /// # Errors
    /// - something exists with other settings, or the user may not declare it → [`TopologyError::Refused`]
    /// - no connection at the moment → [`TopologyError::Unavailable`]
    ///
    /// # Idempotency
    /// A second call changes nothing.
    pub async fn topology_apply(&self) -> Result<(), TopologyError> {
        match self {
            Self::Amqp(amqp) => amqp.topology_apply().await,
            Self::Local(_) => Ok(()),
        }
    }

    /// One sentence for each exchange or queue that is missing; none if all is well.
    ///
    /// Newer brokers do not show what the user has no right to, which counts as well. Two things cannot be seen
    /// over AMQP without the right to change them. A missing binding shows as [`PublishError::Unroutable`]; settings that differ show when [`topology_apply`](Self::topology_apply)
    /// declares the same again.
    ///
    /// # Errors
    /// - no connection at the moment → [`TopologyError::Unavailable`]
    pub async fn topology_check(&self) -> Result<Vec<String>, TopologyError> {
        match self {
            Self::Amqp(amqp) => amqp.topology_check().await,
            Self::Local(_) => Ok(Vec::new()),
        }
    }

    /// Publishes all messages at once and answers for each, in the same order.
    ///
    /// `Ok` means that the broker has taken responsibility for it (for events: that it was told). Bounded:
    /// it answers within 10 seconds whatever the broker does.
    ///
    /// # Idempotency
    /// None: a repeated message arrives twice, and consumers tell by its id.
    pub async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        match self {
            Self::Amqp(amqp) => amqp.publish(messages).await,
            Self::Local(local) => messages.into_iter().map(|message| local.publish(message)).collect(),
        }
    }

    /// Consumes a queue until `stop`, at most `prefetch` (at least one) unsettled messages at a time.
    pub fn consume(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Consumer {
        Consumer(match self {
            Self::Amqp(amqp) => Inbox::Amqp(amqp.consume(queue, prefetch, stop)),
            Self::Local(local) => Inbox::Local(local.consume(queue, prefetch, stop)),
        })
    }

    /// Consumes the dead letters of a queue until `stop`. To ack one is to discard it.
    pub fn consume_dead(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Consumer {
        Consumer(match self {
            Self::Amqp(amqp) => Inbox::Amqp(amqp.consume_dead(queue, prefetch, stop)),
            Self::Local(local) => Inbox::Local(local.consume_dead(queue, prefetch, stop)),
        })
    }

    /// Hears what is published to a topic exchange ([`Exchange::Events`], [`Exchange::Control`]) with keys that
    /// match `pattern`, from the moment this returns until `stop`.
    ///
    /// When the broker is away it returns after 5 seconds all the same, and hears from its return on.
    pub async fn subscribe(
        &self,
        exchange: Exchange,
        pattern: &str,
        stop: CancellationToken,
    ) -> Subscription {
        let inbox = match self {
            Self::Amqp(amqp) => Inbox::Amqp(amqp.subscribe(exchange, pattern, stop).await),
            Self::Local(local) => Inbox::Local(local.subscribe(exchange, pattern, stop)),
        };
        Subscription { exchange, consumer: Consumer(inbox) }
    }

    /// Waits until the broker denies this process a right that it needs, to consume or to publish; answers one
    /// sentence for the operator. Trying again is useless, so the process should end with that sentence.
    ///
    /// # Cancel safety
    /// Safe: a denial is remembered.
    pub async fn refused(&self) -> String {
        match self {
            Self::Amqp(amqp) => amqp.refused().await,
            Self::Local(_) => std::future::pending().await,
        }
    }

    /// How the way to the broker is at this moment.
    pub fn health(&self) -> Health {
        match self {
            Self::Amqp(amqp) => amqp.health(),
            Self::Local(local) => local.health(),
        }
    }

    /// Ends all consumers and connections, for every clone. Deliveries still in hand will be delivered again.
    ///
    /// # Idempotency
    /// A second call changes nothing.
    pub async fn close(&self) {
        match self {
            Self::Amqp(amqp) => amqp.close().await,
            Self::Local(local) => local.close(),
        }
    }
}
