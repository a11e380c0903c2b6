//! Deployment windows: who may start when. The database's clock is set; nobody waits for the hour.

use domain::run::Outcome;
use domain::{ChangeType, PromotionId, Status};
use engine::approval::approve;
use engine::bypass::{make_emergency, override_windows};
use engine::schedule::schedule;
use engine::start::{Wish, start_next, withdraw};
use engine::windows;
use futures_util::future::join_all;
use scratch::{Database, with_database};
use serde_json::{Value, json};

use crate::world::{Workers, World, actor};

/// A Monday.
const BEFORE: &str = "2026-11-23T12:00:00Z";
const OPENING: &str = "2026-11-24T22:00:00Z";
const IN_IT: &str = "2026-11-24T22:00:01Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_promotion_starts_once_at_its_opening_whoever_looks() {
    with_database(async |database| {
        let world = world(database).await;
        let other = world.another().await;
        let id = world.approved(1).await;
        assert_eq!(schedule(&world.engine, &id, &actor("Ada")).await.unwrap(), Wish::Granted);
        assert_eq!(
            schedule(&world.engine, &id, &actor("Ada")).await.unwrap(),
            Wish::Granted,
            "a repeat changes nothing"
        );
        assert_eq!(world.status(&id).await, Status::Scheduled);
        assert_eq!(opening(&world, &id).await.as_deref(), Some(OPENING));
        assert_eq!(
            world.reason(&id).await.as_deref(),
            Some("It starts by itself when the window opens: Tuesday 24 November 2026, 22:00 (UTC).")
        );
        assert_eq!(start_next(&world.engine).await.unwrap(), None, "the window is closed");

        set_clock(database, IN_IT).await;
        let started = join_all((0..8).map(|_| start_next(&world.engine))).await;
        let started: Vec<_> = started.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(started, std::slice::from_ref(&id));
        let run = world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(database.text("select count(*)::text from runs where plan = 'promotion'").await, "1");
        assert_eq!(world.status(&id).await, Status::Deployed);
        assert_eq!(opening(&world, &id).await, None);
        assert!(
            world.told(&id).await.contains("scheduled: Ada scheduled the promotion. It starts by itself")
        );
        other.end().await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_follows_the_windows_that_are_changed_and_the_clock_that_goes_past_them() {
    with_database(async |database| {
        let world = world(database).await;
        let id = world.approved(1).await;
        schedule(&world.engine, &id, &actor("Ada")).await.unwrap();
        add(&world, json!({ "name": "Evenings", "days": ["mon"], "start": "18:00", "end": "20:00" })).await;
        until_opening(&world, &id, "2026-11-23T18:00:00Z").await;
        let evenings = database.text("select id::text from windows where name = 'Evenings'").await;
        assert!(windows::remove(&world.engine, evenings.parse().unwrap(), &actor("Ada")).await.unwrap());
        until_opening(&world, &id, OPENING).await;
        // Nobody started it while its window was open.
        set_clock(database, "2026-11-25T00:30:00Z").await;
        until_opening(&world, &id, "2026-12-01T22:00:00Z").await;
        assert_eq!(world.status(&id).await, Status::Scheduled);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_under_way_than_the_window_lets_and_the_rest_wait_in_order() {
    with_database(async |database| {
        set_up(database, IN_IT).await;
        let world = World::idle(database, Workers::default()).await;
        add(&world, json!({ "name": "Nights", "days": ["tue"], "start": "22:00", "end": "24:00", "max_concurrent": 1 }))
            .await;
        let mut waiting = Vec::new();
        for number in 1..=4 {
            waiting.push(approved_at(&world, &format!("shop-{number}"), number).await);
        }
        let start = async || {
            let started = join_all((0..8).map(|_| start_next(&world.engine))).await;
            started.into_iter().filter_map(Result::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(start().await, waiting[..1]);
        assert!(start().await.is_empty(), "the window lets one at a time");
        assert_eq!(world.status(&waiting[1]).await, Status::Approved, "it waits and was not refused");

        let wish = make_emergency(&world.engine, &waiting[3], &actor("Ada"), "The tills are down").await.unwrap();
        assert_eq!(wish, Wish::Granted);
        assert_eq!(start().await, waiting[3..], "an emergency waits for no room");
        finish_runs(database).await;
        assert_eq!(start().await, waiting[1..2]);
        finish_runs(database).await;
        assert_eq!(start().await, waiting[2..3]);
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_a_window_holds_up_nobody_who_need_not() {
    with_database(async |database| {
        let world = world(database).await;
        let waits = world.approved(1).await;
        schedule(&world.engine, &waits, &actor("Ada")).await.unwrap();
        let position =
            async |id: &PromotionId| world.engine.store.promotion(id).await.unwrap().unwrap().queue_position;
        let now = world.approved(2).await;
        make_emergency(&world.engine, &now, &actor("Ada"), "it cannot wait").await.unwrap();
        assert_eq!((position(&waits).await, position(&now).await), (Some(1), Some(2)));
        assert_eq!(
            start_next(&world.engine).await.unwrap(),
            Some(now.clone()),
            "an emergency waits for no window"
        );
        assert_eq!((position(&waits).await, position(&now).await), (Some(1), None));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_approved_while_no_window_is_open_starts_by_itself_when_one_opens() {
    with_database(async |database| {
        let world = world(database).await;
        let id = world.approved(1).await;
        assert_eq!(world.status(&id).await, Status::Scheduled);
        let opens = "It starts by itself when the window opens: Tuesday 24 November 2026, 22:00 (UTC).";
        assert_eq!(world.reason(&id).await.as_deref(), Some(opens));
        assert!(world.told(&id).await.ends_with(&format!("approved: Ines approved the promotion. {opens}")));
        assert_eq!(start_next(&world.engine).await.unwrap(), None, "the window is closed");
        set_clock(database, IN_IT).await;
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(id));
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_said_and_what_is_scheduled_can_be_withdrawn() {
    with_database(async |database| {
        let world = world(database).await;
        let engine = &world.engine;
        assert_eq!(schedule(engine, &PromotionId::new(99), &actor("Ada")).await.unwrap(), Wish::Unknown);
        let pending = world.created(1).await;
        assert_eq!(schedule(engine, &pending, &actor("Ada")).await.unwrap(), Wish::NotFrom(Status::Pending));

        let risky = world.created(2).await;
        database.run("update change_requests set risk = 'critical' where id = 'RFC-2026-00000002'").await;
        assert_eq!(approve(engine, &risky, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        let refused = schedule(engine, &risky, &actor("Ada")).await.unwrap();
        assert!(matches!(&refused, Wish::Refused(sentence) if !sentence.is_empty()), "{refused:?}");
        assert_eq!(world.status(&risky).await, Status::Approved, "nothing was changed");
        withdraw(engine, &risky, &actor("Ada"), "too risky", None).await.unwrap();

        let scheduled = world.approved(3).await;
        assert_eq!(schedule(engine, &scheduled, &actor("Ada")).await.unwrap(), Wish::Granted);
        assert_eq!(approve(engine, &scheduled, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(world.status(&scheduled).await, Status::Scheduled, "its approval is renewed, it waits on");
        assert_eq!(
            withdraw(engine, &scheduled, &actor("Ada"), "not now", None).await.unwrap(),
            Wish::Granted
        );
        set_clock(database, IN_IT).await;
        assert_eq!(start_next(engine).await.unwrap(), None, "it was taken from the queue");
        assert_eq!(
            schedule(engine, &scheduled, &actor("Ada")).await.unwrap(),
            Wish::NotFrom(Status::Cancelled)
        );
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_emergency_is_on_record_with_who_and_why() {
    with_database(async |database| {
        let world = world(database).await;
        let pending = world.created(1).await;
        let why = "The tills are down";
        assert_eq!(make_emergency(&world.engine, &pending, &actor("Ada"), why).await.unwrap(), Wish::Granted);
        let record = world.engine.store.promotion(&pending).await.unwrap().unwrap();
        assert_eq!((record.status, record.change_type), (Status::Pending, ChangeType::Emergency));
        assert_eq!((record.approved_by, record.reason_by.as_deref()), (None, Some("Ada")));
        assert_eq!(record.change_reason.as_deref(), Some(why));
        assert_eq!(start_next(&world.engine).await.unwrap(), None, "nobody has approved it");
        assert_eq!(approve(&world.engine, &pending, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(&world.engine).await.unwrap(), Some(pending.clone()));
        let running = make_emergency(&world.engine, &pending, &actor("Ada"), why).await.unwrap();
        assert!(matches!(running, Wish::NotFrom(_)), "{running:?}");
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_not_urgent_goes_past_closed_windows_when_somebody_answers_for_it() {
    with_database(async |database| {
        let world = world(database).await;
        let engine = &world.engine;
        let (ada, why) = (actor("Ada"), "The regulator asked for it");
        let pending = world.created(1).await;
        assert_eq!(override_windows(engine, &pending, &ada, why).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(engine).await.unwrap(), None, "nobody has approved it");
        let record = engine.store.promotion(&pending).await.unwrap().unwrap();
        assert_eq!((record.change_type, record.overrides_windows), (ChangeType::Normal, true));
        assert_eq!((record.change_reason.as_deref(), record.reason_by.as_deref()), (Some(why), Some("Ada")));
        assert_eq!(approve(engine, &pending, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(engine).await.unwrap(), Some(pending.clone()));
        assert!(matches!(override_windows(engine, &pending, &ada, why).await.unwrap(), Wish::NotFrom(_)));

        let scheduled = approved_at(&world, "shop-2", 2).await;
        assert_eq!(schedule(engine, &scheduled, &ada).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(engine).await.unwrap(), None, "it waits for its window");
        assert_eq!(override_windows(engine, &scheduled, &ada, why).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(engine).await.unwrap(), Some(scheduled), "the approval goes with it");
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_lets_a_change_go_past_a_blackout_that_is_no_emergency() {
    with_database(async |database| {
        let world = world(database).await;
        let engine = &world.engine;
        let stocktaking = json!({
            "reason": "Stocktaking", "start": "2026-11-23T00:00:00Z", "end": "2026-11-23T23:59:59Z",
            "exempt": ["standard"],
        });
        windows::add_blackout(engine, stocktaking, &actor("Ada")).await.unwrap().unwrap();
        let [normal, standard, emergency] = [1, 2, 3];
        for (number, change_type) in [(normal, "normal"), (standard, "standard"), (emergency, "emergency")] {
            world.created(number).await;
            let request = format!("RFC-2026-{number:08X}");
            database
                .run(&format!(
                    "update change_requests set change_type = '{change_type}' where id = '{request}'"
                ))
                .await;
        }
        let wish = async |number| {
            override_windows(engine, &PromotionId::new(number), &actor("Ada"), "Now").await.unwrap()
        };
        let refused = wish(normal).await;
        assert!(matches!(&refused, Wish::Refused(why) if why.contains("“Stocktaking”")), "{refused:?}");
        assert!(!engine.store.promotion(&PromotionId::new(normal)).await.unwrap().unwrap().overrides_windows);
        assert_eq!(wish(standard).await, Wish::Granted, "the blackout does not bind it");
        assert!(matches!(wish(emergency).await, Wish::Refused(why) if why.contains("emergency already")));
        world.end().await;
    })
    .await;
}

/// A world before its one window, Tuesdays at 22:00 for two hours; workers and a supervisor run.
pub(crate) async fn world(database: &Database) -> World {
    set_up(database, BEFORE).await;
    let world = World::running(database, Workers::default()).await;
    add(&world, json!({ "name": "Nights", "days": ["tue"], "start": "22:00", "end": "24:00" })).await;
    world
}

/// The schema with this clock, before anybody looks at it.
pub(crate) async fn set_up(database: &Database, clock: &str) {
    let store = engine::store::Store::connect(&database.url(), 1).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    set_clock(database, clock).await;
}

pub(crate) async fn add(world: &World, window: Value) {
    windows::add(&world.engine, window, &actor("Ada")).await.unwrap().unwrap();
}

pub(crate) async fn set_clock(database: &Database, to: &str) {
    database
        .run(&format!(
            "do $do$ begin execute format(
                 'create or replace function slipway_now() returns timestamptz language sql volatile as
                  $f$ select clock_timestamp() + interval ''%s seconds'' $f$',
                 extract(epoch from timestamptz '{to}' - clock_timestamp())); end $do$"
        ))
        .await;
}

async fn opening(world: &World, id: &PromotionId) -> Option<String> {
    world.engine.store.promotion(id).await.unwrap().unwrap().opens_at.map(|at| at.to_string())
}

async fn until_opening(world: &World, id: &PromotionId, at: &str) {
    world
        .eventually(&format!("the opening is {at}"), async || {
            (opening(world, id).await.as_deref() == Some(at)).then_some(())
        })
        .await;
}

async fn finish_runs(database: &Database) {
    database
        .run(
            "update runs set phase = 'finished', outcome = 'deployed', finished_at = now() where phase <> 'finished';
             update promotions set status = 'deployed' where status = 'deploying'",
        )
        .await;
}

pub(crate) async fn approved_at(world: &World, installation: &str, number: u32) -> PromotionId {
    world
        .engine
        .store
        .apply_installation(installation, &json!({ "name": installation }), &actor("Ines"))
        .await
        .unwrap();
    let id = world.created_at(installation, number).await;
    assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
    id
}
