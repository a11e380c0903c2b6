//! A backup is restored on trial while the new version is built.

use protocol::http::{BackupSummary, Promotion, TimelineEntry};
use serde_json::{Value, json};

use crate::feature::Feature;
use crate::patience::eventually;
use crate::shop::{Place, Shop};
use crate::system::System;

/// Where every backup is rehearsed.
fn rehearsing() -> Value {
    json!({ "database": { "rehearse": true } })
}

fn entry<'a>(promotion: &'a Promotion, job: &str) -> Option<&'a TimelineEntry> {
    promotion.timeline.iter().rfind(|entry| entry.job == job)
}

async fn rung(system: &System) -> String {
    let backups: Vec<BackupSummary> = system.get("/backups").await;
    backups[0].rung.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_goes_on_when_its_backup_was_rehearsed_and_the_record_says_so() {
    let shop = Shop::open(Place::Processes, rehearsing()).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 0);

    let promotion = system.promotion(&id).await;
    let [rehearsed, prepared] =
        ["backup.rehearse", "swap.prepare"].map(|job| entry(&promotion, job).unwrap());
    assert_eq!(rehearsed.state, "succeeded");
    let begun = |entry: &TimelineEntry| entry.started_at.unwrap().as_millisecond();
    assert!(begun(rehearsed) + rehearsed.duration_ms.unwrap() <= begun(prepared), "{promotion:?}");
    assert_eq!(shop.database.family().await, [shop.database.name()], "the scratch database is gone");
    assert_eq!(rung(&system).await, "rehearsed");
    let backups: Vec<BackupSummary> = system.get("/backups").await;
    let verify = ["backups", "verify", &backups[0].id.to_string(), "--by", "Noor"];
    assert_eq!(system.say(&verify).await.code, 0);
    assert_eq!(rung(&system).await, "rehearsed", "it is the same file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_restored_ends_the_promotion_while_the_old_version_serves() {
    let shop = Shop::open(Place::Processes, rehearsing()).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    // True of a full table alone: the backup can be written and read, but not restored.
    shop.database
        .execute(
            "create function public.is_known() returns boolean language sql immutable
                 as 'select exists (select from public.customers)';
             alter table customers add constraint known check (public.is_known())",
        )
        .await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 3);

    let promotion = system.promotion(&id).await;
    let reason = promotion.summary.reason.clone().unwrap();
    for part in ["restoring it beside the production database", "current version keeps serving", "the log"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(entry(&promotion, "build.image").is_some_and(|it| it.state == "succeeded"));
    assert_eq!(
        entry(&promotion, "swap.prepare").map(|it| it.started_at),
        Some(None),
        "{:?}",
        promotion.timeline
    );
    assert_eq!(entry(&promotion, "swap.stop_old"), None);
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(shop.database.family().await, [shop.database.name()]);
    assert_eq!(rung(&system).await, "read_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_that_is_stopped_during_its_rehearsal_leaves_nothing_of_it() {
    let shop = Shop::open(Place::Processes, rehearsing()).await;
    let system = System::faulty().await;
    system.apply(&shop).await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    system.strike("backup.rehearse", "hangs_after");
    system.approve(&id).await;
    let waits = |it: &Promotion| entry(it, "swap.prepare").is_some_and(|entry| entry.state == "held");
    let waiting = system.until(&id, "waits for the rehearsal", waits).await;
    assert!(entry(&waiting, "build.image").is_some_and(|it| it.state == "succeeded"), "the build went on");
    eventually("the rehearsal hangs", async || system.take_hanging().then_some(())).await;
    // As a rehearsal leaves it that is dropped in the middle.
    let scratch = format!("create database \"{}__rehearsal_{id}\"", shop.database.name());
    shop.database.execute(&scratch).await;

    let said = system.say(&["promotions", "cancel", &id, "--by", "Noor", "--reason", "Wrong day."]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let promotion = system.until_over(&id).await;
    assert_eq!(promotion.summary.status, "rolled_back", "{:?}", promotion.summary.reason);
    assert!(entry(&promotion, "backup.rehearse").is_some_and(|it| it.state == "failed"));
    for undo in promotion.timeline.iter().filter(|it| it.direction == "undo") {
        assert_eq!((undo.attempt, undo.state.as_str()), (1, "succeeded"), "{undo:?}");
    }
    assert_eq!(shop.database.family().await, [shop.database.name()]);
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
}
