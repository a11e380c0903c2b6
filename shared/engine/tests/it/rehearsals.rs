//! A promotion and the errand that it waits for.

use domain::run::{Cause, Event, Outcome};
use domain::{Direction, Job, Status};
use scratch::{Database, with_database};
use store::backups::{self, Backup, State};
use store::jobs::Try;
use transport::Queue;
use uuid::Uuid;

use crate::world::{Act, Workers, World};

const REASON: &str = "The backup is damaged.";

/// The dump's report orders the rehearsal.
fn rehearsing() -> Workers {
    Workers::default().on(Job::Dump, 1, Act::Order(Job::RehearseBackup))
}

impl World {
    /// Waits until the job stands on record in this state.
    async fn until_stands(&self, database: &Database, job: Job, state: &str) {
        let query = format!("select state from jobs where job = '{job}' order by attempt desc limit 1");
        let what = format!("{job} is {state}");
        self.eventually(&what, async || {
            database.texts(&query).await.first().filter(|it| *it == state).map(|_| ())
        })
        .await;
    }

    /// The rehearsal's run.
    async fn errand(&self, database: &Database) -> Uuid {
        database.text("select id::text from runs where plan = 'errand'").await.parse().unwrap()
    }

    fn has_begun(&self, job: Job) -> bool {
        self.workers.jobs().contains(&job)
    }
}

