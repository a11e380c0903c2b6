//! What both brokers promise. Each test runs on each of them.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;
use transport::{Broker, DELIVERY_LIMIT, Exchange, PAYLOAD_BYTES_MAX, PublishError, Queue};
use uuid::Uuid;

use crate::messages::{TRACEPARENT, jobs, message, several, to, undo};
use crate::world::{heard, next, publish};

macro_rules! on_both_brokers {
    ($($test:ident)*) => {
        mod local {
            $(#[tokio::test] async fn $test() { crate::world::on_local(super::$test).await; })*
        }
        mod rabbitmq {
            $(#[tokio::test] async fn $test() { crate::world::on_rabbitmq(super::$test).await; })*
        }
    };
}

on_both_brokers! {
    a_message_arrives_as_it_was_published
    every_queue_is_reached_by_its_address
    an_acked_message_does_not_come_again
    a_message_that_reaches_no_queue_is_a_failure
    a_message_that_is_too_large_is_refused_before_publishing
    each_message_of_a_batch_has_its_own_answer
    a_dropped_delivery_comes_again
    retries_are_counted_up_to_the_limit_and_then_the_message_is_dead
    a_dead_letter_carries_its_reason
    a_dead_letter_can_be_put_back_and_discarded
    no_more_messages_are_out_than_the_prefetch
    rollback_jobs_do_not_wait_behind_forward_jobs
    events_are_heard_by_pattern
    an_event_that_nobody_hears_is_no_failure
    a_stopped_consumer_gets_nothing_new_and_settles_what_it_has
    a_dropped_consumer_leaves_its_messages_to_others
    a_duplicate_is_delivered_twice
    foreign_keys_reach_the_intake
    a_closed_broker_ends_consumers_and_takes_nothing
}

fn endless() -> CancellationToken {
    CancellationToken::new()
}

async fn a_message_arrives_as_it_was_published(broker: Broker) {
    let mut consumer = broker.consume(&jobs("build"), 1, endless());
    let largest = transport::Message { body: vec![b'x'; PAYLOAD_BYTES_MAX], ..to(&jobs("build")) };
    let untraced = transport::Message { traceparent: None, body: Vec::new(), ..to(&jobs("build")) };
    for sent in [to(&jobs("build")), largest, untraced] {
        publish(&broker, std::slice::from_ref(&sent)).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.id, Some(sent.id));
        assert_eq!(delivery.routing_key, "build");
        assert_eq!(delivery.body, sent.body);
        assert_eq!(delivery.content_type, "application/json");
        assert_eq!(delivery.traceparent, sent.traceparent);
        assert_eq!((delivery.delivery_count, delivery.redelivered), (0, false));
        assert_eq!((delivery.dead_reason.as_deref(), delivery.died_after), (None, None));
        assert!(delivery.ack().await);
    }
}

async fn every_queue_is_reached_by_its_address(broker: Broker) {
    for queue in Queue::all() {
        let sent = to(&queue);
        publish(&broker, std::slice::from_ref(&sent)).await;
        let mut consumer = broker.consume(&queue, 1, endless());
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.id, Some(sent.id), "{queue:?}");
        assert!(delivery.ack().await);
    }
}

async fn an_acked_message_does_not_come_again(broker: Broker) {
    let sent = several(2, &jobs("swap"));
    publish(&broker, &sent).await;
    let mut first = broker.consume(&jobs("swap"), 1, endless());
    assert!(next(&mut first).await.ack().await);
    drop(first);
    let mut second = broker.consume(&jobs("swap"), 1, endless());
    assert_eq!(next(&mut second).await.id, Some(sent[1].id));
}

async fn a_message_that_reaches_no_queue_is_a_failure(broker: Broker) {
    for exchange in [Exchange::Jobs, Exchange::Undo] {
        let outcome = broker.publish(vec![message(exchange, "nobody")]).await;
        let expected =
            PublishError::Unroutable { exchange: exchange.as_str(), routing_key: "nobody".to_owned() };
        assert_eq!(outcome, [Err(expected)]);
    }
}

async fn a_message_that_is_too_large_is_refused_before_publishing(broker: Broker) {
    let bytes = PAYLOAD_BYTES_MAX + 1;
    let fat = transport::Message { body: vec![0; bytes], ..to(&jobs("build")) };
    let long = message(Exchange::Events, &"k".repeat(256));
    let outcome = broker.publish(vec![fat, long.clone()]).await;
    let (fat, long) = (bytes, long.body.len());
    assert_eq!(outcome, [fat, long].map(|bytes| Err(PublishError::TooLarge { bytes })));
}

