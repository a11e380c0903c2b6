//! A new version that takes over running: while it is proven, and when it gives its place back, the old one never stops.

use protocol::http::Promotion;
use serde_json::json;

use crate::feature::Feature;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::System;

const PAGE: [(&str, Option<&str>); 1] =
    [("pages/about.html", Some("{{title: About}}\n<p>We sell tea.</p>\n"))];

/// The last job that is begun, what happens to it, and whether the new version serves by then.
const FAULTS: [(&str, &str); 5] = [
    ("swap.stop_old", "fails_after"),
    ("swap.start_new", "fails_after"),
    ("swap.start_new", "dies_after"),
    ("health.check_new", "fails_after"),
    ("scheduler.record", "fails_before"),
];

async fn open() -> Shop {
    Shop::open(Place::DockerWithData, json!({ "swap": "warm" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_takes_over_running_and_one_that_changes_the_data_does_not() {
    let shop = open().await;
    let container = shop.container().unwrap();
    let system = System::distributed(&[]).await;
    system.apply(&shop).await;
    let page = Feature::write(&shop, "about", &[], &PAGE).await;
    let id = deploy(&system, &page).await;
    let log = logged(&system, &id).await;
    assert!(log.contains("it will take over running"), "{log}");
    let note = system.promotion(&id).await.data_note.unwrap_or_default();
    assert!(note.contains("served until the new one did"), "{note}");
    assert_is_alone(&shop).await;

    let points = Feature::develop(&shop, "good").await;
    let id = deploy(&system, &points).await;
    let log = logged(&system, &id).await;
    assert!(log.contains("the new version changes the structure of the database"), "{log}");
    assert_is_alone(&shop).await;
    container.assert_same_traits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_gives_its_place_back_to_one_that_never_stopped() {
    let shop = open().await;
    let container = shop.container().unwrap();
    let mut system = System::faulty().await;
    system.apply(&shop).await;
    let before = container.start().await;
    for (job, fault) in FAULTS {
        assert_gives_back(&mut system, &shop, (job, fault), "base").await;
        assert_eq!(container.start().await, before, "{job} {fault}: the old version never stopped");
    }
    // One that took over running itself has connections of both networks to lose.
    let page = Feature::write(&shop, "about", &[], &PAGE).await;
    system.strike("none", "fails_before");
    deploy(&system, &page).await;
    let before = container.start().await;
    assert_gives_back(&mut system, &shop, ("health.check_new", "fails_after"), &page.build).await;
    assert_eq!(container.start().await, before, "the old version never stopped");
}

/// A promotion is undone because of this fault, and `serving` serves as before.
async fn assert_gives_back(system: &mut System, shop: &Shop, (job, fault): (&str, &str), serving: &str) {
    let what = format!("{job} {fault}");
    let other = [("pages/team.html", Some("{{title: Team}}\n<p>Ada and Noor.</p>\n"))];
    let page = Feature::write(shop, "team", &[], &other).await;
    let id = system.ship(&page).await;
    system.strike(job, fault);
    system.approve(&id).await;
    let promotion = until_over(system, &id).await;
    let reason = promotion.summary.reason.as_deref().unwrap_or_default();
    assert_eq!(promotion.summary.status, "rolled_back", "{what}: {reason}");
    assert!(!reason.contains("health check"), "{what}: {reason}");
    assert_eq!(shop.serving().await.as_deref(), Some(serving), "{what}");
    assert_eq!(promotion.downtime_ms.is_some(), job != "swap.stop_old", "{what}: a move was made or was not");
    assert_is_alone(shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_well_is_found_out_while_the_old_one_serves() {
    let shop = open().await;
    let container = shop.container().unwrap();
    let system = System::embedded().await;
    system.apply(&shop).await;
    let before = container.start().await;
    let feature = Feature::develop(&shop, "never-healthy").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 3);
    let promotion = system.promotion(&id).await;
    let reason = promotion.summary.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("warming up") && reason.contains("was not interrupted"), "{reason}");
    assert!(promotion.timeline.iter().all(|entry| entry.job != "swap.stop_old"), "nothing was stopped");
    assert_eq!(promotion.downtime_ms, None);
    assert_eq!(container.start().await, before);
    assert_is_alone(&shop).await;
}

async fn deploy(system: &System, feature: &Feature) -> String {
    let id = system.ship(feature).await;
    assert_eq!(system.promote(&id).await, 0, "{:?}", system.promotion(&id).await);
    id
}

async fn logged(system: &System, id: &str) -> String {
    format!("{:?}", system.say(&["promotions", "log", id]).await.results)
}

async fn until_over(system: &mut System, id: &str) -> Promotion {
    eventually(&format!("{id} is over"), async || {
        system.revive();
        let promotion: Promotion = system.ask(&format!("/promotions/{id}")).await?.json().await.ok()?;
        promotion.finished_at.is_some().then_some(promotion)
    })
    .await
}

/// Nothing of a promotion is left beside the shop.
async fn assert_is_alone(shop: &Shop) {
    let container = shop.container().unwrap();
    assert_eq!(container.siblings().await, [shop.name()]);
    assert_eq!(container.stray_networks().await, [""; 0]);
    container.assert_same_traits().await;
}
