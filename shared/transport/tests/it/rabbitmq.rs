//! `RabbitMQ`'s own failures: lost connections, silence, alarms, missing queues, wrong configuration.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transport::{
    Broker, ConnectError, Exchange, Names, Outage, PAYLOAD_BYTES_MAX, PublishError, Queue, Topology,
    TopologyError,
};

use crate::messages::{jobs, message, several, to};
use crate::proxy::Proxy;
use crate::world::{
    admin, amqp_url, connect, eventually, heard, next, publish, publish_until_taken, with_names,
};

/// A broker with its topology, reached through a proxy.
async fn through_proxy(names: Names) -> (Proxy, Broker) {
    let proxy = Proxy::start(&amqp_url()).await;
    let broker = connect(&proxy.url, names).await;
    broker.topology_apply().await.unwrap();
    (proxy, broker)
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_and_the_consumer_returns_with_its_prefetch() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names).await;
        let sent = several(5, &jobs("build"));
        publish(&broker, &sent).await;
        let mut consumer = broker.consume(&jobs("build"), 2, CancellationToken::new());
        let in_hand = [next(&mut consumer).await, next(&mut consumer).await];

        proxy.cut();
        eventually("not ready", || {
            let health = broker.health();
            !health.connected && !health.unattended.is_empty()
        })
        .await;
        for delivery in in_hand {
            assert!(!delivery.ack().await, "nobody can have heard this ack");
        }
        let refused = broker.publish(several(1, &jobs("build"))).await;
        assert!(matches!(refused[..], [Err(PublishError::Unavailable(_))]));

        proxy.restore();
        eventually("ready", || broker.health().is_ready()).await;
        let held = [next(&mut consumer).await, next(&mut consumer).await];
        let mut other = broker.consume(&jobs("build"), 5, CancellationToken::new());
        for _ in 0..3 {
            assert!(next(&mut other).await.ack().await);
        }
        for delivery in held {
            assert!(delivery.ack().await);
        }
        publish_until_taken(&broker, &to(&jobs("build"))).await;
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_subscription_hears_again_after_a_cut() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names).await;
        let stop = CancellationToken::new();
        let mut events = broker.subscribe(Exchange::Events, "ship.#", stop).await;
        proxy.cut();
        eventually("not ready", || !broker.health().connected).await;
        proxy.restore();
        eventually("ready", || broker.health().is_ready()).await;
        // Nothing says when the subscription is back, so events are published until one is heard.
        let event = message(Exchange::Events, "ship.FB-1.done");
        let repeat = async {
            loop {
                publish_until_taken(&broker, &event).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = repeat => {}
            heard = heard(&mut events) => assert_eq!(heard, event),
        }
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_connection_is_given_up_and_rebuilt() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names).await;
        let mut consumer = broker.consume(&jobs("build"), 1, CancellationToken::new());
        eventually("consuming", || broker.health().is_ready()).await;
        proxy.silence_first(2);

        let unanswered = broker.publish(several(1, &jobs("build"))).await;
        assert!(
            matches!(unanswered[..], [Err(PublishError::Unavailable(Outage::Silent(_)))]),
            "{unanswered:?}"
        );
        let sent = to(&jobs("build"));
        publish_until_taken(&broker, &sent).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.id, Some(sent.id));
        assert!(delivery.ack().await);
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_was_cancelled_unheard_comes_back_before_there_is_work() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names.clone()).await;
        let mut consumer = broker.consume(&jobs("build"), 1, CancellationToken::new());
        until_consumers(&names.queue(&jobs("build")), 1).await;
        proxy.cancel_consumers().await;
        until_consumers(&names.queue(&jobs("build")), 0).await;
        until_consumers(&names.queue(&jobs("build")), 1).await;
        assert_hears(&broker, &mut consumer).await;
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_was_cancelled_unheard_comes_back_where_the_queue_has_others() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names.clone()).await;
        let mut consumer = broker.consume(&jobs("build"), 2, CancellationToken::new());
        publish(&broker, &several(1, &jobs("build"))).await;
        let mut in_hand = vec![next(&mut consumer).await];
        // The other one is busy: what comes now is for the one that the broker has forgotten.
        let elsewhere = connect(&amqp_url(), names).await;
        let mut other = elsewhere.consume(&jobs("build"), 1, CancellationToken::new());
        publish(&broker, &several(2, &jobs("build"))).await;
        in_hand.push(next(&mut other).await);
        in_hand.push(next(&mut consumer).await);
        assert!(in_hand.remove(0).ack().await);

        proxy.cancel_consumers().await;
        assert_hears(&broker, &mut consumer).await;
        elsewhere.close().await;
        broker.close().await;
    })
    .await;
}

