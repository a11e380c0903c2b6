//! Runs that are undone.

use domain::run::{Cause, Event, Ignored, Outcome};
use domain::{Job, PromotionId, Status, job::PLAN};
use engine::{Advanced, start};
use scratch::{Database, with_database};
use uuid::Uuid;

use crate::happy::assert_no_jargon;
use crate::world::{Act, Workers, World};

#[tokio::test(flavor = "multi_thread")]
async fn whichever_job_fails_everything_before_it_is_undone_in_reverse() {
    for (position, job) in PLAN.into_iter().enumerate().filter(|(_, job)| *job != Job::Finish) {
        with_database(async |database| {
            let world = World::running(database, Workers::default().on(job, 1, Act::Fail("It broke."))).await;
            let (id, run) = world.started(1).await;

            let cause = Cause::Failed { job, reason: "It broke.".to_owned() };
            let mut jobs = PLAN[..=position].to_vec();
            let undone = jobs.iter().rev().filter_map(|job| job.undo()).collect::<Vec<_>>();
            let (expected, status) = if undone.is_empty() {
                (Outcome::Refused(cause), Status::Approved)
            } else {
                jobs.extend(undone);
                jobs.push(Job::CheckOld);
                (Outcome::RolledBack(cause), Status::RolledBack)
            };
            assert_eq!(world.outcome(run).await, expected);
            assert_eq!(world.workers.jobs(), jobs);
            assert_eq!(
                (world.status(&id).await, world.reason(&id).await.as_deref()),
                (status, Some("It broke."))
            );
            world.end().await;
        })
        .await;
    }
}

/// A run that waits for a person: its new version is bad, and the database cannot be put back at the first try.
async fn stuck(database: &Database) -> (World, PromotionId, Uuid) {
    let workers = Workers::default().on(Job::CheckNew, 1, Act::Fail("The new version answers wrongly.")).on(
        Job::Restore,
        1,
        Act::Fail("There is no space left."),
    );
    let world = World::running(database, workers).await;
    let (id, run) = world.started(1).await;
    world.until_stuck(run).await;
    (world, id, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_cannot_be_done_calls_a_person() {
    with_database(async |database| {
        let (world, id, run) = stuck(database).await;
        assert_eq!(world.status(&id).await, Status::NeedsAttention);
        insta::assert_snapshot!(world.reason(&id).await.unwrap(), @"The new version answers wrongly. Putting it back stopped at “Putting the database back as it was”: There is no space left.");
        let jobs = world.workers.jobs();
        assert_eq!(jobs.last(), Some(&Job::Restore), "nothing runs after it");

        let next = world.approved(2).await;
        assert_eq!(start::start_next(&world.engine).await.unwrap(), None, "the installation is half undone");
        let cancel = Event::CancelRequested { by: "Ines".to_owned(), reason: "Enough.".to_owned() };
        assert_eq!(world.person(run, &cancel).await, Advanced::Ignored(Ignored::AlreadyUnwinding));
        let give_up = Event::GiveUpRequested { by: "Ines".to_owned(), reason: "I restored it by hand.".to_owned() };
        assert!(matches!(world.person(run, &give_up).await, Advanced::Moved(_)));
        assert!(matches!(world.outcome(run).await, Outcome::GivenUp { undo: Job::Restore, .. }));
        assert_eq!(world.status(&id).await, Status::NeedsAttention, "nobody checked the old version");
        insta::assert_snapshot!(world.reason(&id).await.unwrap(), @"The new version answers wrongly. Putting it back stopped at “Putting the database back as it was”: There is no space left. Ines took over: I restored it by hand.");
        assert_eq!(world.person(run, &give_up).await, Advanced::Ignored(Ignored::Finished));
        assert_eq!(start::start_next(&world.engine).await.unwrap(), Some(next), "the installation is free");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_goes_on_where_it_stopped_when_a_person_resumes() {
    with_database(async |database| {
        let (world, id, run) = stuck(database).await;
        let resume = Event::ResumeRequested { by: "Ines".to_owned() };
        assert!(matches!(world.person(run, &resume).await, Advanced::Moved(_)));
        assert!(matches!(world.outcome(run).await, Outcome::RolledBack(_)));
        assert_eq!(world.status(&id).await, Status::RolledBack);
        let jobs = world.workers.jobs();
        let begun = world.workers.begun();
        assert!(begun.contains(&(Job::Restore, 2)), "{begun:?}");
        assert_eq!(jobs.last(), Some(&Job::CheckOld));
        assert_eq!(world.person(run, &resume).await, Advanced::Ignored(Ignored::Finished));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_certainly_did_nothing_is_not_undone() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::Extract, 1, Act::Refuse("The disk is too small."));
        let world = World::running(database, workers).await;
        let (_, run) = world.started(1).await;
        assert!(matches!(world.outcome(run).await, Outcome::RolledBack(_)));
        let undone = &world.workers.jobs()[4..];
        assert_eq!(undone, [Job::DiscardPartial, Job::CheckOld]);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_of_a_rollback_in_their_words() {
    with_database(async |database| {
        let workers = Workers::default().on(Job::CheckNew, 1, Act::Fail("The new version does not answer."));
        let world = World::running(database, workers).await;
        let (id, run) = world.started(1).await;
        world.outcome(run).await;
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
         9 rolling_back: The new version does not answer.
         8 step_started: Stopping the new version.
         8 step_finished: The new version is stopped and removed.
         7 step_started: Putting the database back as it was.
         7 step_finished: The database is as it was.
         7 step_started: Starting the old version again.
         7 step_finished: The old version runs again.
         6 step_started: Removing what was prepared for the swap.
         6 step_finished: What was prepared for the swap is removed.
         5 step_started: Removing the version that was built.
         5 step_finished: The version that was built is removed.
         4 step_started: Removing the build files.
         4 step_finished: The build files are removed.
         3 step_started: Removing unfinished backup files.
         3 step_finished: No unfinished backup files are left.
         1 step_started: Checking that the old version works.
         1 step_finished: The old version works.
         - rolled_back: The new version does not answer. The old version is back in production and works.
        ");
        assert_no_jargon(&told);
        world.end().await;
    })
    .await;
}