async fn each_message_of_a_batch_has_its_own_answer(broker: Broker) {
    let mut batch = several(600, &jobs("health"));
    batch[300] = message(Exchange::Jobs, "nobody");
    let outcomes = broker.publish(batch).await;
    let failed: Vec<_> = (0..600).filter(|&i| outcomes[i].is_err()).collect();
    assert_eq!((outcomes.len(), failed), (600, vec![300]));
}

async fn a_dropped_delivery_comes_again(broker: Broker) {
    let sent = to(&jobs("backup"));
    publish(&broker, std::slice::from_ref(&sent)).await;
    let mut consumer = broker.consume(&jobs("backup"), 1, endless());
    drop(next(&mut consumer).await);
    let again = next(&mut consumer).await;
    assert_eq!(again.id, Some(sent.id));
    assert_eq!((again.delivery_count, again.redelivered), (1, true));
    assert!(again.ack().await);
}

async fn retries_are_counted_up_to_the_limit_and_then_the_message_is_dead(broker: Broker) {
    let sent = to(&undo("swap"));
    publish(&broker, std::slice::from_ref(&sent)).await;
    let mut consumer = broker.consume(&undo("swap"), 3, endless());
    for count in 0..=DELIVERY_LIMIT {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.delivery_count, count);
        assert!(delivery.retry().await);
    }
    let mut graveyard = broker.consume_dead(&undo("swap"), 1, endless());
    let dead = next(&mut graveyard).await;
    assert_eq!(dead.id, Some(sent.id));
    assert_eq!(dead.body, sent.body);
    assert_eq!(dead.traceparent.as_deref(), Some(TRACEPARENT));
    let reason = "the message was delivered 11 times and nobody could finish with it";
    assert_eq!(dead.dead_reason.as_deref(), Some(reason));
    assert_eq!(dead.died_after, Some(DELIVERY_LIMIT + 1));
    assert!(dead.ack().await);
}

async fn a_dead_letter_carries_its_reason(broker: Broker) {
    let sent = to(&Queue::Intake);
    publish(&broker, std::slice::from_ref(&sent)).await;
    let mut consumer = broker.consume(&Queue::Intake, 1, endless());
    let reason = "the ship message has no feature";
    assert!(next(&mut consumer).await.dead_letter(reason).await);

    let mut graveyard = broker.consume_dead(&Queue::Intake, 1, endless());
    let dead = next(&mut graveyard).await;
    assert_eq!(dead.id, Some(sent.id));
    assert_eq!(dead.body, sent.body);
    assert_eq!(dead.content_type, "application/json");
    assert_eq!(dead.traceparent.as_deref(), Some(TRACEPARENT));
    assert_eq!(dead.dead_reason.as_deref(), Some(reason));
    assert_eq!(dead.died_after, Some(1));
    assert!(dead.ack().await);
}

async fn a_dead_letter_can_be_put_back_and_discarded(broker: Broker) {
    let sent = several(2, &jobs("cleanup"));
    publish(&broker, &sent).await;
    let mut consumer = broker.consume(&jobs("cleanup"), 1, endless());
    for _ in &sent {
        assert!(next(&mut consumer).await.dead_letter("first").await);
    }
    let mut graveyard = broker.consume_dead(&jobs("cleanup"), 1, endless());
    // More often than any delivery limit of a broker: looking at dead letters must not lose them.
    for _ in 0..30 {
        let dead = next(&mut graveyard).await;
        assert_eq!(dead.dead_reason.as_deref(), Some("first"));
        assert!(dead.retry().await);
    }
    assert!(next(&mut graveyard).await.ack().await);
    assert!(next(&mut graveyard).await.dead_letter("second").await);
    let last = next(&mut graveyard).await;
    assert_eq!(last.dead_reason.as_deref(), Some("second"));
    assert_eq!(last.died_after, Some(1), "only deliveries of the living count");
    assert!(last.ack().await);
}

async fn no_more_messages_are_out_than_the_prefetch(broker: Broker) {
    let sent = several(5, &jobs("build"));
    let mut narrow = broker.consume(&jobs("build"), 2, endless());
    publish(&broker, &sent).await;
    let held = [next(&mut narrow).await, next(&mut narrow).await];
    let mut wide = broker.consume(&jobs("build"), 5, endless());
    let mut others = BTreeSet::new();
    let mut rest = Vec::new();
    for _ in 0..3 {
        let delivery = next(&mut wide).await;
        others.extend(delivery.id);
        rest.push(delivery);
    }
    let expected: BTreeSet<Uuid> = sent[2..].iter().map(|message| message.id).collect();
    assert_eq!(others, expected);
    for delivery in held.into_iter().chain(rest) {
        assert!(delivery.ack().await);
    }
}

