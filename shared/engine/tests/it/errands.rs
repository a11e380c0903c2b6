//! Errands: jobs beside the promotions.

use domain::run::{Cause, Outcome};
use domain::{Job, Status};
use engine::errand::{self, Errand};
use scratch::with_database;
use serde_json::json;
use transport::Queue;

use crate::world::{Act, Workers, World, actor};

fn verify() -> Errand {
    Errand { job: Job::VerifyBackup, input: json!({ "backup": "/backups/1.dump" }) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_errand_takes_nobodys_turn_and_tells_nobody() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::VerifyBackup, 1, Act::Wait);
        let world = World::running(database, workers).await;
        let about = world.created(1).await;
        let run = errand::order(&world.engine, &about, &verify(), &actor("Ines")).await.unwrap();
        world.until_begun(Job::VerifyBackup, 1).await;
        let told = world.told(&about).await;

        // Something is shipped meanwhile, and nobody ends the errand for the time it takes.
        let (id, promotion) = world.started(2).await;
        assert_eq!(world.outcome(promotion).await, Outcome::Deployed { warning: None });
        assert_eq!(world.status(&id).await, Status::Deployed);
        assert_eq!(
            database.text("select count(deadline_at)::text from runs where plan = 'errand'").await,
            "0"
        );
        assert_eq!(
            errand::order(&world.engine, &about, &verify(), &actor("Ines")).await.unwrap(),
            run,
            "it is under way"
        );
        assert_eq!(world.engine.store.open_run(&about).await.unwrap(), None, "it is no run of the promotion");

        world.workers.open_gate();
        assert_eq!(world.outcome(run).await, Outcome::Done);
        assert_eq!((world.status(&about).await, world.told(&about).await), (Status::Pending, told));
        let again = errand::order(&world.engine, &about, &verify(), &actor("Ines")).await.unwrap();
        assert_ne!(again, run, "another one may be asked for when it is over");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_errand_that_fails_is_tried_again_and_then_says_why() {
    with_database(async |database| {
        let reason = "The backup folder is not there.";
        let workers = (1..=3).fold(Workers::default(), |workers, attempt| {
            workers.on(Job::VerifyBackup, attempt, Act::Retry(reason))
        });
        let world = World::running(database, workers).await;
        let about = world.created(1).await;
        let run = errand::order(&world.engine, &about, &verify(), &actor("Ines")).await.unwrap();
        let cause = Cause::Failed { job: Job::VerifyBackup, reason: reason.to_owned() };
        assert_eq!(world.outcome(run).await, Outcome::Failed(cause));
        assert_eq!(world.workers.begun().len(), 3);
        let latest =
            world.engine.store.latest_errand(&about, Job::VerifyBackup, &verify().input).await.unwrap();
        assert_eq!(latest.map(|it| it.id), Some(run));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_and_a_lost_worker_hold_up_no_errand() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let about = world.created(1).await;
        let run = errand::order(&world.engine, &about, &verify(), &actor("Ines")).await.unwrap();
        world.lose_message(&Queue::Jobs("backup".to_owned())).await;
        database.run("update jobs set announced_at = announced_at - interval '1 minute'").await;
        world.start_workers();
        world.start_relay();
        world.start_supervisor();
        assert_eq!(world.outcome(run).await, Outcome::Done);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_orders_an_errand_once() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Finish, 1, Act::Order(Job::PruneBackups));
        let world = World::running(database, workers).await;
        let (id, run) = world.started(1).await;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        let input = json!({ "after": run });
        let errand = world
            .eventually("the errand is done", async || {
                let errand =
                    world.engine.store.latest_errand(&id, Job::PruneBackups, &input).await.unwrap()?;
                errand.outcome
            })
            .await;
        assert_eq!(errand, Outcome::Done);
        assert_eq!(database.text("select count(*)::text from runs where plan = 'errand'").await, "1");
        assert_eq!(
            world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id,
            run
        );
        world.end().await;
    })
    .await;
}
