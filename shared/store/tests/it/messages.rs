//! Outbox and inbox, progress and log.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{Job, PromotionId, Step};
use scratch::with_database;
use serde_json::json;
use store::inbox::{self, Answer};
use store::outbox::{self, Outgoing};
use store::{Store, jobs, progress};
use uuid::Uuid;

use crate::world::{migrated, promotion, queued, run};

const LONG: Duration = Duration::from_mins(10);

async fn written(store: &Store, count: usize, delay: Duration) -> BTreeSet<Uuid> {
    let mut tx = store.begin().await.unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..count {
        let message = Outgoing {
            id: Uuid::now_v7(),
            exchange: "jobs".to_owned(),
            routing_key: "build".to_owned(),
            body: json!({ "run": "r" }),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        };
        outbox::insert(&mut tx, &message, delay).await.unwrap();
        ids.insert(message.id);
    }
    tx.commit().await.unwrap();
    ids
}

fn ids(messages: &[Outgoing]) -> BTreeSet<Uuid> {
    messages.iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn two_relays_take_different_messages() {
    with_database(async |database| {
        let store = migrated(database).await;
        let all = written(&store, 10, Duration::ZERO).await;
        let (mut one, mut two) = (store.begin().await.unwrap(), store.begin().await.unwrap());
        let first = ids(&outbox::take_due(&mut one, 6, Duration::ZERO, LONG).await.unwrap());
        let second = ids(&outbox::take_due(&mut two, 6, Duration::ZERO, LONG).await.unwrap());
        assert_eq!((first.len(), second.len()), (6, 4));
        assert_eq!(first.union(&second).copied().collect::<BTreeSet<_>>(), all);
        drop((one, two));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_is_due_again_after_its_time_unless_it_was_sent() {
    with_database(async |database| {
        let store = migrated(database).await;
        let take_overdue = async |overdue| {
            let mut tx = store.begin().await.unwrap();
            let due = ids(&outbox::take_due(&mut tx, 100, overdue, LONG).await.unwrap());
            tx.commit().await.unwrap();
            due
        };
        let take = async || take_overdue(Duration::ZERO).await;
        let all = written(&store, 2, Duration::ZERO).await;
        let later = written(&store, 1, LONG).await;
        assert_eq!(take_overdue(LONG).await, BTreeSet::new(), "they are due, but not for long");
        assert_eq!(take().await, all);
        assert_eq!(take().await, BTreeSet::new(), "somebody has them in hand");
        let sent: Vec<_> = all.iter().copied().take(1).collect();
        store.outbox_sent(&sent).await.unwrap();
        database.run("update outbox set available_at = clock_timestamp()").await;
        let left: BTreeSet<_> = all.iter().skip(1).chain(&later).copied().collect();
        assert_eq!(take().await, left);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_ship_message_keeps_its_first_answer() {
    with_database(async |database| {
        let store = migrated(database).await;
        let first = Answer::Accepted(promotion(&store, "shop", 1).await);
        let second = Answer::Refused { field: "data.build".into(), reason: "is missing".into() };
        let insert = async |id: &str, answer: &Answer| {
            let mut tx = store.begin().await.unwrap();
            let is_new = inbox::insert(&mut tx, id, answer).await.unwrap();
            tx.commit().await.unwrap();
            is_new
        };
        assert_eq!(store.answer("m1").await.unwrap(), None);
        assert!(insert("m1", &first).await);
        assert!(!insert("m1", &second).await);
        assert!(insert("m2", &second).await);
        assert_eq!(store.answer("m1").await.unwrap(), Some(first));
        assert_eq!(store.answer("m2").await.unwrap(), Some(second));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_is_forgotten_only_when_it_is_overdue_and_no_message_is_on_its_way() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let run = run(&store, &id).await;
        let which = queued(&store, run, Duration::ZERO).await;
        let pauses = Duration::from_secs(10)..=Duration::from_secs(40);
        let take = async || {
            let mut tx = store.begin().await.unwrap();
            let taken = jobs::take_forgotten(&mut tx, pauses.clone()).await.unwrap();
            tx.commit().await.unwrap();
            taken.into_iter().map(|(which, _)| which).collect::<Vec<_>>()
        };
        assert_eq!(take().await, [], "it is not overdue");
        let waited = async |since_due: u32, since_announced: u32| {
            let sql = format!(
                "update jobs set available_at = clock_timestamp() - interval '{since_due} s',
                                 announced_at = clock_timestamp() - interval '{since_announced} s'"
            );
            database.run(&sql).await;
        };
        waited(11, 11).await;
        database
            .run(&format!(
                "insert into outbox (id, exchange, routing_key, body, available_at)
                 values (gen_random_uuid(), 'jobs', 'scheduler', '{{\"run\": \"{run}\"}}', now())"
            ))
            .await;
        assert_eq!(take().await, [], "its message is on its way");
        database.run("delete from outbox").await;
        assert_eq!(take().await, [which]);
        assert_eq!(take().await, [], "it was announced just now");
        for (since_due, since_announced, is_taken) in
            [(19, 9, false), (25, 11, false), (31, 16, true), (900, 39, false), (900, 41, true)]
        {
            waited(since_due, since_announced).await;
            let taken = take().await;
            assert_eq!(
                taken.len(),
                usize::from(is_taken),
                "due for {since_due} s, announced {since_announced} s ago"
            );
        }
        store.close().await;
    })
    .await;
}

async fn told(store: &Store, id: &PromotionId, after: i64) -> Vec<(Option<u8>, String)> {
    let told = store.progress_after(id, after).await.unwrap();
    told.into_iter().map(|it| (it.step.map(domain::Step::number), it.message)).collect()
}

#[tokio::test]
async fn progress_and_log_are_read_on_from_any_number() {
    with_database(async |database| {
        let store = migrated(database).await;
        let (id, other) = (promotion(&store, "shop", 1).await, promotion(&store, "shop", 2).await);
        let mut tx = store.begin().await.unwrap();
        let (first, _) = progress::insert(&mut tx, &id, "created", None, "one").await.unwrap();
        progress::insert(&mut tx, &other, "created", None, "not ours").await.unwrap();
        progress::insert(&mut tx, &id, "step_started", Some(Step::Cleanup), "two").await.unwrap();
        tx.commit().await.unwrap();
        let (one, two) = ((None, "one".to_owned()), (Some(11), "two".to_owned()));
        assert_eq!(told(&store, &id, 0).await, [one, two.clone()]);
        assert_eq!(told(&store, &id, first).await, [two]);

        let lines: Vec<_> = (0..1000).map(|number| format!("line {number}")).collect();
        store.append_log(&id, Job::Image, &lines).await.unwrap();
        let read = store.log_after(&id, 0).await.unwrap();
        assert_eq!(read.iter().map(|line| line.line.clone()).collect::<Vec<_>>(), lines);
        assert_eq!(store.log_after(&id, read[997].sequence).await.unwrap().len(), 2);
        store.close().await;
    })
    .await;
}
