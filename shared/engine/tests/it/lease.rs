//! Who may act and who is heard.

use domain::Job;
use domain::run::{Event, Ignored, Outcome};
use engine::{Advanced, Report, Reporter, advance};
use scratch::with_database;
use store::jobs::Try;

use crate::world::{Act, Workers, World, actor};

/// The supervisor and the workers of another process see the lease as over.
const LEASE_IS_OVER: &str = "update jobs set lease_until = clock_timestamp() where state = 'running'";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_is_stopped_and_another_try_is_made() {
    with_database(async |database| {
        let world = World::running(database, Workers::default().on(Job::Extract, 1, Act::Hang)).await;
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Extract, 1).await;
        database.run(LEASE_IS_OVER).await;
        let states = "select state from jobs where job = 'build.extract' order by attempt";
        world
            .eventually("the try is lost", async || {
                database.texts(states).await.first().filter(|state| *state == "lost").map(|_| ())
            })
            .await;
        world.nudge_workers(run).await;

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(world.workers.dropped(), [(Job::Extract, 1)]);
        assert_eq!(database.texts(states).await, ["lost", "succeeded"]);
        let evidence = "select ignored from run_events where event ->> 'kind' = 'failed'";
        world.eventually("the late report is on record", async || database.texts(evidence).await.pop()).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_report_changes_nothing_and_is_kept_as_evidence() {
    with_database(async |database| {
        // The next try stands still, so that nothing but the late report could move the run.
        let workers = Workers::default().on(Job::Validate, 1, Act::Wait).on(Job::Validate, 2, Act::Hang);
        let mut world = World::idle(database, workers).await;
        let (_, run) = world.started(1).await;
        world.start_workers();
        world.until_begun(Job::Validate, 1).await;
        database.run(LEASE_IS_OVER).await;
        let lost = Event::Lost { job: Job::Validate, attempt: 1 };
        let leader = Reporter::Supervisor { term: world.lead().await };
        advance(&world.engine, run, &lost, leader, &Report::default()).await.unwrap();
        let before = world.run(run).await;
        world.workers.open_gate();

        let evidence = world
            .eventually("the report is on record", async || {
                database
                    .texts("select ignored from run_events where event ->> 'kind' = 'succeeded' and ignored is not null")
                    .await
                    .pop()
            })
            .await;
        assert_eq!(evidence, Ignored::Stale.to_string());
        assert_eq!(world.run(run).await, before);
        assert_eq!(database.text("select state from jobs where attempt = 1 and job <> 'ship.seal'").await, "lost");
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn only_the_token_of_the_lease_is_heard() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let which = Try { run, job: Job::Validate, attempt: 1 };
        let event = Event::Succeeded { job: Job::Validate, attempt: 1 };
        let says =
            async |reporter| advance(&world.engine, run, &event, reporter, &Report::default()).await.unwrap();
        let stale = Advanced::Ignored(Ignored::Stale);
        assert_eq!(says(Reporter::Worker { token: 1 }).await, stale, "nobody has claimed it");
        let lease = world.engine.config.lease();
        let token = world.engine.store.claim(which, "worker", lease).await.unwrap().unwrap().token;
        let ines = actor("Ines");
        for reporter in [
            Reporter::Worker { token: token + 1 },
            Reporter::Worker { token: 0 },
            Reporter::Supervisor { term: world.lead().await },
            Reporter::DeadLetters,
            Reporter::Person(&ines),
        ] {
            assert_eq!(says(reporter).await, stale, "{reporter:?}");
        }
        assert_eq!(world.run(run).await.current(), Some((Job::Validate, 1)));
        assert!(matches!(says(Reporter::Worker { token }).await, Advanced::Moved(_)));
        assert_eq!(says(Reporter::Worker { token }).await, stale, "it has been said");
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_else_can_end_a_try_that_somebody_holds() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let which = Try { run, job: Job::Validate, attempt: 1 };
        world.engine.store.claim(which, "worker", world.engine.config.lease()).await.unwrap().unwrap();
        let failed =
            Event::Failed { job: Job::Validate, attempt: 1, reason: "Dead.".to_owned(), retry: false };
        for event in [Event::Lost { job: Job::Validate, attempt: 1 }, failed] {
            for reporter in [Reporter::Supervisor { term: world.lead().await }, Reporter::DeadLetters] {
                let told = advance(&world.engine, run, &event, reporter, &Report::default()).await;
                assert_eq!(told.unwrap(), Advanced::Ignored(Ignored::Stale), "{reporter:?}");
            }
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_and_a_stop_at_the_same_moment_do_not_block_each_other() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let which = Try { run, job: Job::Validate, attempt: 1 };
        // What `advance` does for a stop, step by step.
        let mut other = database.connect().await;
        let stop = other.transaction().await.unwrap();
        stop.batch_execute("select from runs for update").await.unwrap();
        let engine = world.engine.clone();
        let claim = tokio::spawn(async move { engine.store.claim(which, "worker", engine.config.lease()).await });
        let waits = "select state from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        world.eventually("the claim waits", async || database.texts(waits).await.pop()).await;
        stop.batch_execute("update jobs set stop_requested = true").await.unwrap();
        stop.commit().await.unwrap();
        assert_eq!(claim.await.unwrap().unwrap(), None, "nobody may begin what is not wanted");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_waited_for_the_database_is_as_good_as_any() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await.with_lease(1);
        let (_, run) = world.started(1).await;
        database.take_away().await;
        world.start_workers();
        world.for_longer_than_a_lease().await;
        database.bring_back().await;

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(database.texts("select job from jobs where attempt > 1").await, [""; 0]);
        world.end().await;
    })
    .await;
}
