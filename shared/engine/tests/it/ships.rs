//! What comes before the approval.

use domain::run::Outcome;
use domain::{Cause, Job, PromotionId, Status, Worker};
use engine::approval::{approve, propose, reject};
use engine::bypass::{make_emergency, override_windows};
use engine::schedule::schedule;
use engine::start::{Wish, start_next, withdraw};
use scratch::with_database;
use store::jobs::Try;

use crate::world::{Act, Workers, World, actor};

/// Only ship workers, relay and supervisor run.
async fn shipping_world(database: &scratch::Database, workers: Workers) -> World {
    let mut world = World::idle(database, workers).await;
    world.start_workers_of(&[Worker::Ship]);
    world.start_relay();
    world.start_supervisor();
    world
}

async fn until_settled(world: &World, id: &PromotionId) -> Status {
    world
        .eventually("the ship run is over", async || {
            let status = world.status(id).await;
            (status != Status::Shipping).then_some(status)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_waits_for_approval() {
    with_database(async |database| {
        let world =
            shipping_world(database, Workers::default().on(Job::Seal, 1, Act::Retry("It is away."))).await;
        let id = world.shipping(1).await;
        assert_eq!(until_settled(&world, &id).await, Status::Pending);
        let record = world.engine.store.promotion(&id).await.unwrap().unwrap();
        assert_eq!((record.facts.change_set, record.reason), (Some("5e".repeat(32)), None));
        assert_eq!(
            world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().map(|run| run.id),
            None,
            "it has not begun"
        );
        insta::assert_snapshot!(world.told(&id).await, @r"
         - shipping: “Feature 1” is being taken out of the place where it was built.
         - shipping: It is away. Trying again.
         - created: “Feature 1” is ready to be shipped to shop and waits for approval.
        ");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sealed_is_not_shipped_and_says_why() {
    with_database(async |database| {
        let why = "The sandbox holds no change.";
        for (number, act) in [(1, Act::Fail(why)), (2, Act::Refuse(why))] {
            let world = shipping_world(database, Workers::default().on(Job::Seal, 1, act)).await;
            let id = world.shipping(number).await;
            let run = world.ship_run(&id).await;
            let cause = Cause::Failed { job: Job::Seal, reason: why.to_owned() };
            assert_eq!(world.outcome(run).await, Outcome::Failed(cause));
            assert_eq!(until_settled(&world, &id).await, Status::NotShipped);
            assert_eq!(world.reason(&id).await.as_deref(), Some(why));
            assert!(world.told(&id).await.ends_with(&format!(" - not_shipped: {why}")));
            let ines = actor("Ines");
            let no = Wish::NotFrom(Status::NotShipped);
            assert_eq!(approve(&world.engine, &id, &ines, None).await.unwrap(), no);
            assert_eq!(withdraw(&world.engine, &id, &ines, "no").await.unwrap(), no);
            assert_eq!(reject(&world.engine, &id, &ines, "no").await.unwrap(), no);
            world.end().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_to_deploy_what_is_still_being_shipped() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (id, engine, ines) = (world.shipping(1).await, &world.engine, actor("Ines"));
        let told = world.told(&id).await;
        for wish in [
            approve(engine, &id, &ines, None).await.unwrap(),
            schedule(engine, &id, &ines).await.unwrap(),
            make_emergency(engine, &id, &ines, "now").await.unwrap(),
            override_windows(engine, &id, &ines, "now").await.unwrap(),
        ] {
            let Wish::Refused(why) = wish else { panic!("{wish:?}") };
            assert!(why.contains("still being taken out") && why.contains("when it is pending"), "{why}");
        }
        assert_eq!(start_next(engine).await.unwrap(), None);
        assert_eq!((world.status(&id).await, world.told(&id).await), (Status::Shipping, told));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdraws_or_rejects_what_is_being_shipped_stops_it() {
    with_database(async |database| {
        let world = shipping_world(database, Workers::default().on(Job::Seal, 1, Act::Hang)).await;
        for (number, status) in [(1, Status::Cancelled), (2, Status::Rejected)] {
            let id = world.shipping(number).await;
            let run = world.ship_run(&id).await;
            world
                .eventually("it is being sealed", async || {
                    (world.workers.begun().len() == number as usize).then_some(())
                })
                .await;
            let (engine, ines) = (&world.engine, actor("Ines"));
            let granted = if status == Status::Rejected {
                reject(engine, &id, &ines, "not that").await
            } else {
                withdraw(engine, &id, &ines, "not that").await
            };
            assert_eq!(granted.unwrap(), Wish::Granted);
            let cause = Cause::Cancelled { by: "Ines".to_owned(), reason: "not that".to_owned() };
            assert_eq!(world.outcome(run).await, Outcome::Failed(cause));
            assert_eq!(world.workers.dropped().len(), number as usize, "nobody works on it any more");
            assert_eq!(world.status(&id).await, status);
            assert!(world.reason(&id).await.unwrap().starts_with("Ines "));
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_order_and_a_lost_worker_hold_up_no_feature() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let id = world.shipping(1).await;
        let run = world.ship_run(&id).await;
        world.lose_message(&transport::Queue::Jobs("ship".to_owned())).await;
        world.start_supervisor();
        world.start_workers_of(&[Worker::Ship]);
        assert_eq!(until_settled(&world, &id).await, Status::Pending);

        let other = world.shipping(2).await;
        let which = Try { run: world.ship_run(&other).await, job: Job::Seal, attempt: 1 };
        assert_ne!(which.run, run);
        // Somebody takes it and is never heard of again, or a worker was faster.
        let taken =
            world.engine.store.claim(which, "nobody", std::time::Duration::from_millis(1)).await.unwrap();
        assert_eq!(until_settled(&world, &other).await, Status::Pending, "{taken:?}");
        world.end().await;
    })
    .await;
}

/// One from before features were sealed ahead of their approval.
#[tokio::test]
async fn what_is_not_sealed_is_neither_approved_nor_started() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (pending, approved) = (world.created(1).await, world.approved(2).await);
        database.run("update promotions set change_set = null").await;
        assert_eq!(start_next(&world.engine).await.unwrap(), None);
        for id in [&pending, &approved] {
            assert_eq!(world.status(id).await, Status::Pending);
            let proposal = propose(&world.engine.store, id).await.unwrap().unwrap();
            assert!(proposal.sentences[0].contains("whose files are not sealed"), "{proposal:?}");
            let wish = approve(&world.engine, id, &actor("Ines"), None).await.unwrap();
            let Wish::Refused(why) = wish else { panic!("{wish:?}") };
            assert!(
                why.ends_with(&format!("ship the feature again: slipway promotions cancel {id}")),
                "{why}"
            );
        }
        world.end().await;
    })
    .await;
}
