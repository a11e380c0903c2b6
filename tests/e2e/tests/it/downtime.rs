//! The downtime that a promotion claims is the one that a visitor of the shop has felt.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::feature::Feature;
use crate::outcome::Outcome;
use crate::shop::{Place, Shop};
use crate::system::System;

/// How often the visitor comes.
const VISIT_EVERY: Duration = Duration::from_millis(5);

/// How far the two accounts may be apart on a machine that is busy with other tests: a visitor who has to wait for
/// the processor sees an end late.
const TOLERANCE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_a_visitor_has_felt_on_processes() {
    compare(Place::Processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_a_visitor_has_felt_on_docker() {
    compare(Place::Docker).await;
}

async fn compare(place: Place) {
    let shops = [Shop::open(place, json!({})).await, Shop::open(place, json!({})).await];
    let system = System::embedded().await;
    for (shop, name) in shops.iter().zip(["good", "exits-at-start"]) {
        system.apply(shop).await;
        let feature = Feature::develop(shop, name).await;
        let id = system.ship(&feature).await;
        let (exit_code, felt) = visited(shop, system.promote(&id)).await;
        assert_eq!(exit_code, Outcome::of(name).exit_code, "{name}");
        let claimed =
            system.promotion(&id).await.downtime_ms.expect("a promotion that stopped something says so");
        let claimed = Duration::from_millis(u64::try_from(claimed).expect("a length of time"));
        assert!(felt > Duration::ZERO, "{name}: the shop was closed for a moment");
        assert!(claimed.abs_diff(felt) < TOLERANCE, "{name}: claimed {claimed:?}, felt {felt:?}");
    }
}

/// Visits the shop until the deed is done; returns the time from the first visit in vain to the next welcome.
async fn visited<T>(shop: &Shop, deed: impl Future<Output = T>) -> (T, Duration) {
    let mut deed = std::pin::pin!(deed);
    let mut closed_at = None;
    let mut open_again_at = None;
    loop {
        let visit = async {
            let came = Instant::now();
            let is_open = shop.serving().await.is_some();
            tokio::time::sleep(VISIT_EVERY).await;
            (came, is_open)
        };
        tokio::select! {
            done = &mut deed => {
                let span = |(from, until): (Instant, Instant)| until.duration_since(from);
                return (done, closed_at.zip(open_again_at).map(span).unwrap_or_default());
            }
            (came, is_open) = visit => match (closed_at, is_open) {
                (None, false) => closed_at = Some(came),
                (Some(_), true) if open_again_at.is_none() => open_again_at = Some(Instant::now()),
                (Some(_), false) => open_again_at = None,
                _ => {}
            },
        }
    }
}
