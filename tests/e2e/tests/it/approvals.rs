//! What people approve is what is done, or nothing is.

use serde_json::json;

use crate::feature::Feature;
use crate::gate::Gate;
use crate::shop::{Place, Shop};
use crate::system::System;
use crate::windows::{jobs, nights, set_clock};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_shown_is_approved_and_deployed() {
    let mut shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    let shown = plan(&system, &id).await;
    shop.redescribe(json!({ "health": { "successes": 2 } }));
    system.apply(&shop).await;
    let said = system.say(&["promotions", "approve", &id, "--by", "Ines", "--plan", &shown]).await;
    assert_eq!(said.code, 4, "{said:?}");
    assert_eq!(system.promotion(&id).await.summary.status, "pending");

    let shown = plan(&system, &id).await;
    let words = ["promotions", "approve", &id, "--by", "Ines", "--plan", &shown, "--follow"];
    let said = system.say(&words).await;
    assert_eq!(said.code, 0, "{said:?}");
    let deployed = system.promotion(&id).await;
    assert_eq!(deployed.approved_plan, Some(shown));
    assert_eq!(deployed.change_set.unwrap().len(), 64, "what was sealed is on record");
    assert_eq!(shop.serving().await, Some(feature.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_before_its_window_opens_waits_for_another_approval() {
    let mut shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    assert_eq!(system.promote(&id).await, 4, "held");
    assert_eq!(system.say(&["promotions", "schedule", &id, "--by", "Ada"]).await.code, 0);
    shop.redescribe(json!({ "health": { "successes": 2 } }));
    system.apply(&shop).await;
    set_clock(&system, "2026-11-24T21:00:05Z").await;
    let waits = system.until(&id, "waits for another approval", |it| it.summary.status == "pending").await;
    let why = waits.summary.reason.unwrap();
    for words in ["release manager approved it", "the description of the installation was changed"] {
        assert!(why.contains(words), "{why}");
    }
    assert_eq!((waits.approved_by, shop.serving().await.as_deref()), (None, Some("base")));
    assert_eq!(system.promote(&id).await, 0);
    assert_eq!(shop.serving().await, Some(feature.build));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_the_new_version_is_built_stops_nothing() {
    let gate = Gate::new();
    let mut shop = Shop::open(Place::Processes, gate.build()).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    gate.close();
    let id = system.ship(&Feature::develop(&shop, "good").await).await;
    system.approve(&id).await;
    system.until(&id, "builds", |it| jobs(it).contains(&"build.image")).await;
    shop.redescribe(json!({ "database": { "snapshot": "never" } }));
    system.apply(&shop).await;
    gate.open();
    let undone = system.until_over(&id).await;
    assert_eq!(undone.summary.status, "rolled_back");
    let why = undone.summary.reason.as_deref().unwrap();
    for words in ["was not stopped", "release manager approved it", "description of the installation"] {
        assert!(why.contains(words), "{why}");
    }
    assert!(!jobs(&undone).contains(&"swap.start_old"), "{undone:?}");
    assert_eq!((undone.downtime_ms, shop.serving().await.as_deref()), (None, Some("base")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_normal_change_goes_past_its_window_when_somebody_answers_for_it_but_past_no_blackout() {
    let shop = Shop::open(Place::Processes, json!({})).await;
    let system = System::embedded().await;
    system.apply(&shop).await;
    nights(&system, &[]).await;
    let feature = Feature::develop(&shop, "good").await;
    let id = system.ship(&feature).await;
    let blackout =
        ["blackouts", "add", "Stocktaking", "--start", "2026-11-23T00:00", "--end", "2026-11-23T23:59"];
    assert_eq!(system.say(&[&blackout[..], &["--by", "Ada"]].concat()).await.code, 0);
    let past =
        ["promotions", "approve", &id, "--override", "--by", "Ada", "--reason", "The regulator", "--follow"];
    let said = system.say(&past).await;
    assert_eq!(said.code, 4, "{said:?}");
    assert_eq!(system.promotion(&id).await.summary.status, "pending");

    let list = system.say(&["blackouts", "list"]).await;
    let number = list.results[0][0]["id"].to_string();
    assert_eq!(system.say(&["blackouts", "remove", &number, "--by", "Ada"]).await.code, 0);
    let said = system.say(&past).await;
    assert_eq!(said.code, 0, "{said:?}");
    let deployed = system.promotion(&id).await;
    assert_eq!(deployed.change_type, "normal", "it is no emergency");
    let note = deployed.window_note.unwrap();
    for words in ["no deployment window was open", "Ada", "The regulator", "Review"] {
        assert!(note.contains(words), "{note}");
    }
    let trail = system.say(&["audit", "export"]).await;
    let is_it = |entry: &&serde_json::Value| entry.to_string().contains("overrides_windows");
    assert!(trail.results.iter().any(|entry| is_it(&entry)), "{trail:?}");
    assert_eq!(shop.serving().await, Some(feature.build));
}

/// The hash of what the promotion would do, as a person is shown it.
async fn plan(system: &System, id: &str) -> String {
    let said = system.say(&["promotions", "plan", id]).await;
    assert_eq!(said.code, 0, "{said:?}");
    said.results[0]["plan"].as_str().unwrap().to_owned()
}
