//! `RabbitMQ`: two supervised connections, so that a memory alarm, which blocks publishing connections, leaves
//! consumers alone; one channel for publishing, one for each consumer.

mod consumer;
mod inbox;
mod link;
mod publisher;
mod refusal;
mod topology;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::consumer::{Driver, Source, Stop};
use self::inbox::Attendance;
pub(crate) use self::inbox::{Inbox, Receipt};
use self::link::{Address, Link};
use self::publisher::Publisher;
use self::refusal::Refusal;
use self::wire::Packet;
use crate::topology::SUBSCRIPTION_LENGTH_MAX;
use crate::{ConnectError, Exchange, Health, Message, Names, PublishError, Queue};
use crate::{Topology, TopologyError};

/// Longest wait for the answer to one AMQP request. `RabbitMQ` answers in milliseconds; seconds of silence mean
/// that the connection is dead or blocked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The `RabbitMQ` broker behind [`Broker::amqp`](crate::Broker::amqp).
#[derive(Clone, Debug)]
pub struct Amqp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    names: Names,
    /// As whom we come; stands in what we publish, and the broker refuses any other name there.
    user: String,
    publishing: Link,
    consuming: Link,
    publisher: Arc<Publisher>,
    refusal: Refusal,
    attendances: Mutex<Vec<Attendance>>,
    tasks: TaskTracker,
    closing: CancellationToken,
    /// Ends the tasks when the last clone goes away without `close`.
    _closing_guard: DropGuard,
}

impl Amqp {
    pub(crate) async fn connect(
        url: &str,
        connection_name: &str,
        names: Names,
    ) -> Result<Self, ConnectError> {
        let closing = CancellationToken::new();
        let closing_guard = closing.clone().drop_guard();
        let tasks = TaskTracker::new();
        let publishing = Address::new(url, format!("{connection_name} (publishing)"))?;
        let consuming = Address::new(url, format!("{connection_name} (consuming)"))?;
        let user = publishing.user().to_owned();
        let (publishing, consuming) = tokio::try_join!(
            Link::open(publishing, &tasks, closing.clone()),
            Link::open(consuming, &tasks, closing.clone()),
        )?;
        let refusal = Refusal::default();
        // On a channel of its own: a refused probe takes no message with it.
        let prober = Publisher::new(publishing.clone(), refusal.clone());
        if let Ok(probe) = Packet::probe(&names) {
            let prove = async move { prober.keep_proving(probe).await };
            tasks.spawn(closing.clone().run_until_cancelled_owned(prove));
        }
        Ok(Self(Arc::new(Inner {
            names,
            user,
            publisher: Arc::new(Publisher::new(publishing.clone(), refusal.clone())),
            publishing,
            consuming,
            refusal,
            attendances: Mutex::default(),
            tasks,
            closing,
            _closing_guard: closing_guard,
        })))
    }

    pub(crate) async fn topology_apply(&self) -> Result<(), TopologyError> {
        topology::apply(&self.0.consuming, &Topology::new(&self.0.names)).await
    }

    pub(crate) async fn topology_check(&self) -> Result<Vec<String>, TopologyError> {
        topology::check(&self.0.consuming, &Topology::new(&self.0.names)).await
    }

    pub(crate) async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        let Inner { names, user, publisher, .. } = &*self.0;
        let packets = messages.into_iter().map(|message| Packet::message(message, names, user)).collect();
        publisher.publish(packets).await
    }

    pub(crate) fn consume(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Inbox {
        self.attend(Source::queue(&self.0.names, queue), prefetch, stop)
    }

    pub(crate) fn consume_dead(&self, queue: &Queue, prefetch: u16, stop: CancellationToken) -> Inbox {
        self.attend(Source::dead_queue(&self.0.names, queue), prefetch, stop)
    }

    pub(crate) async fn subscribe(
        &self,
        exchange: Exchange,
        pattern: &str,
        stop: CancellationToken,
    ) -> Inbox {
        let source = Source::Topic { exchange: self.0.names.exchange(exchange), pattern: pattern.to_owned() };
        let (inbox, mut attendance) = self.start(source, SUBSCRIPTION_LENGTH_MAX, stop);
        if timeout(ANSWER_TIMEOUT, attendance.begun()).await.is_err() {
            tracing::warn!(pattern, "subscribed while the broker is away");
        }
        inbox
    }

    pub(crate) fn health(&self) -> Health {
        let publishing = self.0.publishing.state();
        let consuming = self.0.consuming.state();
        let mut attendances = self.attendances();
        attendances.retain(Attendance::is_wanted);
        Health {
            connected: publishing.is_up() && consuming.is_up(),
            blocked_since: publishing.blocked.map(|blocked| blocked.since),
            unattended: attendances.iter().filter_map(Attendance::missed).collect(),
        }
    }

    pub(crate) async fn refused(&self) -> String {
        self.0.refusal.heard().await
    }

    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        self.0.tasks.close();
        // Each task ends within a few bounded answers; what is left after that is ended by the process.
        if timeout(3 * ANSWER_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("left the message broker without a goodbye: it does not answer");
        }
    }

    /// Starts a consumer that readiness depends on.
    fn attend(&self, source: Source, prefetch: u16, stop: CancellationToken) -> Inbox {
        let (inbox, attendance) = self.start(source, prefetch.max(1), stop);
        self.attendances().push(attendance);
        inbox
    }

    fn start(&self, source: Source, prefetch: u16, stop: CancellationToken) -> (Inbox, Attendance) {
        let stop = Stop::new(stop, self.0.closing.clone());
        let publisher = Arc::clone(&self.0.publisher);
        let (driver, inbox, attendance) =
            Driver::new(self.0.consuming.clone(), publisher, self.0.refusal.clone(), source, prefetch, stop);
        self.0.tasks.spawn(driver.run());
        (inbox, attendance)
    }

    fn attendances(&self) -> std::sync::MutexGuard<'_, Vec<Attendance>> {
        let lock = self.0.attendances.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delays between attempts: from 0.2 s up to 2 s, with jitter (up to as much again) so that a fleet does not come
/// back in step. Short, because whoever waits for the broker's return waits for this, too.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(2))
        .without_max_times()
        .with_jitter()
        .build()
}
