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
        assert_eq!(phase, Phase::Forward { job: Job::Extract, attempt: 1 });
        assert_eq!(workers.begun().last(), Some(&(Job::Dump, 1)));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_job_is_tried_again_at_once_by_another_process() {
    with_database(async |database| {
        let first = World::running(database, Workers::default().on(Job::Dump, 1, Act::Hang)).await;
        let (_, run) = first.started(1).await;
        first.until_begun(Job::Dump, 1).await;
        let hanging = first.workers.clone();
        first.end().await;
        assert_eq!(hanging.dropped(), [(Job::Dump, 1)]);

        let second = World::running(database, Workers::default()).await;
        assert_eq!(second.outcome(run).await, Outcome::Deployed { warning: None });
        assert_eq!(second.workers.begun().first(), Some(&(Job::Dump, 2)));
        second.end().await;
    })
    .await;
}
