//! A process that is asked to end while it is busy.

use domain::Job;
use domain::run::{Outcome, Phase};
use scratch::with_database;

use crate::world::{Act, Workers, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_process_finishes_the_job_in_hand_and_takes_no_other() {
    with_database(async |database| {
        let world = World::running(database, Workers::default().on(Job::Dump, 1, Act::Wait)).await;
        let (_, run) = world.started(1).await;
        world.until_begun(Job::Dump, 1).await;
        world.engine.shutdown.drain();
        world.workers.open_gate();
        let (store, workers) = (world.engine.store.clone(), world.workers.clone());
        world.drained().await;

        let phase = store.run(run).await.unwrap().unwrap().phase;
        assert_eq!(phase, Phase::Forward { job: Job::Extract, attempt: 1, strikes: 0 });
        assert_eq!(workers.begun().last(), Some(&(Job::Dump, 1)));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_job_is_tried_again_at_once_by_another_process_however_often() {
    with_database(async |database| {
        let mut run = None;
        // More often than a job may fail.
        for attempt in 1..=5 {
            let hanging = Workers::default().on(Job::Dump, attempt, Act::Hang);
            let world = World::running(database, hanging.clone()).await;
            if run.is_none() {
                run = Some(world.started(1).await.1);
            }
            world.until_begun(Job::Dump, attempt).await;
            world.end().await;
            // The broker of this process took the messages with it.
            database.run("update jobs set announced_at = announced_at - interval '1 minute'").await;
            assert_eq!(hanging.dropped(), [(Job::Dump, attempt)]);
        }
        let last = World::running(database, Workers::default()).await;
        assert_eq!(last.outcome(run.unwrap()).await, Outcome::Deployed { warning: None });
        assert_eq!(last.workers.begun().first(), Some(&(Job::Dump, 6)));
        last.end().await;
    })
    .await;
}
