//! Each of the six features ends as it must, on both runtimes and over both brokers.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::feature::Feature;
use crate::outcome::{OUTCOMES, Outcome};
use crate::shop::{Place, Shop};
use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn each_feature_ends_as_it_must_in_one_process_on_processes() {
    let shops = open_shops(Place::Processes).await;
    let system = System::embedded().await;
    join_all(shops.iter().map(|(outcome, shop)| ship(outcome, &system, shop))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_feature_ends_as_it_must_over_rabbitmq_with_a_process_per_role_on_docker() {
    let shops = open_shops(Place::Docker).await;
    let system = System::distributed(&[]).await;
    join_all(shops.iter().map(|(outcome, shop)| ship(outcome, &system, shop))).await;
}

async fn open_shops(place: Place) -> Vec<(Outcome, Shop)> {
    join_all(OUTCOMES.map(|outcome| async move { (outcome, Shop::open(place, limits(&outcome)).await) }))
        .await
}

/// What hangs is given up soon.
fn limits(outcome: &Outcome) -> Value {
    if outcome.feature == "hangs" { json!({ "time_limit_seconds": 15 }) } else { json!({}) }
}

async fn ship(outcome: &Outcome, system: &System, shop: &Shop) {
    let before = shop.database.fingerprint().await;
    system.apply(shop).await;
    let feature = Feature::develop(shop, outcome.feature).await;
    let id = system.ship(&feature).await;
    let exit_code = system.promote(&id).await;
    let promotion = system.promotion(&id).await;
    assert_eq!(exit_code, outcome.exit_code, "{}: {:?}", outcome.feature, promotion.summary.reason);
    outcome.assert_is_what_happened(system, shop, &feature, &promotion).await;
    // What is stopped says so: nobody waits for a lease to end.
    assert!(promotion.timeline.iter().all(|entry| entry.state != "lost"), "{}", outcome.feature);
    let differences = before.differences(&shop.database.fingerprint().await);
    let is_same = outcome.status != "deployed";
    assert_eq!(differences.is_empty(), is_same, "{}: {differences:?}", outcome.feature);
}
