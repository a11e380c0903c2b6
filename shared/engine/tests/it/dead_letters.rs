//! Messages that nobody could handle: kept, told to their runs, sent again or discarded.

use domain::run::{Cause, Outcome};
use domain::{Job, Status, Worker};
use engine::dead_letters::{Settlement, discard, keep, redrive};
use scratch::with_database;
use serde_json::{Value, json};
use store::dead_letters::{self, Letter, New, State};
use store::inbox::{self, Answer};
use tokio_util::sync::CancellationToken;
use transport::{DELIVERY_LIMIT, Delivery, Message, Queue};
use uuid::Uuid;

use crate::lost_messages::order;
use crate::world::{INSTALLATION, Workers, World, actor};

fn jobs(worker: &str) -> Queue {
    Queue::Jobs(worker.to_owned())
}

fn message(queue: &Queue, body: impl Into<Vec<u8>>) -> Message {
    let (exchange, routing_key) = queue.address();
    Message {
        exchange,
        routing_key: routing_key.to_owned(),
        body: body.into(),
        ..order(Uuid::nil(), "scheduler.validate")
    }
}

fn ship(id: &str, number: u32) -> Value {
    json!({
        "specversion": "1.0", "type": "slipway.ship.requested.v1", "source": "/build-studio", "id": id,
        "data": { "build": domain::BuildId::new(number).as_str(), "title": "Loyalty", "installation": INSTALLATION,
                  "sandbox": { "directory": "/sandbox" }, "requested_by": "Mara" },
    })
}

impl World {
    async fn publish(&self, message: Message) {
        assert_eq!(self.engine.broker.publish(vec![message]).await, [Ok(())]);
    }

    /// Gives the next message of the queue back until it is dead.
    async fn wear_out(&self, queue: &Queue) {
        let stop = CancellationToken::new();
        let mut messages = self.engine.broker.consume(queue, 1, stop);
        for _ in 0..=DELIVERY_LIMIT {
            assert!(messages.next().await.unwrap().retry().await);
        }
    }

    /// Publishes a message and answers it as a dead letter.
    async fn dead(&self, queue: &Queue, message: Message, reason: &str) -> Delivery {
        self.publish(message).await;
        let mut messages = self.engine.broker.consume(queue, 1, CancellationToken::new());
        assert!(messages.next().await.unwrap().dead_letter(reason).await);
        self.engine.broker.consume_dead(queue, 1, CancellationToken::new()).next().await.unwrap()
    }

    /// The letter that the supervisor keeps next.
    async fn kept(&self, count: usize) -> Letter {
        let newest = self
            .eventually("the letter is kept", async || {
                let kept = self.engine.store.dead_letters(None, None).await.ok()?;
                (kept.len() == count).then(|| kept[0].id)
            })
            .await;
        self.letter(newest).await
    }

    async fn letter(&self, id: i64) -> Letter {
        self.engine.store.dead_letter(id).await.unwrap().unwrap()
    }

    /// Keeps a dead letter as the supervisor does; answers its id.
    async fn keep(&self, queue: &Queue, message: Message, reason: &str) -> i64 {
        let letter = self.dead(queue, message, reason).await;
        let id = keep(&self.engine, queue, &letter).await.unwrap();
        assert!(letter.ack().await);
        id
    }

