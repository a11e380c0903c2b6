//! Several supervisors, one leads; and what a leader finds besides lost leases and messages.

use domain::Job;
use domain::run::{Cause, Event, Ignored, Outcome, Phase};
use engine::start::{self, Wish};
use engine::{Advanced, Report, Reporter, advance, approval};
use scratch::{Database, with_database};
use serde_json::json;
use uuid::Uuid;

use crate::world::{Act, Workers, World, actor};

const LEADER: &str = "select leader from leadership where until > slipway_now()";

#[tokio::test(flavor = "multi_thread")]
async fn another_supervisor_takes_over_when_the_leader_is_gone() {
    with_database(async |database| {
        let hangs = Workers::default().on(Job::Dump, 1, Act::Hang);
        let mut world = World::idle(database, hangs).await;
        world.start_workers();
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Dump, 1).await;

        let leader = world.another().await;
        let led = async |who: &World| database.texts(LEADER).await.iter().any(|it| **it == *who.engine.owner);
        leader.eventually("the first one leads", async || led(&leader).await.then_some(())).await;
        let follower = world.another().await;
        // It does not resign: like a process that was killed, it is only never heard of again.
        leader.vanish().await;
        database.run("update jobs set lease_until = slipway_now() where state = 'running'").await;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert!(led(&follower).await);
        follower.end().await;
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_leader_that_was_replaced_is_not_heard() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        let old = world.lead().await;
        database.run("update leadership set until = slipway_now()").await;
        world.engine.store.campaign("another", std::time::Duration::from_mins(1)).await.unwrap();
        for event in [Event::DeadlinePassed, Event::Lost { job: Job::Validate, attempt: 1 }] {
            let reporter = Reporter::Supervisor { term: old };
            let told = advance(&world.engine, run, &event, reporter, &Report::default()).await.unwrap();
            assert_eq!(told, Advanced::Ignored(Ignored::Stale));
        }
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_somebody_is_at_holds_up_no_other() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (_, held) = world.started(1).await;
        world.engine.store.apply_installation("other", &json!({}), &actor("Ines")).await.unwrap();
        let id = world.created(2).await;
        database.run(&format!("update promotions set installation = 'other' where id = '{id}'")).await;
        let approved = approval::approve(&world.engine, &id, &actor("Ines"), None).await;
        assert_eq!(approved.unwrap(), Wish::Granted);
        assert_eq!(start::start_next(&world.engine).await.unwrap().as_ref(), Some(&id));
        let other = world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id;
        let late = format!(
            "update runs set deadline_at = slipway_now() - interval '1 hour' where id = '{held}';
                            update runs set deadline_at = slipway_now() where id = '{other}'"
        );
        database.run(&late).await;
        // Like a worker whose network swallows its commit.
        let somebody = database.connect().await;
        let lock = format!("begin; select from runs where id = '{held}' for update");
        somebody.batch_execute(&lock).await.unwrap();

        world.start_supervisor();
        let limit = Outcome::Refused(Cause::Deadline { job: Job::Validate });
        assert_eq!(world.outcome(other).await, limit);
        assert!(matches!(world.run(held).await.phase, Phase::Forward { .. }));
        somebody.batch_execute("rollback").await.unwrap();
        assert_eq!(world.outcome(held).await, limit);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_takes_ends_the_run_and_says_which_part_is_missing() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (id, run) = world.started(1).await;
        world.start_supervisor();
        database.run("update jobs set available_at = slipway_now() - interval '6 minutes'").await;
        assert!(matches!(world.outcome(run).await, Outcome::Refused(Cause::Failed { .. })));
        insta::assert_snapshot!(world.reason(&id).await.unwrap(), @"Nobody got around to “Validate” for five minutes: the part of Slipway called “scheduler” does not run or has too much to do. See to it, then ship again.");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_scheduler_publishes_are_published_by_the_supervisor() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default().on(Job::CheckWindow, 1, Act::Wait)).await;
        world.start_workers();
        let (_, run) = world.started(1).await;
        world.until_begun(Job::CheckWindow, 1).await;
        world.keep_order(run).await;
        database.run("update outbox set available_at = slipway_now() - interval '1 minute'").await;
        let left = "select count(*)::text from outbox";
        assert_eq!(database.text(left).await, "1");
        world.start_supervisor();
        world.eventually("it is published", async || (database.text(left).await == "0").then_some(())).await;
        world.workers.open_gate();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_clock_that_is_set_by_an_hour_ends_no_lease_and_no_run() {
    with_database(async |database| {
        let waits = Workers::default().on(Job::Dump, 1, Act::Wait).on(Job::Image, 1, Act::Wait);
        let world = World::running(database, waits).await;
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Dump, 1).await;
        for hours in [1, -1] {
            let before = remaining(database, run).await;
            world.eventually("a supervisor has looked", async || database.texts(LEADER).await.pop()).await;
            set_clock(database, hours).await;
            world
                .eventually("the deadline has moved with the clock", async || {
                    ((remaining(database, run).await - before).abs() < 60).then_some(())
                })
                .await;
        }
        world.workers.open_gate();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(database.texts("select job from jobs where attempt > 1").await, [""; 0]);
        world.end().await;
    })
    .await;
}

async fn set_clock(database: &Database, hours: i32) {
    database
        .run(&format!(
            "create or replace function slipway_now() returns timestamptz language sql volatile
             as $$ select clock_timestamp() + interval '{hours} hours' $$"
        ))
        .await;
}

/// Seconds until the run's deadline.
async fn remaining(database: &Database, run: Uuid) -> i64 {
    let query = format!(
        "select extract(epoch from deadline_at - slipway_now())::bigint::text from runs where id = '{run}'"
    );
    database.text(&query).await.parse().unwrap()
}
