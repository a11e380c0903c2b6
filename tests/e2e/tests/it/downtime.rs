//! The downtime that a promotion claims is no shorter than the shop was certainly closed, and no longer than it can
//! have been, whatever else the machine does. How near it comes to what visitors feel is for the benchmark of the swap.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use protocol::http::Promotion;
use serde_json::json;

use crate::feature::Feature;
use crate::shop::{Place, Shop};
use crate::system::System;

/// The record rounds each of the lengths that are compared down to a millisecond.
const ROUNDING: SignedDuration = SignedDuration::from_millis(2);

/// A new version that takes this long over its first start.
const SLOW: SignedDuration = SignedDuration::from_secs(2);
const MIGRATION: &str = "select pg_sleep(2);";

/// The outage lies between the job that closes the shop and the one that opens it again, which a check has seen.
const DEPLOYED: [&str; 3] = ["swap.stop_old", "swap.start_new", "health.check_new"];
const ROLLED_BACK: [&str; 3] = ["swap.stop_old", "swap.start_old", "health.check_old"];

#[tokio::test(flavor = "multi_thread")]
async fn it_is_as_long_as_the_shop_was_closed_on_processes() {
    compare(Place::Processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_as_long_as_the_shop_was_closed_on_docker() {
    compare(Place::Docker).await;
}

async fn compare(place: Place) {
    let (good, bad) = tokio::join!(Shop::open(place, json!({})), Shop::open(place, json!({})));
    let system = System::embedded().await;
    let slow = [("migrations/0004_take_a_while.sql", Some(MIGRATION))];
    let cases = [
        (&good, Feature::write(&good, "slow", &[], &slow).await, 0, DEPLOYED, SLOW),
        (&bad, Feature::develop(&bad, "exits-at-start").await, 3, ROLLED_BACK, SignedDuration::ZERO),
    ];
    for (shop, feature, exit_code, jobs, closed_for) in cases {
        system.apply(shop).await;
        let id = system.ship(&feature).await;
        assert_eq!(system.promote(&id).await, exit_code);
        let promotion = system.promotion(&id).await;
        let [stop, start, check] = jobs.map(|job| span(&promotion, job));
        let claimed = promotion.downtime_ms.expect("a promotion that stopped something says so");
        let claimed = SignedDuration::from_millis(claimed);
        let certain = start.start.duration_since(stop.end).max(closed_for);
        let possible = check.end.duration_since(stop.start);
        assert!(
            certain - ROUNDING <= claimed && claimed <= possible + ROUNDING,
            "{jobs:?}: claimed {claimed:?}, closed for at least {certain:?}, at most {possible:?}"
        );
    }
}

/// From the begin of the job's first try to the end of its last one.
fn span(promotion: &Promotion, job: &str) -> Range<Timestamp> {
    let tries: Vec<_> = promotion.timeline.iter().filter(|entry| entry.job == job).collect();
    let (first, last) = (tries.first().unwrap(), tries.last().unwrap());
    let length = SignedDuration::from_millis(last.duration_ms.unwrap());
    first.started_at.unwrap()..last.started_at.unwrap() + length
}
