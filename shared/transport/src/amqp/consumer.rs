//! A consumer that never goes deaf.
//!
//! 1. A driver task waits for the connection, opens a channel of its own, sets the prefetch and consumes.
//! 2. It hands messages over as long as the channel lives. Every few seconds it asks the broker on that channel
//!    for the queue's consumers and waiting messages: a lost consumer is otherwise indistinguishable from a
//!    quiet queue. It is lost when the queue has none, and also when messages keep waiting while this one,
//!    with room for more, is sent nothing: the consumer that the broker counts is then somebody else's.
//! 3. On any error, cancellation or silence it gives the whole session up, waits, and starts again.
//! 4. When asked to stop it cancels the consumer and puts back what nobody has seen; the channel stays open
//!    until the last delivery in hand is settled.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::inbox::{Arrival, Attendance, Grave, Inbox, put_back};
use super::link::{Link, Live};
use super::publisher::Publisher;
use super::refusal::{Need, Refusal};
use super::wire::short;
use super::{ANSWER_TIMEOUT, delays};
use crate::topology::SUBSCRIPTION_LENGTH_MAX;
use crate::{Names, Outage, Queue};

/// How often the broker is asked for the queue's consumers and waiting messages.
const WATCHDOG_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for the end of a cancelled consumer's buffer.
const DRAIN_TIMEOUT: Duration = ANSWER_TIMEOUT;

/// A stop asked for by the consumer's owner, or by the broker's.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    own: CancellationToken,
    closing: CancellationToken,
}

impl Stop {
    pub(super) fn new(own: CancellationToken, closing: CancellationToken) -> Self {
        Self { own, closing }
    }

