//! Deployment windows: whether, when and in which order promotions start. The database's clock is set; nobody
//! waits for the hour.

use protocol::http::Promotion;
use protocol::window::WindowDecision;
use serde_json::json;

use crate::feature::Feature;
use crate::gate::Gate;
use crate::shop::{Place, Shop};
use crate::system::System;

/// A Monday.
const MONDAY_NOON: &str = "2026-11-23T12:00:00Z";
/// In Berlin it is 22:00 and five seconds.
pub(crate) const TUESDAY_NIGHT: &str = "2026-11-24T21:00:05Z";

/// There, the log said that the check was advisory, and the deployment went on.
#[tokio::test(flavor = "multi_thread")]
async fn u05_outside_its_window_a_change_waits_and_starts_by_itself_at_the_opening() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    let told = system.say(&["promotions", "log", &id]).await;
    let told = serde_json::to_string(&told.results).unwrap();
    assert!(told.contains("Once somebody approves it, it starts by itself when the window opens"), "{told}");
    assert_eq!(system.promote(&id).await, 4, "not now");
    let waiting = system.promotion(&id).await;
    assert_eq!((waiting.summary.status.as_str(), jobs(&waiting)), ("scheduled", vec![]));
    let why = waiting.summary.reason.unwrap();
    for words in ["starts by itself", "Tuesday 24 November", "22:00", "Europe/Berlin"] {
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(shop.serving().await.as_deref(), Some("base"));

    let said = system.say(&["promotions", "schedule", &id, "--by", "Ada"]).await;
    assert_eq!((said.code, &said.results[0]["status"]), (0, &json!("scheduled")), "a repeat: {said:?}");
    assert_eq!(said.results[0]["opens_at"], "2026-11-24T21:00:00Z");
    assert_eq!(said.results[0]["queue_position"], 1);
    set_clock(&system, TUESDAY_NIGHT).await;
    let deployed = system.until(&id, "is deployed", |it| it.summary.status == "deployed").await;
    assert_eq!(deployed.summary.reason, None);
    assert_eq!((deployed.summary.opens_at, deployed.summary.queue_position), (None, None));
    assert_eq!(shop.serving().await, Some(feature.build));
}

/// There, people got a list of all windows; they were the server's hours; and the day counted on which one looked.
#[tokio::test(flavor = "multi_thread")]
async fn u06_u07_u08_the_next_opening_is_told_in_the_organizations_zone_also_of_windows_over_midnight() {
    let system = System::embedded().await;
    let check = async |at: &str| system.say(&["windows", "check", "--at", at]).await;

    the_only_window(&system, "Asia/Kathmandu", "tue", "20:00", "22:00").await;
    let said = check("2026-11-23T12:00:00Z").await;
    let decision: WindowDecision = serde_json::from_value(said.results[0].clone()).unwrap();
    assert_eq!((said.code, decision.verdict.as_str()), (4, "closed"));
    assert_eq!(decision.next_opening.unwrap().to_string(), "2026-11-24T14:15:00Z");
    for words in ["Tuesday 24 November", "20:00", "Asia/Kathmandu"] {
        assert!(decision.sentence.contains(words), "{}", decision.sentence);
    }
    assert_eq!(check("2026-11-24T14:15:00Z").await.code, 0, "20:00 there");
    assert_eq!(check("2026-11-24T20:30:00Z").await.code, 4, "02:15 there");

    the_only_window(&system, "UTC", "sat", "22:00", "06:00").await;
    assert_eq!(check("2026-11-28T02:00:00Z").await.code, 4, "Saturday, 02:00");
    assert_eq!(check("2026-11-29T02:00:00Z").await.code, 0, "Sunday, 02:00");
    assert_eq!(system.say(&["windows", "next", "--risk", "critical"]).await.code, 4, "nothing admits it");
}

