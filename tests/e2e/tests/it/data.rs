//! What becomes of the data when a version that spoils it is undone.

use serde_json::json;

use crate::feature::Feature;
use crate::outcome::Outcome;
use crate::shop::{Place, Shop};
use crate::system::System;

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_wrote_after_the_backup_survives_a_rollback() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let feature = Feature::develop(&shop, "breaks-data").await;
    // A build that takes a while leaves time to write between the backup and the stop.
    let settings = json!({ "shop": "Harbor & Pine", "build_seconds": 3 });
    std::fs::write(feature.sandbox.join("settings.json"), settings.to_string()).unwrap();
    let id = system.ship(&feature).await;
    system.approve(&id).await;
    system
        .until(&id, "has its backup", |it| it.timeline.iter().any(|entry| entry.job == "build.image"))
        .await;
    let customer = "insert into customers (name, email, joined_on)
        values ('Late', 'late@example.com', current_date) returning id";
    shop.database.number(customer).await;
    let before = shop.database.fingerprint().await;

    let promotion = system.until_over(&id).await;
    let outcome = Outcome::of("breaks-data");
    outcome.assert_is_what_happened(&system, &shop, &feature, &promotion).await;
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_copy_at_the_stop_the_data_comes_back_from_the_backup() {
    let shop = Shop::open(Place::Processes, json!({ "database": { "snapshot": false } })).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let before = shop.database.fingerprint().await;
    let feature = Feature::develop(&shop, "breaks-data").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 3);
    let promotion = system.promotion(&id).await;
    Outcome::of("breaks-data").assert_is_what_happened(&system, &shop, &feature, &promotion).await;
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
    assert!(promotion.data_note.as_ref().unwrap().contains("backup"), "{:?}", promotion.data_note);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_laid_over_the_one_before_and_its_rollback_keeps_that_one() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let good = Feature::develop(&shop, "good").await;
    let id = system.ship(&good).await;
    assert_eq!(system.promote(&id).await, 0);
    let before = shop.database.fingerprint().await;
    let id = system.ship(&Feature::develop(&shop, "breaks-data").await).await;
    assert_eq!(system.promote(&id).await, 3);
    assert_eq!(shop.serving().await, Some(good.build));
    assert_eq!(shop.page("/loyalty").await.unwrap().0, 200);
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
}
