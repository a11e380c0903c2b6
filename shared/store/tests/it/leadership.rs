//! One leads, and only in its term; leases and deadlines follow the database's clock when it is set.

use std::time::Duration;

use scratch::with_database;
use store::clock::Jump;
use store::jobs::{self, End};
use store::{Store, clock, leadership};

use crate::world::{migrated, promotion, queued, run};

const TERM: Duration = Duration::from_mins(1);
const LEASE: Duration = Duration::from_secs(15);

async fn campaign(store: &Store, candidate: &str) -> Option<i64> {
    store.campaign(candidate, TERM).await.unwrap().term
}

async fn holds(store: &Store, term: i64) -> bool {
    leadership::holds(&mut store.begin().await.unwrap(), term).await.unwrap()
}

#[tokio::test]
async fn of_many_candidates_one_leads_until_it_resigns_or_its_time_is_over() {
    with_database(async |database| {
        let store = migrated(database).await;
        assert!(!holds(&store, 1).await, "nobody has led yet");
        let (a, b) = tokio::join!(campaign(&store, "a"), campaign(&store, "b"));
        let (leader, other) = if a.is_some() { ("a", "b") } else { ("b", "a") };
        assert_eq!([a, b].into_iter().flatten().collect::<Vec<_>>(), [1]);
        assert_eq!(campaign(&store, leader).await, Some(1), "the leader keeps its term");

        store.resign(other).await.unwrap();
        assert_eq!(campaign(&store, other).await, None, "only the leader can resign");
        store.resign(leader).await.unwrap();
        assert_eq!(campaign(&store, other).await, Some(2));

        database.run("update leadership set until = slipway_now()").await;
        assert_eq!(campaign(&store, leader).await, Some(3));
        assert!(!holds(&store, 2).await, "the term before is over");
        assert!(holds(&store, 3).await);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn leases_and_deadlines_move_with_a_clock_that_was_set() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let run = run(&store, &id).await;
        let which = queued(&store, run, Duration::ZERO).await;
        store.claim(which, "a", LEASE).await.unwrap().unwrap();
        let mut shown = 0;
        for hours in [1, -1, 0] {
            database.run(&set_clock(hours)).await;
            let mut tx = store.begin().await.unwrap();
            clock::follow_jump(&mut tx, jump(&store, hours - shown).await, LEASE).await.unwrap();
            tx.commit().await.unwrap();
            shown = hours;
            assert_eq!(store.lost_tries().await.unwrap(), [], "{hours}");
            assert!(store.runs_past_deadline().await.unwrap().is_empty(), "{hours}");
            let plausible =
                "select (deadline_at - slipway_now() between interval '9 minutes' and interval '10 minutes'
                                     and lease_until - slipway_now() <= interval '15 seconds')::text
                             from runs join jobs on jobs.run = runs.id";
            assert_eq!(database.text(plausible).await, "true", "{hours}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_written_after_the_clock_was_set_stays() {
    for hours in [1, -1] {
        with_database(async |database| {
            let store = migrated(database).await;
            let before = run(&store, &promotion(&store, "before", 1).await).await;
            let old = queued(&store, before, Duration::ZERO).await;
            store.claim(old, "a", LEASE).await.unwrap().unwrap();
            let mut tx = store.begin().await.unwrap();
            jobs::end(&mut tx, old, End::Succeeded, None, None).await.unwrap();
            tx.commit().await.unwrap();
            database.run(&set_clock(hours)).await;
            let after = run(&store, &promotion(&store, "after", 2).await).await;
            let new = queued(&store, after, Duration::ZERO).await;
            store.claim(new, "a", LEASE).await.unwrap().unwrap();
            let waiting = run(&store, &promotion(&store, "waiting", 3).await).await;
            let waits = queued(&store, waiting, Duration::ZERO).await;

            let mut tx = store.begin().await.unwrap();
            clock::follow_jump(&mut tx, jump(&store, hours).await, LEASE).await.unwrap();
            tx.commit().await.unwrap();
            for which in [old, new] {
                let since = store.since_started(which.run, which.job).await.unwrap().unwrap();
                assert!(since < Duration::from_mins(1), "{hours}: {since:?}");
            }
            assert!(store.runs_past_deadline().await.unwrap().is_empty(), "{hours}");
            let off = "select id::text from runs where deadline_at
                       not between slipway_now() + interval '9 minutes' and slipway_now() + interval '10 minutes'";
            assert_eq!(database.texts(off).await, [""; 0], "{hours}");
            let took = "select (finished_at - started_at between interval '0' and interval '1 minute')::text
                        from jobs where finished_at is not null";
            assert_eq!(database.text(took).await, "true", "{hours}");
            let limit = Duration::from_mins(5);
            assert_eq!(store.starved_tries(waits.job.direction(), limit).await.unwrap(), [], "{hours}");
            assert!(store.claim(waits, "a", LEASE).await.unwrap().is_some(), "{hours}");
            store.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_gives_nobody_the_lead_for_longer() {
    with_database(async |database| {
        let store = migrated(database).await;
        assert_eq!(campaign(&store, "a").await, Some(1));
        assert_eq!(campaign(&store, "b").await, None);
        database.run(&set_clock(-1)).await;
        assert_eq!(campaign(&store, "b").await, Some(2));
        assert_eq!(campaign(&store, "a").await, None);
        store.close().await;
    })
    .await;
}

/// Somebody noticed within a minute that the clock was set.
async fn jump(store: &Store, hours: i32) -> Jump {
    let shown = store.campaign("nobody", TERM).await.unwrap().clock;
    Jump { seconds: f64::from(hours) * 3600.0, since: shown.saturating_sub(Duration::from_mins(1)) }
}

/// The database's clock, so many hours ahead of what it was.
fn set_clock(hours: i32) -> String {
    format!(
        "create or replace function slipway_now() returns timestamptz language sql volatile
         as $$ select clock_timestamp() + interval '{hours} hours' $$"
    )
}
