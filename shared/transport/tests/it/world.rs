//! Brokers for tests: each test has one of its own, or its own names on the shared `RabbitMQ`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::{Instant, sleep, timeout};
use transport::{Broker, Consumer, Delivery, Message, Names, Subscription, Topology};
use uuid::Uuid;

/// Longest wait for what must happen. Only failing tests take that long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a test on a broker inside this process.
pub(crate) async fn on_local<F: Future<Output = ()>>(test: impl FnOnce(Broker) -> F) {
    let broker = Broker::local();
    test(broker.clone()).await;
    broker.close().await;
}

/// Runs a test on `RabbitMQ` with the topology in place.
pub(crate) async fn on_rabbitmq<F: Future<Output = ()>>(test: impl FnOnce(Broker) -> F) {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names).await;
        broker.topology_apply().await.unwrap();
        test(broker.clone()).await;
        broker.close().await;
    })
    .await;
}

/// Runs a test with names of its own, and removes what it declared, also when it fails.
pub(crate) async fn with_names(test: impl AsyncFnOnce(Names)) {
    let names = Names::new(format!("slipway-test-{}", Uuid::new_v4().simple()));
    let outcome = AssertUnwindSafe(test(names.clone())).catch_unwind().await;
    let (_connection, channel) = admin().await;
    let topology = Topology::new(&names);
    for queue in topology.queues {
        let deleted = channel.queue_delete(queue.name.into(), QueueDeleteOptions::default());
        deleted.await.unwrap();
    }
    for exchange in topology.exchanges {
        let deleted = channel.exchange_delete(exchange.name.into(), ExchangeDeleteOptions::default());
        deleted.await.unwrap();
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

pub(crate) async fn connect(url: &str, names: Names) -> Broker {
    let connected = Broker::amqp(url, "transport test", names).await;
    connected.expect("RabbitMQ must run for this test; start it with `cargo xtask test`")
}

pub(crate) fn amqp_url() -> String {
    let url = std::env::var("SLIPWAY_TEST_AMQP_URL");
    url.expect("SLIPWAY_TEST_AMQP_URL is not set; run this test with `cargo xtask test`")
}

/// A channel past the transport, to break things with.
pub(crate) async fn admin() -> (Connection, Channel) {
    let url = amqp_url();
    let connected = Connection::connect(&url, ConnectionProperties::default());
    let connection = connected.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Publishes and expects every message to arrive in a queue.
pub(crate) async fn publish(broker: &Broker, messages: &[Message]) {
    for outcome in broker.publish(messages.to_vec()).await {
        outcome.unwrap();
    }
}

/// Publishes until the broker takes the message, as an outbox does.
pub(crate) async fn publish_until_taken(broker: &Broker, message: &Message) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = broker.publish(vec![message.clone()]).await;
        if outcome == [Ok(())] {
            return;
        }
        assert!(Instant::now() < deadline, "never taken: {outcome:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    let delivery = timeout(PATIENCE, consumer.next()).await;
    delivery.expect("no message came").expect("the consumer ended")
}

pub(crate) async fn heard(subscription: &mut Subscription) -> Message {
    let message = timeout(PATIENCE, subscription.next()).await;
    message.expect("nothing was heard").expect("the subscription ended")
}

/// Waits for a state that, once there, stays.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
