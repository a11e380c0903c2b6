//! Runs in flight survive an upgrade of the schema.

use std::borrow::Cow;

use domain::Job;
use domain::run::{Cause, Outcome, Phase, Run};
use scratch::with_database;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPool;
use store::{MIGRATOR, Store};
use uuid::Uuid;

use crate::world::LEASE;

/// The last schema in which nobody could resume an undo, and a run counted its tries only.
const BEFORE: i64 = 2;

const FORWARD: Uuid = Uuid::from_u128(1);
const UNDO: Uuid = Uuid::from_u128(2);
const STUCK: Uuid = Uuid::from_u128(3);

/// Three shops: one in its second try of a job, one in its third of an undo, one that nobody could put back.
const IN_FLIGHT: &str = r#"
    insert into installations (name, description) values ('a', '{}'), ('b', '{}'), ('c', '{}');
    insert into builds (id, title) values ('FB-00000001', 'Feature');
    insert into change_requests (id, change_type, risk, requested_by)
        select 'RFC-2026-0000000' || n, 'normal', 'low', 'Mara' from generate_series(1, 3) n;
    insert into promotions (id, build, installation, change_request, sandbox, status, approved_by)
        values ('CP-00000001', 'FB-00000001', 'a', 'RFC-2026-00000001', '{}', 'deploying', 'Ines'),
               ('CP-00000002', 'FB-00000001', 'b', 'RFC-2026-00000002', '{}', 'rolling_back', 'Ines'),
               ('CP-00000003', 'FB-00000001', 'c', 'RFC-2026-00000003', '{}', 'needs_attention', 'Ines');
    insert into runs (id, promotion, installation, plan_version, phase, job, attempt, unwind_from, cause, outcome,
                      outcome_note, time_limit_seconds, finished_at)
        values ('00000000-0000-0000-0000-000000000001', 'CP-00000001', 'a', 1, 'forward', 'build.image', 2, null,
                null, null, null, 600, null),
               ('00000000-0000-0000-0000-000000000002', 'CP-00000002', 'b', 1, 'compensating', 'backup.restore', 3,
                'health.check_new', '{"kind": "deadline", "job": "health.check_new"}', null, null, 600, null),
               ('00000000-0000-0000-0000-000000000003', 'CP-00000003', 'c', 1, 'finished', 'backup.restore', null,
                null, '{"kind": "deadline", "job": "health.check_new"}', 'needs_attention', 'No space.', 600, now());
    insert into jobs (run, job, attempt, direction, available_at)
        values ('00000000-0000-0000-0000-000000000001', 'build.image', 2, 'forward', now());
"#;

#[tokio::test]
async fn runs_in_flight_survive_an_upgrade_of_the_schema() {
    with_database(async |database| {
        let before = MIGRATOR.iter().filter(|migration| migration.version <= BEFORE).cloned().collect();
        let pool = PgPool::connect(&database.url()).await.unwrap();
        let old = Migrator { migrations: Cow::Owned(before), ..Migrator::DEFAULT };
        old.run(&pool).await.unwrap();
        pool.close().await;
        database.run(IN_FLIGHT).await;

        let store = Store::connect(&database.url(), 2).await.unwrap();
        store.migrate().await.unwrap();
        let cause = Cause::Deadline { job: Job::CheckNew };
        let phases = [
            (FORWARD, Phase::Forward { job: Job::Image, attempt: 2, strikes: 1 }),
            (
                UNDO,
                Phase::Compensating {
                    from: Job::CheckNew,
                    job: Job::Restore,
                    attempt: 3,
                    strikes: 2,
                    cause: cause.clone(),
                },
            ),
            (
                STUCK,
                Phase::Finished(Outcome::GivenUp { cause, undo: Job::Restore, reason: "No space.".into() }),
            ),
        ];
        for (run, phase) in phases {
            assert_eq!(store.run(run).await.unwrap(), Some(Run { phase }), "{run}");
        }
        let which = store::jobs::Try { run: FORWARD, job: Job::Image, attempt: 2 };
        assert!(store.claim(which, "worker", LEASE).await.unwrap().is_some(), "the old job goes on");
        store.close().await;
    })
    .await;
}
