//! A run comes back from its row as it went in.

use std::time::Duration;

use domain::Job;
use domain::job::{PLAN, SHIP};
use domain::run::{Cause, Event, Outcome, Phase, Run};
use scratch::with_database;
use store::runs;

use crate::world::{migrated, promotion, run};

fn causes() -> Vec<Cause> {
    let reason = "It broke: “ä”\nand 'quoted' \\ \"twice\"".to_owned();
    let by_job = PLAN.into_iter().flat_map(|job| {
        [Cause::Failed { job, reason: reason.clone() }, Cause::Lost { job }, Cause::Deadline { job }]
    });
    by_job.chain([Cause::Cancelled { by: "Ines".to_owned(), reason: String::new() }]).collect()
}

fn phases() -> Vec<Phase> {
    let mut phases: Vec<_> =
        PLAN.into_iter().map(|job| Phase::Forward { job, attempt: 3, strikes: 1 }).collect();
    for cause in causes() {
        phases.push(Phase::Draining { job: Job::Dump, attempt: 1, cause: cause.clone() });
        phases.push(Phase::Finished(Outcome::Refused(cause.clone())));
        phases.push(Phase::Finished(Outcome::RolledBack(cause.clone())));
        phases.push(Phase::Finished(Outcome::Failed(cause.clone())));
        for undo in Job::CheckNew.unwinding() {
            let cause = cause.clone();
            phases.push(Phase::Compensating {
                from: Job::CheckNew,
                job: undo,
                attempt: 6,
                strikes: 4,
                cause: cause.clone(),
            });
            let reason = "No space.".to_owned();
            phases.push(Phase::NeedsAttention {
                from: Job::CheckNew,
                job: undo,
                attempt: 6,
                cause: cause.clone(),
                reason: reason.clone(),
            });
            phases.push(Phase::Finished(Outcome::GivenUp { cause, undo, reason }));
        }
    }
    phases.push(Phase::Finished(Outcome::Done));
    phases.push(Phase::Finished(Outcome::Deployed { warning: None }));
    phases.push(Phase::Finished(Outcome::Deployed { warning: Some("A folder is left.".to_owned()) }));
    for job in SHIP {
        phases.push(Phase::Asking { job, attempt: 2, question: "Shall it be shared?".to_owned() });
    }
    phases
}

fn events() -> Vec<Event> {
    let reason = "Because.".to_owned();
    let of_jobs = Job::ALL.iter().flat_map(|&job| {
        let reason = reason.clone();
        [
            Event::Succeeded { job, attempt: 1 },
            Event::Lost { job, attempt: 2 },
            Event::Released { job, attempt: 2 },
            Event::Failed { job, attempt: 3, reason: reason.clone(), retry: true },
            Event::Failed { job, attempt: u32::MAX, reason: reason.clone(), retry: false },
            Event::Refused { job, attempt: 1, reason },
            Event::Asked { job, attempt: 1, question: "Shall it be shared?".to_owned() },
            Event::Postponed { job, attempt: 2, pause: Duration::from_secs(90) },
        ]
    });
    let from_outside = [
        Event::DeadlinePassed,
        Event::Answered { by: "Ines".to_owned() },
        Event::CancelRequested { by: "Ines".to_owned(), reason: "wrong day".to_owned() },
        Event::ResumeRequested { by: "Ines".to_owned() },
        Event::GiveUpRequested { by: "Ines".to_owned(), reason: "mended by hand".to_owned() },
    ];
    of_jobs.chain(from_outside).collect()
}

#[tokio::test]
async fn every_phase_is_read_as_it_was_written() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let id = run(&store, &id).await;
        // Here one run ends in many ways.
        database.run("alter table runs disable trigger finished_is_final").await;
        for phase in phases() {
            if matches!(phase, Phase::Asking { .. }) {
                database.run("update runs set plan = 'ship', time_limit_seconds = null").await;
            }
            let run = Run { phase };
            let mut tx = store.begin().await.unwrap();
            runs::update(&mut tx, id, &run).await.unwrap();
            assert_eq!(runs::lock(&mut tx, id).await.unwrap().unwrap().run, run);
            tx.commit().await.unwrap();
        }
        let counted: i64 = database.text("select version::text from runs").await.parse().unwrap();
        assert_eq!(usize::try_from(counted), Ok(phases().len()));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn every_event_is_read_as_it_was_written_unless_it_was_ignored() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let id = run(&store, &id).await;
        let mut tx = store.begin().await.unwrap();
        for event in events() {
            runs::record_event(&mut tx, id, &event, None).await.unwrap();
            runs::record_event(&mut tx, id, &event, Some("it is stale")).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(store.run_history(id).await.unwrap(), events());
        store.close().await;
    })
    .await;
}
