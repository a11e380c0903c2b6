//! What people say yes to, and for how long it holds.

use domain::{PromotionId, Status};
use engine::approval::{Proposal, approve, propose, reject};
use engine::schedule::schedule;
use engine::start::{Wish, start_next};
use scratch::{Database, with_database};
use serde_json::json;

use crate::windows::{add, approved_at, set_clock, set_up, world};
use crate::world::{INSTALLATION, Workers, World, actor};

async fn proposal(world: &World, id: &PromotionId) -> Proposal {
    propose(&world.engine.store, id).await.unwrap().unwrap()
}

/// Approves what was shown.
async fn yes_to(world: &World, id: &PromotionId, shown: &str) -> Wish {
    approve(&world.engine, id, &actor("Ines"), Some(shown)).await.unwrap()
}

async fn describe(world: &World, more: (&str, serde_json::Value)) {
    let mut description = json!({ "name": INSTALLATION });
    description[more.0] = more.1;
    world.engine.store.apply_installation(INSTALLATION, &description, &actor("Root")).await.unwrap();
}

#[tokio::test]
async fn a_plan_that_was_shown_is_approved_and_one_that_is_no_longer_true_is_not() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let id = world.created(1).await;
        let shown = proposal(&world, &id).await;
        assert_eq!((&shown.approved, &shown.lapsed), (&None, &None));
        assert_eq!(proposal(&world, &id).await.hash, shown.hash, "the same plan, the same hash");

        describe(&world, ("swap", json!("warm"))).await;
        let refused = yes_to(&world, &id, &shown.hash).await;
        let why = format!(
            "The plan has changed since it was shown, so it was not approved: the description of the installation was \
             changed. Look at it as it is now and approve that: slipway promotions plan {id}"
        );
        assert_eq!(refused, Wish::Refused(why));
        let made_up = yes_to(&world, &id, &"0".repeat(64)).await;
        assert!(matches!(&made_up, Wish::Refused(why) if why.contains("is no plan of CP-00000001")), "{made_up:?}");
        assert_eq!(world.status(&id).await, Status::Pending);

        let present = proposal(&world, &id).await;
        assert_ne!(present.hash, shown.hash);
        assert_eq!(yes_to(&world, &id, &present.hash).await, Wish::Granted);
        let record = world.engine.store.promotion(&id).await.unwrap().unwrap();
        assert_eq!(record.approved_plan, Some(present.hash));
        let held = proposal(&world, &id).await;
        assert_eq!((held.approved.unwrap().0.as_str(), held.lapsed), ("Ines", None));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_longer_as_it_was_approved_does_not_start_before_it_is_approved_again() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let other = approved_at(&world, "bank", 9).await;
        let changes = [
            ("update installations set description = description || '{\"swap\": \"warm\"}' where name = 'shop'", "description"),
            ("update promotions set change_set = repeat('a', 64) where installation = 'shop'", "what is shipped has changed"),
            ("update change_requests set risk = 'high' where id = 'RFC-2026-00000001'", "another type or risk"),
            (
                "update promotions set approved_plan = null, approval_ends_at = null where installation = 'shop'",
                "before Slipway kept what is approved",
            ),
        ];
        let id = world.approved(1).await;
        for (number, (change, why)) in changes.into_iter().enumerate() {
            // Nobody asked before.
            database.run("update promotions set ready_at = 'epoch' where installation = 'shop'").await;
            database.run(change).await;
            let next = (number == 0).then(|| other.clone());
            assert_eq!(start_next(&world.engine).await.unwrap(), next, "{why}: who is next goes on");
            let record = world.engine.store.promotion(&id).await.unwrap().unwrap();
            assert_eq!((record.status, record.approved_by, record.queue_position), (Status::Pending, None, None));
            let reason = record.reason.unwrap();
            assert!(reason.starts_with("It waits for another approval") && reason.contains(why), "{reason}");
            assert!(world.told(&id).await.contains(&format!("held: {reason}")));
            assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
            assert_eq!(world.reason(&id).await, None);
        }
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(id));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_changes_nothing_that_is_done_leaves_an_approval_as_it_is() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let id = world.approved(1).await;
        for (setting, value) in
            [("four_eyes", json!(true)), ("approval_days", json!(9)), ("backups_keep", json!(3))]
        {
            describe(&world, (setting, value)).await;
        }
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(id));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_window_more_needs_another_approval_and_a_window_less_does_not() {
    with_database(async |database| {
        let world = world(database).await;
        let fewer = world.approved(1).await;
        add(&world, json!({ "name": "Noon", "days": ["mon"], "start": "11:00", "end": "13:00" })).await;
        assert_eq!(start_next(&world.engine).await.unwrap(), None);
        let why = world.reason(&fewer).await.unwrap();
        assert!(why.contains("it could start at other times than before"), "{why}");
        assert_eq!(approve(&world.engine, &fewer, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        let nights = database.text("select id::text from windows where name = 'Nights'").await;
        engine::windows::remove(&world.engine, nights.parse().unwrap(), &actor("Ada")).await.unwrap();
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(fewer));
        world.end().await;
    })
    .await;
}

const APPROVED: &str = "2026-11-23T12:00:00Z";

#[tokio::test]
async fn an_approval_holds_as_long_as_the_installation_says() {
    for (days, last_moment, over) in [
        (None, "2026-11-30T11:59:00Z", "2026-11-30T12:01:00Z"),
        (Some(1), "2026-11-24T11:59:00Z", "2026-11-24T12:01:00Z"),
    ] {
        with_database(async |database| {
            set_up(database, APPROVED).await;
            let world = World::idle(database, Workers::default()).await;
            if let Some(days) = days {
                describe(&world, ("approval_days", json!(days))).await;
            }
            let id = world.approved(1).await;
            set_clock(database, last_moment).await;
            assert_eq!(proposal(&world, &id).await.lapsed, None);
            set_clock(database, over).await;
            let lapsed = proposal(&world, &id).await.lapsed.unwrap();
            assert!(lapsed.contains("the approval of Ines held until 2026-11-"), "{lapsed}");
            assert_eq!(
                schedule(&world.engine, &id, &actor("Ada")).await.unwrap(),
                Wish::Refused(lapsed.clone())
            );
            assert_eq!(start_next(&world.engine).await.unwrap(), None);
            assert_eq!((world.status(&id).await, world.reason(&id).await), (Status::Pending, Some(lapsed)));
            assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
            assert_eq!(start_next(&world.engine).await.unwrap(), Some(id));
            world.end().await;
        })
        .await;
    }
}

/// The window opens on Tuesday evening, a day and ten hours after the approval.
async fn scheduled_for_too_late(database: &Database) -> (World, PromotionId) {
    let world = world(database).await;
    describe(&world, ("approval_days", json!(1))).await;
    let id = world.approved(1).await;
    assert_eq!(schedule(&world.engine, &id, &actor("Ada")).await.unwrap(), Wish::Granted);
    let said = world.reason(&id).await.unwrap();
    for words in ["Tuesday 24 November 2026, 22:00", "holds only until", "approves it again"] {
        assert!(said.contains(words), "{said}");
    }
    (world, id)
}

#[tokio::test]
async fn who_is_scheduled_for_after_the_end_of_the_approval_is_told_and_does_not_start() {
    with_database(async |database| {
        let (world, id) = scheduled_for_too_late(database).await;
        set_clock(database, "2026-11-24T22:00:01Z").await;
        assert_eq!(start_next(&world.engine).await.unwrap(), None);
        assert_eq!(world.status(&id).await, Status::Pending);
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_approval_that_is_renewed_in_time_lets_a_scheduled_promotion_start() {
    with_database(async |database| {
        let (world, id) = scheduled_for_too_late(database).await;
        set_clock(database, "2026-11-24T08:00:00Z").await;
        assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(world.status(&id).await, Status::Scheduled);
        let said = world.reason(&id).await.unwrap();
        assert!(said.contains("Tuesday 24 November 2026, 22:00") && !said.contains("again"), "{said}");
        set_clock(database, "2026-11-24T22:00:01Z").await;
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(id));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_no_ends_what_has_not_begun_and_nothing_else() {
    with_database(async |database| {
        set_up(database, APPROVED).await;
        let world = World::idle(database, Workers::default()).await;
        add(&world, json!({ "name": "Nights", "days": ["tue"], "start": "22:00", "end": "24:00" })).await;
        let engine = &world.engine;
        let no = async |id: &PromotionId| reject(engine, id, &actor("Ines"), "not like this").await.unwrap();
        assert_eq!(no(&PromotionId::new(99)).await, Wish::Unknown);
        let pending = world.created(1).await;
        let approved = world.approved(2).await;
        let scheduled = world.approved(3).await;
        schedule(engine, &scheduled, &actor("Ada")).await.unwrap();
        for id in [&pending, &approved, &scheduled] {
            assert_eq!(no(id).await, Wish::Granted);
            assert_eq!(world.status(id).await, Status::Rejected);
            let why = "Ines rejected the promotion: not like this";
            assert_eq!(world.reason(id).await.as_deref(), Some(why));
            assert!(world.told(id).await.contains(&format!("rejected: {why}")));
            assert_eq!(no(id).await, Wish::NotFrom(Status::Rejected));
        }
        assert_eq!(start_next(engine).await.unwrap(), None);
        database.run("delete from windows").await;
        let (running, _) = world.started(4).await;
        assert_eq!(no(&running).await, Wish::NotFrom(Status::Deploying));
        let trail = engine.store.audit_after(0).await.unwrap();
        let said: Vec<_> = trail.iter().map(|entry| entry.said().unwrap()).collect();
        let no = said.iter().rfind(|it| it.subject.as_deref() == Some("CP-00000001")).unwrap();
        assert_eq!(
            (no.who.as_str(), no.after.as_ref().unwrap()["status"].as_str()),
            ("Ines", Some("rejected"))
        );
        assert_eq!(no.after.as_ref().unwrap()["reason"], "Ines rejected the promotion: not like this");
        world.end().await;
    })
    .await;
}
