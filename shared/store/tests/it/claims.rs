//! Leases: one holder at a time, measured by the database's clock.

use std::time::Duration;

use domain::Job;
use scratch::with_database;
use store::Store;
use store::jobs::{self, End, Holder, Try};

use crate::world::{LEASE, migrated, promotion, queued, run};

async fn one_queued(store: &Store) -> Try {
    let id = promotion(store, "shop", 1).await;
    let run = run(store, &id).await;
    queued(store, run, Duration::ZERO).await
}

async fn holder(store: &Store, which: Try) -> Holder {
    let mut tx = store.begin().await.unwrap();
    jobs::holder(&mut tx, which).await.unwrap()
}

const LEASE_IS_OVER: &str = "update jobs set lease_until = clock_timestamp()";

#[tokio::test]
async fn of_many_who_claim_one_wins() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        let (a, b, c) = tokio::join!(
            store.claim(which, "a", LEASE),
            store.claim(which, "b", LEASE),
            store.claim(which, "c", LEASE)
        );
        let granted: Vec<_> = [a, b, c].into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(granted.len(), 1);
        let lasts = "select (lease_until - slipway_now() between interval '5 minutes' and interval '10 minutes')::text from jobs";
        assert_eq!(database.text(lasts).await, "true");
        let token = granted[0].token;
        assert_eq!(holder(&store, which).await, Holder::Worker { token, lasts: true });
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_to_be_begun_cannot_be_claimed() {
    let obstacles = [
        ("not due yet", "update jobs set available_at = clock_timestamp() + interval '1 hour'"),
        ("no longer wanted", "update jobs set stop_requested = true"),
        ("ended", "update jobs set state = 'succeeded'"),
        ("another job", "update jobs set job = 'backup.dump'"),
        ("another try", "update jobs set attempt = 2"),
    ];
    for (what, obstacle) in obstacles {
        with_database(async |database| {
            let store = migrated(database).await;
            let which = one_queued(&store).await;
            database.run(obstacle).await;
            assert_eq!(store.claim(which, "a", LEASE).await.unwrap(), None, "{what}");
            assert_eq!(
                database.texts("select id::text from runs where deadline_at is not null").await,
                [""; 0]
            );
            store.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn tokens_grow_and_the_deadline_starts_with_the_first_claim() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        let first = store.claim(which, "a", LEASE).await.unwrap().unwrap();
        let deadline = database.text("select deadline_at::text from runs").await;
        database.run("update jobs set state = 'queued'").await;
        let second = store.claim(which, "b", LEASE).await.unwrap().unwrap();
        assert!(second.token > first.token);
        assert_eq!(database.text("select deadline_at::text from runs").await, deadline);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn only_the_token_renews_until_the_try_is_declared_lost() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        let token = store.claim(which, "a", LEASE).await.unwrap().unwrap().token;
        assert_eq!(store.renew(which, token + 1, LEASE).await.unwrap(), None);
        assert!(!store.renew(which, token, LEASE).await.unwrap().unwrap().stop_requested);

        let mut tx = store.begin().await.unwrap();
        jobs::request_stop(&mut tx, which).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.renew(which, token, LEASE).await.unwrap().unwrap().stop_requested);

        database.run(LEASE_IS_OVER).await;
        assert!(store.renew(which, token, LEASE).await.unwrap().is_some(), "nobody took it away");

        let mut tx = store.begin().await.unwrap();
        jobs::end(&mut tx, which, End::Lost, None, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.renew(which, token, LEASE).await.unwrap(), None, "a lost lease does not come back");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn everybody_can_see_who_holds_a_try() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        assert_eq!(holder(&store, which).await, Holder::Nobody);
        let token = store.claim(which, "a", LEASE).await.unwrap().unwrap().token;
        assert_eq!(holder(&store, which).await, Holder::Worker { token, lasts: true });
        assert_eq!(store.lost_tries().await.unwrap(), []);

        database.run(LEASE_IS_OVER).await;
        assert_eq!(holder(&store, which).await, Holder::Worker { token, lasts: false });
        assert_eq!(store.lost_tries().await.unwrap(), [which]);

        let mut tx = store.begin().await.unwrap();
        jobs::end(&mut tx, which, End::Lost, None, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(holder(&store, which).await, Holder::Ended);
        assert_eq!(holder(&store, Try { attempt: 9, ..which }).await, Holder::Ended);
        assert_eq!(store.lost_tries().await.unwrap(), []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_newer_plan_is_left_alone() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        store.claim(which, "a", LEASE).await.unwrap().unwrap();
        database
            .run(
                "update jobs set lease_until = clock_timestamp();
                 insert into jobs (run, job, attempt, direction, state, available_at, announced_at, token, lease_owner, lease_until)
                 select run, 'swap.teleport', 1, direction, state, available_at, announced_at, token, lease_owner, lease_until from jobs",
            )
            .await;
        assert_eq!(store.lost_tries().await.unwrap(), [which]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn of_several_tries_the_successful_one_left_the_output() {
    with_database(async |database| {
        let store = migrated(database).await;
        let which = one_queued(&store).await;
        assert_eq!(store.output(which.run, Job::Validate).await.unwrap(), None);
        assert_eq!(store.since_started(which.run, Job::Validate).await.unwrap(), None);
        store.claim(which, "a", LEASE).await.unwrap().unwrap();
        let output = serde_json::json!({ "healthy": true });
        let mut tx = store.begin().await.unwrap();
        jobs::end(&mut tx, which, End::Succeeded, None, Some(&output)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.output(which.run, Job::Validate).await.unwrap(), Some(output));
        assert!(store.since_started(which.run, Job::Validate).await.unwrap().is_some());
        store.close().await;
    })
    .await;
}
