//! Faults of the local broker, given as data.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;
use transport::{Broker, Delivery, Exchange, Fault, FaultPlan, Message, SingledOut};
use uuid::Uuid;

use crate::messages::{jobs, several, to, undo};
use crate::world::{heard, next, publish};

fn single_out(nth: u64, fault: Fault) -> FaultPlan {
    let met = SingledOut { exchange: Exchange::Jobs, routing_key: "build".to_owned(), nth, fault };
    FaultPlan { singled_out: vec![met], ..FaultPlan::default() }
}

/// Which of the sent messages the delivery is; done with.
async fn number(delivery: Delivery, sent: &[Message]) -> Option<usize> {
    let id = delivery.id;
    assert!(delivery.ack().await);
    sent.iter().position(|message| Some(message.id) == id)
}

#[tokio::test]
async fn a_message_that_is_singled_out_meets_its_fault_and_no_other_does() {
    for (fault, expected) in [
        (Fault::Drop, vec![0, 2]),
        (Fault::Duplicate, vec![0, 1, 1, 2]),
        (Fault::Delay(Duration::from_millis(50)), vec![0, 2, 1]),
        (Fault::Overtake, vec![1, 0, 2]),
    ] {
        let broker = Broker::local_with(single_out(2, fault));
        publish(&broker, &[to(&undo("build")), to(&jobs("swap"))]).await;
        let sent = several(3, &jobs("build"));
        publish(&broker, &sent).await;
        let mut consumer = broker.consume(&jobs("build"), 1, CancellationToken::new());
        for expected in expected {
            assert_eq!(number(next(&mut consumer).await, &sent).await, Some(expected), "{fault:?}");
        }
        assert!(consumer.next().now_or_never().is_none(), "{fault:?}");
        broker.close().await;
    }
}

#[tokio::test]
async fn shares_are_met_in_about_their_number_and_by_the_same_messages_again() {
    let plan = |seed| FaultPlan {
        seed,
        shares: vec![(20, Fault::Drop), (30, Fault::Duplicate)],
        ..FaultPlan::default()
    };
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let broker = Broker::local_with(plan(seed));
        let sent = several(1000, &jobs("build"));
        publish(&broker, &sent).await;
        let mut consumer = broker.consume(&jobs("build"), 1, CancellationToken::new());
        let mut arrived = Vec::new();
        while let Some(delivery) = unconstrained(consumer.next()).now_or_never() {
            arrived.extend(number(delivery.unwrap(), &sent).await);
        }
        let times = |i: usize| arrived.iter().filter(|it| **it == i).count();
        let dropped = (0..1000).filter(|i| times(*i) == 0).count();
        let doubled = (0..1000).filter(|i| times(*i) == 2).count();
        assert!((150..250).contains(&dropped) && (250..350).contains(&doubled), "{dropped} {doubled}");
        seen.push(arrived);
        broker.close().await;
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn notices_meet_faults_and_dead_letters_do_not() {
    let broker =
        Broker::local_with(FaultPlan { shares: vec![(100, Fault::Duplicate)], ..FaultPlan::default() });
    let mut events = broker.subscribe(Exchange::Events, "#", CancellationToken::new()).await;
    let notice = Message { exchange: Exchange::Events, ..to(&jobs("build")) };
    let order = Message { id: Uuid::new_v4(), ..to(&jobs("build")) };
    publish(&broker, &[notice.clone(), order]).await;
    assert_eq!([heard(&mut events).await, heard(&mut events).await], [notice.clone(), notice]);

    let mut consumer = broker.consume(&jobs("build"), 2, CancellationToken::new());
    assert!(next(&mut consumer).await.ack().await);
    assert!(next(&mut consumer).await.dead_letter("as the test says").await);
    let mut graveyard = broker.consume_dead(&jobs("build"), 2, CancellationToken::new());
    assert!(next(&mut graveyard).await.ack().await);
    assert!(graveyard.next().now_or_never().is_none(), "one letter only");
    broker.close().await;
}
