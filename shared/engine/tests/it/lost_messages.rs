//! Messages that are repeated, lost, or that nobody can take.

use std::time::Duration;

use domain::Job;
use domain::job::PLAN;
use domain::run::{Cause, Outcome};
use scratch::with_database;
use serde_json::json;
use transport::{Exchange, Message, Queue};
use uuid::Uuid;

use crate::world::{Act, Workers, World};

pub(crate) fn order(run: Uuid, job: &str) -> Message {
    Message {
        id: Uuid::now_v7(),
        exchange: Exchange::Jobs,
        routing_key: "scheduler".to_owned(),
        body: json!({ "run": run, "job": job, "attempt": 1 }).to_string().into_bytes(),
        content_type: "application/json".to_owned(),
        traceparent: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_many_times_is_carried_out_once() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default().on(Job::Validate, 1, Act::Wait)).await;
        let (_, run) = world.started(1).await;
        world.start_workers();
        world.start_workers();
        let many = vec![order(run, "scheduler.validate"); 20];
        assert!(world.engine.broker.publish(many).await.iter().all(Result::is_ok));
        world.until_begun(Job::Validate, 1).await;
        world.workers.open_gate();

        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(world.workers.begun(), PLAN.map(|job| (job, 1)));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_message_was_lost_is_announced_again() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let (_, run) = world.started(1).await;
        world.lose_message(&Queue::Jobs("scheduler".to_owned())).await;
        database.run("update jobs set announced_at = announced_at - interval '1 minute'").await;
        world.start_workers();
        world.start_supervisor();
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_waits_for_a_worker_is_announced_once_in_a_while() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        world.started(1).await;
        database.run("update jobs set announced_at = announced_at - interval '1 minute'").await;
        let pauses = Duration::from_secs(10)..=Duration::from_mins(1);
        let announced = async || engine::start::remind(&world.engine, pauses.clone()).await.unwrap().len();
        assert_eq!((announced().await, announced().await), (1, 0));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_no_orders_hold_up_nothing() {
    with_database(async |database| {
        let mut world = World::idle(database, Workers::default()).await;
        let mut garbage = order(Uuid::now_v7(), "scheduler.validate");
        garbage.body = b"{".to_vec();
        let strange = [
            garbage,
            order(Uuid::now_v7(), "swap.stop_old"),
            order(Uuid::now_v7(), "nobody.knows"),
            order(Uuid::nil(), "scheduler.validate"),
        ];
        assert!(world.engine.broker.publish(strange.to_vec()).await.iter().all(Result::is_ok));
        world.start_workers();
        world.start_supervisor();
        let (_, run) = world.started(1).await;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_this_version_cannot_read_does_not_hold_up_the_others() {
    with_database(async |database| {
        let world = World::running(database, Workers::default().on(Job::Image, 1, Act::Hang)).await;
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Image, 1).await;
        database
            .run(
                "insert into installations (name, description) values ('other', '{}');
                 insert into builds values ('FB-000000FF', 'Other');
                 insert into change_requests values ('RFC-2026-000000FF', 'normal', 'low', 'Mara');
                 insert into promotions (id, build, installation, change_request, sandbox)
                 values ('CP-000000FF', 'FB-000000FF', 'other', 'RFC-2026-000000FF', '{}');
                 insert into runs (id, promotion, installation, plan_version, phase, job, attempt,
                                   time_limit_seconds, deadline_at)
                 values (gen_random_uuid(), 'CP-000000FF', 'other', 99, 'forward', 'scheduler.validate', 1, 1,
                         clock_timestamp() - interval '1 hour');
                 update runs set deadline_at = clock_timestamp() where plan_version <> 99",
            )
            .await;
        assert_eq!(world.outcome(run).await, Outcome::RolledBack(Cause::Deadline { job: Job::Image }));
        world.end().await;
    })
    .await;
}
