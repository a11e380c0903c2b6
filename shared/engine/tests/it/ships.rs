//! What comes before the approval.

use std::time::Duration;

use domain::run::Outcome;
use domain::{Cause, Job, PromotionId, Status, Topic, Worker};
use engine::approval::{approve, propose, reject};
use engine::bypass::{make_emergency, override_windows};
use engine::schedule::schedule;
use engine::ship;
use engine::start::{Wish, start_next, withdraw};
use protocol::question::GivenAnswer;
use scratch::with_database;
use store::jobs::Try;

use crate::world::{Act, Workers, World, actor};

/// Only what ship runs need: their workers, relay and supervisor.
async fn shipping_world(database: &scratch::Database, workers: Workers) -> World {
    let mut world = World::idle(database, workers).await;
    world.start_workers_of(&[Worker::Ship, Worker::Scheduler]);
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
         1 step_retried: It is away. Trying again.
         1 step_finished: The feature is sealed: what is looked at and approved now is what would be deployed.
         2 step_started: Registering the product.
         2 step_finished: The product is registered; it becomes active with its deployment.
         3 step_started: Adding the feature to the backlog.
         3 step_finished: The feature is in the backlog of operations.
         4 step_started: Looking whether the feature could be shared with others.
         4 step_finished: Whether the feature is shared with others is decided.
         5 step_started: Asking the security gates, and proposing the feature.
         5 step_finished: The security gates have looked at the feature.
         6 step_started: Looking when it could be deployed.
         6 step_finished: It is known when it could be deployed.
         - created: “Feature 1” is ready to be shipped to shop and waits for approval. It starts as soon as somebody approves it.
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
            assert_eq!(withdraw(&world.engine, &id, &ines, "no", None).await.unwrap(), no);
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
            assert!(why.contains("still being made ready") && why.contains("when it is pending"), "{why}");
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
                withdraw(engine, &id, &ines, "not that", None).await
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
        world.start_workers_of(&[Worker::Ship, Worker::Scheduler]);
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

async fn answers_on_the_trail(world: &World, who: &str) -> usize {
    let trail = world.engine.store.audit_after(0).await.unwrap();
    let said = trail.iter().map(|entry| entry.said().unwrap());
    said.filter(|it| it.action == "answers.insert" && it.who == who).count()
}

fn given(answer: &str, reason: Option<&str>, fingerprints: &[&str]) -> GivenAnswer {
    GivenAnswer {
        by: "Mara".to_owned(),
        answer: answer.to_owned(),
        reason: reason.map(str::to_owned),
        fingerprints: fingerprints.iter().map(|it| (*it).to_owned()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_a_state_and_the_job_that_asked_finds_the_answer() {
    with_database(async |database| {
        let sentence = "Shall it be shared?";
        let workers = Workers::default()
            .on(Job::Assess, 1, Act::Ask(Topic::Contribution, sentence))
            .on(Job::Propose, 1, Act::Ask(Topic::Destructive, "Is this meant?"))
            .on(Job::Propose, 2, Act::Postpone(Duration::from_secs(1)));
        let world = shipping_world(database, workers).await;
        let id = world.shipping(1).await;
        let (engine, mara) = (&world.engine, actor("Mara"));
        let asked = async |topic: Topic| {
            let question = async || ship::question(&engine.store, &id).await.unwrap();
            let question = world.eventually("somebody is asked", async || {
                question().await.filter(|question| question.topic == topic.as_str())
            });
            question.await
        };
        assert_eq!(asked(Topic::Contribution).await.answers, ["share", "keep"]);
        assert_eq!(world.status(&id).await, Status::Shipping);
        assert_eq!(world.reason(&id).await.as_deref(), Some(sentence));
        assert_eq!(
            database.texts("select job from jobs where state in ('queued', 'running')").await,
            [""; 0]
        );
        let refused = async |given: &GivenAnswer| {
            let wish = ship::answer(engine, &id, given, &mara, None).await.unwrap();
            let Wish::Refused(why) = wish else { panic!("{wish:?}") };
            why
        };
        assert!(refused(&given("release", None, &[])).await.contains("can be: share, keep"));
        assert_eq!(ship::answer(engine, &id, &given("keep", None, &[]), &mara, None).await.unwrap(), Wish::Granted);

        asked(Topic::Destructive).await;
        assert!(refused(&given("acknowledge", None, &["f1"])).await.starts_with("Say why"));
        for others in [&[][..], &["f3"], &["f1", "f3"]] {
            assert!(
                refused(&given("acknowledge", Some("meant"), others)).await.contains("not the statements")
            );
        }
        let meant = given("acknowledge", Some("meant"), &["f1", "f2"]);
        assert_eq!(ship::answer(engine, &id, &meant, &mara, None).await.unwrap(), Wish::Granted);
        assert!(refused(&meant).await.contains("Nothing is asked"));

        assert_eq!(until_settled(&world, &id).await, Status::Pending);
        assert_eq!(world.reason(&id).await, None);
        let build = &engine.store.promotion(&id).await.unwrap().unwrap().build;
        let acknowledged = engine.store.acknowledged(build).await.unwrap();
        let acknowledged: Vec<_> = acknowledged.iter().map(|it| it.fingerprint.as_str()).collect();
        assert_eq!(acknowledged, ["f1", "f2"]);
        assert_eq!(answers_on_the_trail(&world, "Mara").await, 2);
        insta::assert_snapshot!(world.told(&id).await, @"
         - shipping: “Feature 1” is being taken out of the place where it was built.
         1 step_finished: The feature is sealed: what is looked at and approved now is what would be deployed.
         2 step_started: Registering the product.
         2 step_finished: The product is registered; it becomes active with its deployment.
         3 step_started: Adding the feature to the backlog.
         3 step_finished: The feature is in the backlog of operations.
         4 step_started: Looking whether the feature could be shared with others.
         4 asked: Shall it be shared?
         4 step_started: Mara has answered. Going on.
         4 step_finished: Whether the feature is shared with others is decided.
         5 step_started: Asking the security gates, and proposing the feature.
         5 asked: Is this meant?
         5 step_started: Mara has answered. Going on.
         5 step_retried: It has to wait, and is tried again in 1 s.
         5 step_finished: The security gates have looked at the feature.
         6 step_started: Looking when it could be deployed.
         6 step_finished: It is known when it could be deployed.
         - created: “Feature 1” is ready to be shipped to shop and waits for approval. It starts as soon as somebody approves it.
        ");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_answers_one_question() {
    with_database(async |database| {
        let workers = Workers::default()
            .on(Job::Assess, 1, Act::Ask(Topic::Contribution, "Shall it be shared?"))
            .on(Job::Assess, 2, Act::Ask(Topic::Contribution, "Really?"));
        let world = shipping_world(database, workers).await;
        let id = world.shipping(1).await;
        let (engine, mara, keep) = (&world.engine, actor("Mara"), given("keep", None, &[]));
        let said = async |sentence: &str| {
            let said = async || world.reason(&id).await.filter(|reason| reason == sentence);
            world.eventually("somebody is asked", said).await
        };
        said("Shall it be shared?").await;
        assert_eq!(ship::answer(engine, &id, &keep, &mara, Some("m-1")).await.unwrap(), Wish::Granted);
        let heard = engine.store.answer("m-1").await.unwrap();
        assert_eq!(heard, Some(store::inbox::Answer::Accepted(id.clone())), "together with its effect");

        said("Really?").await;
        assert_eq!(ship::answer(engine, &id, &keep, &mara, Some("m-1")).await.unwrap(), Wish::Granted);
        assert!(ship::question(&engine.store, &id).await.unwrap().is_some(), "it is still asked");
        assert_eq!(withdraw(engine, &id, &mara, "enough", Some("m-2")).await.unwrap(), Wish::Granted);
        assert!(engine.store.answer("m-2").await.unwrap().is_some());
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdraws_or_rejects_what_waits_for_an_answer_ends_it_at_once() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Assess, 1, Act::Ask(Topic::Contribution, "Shall it?"));
        let world = shipping_world(database, workers).await;
        for (number, status) in [(1, Status::Cancelled), (2, Status::Rejected)] {
            let id = world.shipping(number).await;
            let run = world.ship_run(&id).await;
            let (engine, ines) = (&world.engine, actor("Ines"));
            world
                .eventually("somebody is asked", async || ship::question(&engine.store, &id).await.unwrap())
                .await;
            let granted = if status == Status::Rejected {
                reject(engine, &id, &ines, "not that").await
            } else {
                withdraw(engine, &id, &ines, "not that", None).await
            };
            assert_eq!(granted.unwrap(), Wish::Granted);
            let cause = Cause::Cancelled { by: "Ines".to_owned(), reason: "not that".to_owned() };
            assert_eq!(world.outcome(run).await, Outcome::Failed(cause));
            assert_eq!(world.status(&id).await, status);
        }
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
