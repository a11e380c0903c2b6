//! What becomes of the data when a version that spoils it is undone.

use adapters::database::Fingerprint;
use protocol::http::Promotion;
use serde_json::json;

use crate::feature::Feature;
use crate::outcome::Outcome;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::{System, names_in};

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_wrote_after_the_backup_survives_a_rollback() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let (feature, id) = ship_slowly(&system, &shop).await;
    let before = write_late(&system, &shop, &id).await;

    let promotion = system.until_over(&id).await;
    let outcome = Outcome::of("breaks-data");
    outcome.assert_is_what_happened(&system, &shop, &feature, &promotion).await;
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
    assert_told(
        &promotion,
        &["old version was stopped", "rows in 3 tables were written or changed", "are kept in"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_leaves_the_structure_alone_leaves_the_data_alone() {
    let policy = json!({ "database": { "snapshot": "with_migrations" } });
    let shop = Shop::open(Place::Processes, policy).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    for (name, told) in
        [("never-healthy", "does not change the structure"), ("breaks-data", "old version was stopped")]
    {
        let feature = Feature::develop(&shop, name).await;
        let id = system.ship(&feature).await;
        assert_eq!(system.promote(&id).await, 3, "{name}");
        let promotion = system.promotion(&id).await;
        Outcome::of(name).assert_is_what_happened(&system, &shop, &feature, &promotion).await;
        assert_told(&promotion, &[told]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_copy_can_be_made_a_second_backup_takes_its_place() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    shop.database.allow_databases(false).await;
    let feature = Feature::develop(&shop, "never-healthy").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 3);
    let promotion = system.promotion(&id).await;
    Outcome::of("never-healthy").assert_is_what_happened(&system, &shop, &feature, &promotion).await;
    assert_told(&promotion, &["changed nothing in the database"]);

    let (feature, id) = ship_slowly(&system, &shop).await;
    let before = write_late(&system, &shop, &id).await;
    // Neither can it be restored like this: production stays as it is until somebody mends that.
    let is_stuck = |it: &Promotion| {
        it.timeline.iter().any(|entry| entry.job == "backup.restore" && entry.state == "failed")
    };
    let stuck = system.until(&id, "cannot restore", is_stuck).await;
    let restore =
        stuck.timeline.iter().find(|entry| entry.state == "failed" && entry.job == "backup.restore");
    let reason = restore.and_then(|entry| entry.reason.clone()).unwrap();
    assert!(reason.contains("was not touched and can be used as before"), "{reason}");
    // A try that was killed before its end left it closed.
    shop.database.close().await;
    shop.database.allow_databases(true).await;
    let promotion = system.until_over(&id).await;
    Outcome::of("breaks-data").assert_is_what_happened(&system, &shop, &feature, &promotion).await;
    assert_eq!(before.differences(&shop.database.fingerprint().await), Vec::<String>::new());
    assert_told(&promotion, &["old version was stopped"]);

    shop.database.allow_databases(false).await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 0);
    let log = system.say(&["promotions", "log", &id]).await;
    assert!(format!("{:?}", log.results).contains("a second backup is taken instead"), "{log:?}");
    eventually("the second backup is gone", async || {
        let files = names_in(&shop.folder().join("backups"));
        (!files.iter().any(|name| name.contains("at-stop"))).then_some(())
    })
    .await;
}

/// Ships a feature that spoils data. A build that takes a while leaves time to write between backup and stop.
async fn ship_slowly(system: &System, shop: &Shop) -> (Feature, String) {
    let feature = Feature::develop(shop, "breaks-data").await;
    let settings = json!({ "shop": "Harbor & Pine", "build_seconds": 3 });
    std::fs::write(feature.sandbox.join("settings.json"), settings.to_string()).unwrap();
    let id = system.ship(&feature).await;
    system.approve(&id).await;
    (feature, id)
}

/// A customer comes after the backup; returns the contents that a rollback must bring back.
async fn write_late(system: &System, shop: &Shop, id: &str) -> Fingerprint {
    system.until(id, "has its backup", |it| it.timeline.iter().any(|entry| entry.job == "build.image")).await;
    let customer = "insert into customers (name, email, joined_on)
        values ('Late', 'late@example.com', current_date) returning id";
    shop.database.number(customer).await;
    shop.database.fingerprint().await
}

fn assert_told(promotion: &Promotion, parts: &[&str]) {
    let note = promotion.data_note.as_deref().unwrap_or_default();
    for part in parts {
        assert!(note.contains(part), "{note:?} does not say {part:?}");
    }
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
    assert_told(&promotion, &["the backup taken before the deployment", "are kept in"]);
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
