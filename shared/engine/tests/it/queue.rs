//! Whose turn it is.

use domain::{Job, Status};
use engine::approval::approve;
use engine::start::{Wish, start_next, withdraw};
use futures_util::future::join_all;
use scratch::with_database;
use store::jobs::Try;

use crate::world::{Act, Workers, World, actor};

#[tokio::test(flavor = "multi_thread")]
async fn many_schedulers_start_one_promotion_of_an_installation_and_the_rest_queue_in_order() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let mut waiting = Vec::new();
        for number in 1..=4 {
            waiting.push(world.approved(number).await);
        }
        for next in waiting {
            let started = join_all((0..8).map(|_| start_next(&world.engine))).await;
            let started: Vec<_> = started.into_iter().filter_map(Result::unwrap).collect();
            assert_eq!(started, std::slice::from_ref(&next));
            database
                .run(
                    "update runs set phase = 'finished', outcome = 'deployed', finished_at = now()
                     where phase <> 'finished'",
                )
                .await;
        }
        assert_eq!(start_next(&world.engine).await.unwrap(), None);
        world.end().await;
    })
    .await;
}

#[tokio::test]
async fn wishes_are_granted_only_where_they_make_sense() {
    with_database(async |database| {
        let world = World::idle(database, Workers::default()).await;
        let engine = &world.engine;
        let (unknown, ines) = (domain::PromotionId::new(99), actor("Ines"));
        assert_eq!(approve(engine, &unknown, &ines, None).await.unwrap(), Wish::Unknown);
        assert_eq!(withdraw(engine, &unknown, &ines, "no", None).await.unwrap(), Wish::Unknown);

        let id = world.created(1).await;
        assert_eq!(start_next(engine).await.unwrap(), None, "it is not approved");
        assert_eq!(withdraw(engine, &id, &ines, "not now", None).await.unwrap(), Wish::Granted);
        assert_eq!(world.reason(&id).await.as_deref(), Some("Ines withdrew the promotion: not now"));
        assert_eq!(approve(engine, &id, &ines, None).await.unwrap(), Wish::NotFrom(Status::Cancelled));

        let withdrawn = world.approved(2).await;
        assert_eq!(withdraw(engine, &withdrawn, &ines, "not now", None).await.unwrap(), Wish::Granted);
        assert_eq!(start_next(engine).await.unwrap(), None, "it was withdrawn");

        let (running, _) = world.started(3).await;
        assert_eq!(approve(engine, &running, &ines, None).await.unwrap(), Wish::NotFrom(Status::Deploying));
        assert_eq!(
            withdraw(engine, &running, &ines, "no", None).await.unwrap(),
            Wish::NotFrom(Status::Deploying)
        );
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_job_does_not_wait_behind_forward_jobs() {
    with_database(async |database| {
        let tries = 11..=15;
        let workers = tries
            .clone()
            .fold(Workers::default(), |workers, attempt| workers.on(Job::Dump, attempt, Act::Hang));
        let mut world = World::idle(database, workers).await;
        // Five forward jobs for one kind of worker, which has two slots and never ends one.
        let (_, run) = world.started(1).await;
        for attempt in tries {
            world.queue(Try { run, job: Job::Dump, attempt }).await;
        }
        world.start_workers();
        world.until_begun(Job::Dump, 12).await;
        world.queue(Try { run, job: Job::Restore, attempt: 1 }).await;
        world.until_begun(Job::Restore, 1).await;
        world.end().await;
    })
    .await;
}