/// Waits until the broker counts so many consumers of the queue.
async fn until_consumers(queue: &str, count: u32) {
    let (_connection, channel) = admin().await;
    let counted = async {
        loop {
            let look = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let seen = channel.queue_declare(queue.into(), look, FieldTable::default()).await.unwrap();
            if seen.consumer_count() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), counted).await.expect("the consumers never came to that number");
}

async fn assert_hears(broker: &Broker, consumer: &mut transport::Consumer) {
    let sent = to(&jobs("build"));
    publish(broker, std::slice::from_ref(&sent)).await;
    loop {
        let delivery = next(consumer).await;
        let id = delivery.id;
        // It may have been in another's hand when that one's session ended.
        assert!(delivery.ack().await);
        if id == Some(sent.id) {
            return;
        }
    }
}

#[tokio::test]
async fn a_memory_alarm_shows_in_health_and_leaves_consumers_alone() {
    with_names(async |names| {
        let (proxy, broker) = through_proxy(names).await;
        let mut consumer = broker.consume(&jobs("build"), 1, CancellationToken::new());
        publish(&broker, &several(2, &jobs("build"))).await;
        let given_up = next(&mut consumer).await;

        proxy.set_memory_alarm(true).await;
        eventually("blocked", || broker.health().blocked_since.is_some()).await;
        assert!(!broker.health().is_ready());
        let blocked = PublishError::Unavailable(Outage::Blocked("low on memory".to_owned()));
        let refused = broker.publish(several(1, &jobs("build"))).await;
        assert_eq!(refused, [Err(blocked)]);
        assert!(given_up.dead_letter("lost on the way").await);
        assert!(next(&mut consumer).await.ack().await);

        proxy.set_memory_alarm(false).await;
        eventually("ready", || broker.health().is_ready()).await;
        publish(&broker, &several(1, &jobs("build"))).await;
        let mut graveyard = broker.consume_dead(&jobs("build"), 1, CancellationToken::new());
        let dead = next(&mut graveyard).await;
        let reason = "a worker gave the message up without a reason";
        assert_eq!(dead.dead_reason.as_deref(), Some(reason));
        assert!(dead.ack().await);
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_whose_queue_was_deleted_is_not_deaf() {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names.clone()).await;
        broker.topology_apply().await.unwrap();
        let mut consumer = broker.consume(&jobs("swap"), 1, CancellationToken::new());
        eventually("consuming", || broker.health().is_ready()).await;

        let name = names.queue(&jobs("swap"));
        delete_queue(&name).await;
        eventually("unattended", || broker.health().unattended == [name.as_str()]).await;
        assert!(!broker.health().is_ready());
        let missing = format!("The queue {name} is missing; run `slipway topology apply`.");
        assert_eq!(broker.topology_check().await, Ok(vec![missing]));

        broker.topology_apply().await.unwrap();
        let sent = to(&jobs("swap"));
        publish(&broker, std::slice::from_ref(&sent)).await;
        assert_eq!(next(&mut consumer).await.id, Some(sent.id));
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_was_started_too_early_begins_when_its_queue_is_there() {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names).await;
        let mut consumer = broker.consume(&Queue::Intake, 1, CancellationToken::new());
        broker.topology_apply().await.unwrap();
        broker.topology_apply().await.unwrap();
        let sent = to(&Queue::Intake);
        publish(&broker, std::slice::from_ref(&sent)).await;
        assert_eq!(next(&mut consumer).await.id, Some(sent.id));
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_topology_check_names_everything_that_is_missing() {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names.clone()).await;
        let topology = Topology::new(&names);
        let exchanges = topology.exchanges.iter().map(|it| ("exchange", &it.name));
        let queues = topology.queues.iter().map(|it| ("queue", &it.name));
        let sentences: Vec<_> = exchanges
            .chain(queues)
            .map(|(kind, name)| format!("The {kind} {name} is missing; run `slipway topology apply`."))
            .collect();
        assert_eq!(broker.topology_check().await, Ok(sentences));
        broker.topology_apply().await.unwrap();
        assert_eq!(broker.topology_check().await, Ok(Vec::new()));
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn publishing_before_the_topology_is_applied_fails_and_later_works() {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names).await;
        let outcome = broker.publish(several(1, &jobs("build"))).await;
        assert!(
            matches!(outcome[..], [Err(PublishError::Unavailable(Outage::Refused { code: 404, .. }))]),
            "{outcome:?}"
        );
        broker.topology_apply().await.unwrap();
        publish(&broker, &several(1, &jobs("build"))).await;
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_queue_with_other_settings_is_named_and_left_alone() {
    with_names(async |names| {
        let name = names.queue(&jobs("build"));
        let (_connection, channel) = admin().await;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(name.clone().into(), durable, FieldTable::default());
        declared.await.unwrap();

        let broker = connect(&amqp_url(), names).await;
        let sentence = format!(
            "The queue {name} exists with other settings; empty it, delete it, and run `slipway topology apply`."
        );
        let refused = Err(TopologyError::Refused { sentence });
        assert_eq!(broker.topology_apply().await, refused);
        broker.close().await;
    })
    .await;
}

#[tokio::test]
async fn wrong_configuration_is_told_from_a_broker_that_is_away() {
    let right = amqp_url();
    let (_, server) = right.split_once('@').unwrap();
    let (host, _) = server.split_once('/').unwrap();
    let wrong = [
        (
            format!("amqp://guest:wrong@{server}"),
            "RabbitMQ does not accept the user or password in the broker URL; correct them.",
        ),
        (
            right.replace(server, &format!("{host}/nowhere")),
            "RabbitMQ has no virtual host \"nowhere\", or the user may not use it; \
             create it, allow it, or correct the broker URL.",
        ),
        (
            "http://guest:guest@localhost/".to_owned(),
            "The broker URL is not valid; write it as amqp://user:password@host:5672/%2f.",
        ),
        (
            right.replace("amqp:", "amqps:"),
            "This Slipway does not speak TLS to the message broker; use an amqp:// URL.",
        ),
    ];
    for (url, expected) in wrong {
        let ConnectError::Refused { sentence } = refusal(&url).await else {
            panic!("{expected}: was not refused");
        };
        assert_eq!(sentence, expected);
    }
    let away = refusal("amqp://guest:guest@127.0.0.1:1/%2f").await;
    assert!(matches!(away, ConnectError::Unavailable(_)), "{away:?}");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let silent = refusal(&format!("amqp://guest:guest@{address}/%2f")).await;
    assert!(matches!(silent, ConnectError::Unavailable(Outage::Silent(_))), "{silent:?}");
}

/// The promise of [`Broker::amqp`] is an answer within 10 seconds.
async fn refusal(url: &str) -> ConnectError {
    let connected = Broker::amqp(url, "transport test", Names::default());
    let connected = timeout(Duration::from_secs(10), connected).await;
    connected.expect("no answer within 10 seconds").unwrap_err()
}

#[tokio::test]
async fn a_foreign_message_of_any_size_and_shape_arrives_and_dies_whole() {
    with_names(async |names| {
        let broker = connect(&amqp_url(), names.clone()).await;
        broker.topology_apply().await.unwrap();
        let (_connection, channel) = admin().await;
        let body = vec![0xff; 16 * PAYLOAD_BYTES_MAX];
        let nameless = BasicProperties::default().with_message_id("not one of ours".into());
        let published = channel.basic_publish(
            names.exchange(Exchange::Ship).into(),
            "whatever".into(),
            BasicPublishOptions::default(),
            &body,
            nameless,
        );
        published.await.unwrap().await.unwrap();

        let mut consumer = broker.consume(&Queue::Intake, 1, CancellationToken::new());
        let delivery = next(&mut consumer).await;
        assert!(delivery.id.is_none() && delivery.body == body);
        assert!(delivery.dead_letter("it is too large").await);
        let mut graveyard = broker.consume_dead(&Queue::Intake, 1, CancellationToken::new());
        let dead = next(&mut graveyard).await;
        assert!(dead.id.is_none() && dead.body == body);
        assert_eq!(dead.dead_reason.as_deref(), Some("it is too large"));
        assert!(dead.ack().await);
        broker.close().await;
    })
    .await;
}

async fn delete_queue(name: &str) {
    let (_connection, channel) = admin().await;
    let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    deleted.await.unwrap();
}
