//! A run that is no longer wanted: its time is over, or a person stops it.

use domain::run::{Cause, Event, Outcome};
use domain::{Direction, Job, Status};
use engine::{Advanced, Report, Reporter, advance};
use scratch::with_database;

use crate::world::{Act, Workers, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_hangs_at_the_deadline_is_stopped_and_everything_is_undone() {
    for job in before_the_pivot() {
        with_database(async |database| {
            let world = World::running(database, Workers::default().on(job, 1, Act::Hang)).await;
            let (id, run) = world.started(1).await;
            world.until_begun(job, 1).await;
            database.run("update runs set deadline_at = slipway_now()").await;

            let outcome = world.outcome(run).await;
            let cause = Cause::Deadline { job };
            let (expected, status) = match job.unwinding().next() {
                Some(_) => (Outcome::RolledBack(cause), Status::RolledBack),
                None => (Outcome::Refused(cause), Status::Approved),
            };
            assert_eq!((outcome, world.status(&id).await), (expected, status), "{job}");
            assert_eq!(world.workers.dropped(), [(job, 1)]);
            let undone: Vec<_> = world.workers.jobs().into_iter().filter(|it| it.direction() == Direction::Undo).collect();
            assert_eq!(undone, job.unwinding().collect::<Vec<_>>(), "{job}");
            let reason = format!(
                "The deployment took longer than its limit of 10 minutes and was stopped during step {}, “{}”.",
                job.step().number(),
                job.step().title(),
            );
            assert_eq!(world.reason(&id).await, Some(reason));
            world.end().await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_has_begun_when_the_deadline_passes_never_begins() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        database.run("update runs set deadline_at = clock_timestamp()").await;
        world.start_supervisor();

        assert_eq!(world.outcome(run).await, Outcome::Refused(Cause::Deadline { job: Job::Validate }));
        world.start_workers();
        assert_eq!(database.text("select state from jobs where job <> 'ship.seal'").await, "stopped");
        assert_eq!(world.workers.begun(), []);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_stops_a_run_in_any_job_before_the_pivot() {
    for job in before_the_pivot() {
        with_database(async |database| {
            let world = World::running(database, Workers::default().on(job, 1, Act::Hang)).await;
            let (id, run) = world.started(1).await;
            world.until_begun(job, 1).await;
            let event = Event::CancelRequested { by: "Ines".into(), reason: "wrong day".into() };
            let told =
                advance(&world.engine, run, &event, Reporter::Person(&actor("Ines")), &Report::default())
                    .await;
            assert!(matches!(told, Ok(Advanced::Moved(_))), "{job}: {told:?}");

            let outcome = world.outcome(run).await;
            let cause = Cause::Cancelled { by: "Ines".into(), reason: "wrong day".into() };
            let (expected, status) = match job.unwinding().next() {
                Some(_) => (Outcome::RolledBack(cause), Status::RolledBack),
                None => (Outcome::Refused(cause), Status::Cancelled),
            };
            assert_eq!((outcome, world.status(&id).await), (expected, status), "{job}");
            assert_eq!(world.reason(&id).await.as_deref(), Some("Ines stopped the deployment: wrong day"));
            world.end().await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_pivot_nobody_stops_a_run() {
    with_database(async |database| {
        let world = World::running(database, Workers::default().on(Job::Finish, 1, Act::Wait)).await;
        let (id, run) = world.started(1).await;
        world.until_begun(Job::Finish, 1).await;
        database.run("update runs set deadline_at = clock_timestamp()").await;
        let event = Event::CancelRequested { by: "Ines".into(), reason: "too late".into() };
        let told = advance(&world.engine, run, &event, Reporter::Person(&actor("Ines")), &Report::default())
            .await
            .unwrap();
        assert_eq!(told, Advanced::Ignored(domain::run::Ignored::PastPivot));
        world.workers.open_gate();

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(world.status(&id).await, Status::Deployed);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_under_way_is_heard_although_the_job_is_asked_to_stop() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default().on(Job::Validate, 1, Act::Wait)).await;
        let (_, run) = world.started(1).await;
        world.start_workers();
        world.until_begun(Job::Validate, 1).await;
        let mut other = database.connect().await;
        let blocker = other.transaction().await.unwrap();
        blocker.batch_execute("select from runs for update").await.unwrap();
        world.workers.open_gate();
        let waits = "select state from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        world
            .eventually("the report waits for the run", async || database.texts(waits).await.pop())
            .await;
        let lease = database.text("select lease_until::text from jobs where job <> 'ship.seal'").await;
        database.run("update jobs set stop_requested = true").await;
        world.nudge_workers(run).await;
        world
            .eventually("the worker has asked for its lease", async || {
                let now = database.text("select lease_until::text from jobs where job <> 'ship.seal'").await;
                (now != lease).then_some(())
            })
            .await;
        blocker.commit().await.unwrap();

        world.until_begun(Job::CheckWindow, 1).await;
        world.end().await;
    })
    .await;
}

/// The jobs after which a run can still go back.
fn before_the_pivot() -> impl Iterator<Item = Job> {
    domain::job::PLAN.into_iter().filter(|job| *job != Job::Finish)
}
