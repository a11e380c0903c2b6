//! Runs over a broker that loses, repeats, delays and reorders what it is given.

use std::convert::Infallible;
use std::time::Duration;

use domain::job::PLAN;
use domain::run::{Cause, Outcome};
use domain::{Job, PromotionId};
use engine::approval::approve;
use engine::start::{self, Wish};
use engine::transport::{Broker, Fault, FaultPlan};
use scratch::{Database, with_database};
use serde_json::json;
use uuid::Uuid;

use crate::world::{Act, Workers, World, actor};

/// Runs under way at once, each at an installation of its own, so that messages have others to overtake.
const RUNS: u32 = 4;

const LATE: Duration = Duration::from_millis(200);

/// What the broker does, with the share of all messages in percent.
const PLANS: [&[(u8, Fault)]; 4] = [
    &[(40, Fault::Drop)],
    &[(100, Fault::Duplicate)],
    &[(50, Fault::Overtake), (50, Fault::Delay(LATE))],
    &[(30, Fault::Drop), (30, Fault::Duplicate), (20, Fault::Overtake), (20, Fault::Delay(LATE))],
];

#[tokio::test(flavor = "multi_thread")]
async fn good_runs_end_deployed_with_each_job_done_once() {
    under_each_plan(Workers::default, &Outcome::Deployed { warning: None }, &PLAN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_runs_are_undone_with_each_job_done_once() {
    let (job, reason) = (Job::CheckNew, "The new version answers wrongly.");
    let begun = PLAN.iter().position(|it| *it == job).unwrap();
    let undone = PLAN[..=begun].iter().rev().filter_map(|job| job.undo());
    let jobs: Vec<_> = PLAN[..=begun].iter().copied().chain(undone).chain([Job::CheckOld]).collect();
    let outcome = Outcome::RolledBack(Cause::Failed { job, reason: reason.to_owned() });
    under_each_plan(|| Workers::default().on(job, 1, Act::Fail(reason)), &outcome, &jobs).await;
}

/// Has runs end under each plan in this way and with these jobs, each begun once for each run.
async fn under_each_plan(workers: impl Fn() -> Workers, outcome: &Outcome, jobs: &[Job]) {
    for (seed, shares) in (1..).zip(PLANS) {
        with_database(async |database| {
            let plan = FaultPlan { seed, shares: shares.to_vec(), ..FaultPlan::default() };
            let mut world = World::idle(database, workers()).await;
            world.engine.broker = Broker::local_with(plan);
            let runs = started(&world, database).await;
            world.start_workers();
            world.start_relay();
            world.start_supervisor();
            let ends = async {
                for run in &runs {
                    assert_eq!(world.outcome(*run).await, *outcome, "{shares:?}");
                }
            };
            tokio::select! {
                () = ends => {}
                _never = let_time_pass(database) => {}
            }
            let mut expected: Vec<_> = jobs.iter().flat_map(|job| [(*job, 1); RUNS as usize]).collect();
            let mut begun = world.workers.begun();
            expected.sort_unstable();
            begun.sort_unstable();
            assert_eq!(begun, expected, "{shares:?}");
            world.end().await;
        })
        .await;
    }
}

/// Starts one run at each of several installations.
async fn started(world: &World, database: &Database) -> Vec<Uuid> {
    let mut runs = Vec::new();
    for number in 1..=RUNS {
        let id: PromotionId = world.created(number).await;
        let installation = format!("shop-{number}");
        let description = json!({ "name": installation });
        world.engine.store.apply_installation(&installation, &description, &actor("Ines")).await.unwrap();
        database
            .run(&format!("update promotions set installation = '{installation}' where id = '{id}'"))
            .await;
        assert_eq!(approve(&world.engine, &id, &actor("Ines"), None).await.unwrap(), Wish::Granted);
        assert_eq!(start::start_next(&world.engine).await.unwrap().as_ref(), Some(&id));
        runs.push(world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id);
    }
    runs
}

/// Makes whatever waits to be taken look as if it was announced long ago: nobody wants to wait for that.
async fn let_time_pass(database: &Database) -> Infallible {
    loop {
        database
            .run("update jobs set announced_at = announced_at - interval '1 minute' where state = 'queued'")
            .await;
        tokio::time::sleep(LATE).await;
    }
}
