//! The schema knows the same words and rules as the program.

use std::collections::BTreeSet;

use domain::{Answer, ChangeType, Direction, Plan, Risk, Role, Status, Topic};
use scratch::{Database, with_database};
use store::Store;
use store::dead_letters::State;

use crate::world::{migrated, promotion, run};

/// The words that the check of a column admits.
async fn admitted(database: &Database, table: &str, column: &str) -> BTreeSet<String> {
    let query = format!(
        "select (regexp_matches(definition, '''([a-z_]+)''::text', 'g'))[1]
         from (select pg_get_constraintdef(c.oid) as definition from pg_constraint c
               join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
               where c.contype = 'c' and c.conrelid = '{table}'::regclass
                     and array_length(c.conkey, 1) = 1 and a.attname = '{column}') checks"
    );
    database.texts(&query).await.into_iter().collect()
}

#[tokio::test]
async fn every_list_of_words_is_the_one_of_the_program() {
    with_database(async |database| {
        let store = migrated(database).await;
        let states = vec![
            "held",
            "queued",
            "running",
            "succeeded",
            "failed",
            "refused",
            "asked",
            "postponed",
            "released",
            "lost",
            "stopped",
        ];
        let lists: [(&str, &str, Vec<&str>); 22] = [
            ("promotions", "status", Status::ALL.iter().map(|it| it.as_str()).collect()),
            ("change_requests", "change_type", ChangeType::ALL.iter().map(|it| it.as_str()).collect()),
            ("change_requests", "risk", Risk::ALL.iter().map(|it| it.as_str()).collect()),
            ("jobs", "direction", Direction::ALL.iter().map(|it| it.as_str()).collect()),
            ("dead_letters", "state", State::ALL.iter().map(|it| it.as_str()).collect()),
            ("backups", "state", store::backups::State::ALL.iter().map(|it| it.as_str()).collect()),
            ("api_tokens", "role", Role::ALL.iter().map(|it| it.as_str()).collect()),
            ("runs", "plan", Plan::ALL.iter().map(|it| it.as_str()).collect()),
            // These have no list in the program; that each is written and read is tested beside the runs.
            (
                "runs",
                "phase",
                vec!["forward", "asking", "draining", "compensating", "needs_attention", "finished"],
            ),
            ("runs", "outcome", vec!["deployed", "refused", "rolled_back", "given_up", "done", "failed"]),
            ("backups", "rung", vec!["written", "hashed", "read_back", "rehearsed"]),
            ("jobs", "state", states),
            ("windows", "days", vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
            ("windows", "change_types", ChangeType::ALL.iter().map(|it| it.as_str()).collect()),
            ("windows", "risks", Risk::ALL.iter().map(|it| it.as_str()).collect()),
            ("windows", "enforcement", vec!["enforced", "advisory"]),
            ("blackouts", "exempt", ChangeType::ALL.iter().map(|it| it.as_str()).collect()),
            ("products", "state", vec!["registered", "active"]),
            ("progress", "plan", vec!["promotion", "ship"]),
            ("promotions", "contribution", vec!["share", "keep"]),
            ("answers", "topic", Topic::ALL.iter().map(|it| it.as_str()).collect()),
            ("answers", "answer", Answer::ALL.iter().map(|it| it.as_str()).collect()),
        ];
        for (table, column, words) in lists {
            let words: BTreeSet<_> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(admitted(database, table, column).await, words, "{table}.{column}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_true_is_refused() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        run(&store, &id).await;
        database
            .run("insert into dead_letters (queue, body, size_bytes, content_type, reason) values ('intake', 'x', 1, '', 'r')")
            .await;
        let refused = [
            ("update promotions set status = 'vanished', approved_by = 'Ines'", "promotions_status_check"),
            ("update promotions set status = 'approved'", "promotions_check"),
            ("update promotions set id = 'CP-1'", "promotions_id_check"),
            ("insert into installations (name, description) values ('../etc', '{}')", "installations_name_check"),
            ("update runs set phase = 'finished'", "runs_check"),
            ("update runs set outcome = 'deployed'", "runs_check"),
            ("update runs set finished_at = now()", "runs_check1"),
            ("update runs set job = null", "runs_check2"),
            ("update runs set phase = 'compensating'", "runs_check3"),
            ("update runs set phase = 'draining'", "runs_check4"),
            ("update runs set attempt = 0", "runs_attempt_check"),
            ("update runs set strikes = -1", "runs_strikes_check"),
            ("update runs set phase = 'needs_attention'", "runs_undo_check"),
            ("update runs set plan = 'errand'", "runs_time_limit_check"),
            ("update runs set time_limit_seconds = null", "runs_time_limit_check"),
            ("update runs set awaited_by = id", "runs_awaited_check"),
            ("update runs set phase = 'asking', outcome_note = 'Shall it?'", "runs_asking_check"),
            (
                "insert into jobs (run, job, attempt, direction, state, available_at, announced_at)
                 select id, 'backup.dump', 1, 'forward', 'running', now(), now() from runs",
                "jobs_check",
            ),
            ("insert into inbox (message_id) values ('m')", "inbox_check"),
            (
                "update dead_letters set state = 'lost', settled_by = 'Ines', settled_at = now()",
                "dead_letters_state_check",
            ),
            ("update dead_letters set body = repeat('x', 65537)::bytea", "dead_letters_body_check"),
            ("update dead_letters set size_bytes = 0", "dead_letters_check"),
            ("update dead_letters set run = gen_random_uuid()", "dead_letters_check1"),
            ("update dead_letters set settled_by = 'Ines'", "dead_letters_check2"),
            (
                "update dead_letters set state = 'discarded', settled_by = 'Ines', settled_at = now()",
                "dead_letters_check3",
            ),
            (
                "update dead_letters set state = 'redriven', settled_by = 'Ines', settled_at = now()",
                "dead_letters_check4",
            ),
            (
                "insert into inbox (message_id, promotion, refused_field, refused_reason)
                 values ('m', 'CP-00000001', 'f', 'r')",
                "inbox_check",
            ),
            (
                "insert into runs (id, promotion, installation, plan_version, phase, job, attempt, time_limit_seconds)
                 select gen_random_uuid(), promotion, installation, 1, phase, job, attempt, 1 from runs",
                "runs_one_per_installation",
            ),
            (
                "insert into runs (id, promotion, installation, plan, plan_version, phase, job, attempt)
                 select gen_random_uuid(), promotion, installation, 'ship', 1, phase, job, attempt
                 from runs, generate_series(1, 2)",
                "runs_one_ship_run",
            ),
        ];
        for (statement, constraint) in refused {
            assert_eq!(database.refused_by(statement).await, constraint, "{statement}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn approvals_that_cannot_be_are_refused() {
    with_database(async |database| {
        let store = migrated(database).await;
        promotion(&store, "shop", 1).await;
        let refused = [
            ("update promotions set change_set = 'none'", "promotions_change_set_check"),
            ("update promotions set approved_plan = repeat('0', 64)", "promotions_approval_check"),
            (
                "update promotions set approved_by = 'Ines', approved_plan = repeat('0', 64), approval_ends_at = now()",
                "promotions_approved_plan_fkey",
            ),
            (
                "insert into plans (promotion, hash, plan) values ('CP-00000001', repeat('0', 64), '{}')",
                "plans_hash_check",
            ),
            ("update change_requests set overrides_windows = true", "change_requests_override_check"),
        ];
        for (statement, constraint) in refused {
            assert_eq!(database.refused_by(statement).await, constraint, "{statement}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn windows_that_cannot_be_are_refused() {
    with_database(async |database| {
        let store = migrated(database).await;
        database
            .run(
                "insert into windows (name, days, opens, closes, change_types, risks, enforcement, allow_overrun, created_by)
                 values ('Nights', '{mon}', '22:00', '06:00', '{normal}', '{low}', 'enforced', false, 'Ada');
                 insert into blackouts (name, starts_at, ends_at, exempt, created_by)
                 values ('Stocktaking', now(), now(), '{}', 'Ada')",
            )
            .await;
        let refused = [
            ("insert into profiles (zone) values ('UTC')", "profiles_pkey"),
            ("insert into profiles (id, zone) values (false, 'UTC')", "profiles_id_check"),
            ("update profiles set zone = ''", "profiles_zone_check"),
            ("update windows set name = ''", "windows_name_check"),
            ("update windows set days = '{}'", "windows_days_check"),
            ("update windows set days = '{day}'", "windows_days_check"),
            ("update windows set opens = '24:00'", "windows_opens_check"),
            ("update windows set closes = '24:01'", "windows_closes_check"),
            ("update windows set closes = opens", "windows_length_check"),
            ("update windows set change_types = '{}'", "windows_change_types_check"),
            ("update windows set risks = '{none}'", "windows_risks_check"),
            ("update windows set max_concurrent = 0", "windows_max_concurrent_check"),
            ("update windows set enforcement = 'maybe'", "windows_enforcement_check"),
            ("update blackouts set name = ''", "blackouts_name_check"),
            ("update blackouts set exempt = '{all}'", "blackouts_exempt_check"),
            ("update blackouts set ends_at = starts_at - interval '1 second'", "blackouts_length_check"),
        ];
        for (statement, constraint) in refused {
            assert_eq!(database.refused_by(statement).await, constraint, "{statement}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn several_processes_may_migrate_at_once_and_again() {
    with_database(async |database| {
        let store = Store::connect(&database.url(), 10).await.unwrap();
        let (a, b, c) = tokio::join!(store.migrate(), store.migrate(), store.migrate());
        for migrated in [a, b, c, store.migrate().await] {
            migrated.unwrap();
        }
        let count = database.text("select count(*)::text from _sqlx_migrations").await;
        assert_eq!(count, store::MIGRATOR.iter().count().to_string());
        store.close().await;
    })
    .await;
}
