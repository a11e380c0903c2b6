//! One connection that rebuilds itself.
//!
//! 1. A task connects, publishes the live connection to whoever needs it, and watches it.
//! 2. It ends a connection that fails, or that a user of it gave up because it was silent.
//! 3. It connects again, for ever, with growing jittered delays.
//!
//! lapin's own recovery stays off: it revives connections without reviving what broke on their channels.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ANSWER_TIMEOUT, delays};
use crate::{ConnectError, Outage};

/// Longest wait for a connection, handshake included; leaves room below the promised 10 seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Longest wait for the answer to a goodbye. Short, because it delays the next connection, and because a
/// connection that is given up is usually past answering; its heartbeat ends it then.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Heartbeat asked of the broker in seconds: a peer that vanished is noticed after two of them.
const HEARTBEAT_SECONDS: u16 = 10;

/// How often the connection's own state is looked at, besides the events it reports.
const PULSE: Duration = Duration::from_millis(500);

/// Where to connect, and under which name. Holds the password; not printable.
pub(super) struct Address {
    uri: AMQPUri,
    name: String,
}

impl Address {
    pub(super) fn new(url: &str, name: String) -> Result<Self, ConnectError> {
        let refused = |sentence: &str| ConnectError::Refused { sentence: sentence.to_owned() };
        let mut uri: AMQPUri = url.parse().map_err(|_reason| {
            refused("The broker URL is not valid; write it as amqp://user:password@host:5672/%2f.")
        })?;
        if uri.scheme == AMQPScheme::AMQPS {
            return Err(refused(
                "This Slipway does not speak TLS to the message broker; use an amqp:// URL.",
            ));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Ok(Self { uri, name })
    }

    /// As whom we come.
    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    async fn connect(&self) -> Result<Connection, Outage> {
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let connected = Connection::connect_uri(self.uri.clone(), properties);
        match timeout(CONNECT_TIMEOUT, connected).await {
            Ok(connected) => connected.map_err(Outage::from),
            Err(_elapsed) => Err(Outage::Silent(CONNECT_TIMEOUT)),
        }
    }

    /// Tells what time may heal from what only a person can.
    fn classify(&self, outage: Outage) -> ConnectError {
        let sentence = match &outage {
            Outage::Refused { code: 403, .. } => {
                "RabbitMQ does not accept the user or password in the broker URL; correct them.".to_owned()
            }
            Outage::Refused { code: 530, .. } => format!(
                "RabbitMQ has no virtual host {:?}, or the user may not use it; \
                 create it, allow it, or correct the broker URL.",
                self.uri.vhost
            ),
            Outage::Refused { .. }
            | Outage::Disconnected
            | Outage::Blocked(_)
            | Outage::Silent(_)
            | Outage::Failed(_) => return ConnectError::Unavailable(outage),
        };
        ConnectError::Refused { sentence }
    }
}

/// A handle on the connection, shared by all who use it.
#[derive(Clone, Debug)]
pub(super) struct Link(watch::Receiver<State>);

/// What is known of the connection at this moment.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    live: Option<Live>,
    pub(super) blocked: Option<Blocked>,
}

/// The broker takes nothing on this connection.
#[derive(Clone, Debug)]
pub(super) struct Blocked {
    pub(super) since: Instant,
    pub(super) reason: String,
}

/// A connection that works as far as we know.
#[derive(Clone, Debug)]
pub(super) struct Live {
    connection: Arc<Connection>,
    /// Cancelled when the connection is given up, by whoever noticed first.
    over: CancellationToken,
}

impl State {
    fn up(live: Live) -> Self {
        Self { live: Some(live), blocked: None }
    }

    pub(super) fn is_up(&self) -> bool {
        self.live.as_ref().is_some_and(Live::is_sound)
    }
}

impl Live {
    fn new(connection: Connection) -> Self {
        Self { connection: Arc::new(connection), over: CancellationToken::new() }
    }

    pub(super) async fn channel(&self) -> Result<Channel, Outage> {
        self.answer(self.connection.create_channel()).await
    }

    /// Waits for a call on this connection, but not for ever. A connection that does not answer is given up.
    pub(super) async fn answer<T>(&self, call: impl Future<Output = lapin::Result<T>>) -> Result<T, Outage> {
        let answer = self.until_over(timeout(ANSWER_TIMEOUT, call)).await?;
        let Ok(answer) = answer else {
            self.give_up();
            return Err(Outage::Silent(ANSWER_TIMEOUT));
        };
        answer.map_err(Outage::from)
    }