/// There, the reason was given to a script that never read it.
#[tokio::test(flavor = "multi_thread")]
async fn u09_an_emergency_goes_past_the_windows_and_who_and_why_stay_on_record() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    let said = system
        .say(&[
            "blackouts",
            "add",
            "Stocktaking",
            "--start",
            "2026-11-23T00:00",
            "--end",
            "2026-11-23T23:59",
            "--by",
            "Ada",
        ])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    let mut feature = Feature::develop(&shop, "good").await;
    feature.message["data"]["change_type"] = json!("emergency");
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 4, "nobody gave a reason");
    let why = system.promotion(&id).await.summary.reason.unwrap();
    assert!(why.contains("only with a reason on record"), "{why}");

    let words = [
        "promotions",
        "approve",
        &id,
        "--emergency",
        "--by",
        "Ada",
        "--reason",
        "The tills are down",
        "--follow",
    ];
    assert_eq!(system.say(&words).await.code, 0);
    let deployed = system.promotion(&id).await;
    assert_eq!(deployed.change_reason.as_deref(), Some("The tills are down"));
    let note = deployed.window_note.unwrap();
    for words in ["Ada", "The tills are down", "Review"] {
        assert!(note.contains(words), "{note}");
    }
    assert_eq!(shop.serving().await, Some(feature.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_an_advisory_window_a_change_goes_on_with_a_warning_on_record() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &["--advisory"]).await;
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    assert_eq!(system.promote(&id).await, 0);
    let note = system.promotion(&id).await.window_note;
    assert!(note.is_some(), "a warning is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_closes_between_check_and_stop_stops_nothing() {
    let gate = Gate::new();
    let shop = Shop::open(Place::Processes, gate.build()).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    set_clock(&system, TUESDAY_NIGHT).await;
    let before = shop.database.fingerprint().await;
    gate.close();
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    system.approve(&id).await;
    system.until(&id, "builds", |it| jobs(it).contains(&"build.image")).await;
    let said = system
        .say(&[
            "blackouts",
            "add",
            "Stocktaking",
            "--start",
            "2026-11-24T00:00",
            "--end",
            "2026-11-25T23:59",
            "--by",
            "Ada",
        ])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    gate.open();
    let undone = system.until_over(&id).await;
    assert_eq!(undone.summary.status, "rolled_back");
    let why = undone.summary.reason.as_deref().unwrap();
    for words in ["closed meanwhile", "not stopped", "Thursday 26 November", "22:00"] {
        assert!(why.contains(words), "{why}");
    }
    let refused = undone.timeline.iter().find(|entry| entry.job == "swap.stop_old").unwrap();
    assert_eq!(refused.state, "refused");
    assert!(!jobs(&undone).contains(&"swap.start_old"), "{undone:?}");
    assert_eq!((undone.downtime_ms, shop.serving().await.as_deref()), (None, Some("base")));
    assert_eq!(shop.database.fingerprint().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_for_one_at_a_time_makes_the_second_wait_and_refuses_nothing() {
    let gate = Gate::new();
    let first_shop = Shop::open(Place::Processes, gate.build()).await;
    let second_shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&first_shop).await;
    system.apply(&second_shop).await;
    nights(&system, &["--max-concurrent", "1"]).await;
    set_clock(&system, TUESDAY_NIGHT).await;
    let first = system.ship(&Feature::develop(&first_shop, "good").await).await;
    let second = system.ship(&Feature::develop(&second_shop, "good").await).await;
    gate.close();
    system.approve(&first).await;
    system.until(&first, "builds", |it| jobs(it).contains(&"build.image")).await;
    system.approve(&second).await;
    let waiting = system.promotion(&second).await;
    assert_eq!((waiting.summary.status.as_str(), waiting.summary.queue_position), ("approved", Some(1)));
    assert_eq!(waiting.started_at, None);
    gate.open();
    let (first, second) = tokio::join!(system.until_over(&first), system.until_over(&second));
    for promotion in [&first, &second] {
        assert_eq!((promotion.summary.status.as_str(), &promotion.summary.reason), ("deployed", &None));
    }
    assert!(first.finished_at.unwrap() <= second.timeline[0].started_at.unwrap(), "they overlap");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_everything_start_what_is_scheduled_once_and_never_what_was_cancelled() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::distributed_twice(&[]).await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    let feature = Feature::develop(&shop, "good").await;
    let cancelled = system.ship(&Feature::develop(&shop, "good").await).await;
    let wanted = system.ship(&feature).await;
    for id in [&cancelled, &wanted] {
        system.approve(id).await;
        assert_eq!(system.promotion(id).await.summary.status, "scheduled");
    }
    assert_eq!(system.promotion(&wanted).await.summary.queue_position, Some(2));
    let words = ["promotions", "cancel", &cancelled, "--by", "Ada", "--reason", "Not this week"];
    assert_eq!(system.say(&words).await.code, 0);
    assert_eq!(system.promotion(&wanted).await.summary.queue_position, Some(1));
    set_clock(&system, TUESDAY_NIGHT).await;
    system
        .until(&wanted, "is deployed", |it| it.summary.status == "deployed" && it.finished_at.is_some())
        .await;
    let runs =
        |id: &str| format!("select count(*) from runs where promotion = '{id}' and plan = 'promotion'");
    assert_eq!(system.database.number(&runs(&wanted)).await, 1);
    assert_eq!(system.database.number(&runs(&cancelled)).await, 0);
    assert_eq!(system.promotion(&cancelled).await.summary.status, "cancelled");
    assert_eq!(shop.serving().await, Some(feature.build));
}

async fn the_only_window(system: &System, zone: &str, days: &str, start: &str, end: &str) {
    for known in system.say(&["windows", "list"]).await.results[0]["windows"].as_array().unwrap() {
        let words = ["windows", "remove", &known["id"].to_string(), "--by", "Ada"];
        assert_eq!(system.say(&words).await.code, 0);
    }
    assert_eq!(system.say(&["windows", "zone", zone, "--by", "Ada"]).await.code, 0);
    let words = ["windows", "add", "Only", "--days", days, "--start", start, "--end", end, "--by", "Ada"];
    let said = system.say(&words).await;
    assert_eq!(said.code, 0, "{said:?}");
}

/// A window in the nights of Tuesday and Thursday in Berlin; it is Monday.
pub(crate) async fn nights(system: &System, more: &[&str]) {
    assert_eq!(system.say(&["windows", "zone", "Europe/Berlin", "--by", "Ada"]).await.code, 0);
    let words = [
        "windows", "add", "Nights", "--days", "tue,thu", "--start", "22:00", "--end", "06:00", "--by", "Ada",
    ];
    let said = system.say(&[&words[..], more].concat()).await;
    assert_eq!(said.code, 0, "{said:?}");
    set_clock(system, MONDAY_NOON).await;
}

pub(crate) async fn set_clock(system: &System, to: &str) {
    let clock = format!(
        "do $do$ begin execute format(
             'create or replace function slipway_now() returns timestamptz language sql volatile as
              $f$ select clock_timestamp() + interval ''%s seconds'' $f$',
             extract(epoch from timestamptz '{to}' - clock_timestamp())); end $do$"
    );
    system.database.client().await.batch_execute(&clock).await.unwrap();
}

pub(crate) fn jobs(promotion: &Promotion) -> Vec<&str> {
    promotion.timeline.iter().map(|entry| entry.job.as_str()).collect()
}