async fn rollback_jobs_do_not_wait_behind_forward_jobs(broker: Broker) {
    publish(&broker, &several(50, &jobs("swap"))).await;
    let rollback = to(&undo("swap"));
    publish(&broker, std::slice::from_ref(&rollback)).await;
    let mut builds = broker.consume(&jobs("swap"), 1, endless());
    let busy = next(&mut builds).await;
    let mut rollbacks = broker.consume(&undo("swap"), 1, endless());
    assert_eq!(next(&mut rollbacks).await.id, Some(rollback.id));
    assert!(busy.ack().await);
}

async fn events_are_heard_by_pattern(broker: Broker) {
    for exchange in [Exchange::Events, Exchange::Control] {
        let mut all = broker.subscribe(exchange, "#", endless()).await;
        let mut one = broker.subscribe(exchange, "ship.FB-1.*", endless()).await;
        let keys = ["ship.FB-1.started", "ship.FB-2.started", "promotion.CP-1.done", "ship.FB-1.done"];
        let sent = keys.map(|key| message(exchange, key));
        publish(&broker, &sent).await;
        for expected in &sent {
            assert_eq!(heard(&mut all).await, *expected);
        }
        for expected in [&sent[0], &sent[3]] {
            assert_eq!(heard(&mut one).await, *expected);
        }
    }
}

async fn an_event_that_nobody_hears_is_no_failure(broker: Broker) {
    let unheard = [Exchange::Events, Exchange::Control].map(|it| message(it, "ship.FB-1.done"));
    publish(&broker, &unheard).await;
}

async fn a_stopped_consumer_gets_nothing_new_and_settles_what_it_has(broker: Broker) {
    let mut sent = several(3, &jobs("health"));
    publish(&broker, &sent).await;
    let stop = CancellationToken::new();
    let mut stopped = broker.consume(&jobs("health"), 3, stop.clone());
    let in_hand = next(&mut stopped).await;
    stop.cancel();
    assert!(stopped.next().await.is_none());
    assert!(stopped.next().await.is_none());

    let late = to(&jobs("health"));
    publish(&broker, std::slice::from_ref(&late)).await;
    let done = in_hand.id;
    assert!(in_hand.ack().await);
    sent.push(late);
    let mut successor = broker.consume(&jobs("health"), 3, endless());
    let mut left: BTreeSet<_> = sent.iter().map(|message| Some(message.id)).collect();
    assert!(left.remove(&done));
    while !left.is_empty() {
        let delivery = next(&mut successor).await;
        assert!(left.remove(&delivery.id), "came twice or came after its ack");
        assert!(delivery.ack().await);
    }
}

async fn a_dropped_consumer_leaves_its_messages_to_others(broker: Broker) {
    let sent = several(4, &jobs("backup"));
    publish(&broker, &sent).await;
    let mut dropped = broker.consume(&jobs("backup"), 4, endless());
    let in_hand = next(&mut dropped).await;
    drop(dropped);
    assert!(in_hand.ack().await);
    let mut successor = broker.consume(&jobs("backup"), 1, endless());
    for _ in 1..4 {
        assert!(next(&mut successor).await.ack().await);
    }
}

async fn a_duplicate_is_delivered_twice(broker: Broker) {
    let sent = to(&jobs("scheduler"));
    publish(&broker, &[sent.clone(), sent.clone()]).await;
    let mut consumer = broker.consume(&jobs("scheduler"), 2, endless());
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.id, Some(sent.id));
        assert!(delivery.ack().await);
    }
}

async fn foreign_keys_reach_the_intake(broker: Broker) {
    let mut consumer = broker.consume(&Queue::Intake, 1, endless());
    for key in ["ship", "", "whatever.they.choose"] {
        let sent = message(Exchange::Ship, key);
        publish(&broker, std::slice::from_ref(&sent)).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.id, Some(sent.id));
        assert_eq!(delivery.routing_key, key);
        assert!(delivery.ack().await);
    }
}

async fn a_closed_broker_ends_consumers_and_takes_nothing(broker: Broker) {
    publish(&broker, &several(1, &jobs("build"))).await;
    let mut consumer = broker.consume(&jobs("build"), 1, endless());
    let in_hand = next(&mut consumer).await;
    assert!(broker.health().is_ready());
    broker.close().await;
    broker.close().await;
    assert!(consumer.next().await.is_none());
    assert!(!in_hand.ack().await);
    assert!(!broker.health().is_ready());
    let outcome = broker.publish(several(1, &jobs("build"))).await;
    assert!(matches!(outcome[..], [Err(PublishError::Unavailable(_))]));
}
