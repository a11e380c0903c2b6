//! Runs that wait for an errand, and what is held meanwhile.

use std::time::Duration;

use domain::run::{Event, Run};
use domain::{Direction, Job, PromotionId};
use scratch::with_database;
use serde_json::Value;
use store::clock::{Jump, follow_jump};
use store::jobs::{self, Holder, Try};
use store::{Store, runs, waits};
use uuid::Uuid;

use crate::world::{LEASE, migrated, promotion, run};

/// A run that waits for its rehearsal with a held job; and that errand.
async fn waiting(store: &Store, id: &PromotionId) -> (Try, Uuid) {
    let run = run(store, id).await;
    let which = Try { run, job: Job::Prepare, attempt: 1 };
    let errand = Uuid::now_v7();
    let mut tx = store.begin().await.unwrap();
    assert_eq!(runs::awaited(&mut tx, run).await.unwrap(), None);
    let begun = Run::errand(Job::RehearseBackup).run;
    runs::insert_errand(&mut tx, errand, id, &begun, &Value::Null, None, Some(run)).await.unwrap();
    waits::hold(&mut tx, which).await.unwrap();
    assert_eq!(runs::awaited(&mut tx, run).await.unwrap(), Some(begun));
    tx.commit().await.unwrap();
    assert!(store.awaits_errand(run).await.unwrap() && !store.awaits_errand(errand).await.unwrap());
    (which, errand)
}

async fn end(store: &Store, errand: Uuid) {
    let mut tx = store.begin().await.unwrap();
    let locked = runs::lock(&mut tx, errand).await.unwrap().unwrap();
    let done = locked.run.apply(&Event::Succeeded { job: Job::RehearseBackup, attempt: 1 }).unwrap();
    runs::update(&mut tx, errand, &done.run).await.unwrap();
    tx.commit().await.unwrap();
}

async fn release(store: &Store, which: Try) -> bool {
    let mut tx = store.begin().await.unwrap();
    let released = waits::release(&mut tx, which).await.unwrap();
    tx.commit().await.unwrap();
    released
}

#[tokio::test]
async fn a_held_try_is_nobodys_until_its_errand_is_over() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let (which, errand) = waiting(&store, &id).await;
        database.run("update jobs set announced_at = announced_at - interval '1 hour', available_at = announced_at").await;

        let mut tx = store.begin().await.unwrap();
        assert_eq!(jobs::holder(&mut tx, which).await.unwrap(), Holder::Nobody);
        assert_eq!(jobs::take_forgotten(&mut tx, Duration::ZERO..=Duration::ZERO).await.unwrap(), []);
        // Whoever sets the clock releases nothing.
        let jump = Jump { seconds: 3600.0, since: Duration::from_secs(1) };
        follow_jump(&mut tx, jump, LEASE).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.claim(which, "worker", LEASE).await.unwrap(), None);
        assert_eq!(store.starved_tries(Direction::Forward, Duration::ZERO).await.unwrap(), []);
        assert_eq!((store.held_tries().await.unwrap(), store.lost_tries().await.unwrap()), (vec![], vec![]));

        end(&store, errand).await;
        assert_eq!(store.held_tries().await.unwrap(), [(which, errand)]);
        for first in [true, false] {
            assert_eq!(release(&store, which).await, first);
        }
        assert_eq!(store.held_tries().await.unwrap(), []);
        assert!(store.claim(which, "worker", LEASE).await.unwrap().is_some());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_held_try_that_is_no_longer_wanted_is_lost_and_its_errand_unwanted() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let (which, errand) = waiting(&store, &id).await;
        assert_eq!(store.unwanted_errands().await.unwrap(), [] as [Uuid; 0]);
        let mut tx = store.begin().await.unwrap();
        let locked = runs::lock(&mut tx, which.run).await.unwrap().unwrap();
        let stopped = locked.run.apply(&Event::DeadlinePassed).unwrap();
        runs::update(&mut tx, which.run, &stopped.run).await.unwrap();
        jobs::request_stop(&mut tx, which).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(store.lost_tries().await.unwrap(), [which]);
        assert_eq!(store.unwanted_errands().await.unwrap(), [errand]);
        end(&store, errand).await;
        assert!(!release(&store, which).await, "the run turned back");
        assert_eq!(store.unwanted_errands().await.unwrap(), [] as [Uuid; 0]);
        store.close().await;
    })
    .await;
}