    pub(super) async fn requested(&self) {
        tokio::select! {
            () = self.own.cancelled() => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// What is consumed.
#[derive(Debug)]
pub(super) enum Source {
    /// A queue of the topology.
    Queue { name: String, grave: Option<Grave> },
    /// A private queue that hears a topic and goes with its consumer.
    Topic { exchange: String, pattern: String },
}

impl Source {
    pub(super) fn queue(names: &Names, queue: &Queue) -> Self {
        Self::Queue { name: names.queue(queue), grave: grave(names, queue, false) }
    }

    pub(super) fn dead_queue(names: &Names, queue: &Queue) -> Self {
        Self::Queue { name: names.dead_queue(queue), grave: grave(names, queue, true) }
    }

    fn need(&self) -> Need {
        match self {
            Self::Queue { .. } => Need::Consume,
            Self::Topic { .. } => Need::Hear,
        }
    }

    fn describe(&self) -> &str {
        match self {
            Self::Queue { name, .. } => name,
            Self::Topic { pattern, .. } => pattern,
        }
    }
}

fn grave(names: &Names, queue: &Queue, is_here: bool) -> Option<Grave> {
    Some(Grave {
        exchange: short(&names.dead_exchange()).ok()?,
        routing_key: short(&Names::dead_key(queue)).ok()?,
        is_here,
    })
}

/// A channel with a consumer on it.
#[derive(Debug)]
pub(super) struct Session {
    channel: Channel,
    queue: ShortString,
    pub(super) live: Live,
}

impl Session {
    /// How many messages wait, if the broker answers and knows of a consumer.
    async fn n_waiting(&self) -> Result<u32, Outage> {
        let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(self.queue.clone(), look, FieldTable::default());
        let queue = self.live.answer(declared).await?;
        if queue.consumer_count() == 0 {
            return Err(Outage::Failed("RabbitMQ has forgotten the consumer".to_owned()));
        }
        Ok(queue.message_count())
    }

    /// How many messages are out: each holds the session, besides the driver.
    fn n_out(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }

    /// Ends the channel, so that its unsettled messages go to somebody else at once.
    async fn abandon(&self) {
        if !self.channel.status().connected() {
            return;
        }
        let goodbye = self.channel.close(200, "giving up".into());
        if let Err(outage) = self.live.answer(goodbye).await {
            tracing::debug!(%outage, "the channel ended without a goodbye");
        }
    }
}

/// What a watchdog remembers from one look to the next.
#[derive(Default)]
struct Watch {
    /// Something was handed over since the last look.
    is_fed: bool,
    /// Messages waited at the last look, and this consumer had room for them.
    is_starved: bool,
}

impl Watch {
    /// Takes a look; an error when the consumer was starved the last time and was sent nothing since.
    fn look(&mut self, n_waiting: u32, has_room: bool) -> Result<(), Outage> {
        let is_fed = std::mem::take(&mut self.is_fed);
        let was_starved = std::mem::replace(&mut self.is_starved, n_waiting > 0 && has_room && !is_fed);
        if was_starved && self.is_starved {
            return Err(Outage::Failed("messages wait, and RabbitMQ sends this consumer none".to_owned()));
        }
        Ok(())
    }
}

/// Why messages are no longer handed over.
enum End {
    Stopped,
    Lost(Outage),
}

/// Keeps one consumer going.
pub(super) struct Driver {
    link: Link,
    source: Source,
    prefetch: u16,
    out: mpsc::Sender<Arrival>,
    is_consuming: watch::Sender<bool>,
    refusal: Refusal,
    stop: Stop,
}

impl Driver {
    pub(super) fn new(
        link: Link,
        publisher: Arc<Publisher>,
        refusal: Refusal,
        source: Source,
        prefetch: u16,
        stop: Stop,
    ) -> (Self, Inbox, Attendance) {
        // A single place: what waits beyond it waits in lapin's buffer, which the prefetch bounds.
        let (out, arrivals) = mpsc::channel(1);
        let (is_consuming, watched) = watch::channel(false);
        let grave = match &source {
            Source::Queue { grave, .. } => grave.clone(),
            Source::Topic { .. } => None,
        };
        let inbox = Inbox { arrivals, stop: stop.clone(), publisher, grave };
        let attendance = Attendance { queue: source.describe().to_owned(), is_consuming: watched };
        let driver = Self { link, source, prefetch, out, is_consuming, refusal, stop };
        (driver, inbox, attendance)
    }

    pub(super) async fn run(mut self) {
        let mut delays = delays();
        loop {
            let stop = self.stop.clone();
            let opened = tokio::select! {
                biased;
                () = stop.requested() => return,
                () = self.out.closed() => return,
                opened = open(&mut self.link, &self.source, self.prefetch) => opened,
            };
            let outage = match opened {
                Ok((session, stream)) => {
                    delays = super::delays();
                    self.is_consuming.send_replace(true);
                    match self.hand_over(&Arc::new(session), stream).await {
                        End::Stopped => return,
                        End::Lost(outage) => outage,
                    }
                }
                Err(outage) => outage,
            };
            self.is_consuming.send_replace(false);
            self.refusal.note(self.source.need(), &outage);
            tracing::warn!(queue = self.source.describe(), %outage, "cannot consume; trying again");
            tokio::select! {
                () = self.stop.requested() => return,
                () = sleep(delays.next().unwrap_or(WATCHDOG_EVERY)) => {}
            }
        }
    }

    async fn hand_over(&self, session: &Arc<Session>, mut stream: lapin::Consumer) -> End {
        let mut watchdog = interval(WATCHDOG_EVERY);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = Watch::default();
        loop {
            // The place is reserved first: a message that is taken is always handed over.
            let arrival = async {
                let place = self.out.reserve().await.ok()?;
                Some((place, stream.next().await))
            };
            let outage = tokio::select! {
                biased;
                () = self.stop.requested() => {
                    drain(session, stream).await;
                    return End::Stopped;
                }
                _now = watchdog.tick() => self.prove(session, &mut watch).await.err(),
                arrival = arrival => match arrival {
                    Some((place, Some(Ok(raw)))) => {
                        place.send(Arrival { raw, session: Arc::clone(session) });
                        watch.is_fed = true;
                        None
                    }
                    Some((_, Some(Err(error)))) => Some(Outage::from(error)),
                    Some((_, None)) => Some(Outage::Failed("RabbitMQ ended the consumer".to_owned())),
                    None => {
                        drain(session, stream).await;
                        return End::Stopped;
                    }
                },
            };
            if let Some(outage) = outage {
                session.abandon().await;
                return End::Lost(outage);
            }
        }
    }
}

impl Driver {
    /// Proves that this very consumer still gets messages, as far as there are any for it.
    async fn prove(&self, session: &Arc<Session>, watch: &mut Watch) -> Result<(), Outage> {
        let n_waiting = session.n_waiting().await?;
        // Behind a taken place more may lie in lapin's buffer; only with the place free the count is whole.
        let has_room = self.out.capacity() > 0 && session.n_out() < self.prefetch.into();
        watch.look(n_waiting, has_room)
    }
}

async fn open(link: &mut Link, source: &Source, prefetch: u16) -> Result<(Session, lapin::Consumer), Outage> {
    let live = link.live().await?;
    let channel = live.channel().await?;
    let limited = channel.basic_qos(prefetch, BasicQosOptions::default());
    live.answer(limited).await?;
    let queue = match source {
        Source::Queue { name, .. } => short(name)?,
        Source::Topic { exchange, pattern } => listen(&live, &channel, exchange, pattern).await?,
    };
    let consumer = channel.basic_consume(
        queue.clone(),
        ShortString::default(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let stream = live.answer(consumer).await?;
    let session = Session { channel, queue, live };
    Ok((session, stream))
}

/// Declares a private queue for what the exchange routes by `pattern`.
async fn listen(
    live: &Live,
    channel: &Channel,
    exchange: &str,
    pattern: &str,
) -> Result<ShortString, Outage> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(SUBSCRIPTION_LENGTH_MAX.into()));
    let declared = channel.queue_declare(ShortString::default(), options, arguments);
    let queue = live.answer(declared).await?.name().clone();
    let bound = channel.queue_bind(
        queue.clone(),
        short(exchange)?,
        short(pattern)?,
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    live.answer(bound).await?;
    Ok(queue)
}

/// Ends the consumer and puts back what nobody has seen. The channel stays, for the deliveries in hand.
async fn drain(session: &Session, mut stream: lapin::Consumer) {
    let cancelled = session.channel.basic_cancel(stream.tag(), BasicCancelOptions::default());
    if let Err(outage) = session.live.answer(cancelled).await {
        tracing::debug!(%outage, "the consumer ended without a goodbye");
        session.abandon().await;
        return;
    }
    let put_back_all = async {
        while let Some(Ok(unseen)) = stream.next().await {
            put_back(&unseen.acker);
        }
    };
    let drained = session.live.until_over(timeout(DRAIN_TIMEOUT, put_back_all)).await;
    if !matches!(drained, Ok(Ok(()))) {
        session.abandon().await;
    }
}
