//! Runs that end well.

use domain::run::{Outcome, Phase, Run};
use domain::{Job, Status, job::PLAN};
use engine::approval::approve;
use engine::start::{Wish, start_next};
use scratch::with_database;

use crate::world::{Act, INSTALLATION, Workers, World, actor};

/// Words that people who ship features need not know.
const JARGON: [&str; 8] =
    ["container", "dump", "exit code", "sigterm", "image id", "docker", "lease", "null"];

pub(crate) fn assert_no_jargon(told: &str) {
    let told = told.to_lowercase();
    for word in JARGON {
        assert!(!told.contains(word), "{word}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_every_job_once_in_order_and_is_put_on_record() {
    with_database(async |database| {
        let world = World::running(database, Workers::default()).await;
        let (id, run) = world.started(1).await;

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        let tries: Vec<_> = PLAN.iter().map(|job| (*job, 1)).collect();
        assert_eq!(world.workers.begun(), tries);
        assert_eq!(world.status(&id).await, Status::Deployed);
        let installation = world.engine.store.installation(INSTALLATION).await.unwrap().unwrap();
        assert_eq!(installation.current_promotion.as_deref(), Some(id.as_str()));
        assert_eq!(database.text("select state from products").await, "active");
        assert_eq!(database.texts("select id from change_requests where closed_at is null").await, [""; 0]);
        world
            .eventually("the outbox is empty", async || {
                database.texts("select id::text from outbox").await.is_empty().then_some(())
            })
            .await;
        let told = world.told(&id).await;
        insta::assert_snapshot!(told, @"
         - shipping: “Feature 1” is being taken out of the place where it was built.
         - created: “Feature 1” is ready to be shipped to shop and waits for approval.
         - approved: Ines approved the promotion.
         1 step_started: Checking that everything is in place.
         1 step_finished: Everything is in place.
         2 step_started: Checking whether now is a time to deploy.
         2 step_finished: Now is a time to deploy.
         3 step_started: Backing up the production database.
         3 step_finished: The production database is backed up, and the backup was read back.
         4 step_started: Laying the feature's sealed files over the current source.
         4 step_finished: The feature's sealed files are laid over the current source.
         5 step_started: Building the new version.
         5 step_finished: The new version is built.
         6 step_started: Making sure that the current version can be brought back.
         6 step_finished: The current version can be brought back at any moment.
         7 step_started: Stopping the current version; the application is briefly unavailable.
         7 step_finished: The current version is stopped.
         8 step_started: Starting the new version.
         8 step_finished: The new version runs.
         9 step_started: Checking that the new version works.
         9 step_finished: The new version works.
        10 step_started: Recording the deployment.
        10 step_finished: The deployment is on record.
        10 deployed: The new version is in production.
        11 step_started: Removing temporary files and the old version.
        11 step_finished: Temporary files are gone.
        11 cleaned_up: Done: the new version is in production and temporary files are gone.
        ");
        assert_no_jargon(&told);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_people_are_told() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Dump, 1, Act::Retry("The database did not answer.")).on(
            Job::CheckNew,
            1,
            Act::Panic,
        );
        let world = World::running(database, workers).await;
        let (id, run) = world.started(1).await;

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        let retried: Vec<_> = world.workers.begun().into_iter().filter(|(_, attempt)| *attempt > 1).collect();
        assert_eq!(retried, [(Job::Dump, 2), (Job::CheckNew, 2)]);
        let told = world.told(&id).await;
        assert!(told.contains("The database did not answer. Trying again."), "{told}");
        let early = "select job from jobs where attempt > 1 and started_at < available_at";
        assert_eq!(database.texts(early).await, [""; 0], "begun before its pause was over");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_that_fails_leaves_the_deployment_and_says_so() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Finish, 1, Act::Fail("A folder is locked."));
        let world = World::running(database, workers).await;
        let (id, run) = world.started(1).await;

        let warning = Some("A folder is locked.".to_owned());
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning });
        assert_eq!(world.status(&id).await, Status::Deployed);
        let told = world.told(&id).await;
        assert!(told.ends_with("not everything temporary could be removed: A folder is locked."), "{told}");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_the_promotion_approved_and_it_can_be_started_again() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Validate, 1, Act::Refuse("The application is not healthy."));
        let world = World::running(database, workers.clone()).await;
        let (id, run) = world.started(1).await;

        assert!(matches!(world.outcome(run).await, Outcome::Refused(_)));
        assert_eq!(world.status(&id).await, Status::Approved);
        assert_eq!(world.reason(&id).await.as_deref(), Some("The application is not healthy."));
        assert_eq!(start_next(&world.engine).await.unwrap(), None);

        let _workers = workers.on(Job::Validate, 1, Act::Succeed);
        assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(&world.engine).await.unwrap().as_ref(), Some(&id));
        let again = world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id;
        assert_eq!(world.outcome(again).await, Outcome::Deployed { warning: None });
        assert_eq!(world.reason(&id).await, None);
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_run_of_another_plan_is_refused_not_guessed_at() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        assert_eq!(
            world.run(run).await,
            Run { phase: Phase::Forward { job: Job::Validate, attempt: 1, strikes: 0 } }
        );
        database.run("update runs set plan_version = plan_version + 1").await;
        let refused = world.engine.store.run(run).await.unwrap_err();
        assert!(
            matches!(refused, store::StoreError::Unknown { column: "runs.plan_version", .. }),
            "{refused}"
        );
        world.end().await;
    })
    .await;
}
