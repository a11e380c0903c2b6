//! One leads, and only in its term; leases and deadlines follow the database's clock when it is set.

use std::time::Duration;

use scratch::with_database;
use store::leadership;
use store::{Store, clock};

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
            clock::follow_jump(&mut tx, f64::from(hours - shown) * 3600.0, LEASE).await.unwrap();
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

/// The database's clock, so many hours ahead of what it was.
fn set_clock(hours: i32) -> String {
    format!(
        "create or replace function slipway_now() returns timestamptz language sql volatile
         as $$ select clock_timestamp() + interval '{hours} hours' $$"
    )
}