/// Undo jobs in the order in which they were begun.
fn undone(world: &World) -> Vec<Job> {
    world.workers.jobs().into_iter().filter(|job| job.direction() == Direction::Undo).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsal_goes_beside_the_build_and_ends_before_the_old_version_is_touched() {
    with_database(async |database| {
        let world = World::running(database, rehearsing().on(Job::RehearseBackup, 1, Act::Wait)).await;
        let (id, run) = world.started(1).await;
        world.until_stands(database, Job::Prepare, "held").await;
        assert!(world.has_begun(Job::Image) && world.has_begun(Job::RehearseBackup));
        let prepare = Try { run, job: Job::Prepare, attempt: 1 };
        let lease = world.engine.config.lease();
        assert_eq!(world.engine.store.claim(prepare, "worker", lease).await.unwrap(), None, "it is held");
        world.keep_order(run).await;
        assert!(!world.has_begun(Job::Prepare));

        world.workers.open_gate();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(world.status(&id).await, Status::Deployed);
        let timeline = world.engine.store.timeline(run).await.unwrap();
        assert!(timeline.iter().any(|it| it.job == Job::RehearseBackup && it.state == "succeeded"));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_rehearsal_that_was_faster() {
    with_database(async |database| {
        let world = World::running(database, rehearsing().on(Job::Image, 1, Act::Wait)).await;
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Image, 1).await;
        let errand = world.errand(database).await;
        assert_eq!(world.outcome(errand).await, Outcome::Done);
        world.workers.open_gate();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_that_fails_fails_the_promotion_before_the_stop() {
    // The build ends first, or the rehearsal does.
    for slower in [Job::RehearseBackup, Job::Image] {
        with_database(async |database| {
            let slow = if slower == Job::Image { Act::Wait } else { Act::Succeed };
            let workers = rehearsing().on(Job::Image, 1, slow).on(Job::RehearseBackup, 1, Act::Fail(REASON));
            let world = World::running(database, workers).await;
            let (id, run) = world.started(1).await;
            world.until_begun(Job::Image, 1).await;
            let errand = world.errand(database).await;
            let cause = Cause::Failed { job: Job::RehearseBackup, reason: REASON.to_owned() };
            assert_eq!(world.outcome(errand).await, Outcome::Failed(cause));
            world.workers.open_gate();

            let outcome = world.outcome(run).await;
            assert!(
                matches!(outcome, Outcome::RolledBack(Cause::Failed { job: Job::Prepare, .. })),
                "{outcome:?}"
            );
            assert_eq!(world.status(&id).await, Status::RolledBack);
            let reason = world.reason(&id).await.unwrap();
            assert!(reason.contains("keeps serving") && reason.ends_with(REASON), "{reason}");
            assert!(!world.has_begun(Job::Prepare) && !world.has_begun(Job::StopOld));
            assert_eq!(undone(&world), Job::Prepare.unwinding().collect::<Vec<_>>());
            world.end().await;
        })
        .await;
    }
}

/// Why a run turns back while its rehearsal goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Turn {
    Cancel,
    Deadline,
    Failure,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_turns_back_stops_its_rehearsal_before_it_removes_what_that_left() {
    for (turn, during) in [
        (Turn::Cancel, Job::Prepare),
        (Turn::Deadline, Job::Prepare),
        (Turn::Cancel, Job::Image),
        (Turn::Deadline, Job::Image),
        (Turn::Failure, Job::Image),
    ] {
        with_database(async |database| {
            let image = match (turn, during) {
                (Turn::Failure, _) => Act::Fail("It does not compile."),
                (_, Job::Image) => Act::Hang,
                _ => Act::Succeed,
            };
            let workers = rehearsing()
                .on(Job::RehearseBackup, 1, Act::Hang)
                .on(Job::Extract, 1, Act::Wait)
                .on(Job::Image, 1, image);
            let world = World::running(database, workers).await;
            let (id, run) = world.started(1).await;
            world.until_begun(Job::RehearseBackup, 1).await;
            world.workers.open_gate();
            if during == Job::Prepare {
                world.until_stands(database, Job::Prepare, "held").await;
            } else {
                world.until_begun(Job::Image, 1).await;
            }
            match turn {
                Turn::Cancel => {
                    let event = Event::CancelRequested { by: "Ines".into(), reason: "wrong day".into() };
                    world.person(run, &event).await;
                }
                Turn::Deadline => {
                    let over = "update runs set deadline_at = slipway_now() where plan = 'promotion'";
                    database.run(over).await;
                }
                Turn::Failure => {}
            }
            let outcome = world.outcome(run).await;
            assert!(matches!(outcome, Outcome::RolledBack(_)), "{turn:?} during {during}: {outcome:?}");
            assert_eq!(world.status(&id).await, Status::RolledBack);
            let errand = world.errand(database).await;
            let ended = world.engine.store.run(errand).await.unwrap().unwrap();
            assert!(
                matches!(ended.outcome(), Some(Outcome::Failed(Cause::Cancelled { .. }))),
                "{turn:?} during {during}: it ended before the dump was undone: {ended:?}"
            );
            assert!(world.workers.dropped().contains(&(Job::RehearseBackup, 1)));
            assert_eq!(undone(&world), during.unwinding().collect::<Vec<_>>(), "{turn:?} during {during}");
            assert_eq!(database.text("select count(*)::text from jobs where state = 'held'").await, "0");
            world.end().await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_and_a_lost_worker_hold_up_no_rehearsal() {
    with_database(async |database| {
        let mut world = World::idle(database, rehearsing()).await;
        let (_, run) = world.started(1).await;
        world.start_workers_of(&[domain::Worker::Scheduler, domain::Worker::Build]);
        world.start_relay();
        // The dump is reported by hand: its worker dies right after, and the order of the rehearsal is lost.
        let dump = Try { run, job: Job::Dump, attempt: 1 };
        world.until_stands(database, Job::Dump, "queued").await;
        let lease =
            world.engine.store.claim(dump, "dead", world.engine.config.lease()).await.unwrap().unwrap();
        world.lose_message(&Queue::Jobs("backup".to_owned())).await;
        let errands = vec![engine::Errand { job: Job::RehearseBackup, input: serde_json::Value::Null }];
        let report = engine::Report { errands, ..engine::Report::default() };
        let event = Event::Succeeded { job: Job::Dump, attempt: 1 };
        let reporter = engine::Reporter::Worker { token: lease.token };
        for _ in 0..2 {
            engine::advance(&world.engine, run, &event, reporter, &report).await.unwrap();
        }
        world.lose_message(&Queue::Jobs("backup".to_owned())).await;
        world.until_stands(database, Job::Prepare, "held").await;
        // Somebody takes the rehearsal and dies.
        let errand = world.errand(database).await;
        let rehearsal = Try { run: errand, job: Job::RehearseBackup, attempt: 1 };
        world.engine.store.claim(rehearsal, "dead", world.engine.config.lease()).await.unwrap().unwrap();
        database.run("update jobs set lease_until = slipway_now() where state = 'running'").await;

        world.start_workers();
        world.start_supervisor();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(database.text("select count(*)::text from runs where plan = 'errand'").await, "1");
        let tries = "select state from jobs where job = 'backup.rehearse' order by attempt";
        assert_eq!(database.texts(tries).await, ["lost", "succeeded"]);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_that_nobody_finishes_fails_the_promotion() {
    with_database(async |database| {
        let workers = (1..=3)
            .fold(rehearsing(), |workers, attempt| workers.on(Job::RehearseBackup, attempt, Act::Panic));
        let world = World::running(database, workers).await;
        let (id, run) = world.started(1).await;
        assert!(matches!(world.outcome(run).await, Outcome::RolledBack(_)));
        assert!(!world.has_begun(Job::StopOld));
        let told = world.told(&id).await;
        assert!(told.contains("could not be proven by restoring it"), "{told}");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_a_rehearsal_finds_damaged_is_so_on_record() {
    with_database(async |database| {
        const FILE: &str = "/backups/1.dump";
        let workers = rehearsing().on(Job::RehearseBackup, 1, Act::FindDamaged(FILE, REASON));
        let world = World::running(database, workers).await;
        let id = world.created(1).await;
        let backup = Backup {
            path: FILE.to_owned(),
            size_bytes: 1,
            sha256: "ab".repeat(32),
            server_version: "15.8".to_owned(),
            restore_instructions: "pg_restore".to_owned(),
            rung: "read_back".to_owned(),
            not_covered: None,
        };
        let mut tx = world.engine.store.begin().await.unwrap();
        backups::upsert(&mut tx, &id, &backup).await.unwrap();
        tx.commit().await.unwrap();
        let (_, run) = world.started(2).await;
        assert!(matches!(world.outcome(run).await, Outcome::RolledBack(_)));
        let found = &world.engine.store.backups(None).await.unwrap()[0];
        assert_eq!((found.state, found.problem.as_deref()), (State::Damaged, Some(REASON)));
        assert_eq!(found.backup.rung, "written");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_ends_when_its_run_has_turned_back_orders_nothing() {
    with_database(async |database| {
        let mut world = World::idle(database, rehearsing()).await;
        let (_, run) = world.started(1).await;
        world.start_workers_of(&[domain::Worker::Scheduler]);
        world.until_stands(database, Job::Dump, "queued").await;
        let dump = Try { run, job: Job::Dump, attempt: 1 };
        let lease =
            world.engine.store.claim(dump, "slow", world.engine.config.lease()).await.unwrap().unwrap();
        world.person(run, &Event::CancelRequested { by: "Ines".into(), reason: "wrong day".into() }).await;
        let errands = vec![engine::Errand { job: Job::RehearseBackup, input: serde_json::Value::Null }];
        let report = engine::Report { errands, ..engine::Report::default() };
        let event = Event::Succeeded { job: Job::Dump, attempt: 1 };
        let reporter = engine::Reporter::Worker { token: lease.token };
        engine::advance(&world.engine, run, &event, reporter, &report).await.unwrap();
        world.start_workers();
        assert!(matches!(world.outcome(run).await, Outcome::RolledBack(Cause::Cancelled { .. })));
        assert_eq!(database.text("select count(*)::text from runs where plan = 'errand'").await, "0");
        world.end().await;
    })
    .await;
}