    async fn answer(&self, message: &str, answer: &Answer) {
        let mut tx = self.engine.store.begin().await.unwrap();
        assert!(inbox::insert(&mut tx, message, answer).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Puts a letter on record past the broker, which would not carry such a message.
    async fn forge(&self, queue: &Queue, body: Vec<u8>) -> i64 {
        let new = New {
            message_id: None,
            queue: queue.to_string(),
            content_type: String::new(),
            traceparent: None,
            reason: "as the test says".to_owned(),
            deliveries: None,
            order: engine::worker::read(&body).ok(),
            body,
        };
        let mut tx = self.engine.store.begin().await.unwrap();
        let id = dead_letters::keep(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn refusal(&self, id: i64) -> String {
        match redrive(&self.engine, id, &actor("Ines")).await.unwrap() {
            Settlement::Refused(why) => why,
            other @ (Settlement::Done | Settlement::Unknown) => panic!("{id}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_redelivered_for_ever_fails_its_promotion_with_the_reason() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (id, run) = world.started(1).await;
        world.wear_out(&jobs("scheduler")).await;
        world.start_supervisor();

        let Outcome::Refused(Cause::Failed { job: Job::Validate, reason }) = world.outcome(run).await else {
            panic!("{:?}", world.run(run).await);
        };
        let letter = world.kept(1).await;
        assert_eq!(
            reason,
            format!(
                "The order for step 1, “Validate”, could not be delivered after 11 tries, so the deployment was \
                 not started. Whoever runs Slipway sees why with `slipway dlq show {}`.",
                letter.summary.id
            )
        );
        assert_eq!((world.reason(&id).await, world.status(&id).await), (Some(reason), Status::Approved));
        assert_eq!(letter.summary.promotion.as_ref(), Some(&id));
        assert_eq!((letter.summary.queue.as_str(), letter.summary.deliveries), ("jobs.scheduler", Some(11)));
        let order = letter.order.unwrap();
        assert_eq!((order.run, order.job, order.attempt), (run, Job::Validate, 1));
        assert_eq!(world.refusal(letter.summary.id).await, "its deployment is over; sending it again would change nothing");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_undone_and_an_undo_is_tried_again() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (id, run) = world.started(1).await;
        // Nobody can build, and nobody can take the first order to remove what building may have left.
        let stop = CancellationToken::new();
        for queue in [jobs("build"), Queue::Undo("cleanup".to_owned())] {
            let mut orders = world.engine.broker.consume(&queue, 1, stop.clone());
            tokio::spawn(async move { orders.next().await.unwrap().dead_letter("lost").await });
        }
        world.start_workers_of(&[Worker::Scheduler, Worker::Backup, Worker::Swap, Worker::Health]);
        world.start_relay();
        world.start_supervisor();
        world.kept(2).await;
        world.start_workers_of(&[Worker::Build, Worker::Cleanup]);
        let Outcome::RolledBack(Cause::Failed { job: Job::Extract, reason }) = world.outcome(run).await else {
            panic!("{:?}", world.run(run).await);
        };
        let begin = "The order for step 4, “Source extraction”, could not be delivered, so the deployment had to be undone.";
        assert!(reason.starts_with(begin), "{reason}");
        assert_eq!(world.status(&id).await, Status::RolledBack);
        let tries = "select state from jobs where job = 'cleanup.discard_context' order by attempt";
        assert_eq!(database.texts(tries).await, ["failed", "succeeded"]);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_no_run_is_kept_as_it_came_and_holds_up_nothing() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (_, over) = world.started(1).await;
        database.run("update runs set phase = 'finished', outcome = 'deployed', finished_at = now() where plan = 'promotion'").await;
        world.lose_message(&jobs("scheduler")).await;
        let (_, strange) = world.started(2).await;
        world.lose_message(&jobs("scheduler")).await;
        database.run(&format!("update runs set plan_version = 99 where id = '{strange}'")).await;
        let body = |run: Uuid, job: &str| order(run, job).body;
        world.start_supervisor();
        let bodies = [
            b"\0\x1b[2J\xff\xfe{".to_vec(),
            Vec::new(),
            vec![b'x'; 64 * 1024],
            body(Uuid::now_v7(), "scheduler.validate"),
            body(over, "scheduler.validate"),
            body(strange, "scheduler.validate"),
            body(strange, "nobody.knows"),
            br#"{"run":"00000000-0000-0000-0000-000000000000","job":"scheduler.validate","attempt":4294967295}"#.to_vec(),
        ];
        for (count, body) in bodies.iter().enumerate() {
            world.publish(message(&jobs("scheduler"), body.clone())).await;
            let stop = CancellationToken::new();
            let mut orders = world.engine.broker.consume(&jobs("scheduler"), 1, stop);
            assert!(orders.next().await.unwrap().dead_letter("no\x1b[2Jbo\0dy\n took it").await);
            let letter = world.kept(count + 1).await;
            assert_eq!(letter.body, *body);
            assert_eq!(letter.summary.reason, "no[2Jbody took it");
            assert_eq!(letter.summary.deliveries, Some(1));
        }
        let state = database.text(&format!("select state from jobs where run = '{strange}'")).await;
        assert_eq!(state, "queued", "nobody could tell that run");
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_on_a_wrong_queue_says_nothing_about_its_job() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let id = world
            .keep(&jobs("build"), message(&jobs("build"), order(run, "scheduler.validate").body), "x")
            .await;
        assert_eq!(world.run(run).await.current(), Some((Job::Validate, 1)));
        assert_eq!(
            world.refusal(id).await,
            "it was on the wrong queue: scheduler.validate is not done there"
        );
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_comes_again_is_one_record_until_it_is_settled() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let queue = jobs("scheduler");
        world.lose_message(&queue).await;
        let letter = world.dead(&queue, order(run, "scheduler.validate"), "lost").await;
        let kept = async |letter: &Delivery| keep(&world.engine, &queue, letter).await.unwrap();
        let first = kept(&letter).await;
        assert_eq!(kept(&letter).await, first);
        let history = world.engine.store.run_history(run).await.unwrap();
        assert_eq!(history.len(), 1, "its job failed once: {history:?}");
        assert_eq!(discard(&world.engine, first, &actor("Ines"), "seen").await.unwrap(), Settlement::Done);
        assert_ne!(kept(&letter).await, first, "what is settled stays as it is");
        assert_eq!(world.letter(first).await.summary.state, State::Discarded);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_waits_for_a_database_that_is_away() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        world.wear_out(&jobs("scheduler")).await;
        // Its connection is cut in the midst of keeping the letter, and no other is to be had.
        let mut other = database.connect().await;
        let hold = other.transaction().await.unwrap();
        hold.batch_execute("lock table dead_letters").await.unwrap();
        world.start_supervisor();
        let waits = "select state from pg_stat_activity where datname = current_database()
                     and wait_event_type = 'Lock' and query like '%dead_letters%'";
        world.eventually("the supervisor keeps the letter", async || database.texts(waits).await.pop()).await;
        database.take_away().await;
        hold.commit().await.unwrap();
        database.bring_back().await;
        assert!(matches!(world.outcome(run).await, Outcome::Refused(_)));
        world.kept(1).await;
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_ship_message_is_sent_again_once_and_looked_at_anew() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let body = ship("m-1", 7);
        let refused = Answer::Refused { field: "data.installation".into(), reason: "is not there".into() };
        world.answer("m-1", &refused).await;
        let sent = message(&Queue::Intake, body.to_string());
        let id = world.keep(&Queue::Intake, sent.clone(), "data.installation: is not there").await;
        assert_eq!(redrive(&world.engine, id, &actor("Ines")).await.unwrap(), Settlement::Done);
        assert_eq!(redrive(&world.engine, id, &actor("Ada")).await.unwrap(), Settlement::Done);
        assert_eq!(world.engine.store.answer("m-1").await.unwrap(), None);

        let stop = CancellationToken::new();
        let mut intake = world.engine.broker.consume(&Queue::Intake, 1, stop);
        let again = intake.next().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.body).unwrap(), body);
        assert_ne!(again.id, Some(sent.id));
        let settled = world.letter(id).await.summary.settled.unwrap();
        assert_eq!((settled.by.as_str(), settled.sent_as), ("Ines", again.id));
        assert!(again.ack().await);
        let waiting = database.texts("select exchange from outbox where exchange = 'ship'").await;
        assert_eq!(waiting, [""; 0], "once");
        world.end().await;
    })
    .await;
}

/// Only where its run could not be told: otherwise its try has failed.
#[tokio::test]
async fn an_order_that_somebody_may_still_begin_is_sent_again() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let queue = jobs("scheduler");
        world.lose_message(&queue).await;
        let sent = order(run, "scheduler.validate");
        let id = world.forge(&queue, sent.body.clone()).await;
        database.run("update runs set plan_version = plan_version + 1").await;
        assert_eq!(world.refusal(id).await, "its deployment belongs to another version of Slipway");
        database.run("update runs set plan_version = plan_version - 1").await;
        assert_eq!(redrive(&world.engine, id, &actor("Ines")).await.unwrap(), Settlement::Done);
        let mut orders = world.engine.broker.consume(&queue, 1, CancellationToken::new());
        let again = orders.next().await.unwrap();
        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
        assert_eq!(json(&again.body), json(&sent.body));
        assert!(again.ack().await);
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_would_change_nothing_is_not_sent_again() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let promotion = world.created(1).await;
        world.answer("m-2", &Answer::Accepted(promotion.clone())).await;
        // Slipway writes such a number with all its digits.
        let mut grows = ship("m-3", 3);
        grows["numbers"] = json!(vec![1e15; 12_000]);
        let grows = grows.to_string().replace("000000000000000.0", "e15").into_bytes();
        let intake = [
            (
                b"\0".to_vec(),
                "it would be refused again (message: is not JSON: expected value at line 1 column 1)",
            ),
            (vec![b' '; 100_000], "it is larger than a message may be, and only its beginning is kept"),
            (
                ship("", 1).to_string().into_bytes(),
                "it would be refused again (id: must be a text of 1 to 200 bytes on one line)",
            ),
            (
                ship("m-2", 1).to_string().into_bytes(),
                "it became CP-00000001; sending it again would change nothing",
            ),
            (grows, "it would be larger than a message may be"),
        ];
        for (body, why) in intake {
            let id = world.forge(&Queue::Intake, body).await;
            assert_eq!(world.refusal(id).await, why);
        }
        let garbage = world.keep(&jobs("build"), message(&jobs("build"), "{"), "x").await;
        assert_eq!(world.refusal(garbage).await, "it is no order of Slipway's, so it would come back");
        let nowhere = order(Uuid::now_v7(), "scheduler.validate");
        let nowhere = world.keep(&jobs("scheduler"), nowhere, "x").await;
        assert_eq!(world.refusal(nowhere).await, "there is no such deployment");
        assert_eq!(redrive(&world.engine, 9_999, &actor("Ines")).await.unwrap(), Settlement::Unknown);
        assert_eq!(discard(&world.engine, 9_999, &actor("Ines"), "no").await.unwrap(), Settlement::Unknown);
        assert_eq!(database.texts("select exchange from outbox where exchange <> 'events'").await, [""; 0]);
        world.end().await;
    })
    .await;
}