    /// Waits as long as the connection lives: lapin leaves some calls pending when it dies.
    pub(super) async fn until_over<T>(&self, wait: impl Future<Output = T>) -> Result<T, Outage> {
        let outcome = self.over.run_until_cancelled(wait).await;
        outcome.ok_or(Outage::Disconnected)
    }

    /// Has the connection rebuilt.
    pub(super) fn give_up(&self) {
        self.over.cancel();
    }

    pub(super) fn is_sound(&self) -> bool {
        self.connection.status().connected() && !self.over.is_cancelled()
    }
}

impl Link {
    /// Connects once, so that wrong configuration shows at the start, and keeps connected from then on.
    pub(super) async fn open(
        address: Address,
        tasks: &TaskTracker,
        closing: CancellationToken,
    ) -> Result<Self, ConnectError> {
        let first = address.connect().await;
        let first = Live::new(first.map_err(|outage| address.classify(outage))?);
        let (state, link) = watch::channel(State::up(first.clone()));
        tasks.spawn(async move {
            let keep = keep_connected(&address, first, &state);
            closing.run_until_cancelled(keep).await;
            let last = state.send_replace(State::default()).live;
            if let Some(live) = last {
                close(&live.connection).await;
            }
        });
        Ok(Self(link))
    }

    pub(super) fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// The connection if it works now.
    pub(super) fn live_now(&self) -> Result<Live, Outage> {
        let state = self.state();
        if let Some(blocked) = state.blocked {
            return Err(Outage::Blocked(blocked.reason));
        }
        let live = state.live.filter(Live::is_sound);
        live.ok_or(Outage::Disconnected)
    }

    /// Waits until the broker stops taking messages.
    pub(super) async fn blocked(&self) -> Outage {
        let mut state = self.0.clone();
        let found = state.wait_for(|state| state.blocked.is_some()).await;
        let reason = found.ok().and_then(|state| state.blocked.clone());
        reason.map_or(Outage::Disconnected, |blocked| Outage::Blocked(blocked.reason))
    }

    /// The connection, as soon as there is one.
    pub(super) async fn live(&mut self) -> Result<Live, Outage> {
        let found = self.0.wait_for(|state| state.live.as_ref().is_some_and(Live::is_sound));
        let state = found.await.map_err(|_closed| Outage::Disconnected)?;
        state.live.clone().ok_or(Outage::Disconnected)
    }
}

async fn keep_connected(address: &Address, first: Live, state: &watch::Sender<State>) {
    let mut live = first;
    loop {
        watch_over(&live, state).await;
        live.give_up();
        state.send_replace(State::default());
        tracing::warn!(connection = %address.name, "lost the connection to RabbitMQ; rebuilding it");
        close(&live.connection).await;
        live = Live::new(reconnect(address).await);
        tracing::info!(connection = %address.name, "connected to RabbitMQ again");
        state.send_replace(State::up(live.clone()));
    }
}

/// Returns when the connection is no longer any good.
async fn watch_over(live: &Live, state: &watch::Sender<State>) {
    let mut events = live.connection.events_listener();
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while live.is_sound() {
        let event = tokio::select! {
            () = live.over.cancelled() => return,
            event = events.next() => event,
            _now = pulse.tick() => continue,
        };
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::warn!(reason, "RabbitMQ has stopped taking messages");
                state.send_modify(|state| state.blocked = Some(Blocked::now(reason)));
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("RabbitMQ takes messages again");
                state.send_modify(|state| state.blocked = None);
            }
            // Errors of channels are reported here too; the loop's condition tells whose it was.
            Some(_) => {}
            None => return,
        }
    }
}

impl Blocked {
    fn now(reason: String) -> Self {
        Self { since: Instant::now(), reason }
    }
}

async fn reconnect(address: &Address) -> Connection {
    let mut delays = delays();
    loop {
        sleep(delays.next().unwrap_or(CONNECT_TIMEOUT)).await;
        match address.connect().await {
            Ok(connection) => return connection,
            // A broker that starts may refuse whom it accepts a moment later, so even that is no end here.
            Err(outage) => match address.classify(outage) {
                ConnectError::Refused { sentence } => {
                    tracing::error!(connection = %address.name, "{sentence}");
                }
                ConnectError::Unavailable(outage) => {
                    tracing::warn!(connection = %address.name, %outage, "RabbitMQ is still out of reach");
                }
            },
        }
    }
}

/// Says goodbye if the other side still listens.
async fn close(connection: &Connection) {
    if !connection.status().connected() {
        return;
    }
    let goodbye = timeout(GOODBYE_TIMEOUT, connection.close(200, "closing".into())).await;
    if !matches!(goodbye, Ok(Ok(()))) {
        tracing::debug!("the connection ended without a goodbye");
    }
}
