//! What holds a promotion back, and what people may decide.

use protocol::http::Promotion;
use serde_json::json;

use crate::feature::Feature;
use crate::shop::{Place, Shop};
use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_version_is_only_replaced_in_an_emergency() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    shop.break_down().await;

    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 4, "held");
    let promotion = system.promotion(&id).await;
    assert_eq!(promotion.summary.status, "approved");
    assert!(promotion.summary.reason.as_ref().unwrap().contains("not healthy"), "{promotion:?}");
    assert_eq!(jobs(&promotion), ["scheduler.validate"]);

    let mut mend = Feature::develop(&shop, "good").await;
    mend.message["data"]["change_type"] = json!("emergency");
    let id = system.ship(&mend).await;
    assert_eq!(system.promote(&id).await, 0);
    assert_eq!(shop.serving().await, Some(mend.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_promotions_of_one_installation_run_one_after_the_other() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let good = Feature::develop(&shop, "good").await;
    let first = system.ship(&Feature::develop(&shop, "breaks-data").await).await;
    let second = system.ship(&good).await;
    system.approve(&first).await;
    system.approve(&second).await;
    let (first, second) = tokio::join!(system.until_over(&first), system.until_over(&second));
    assert_eq!((first.summary.status.as_str(), second.summary.status.as_str()), ("rolled_back", "deployed"));
    assert!(first.finished_at.unwrap() <= second.started_at.unwrap(), "they overlap");
    assert_eq!(shop.serving().await, Some(good.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_begun_is_withdrawn_and_what_was_is_undone() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let cancel = async |id: &str| {
        system.say(&["promotions", "cancel", id, "--by", "Ada", "--reason", "Not on a Friday"]).await.code
    };

    let pending = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(cancel(&pending).await, 0);
    let withdrawn = system.promotion(&pending).await;
    assert_eq!(withdrawn.summary.status, "cancelled");
    assert!(withdrawn.timeline.is_empty(), "{withdrawn:?}");
    let said = system.say(&["promotions", "approve", &pending, "--by", "Ada"]).await;
    assert_ne!(said.code, 0, "nobody can approve it any more: {said:?}");

    let before = shop.database.fingerprint().await;
    let running = system.ship(&Feature::develop(&shop, "hangs").await).await;
    system.approve(&running).await;
    system.until(&running, "builds", |it| jobs(it).contains(&"build.image")).await;
    assert_eq!(cancel(&running).await, 0);
    let undone = system.until_over(&running).await;
    assert_eq!(undone.summary.status, "rolled_back");
    let reason = undone.summary.reason.as_ref().unwrap();
    assert!(reason.contains("Ada") && reason.contains("Not on a Friday"), "{reason}");
    let build = undone.timeline.iter().find(|entry| entry.job == "build.image").unwrap();
    assert_eq!(build.state, "failed", "it was stopped and said so: {build:?}");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(shop.database.fingerprint().await, before);
    assert_ne!(cancel(&running).await, 0, "what is over stays as it is");
}

fn jobs(promotion: &Promotion) -> Vec<&str> {
    promotion.timeline.iter().map(|entry| entry.job.as_str()).collect()
}
