//! Each kind of process may do in the database what it needs, and no more.

use std::path::Path;

use scratch::{Database, with_database};
use serde_json::{Value, json};
use store::{Store, StoreError};

use crate::world::{actor, migrated, promotion, run};

/// Every kind of user; none of them owns anything.
const KINDS: [&str; 4] = ["slipway_worker", "slipway_scheduler", "slipway_console", "slipway_viewer"];

/// The SQLSTATE of a missing right.
const DENIED: &str = "42501";

/// A database with something in it, whose owner has granted the rights, again and again.
async fn granted(database: &Database) -> Store {
    let store = migrated(database).await;
    for kind in KINDS {
        database.url_of(kind).await;
    }
    store.grant().await.unwrap();
    store.grant().await.unwrap();
    let id = promotion(&store, "shop", 1).await;
    run(&store, &id).await;
    store
}

/// Whether the user of this kind lacks the right to it.
async fn is_denied(client: &scratch::Client, statement: &str) -> bool {
    let Err(refused) = client.batch_execute(statement).await else { return false };
    refused.as_db_error().unwrap().code().code() == DENIED
}

#[tokio::test]
async fn nobody_but_its_owner_can_touch_the_audit_trail() {
    let ways = [
        "update audit set entry = '{}'",
        "update audit_head set number = 0",
        "delete from audit",
        "delete from audit_head",
        "truncate audit",
        "truncate audit_head",
        "insert into audit values (2, '{}', repeat('a', 64))",
        "select number from audit for update",
        "select audit_append('test', 'shop', null, null)",
        "drop table audit",
        "alter table audit disable trigger all",
        "alter table installations disable trigger all",
        "drop trigger audited on installations",
        "create trigger mine before insert on audit execute function audit_is_final()",
        "create or replace function audit_append(action text, subject text, before jsonb, after jsonb) returns void
         language sql as ''",
        "alter function audit_change() security invoker",
        "create function mine() returns integer language sql as 'select 1'",
        "create temporary table audit_head (is_only boolean, number bigint, hash text)",
        "set session_replication_role = replica",
    ];
    with_database(async |database| {
        let store = granted(database).await;
        for kind in KINDS {
            let client = database.connect_as(kind).await;
            for way in ways {
                assert!(is_denied(&client, way).await, "{kind}: {way}");
            }
            let read = client.query("select entry from audit", &[]).await.unwrap();
            assert_eq!(read.len(), 1, "{kind} may read it");
        }
        let verdict = store.verify_audit().await.unwrap();
        assert_eq!((verdict.entries, verdict.problems), (1, Vec::new()));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_process_changes_is_on_the_trail_with_the_user_that_it_came_as() {
    with_database(async |database| {
        let owner = granted(database).await;
        let console = Store::connect(&database.url_of("slipway_console").await, 2).await.unwrap();
        console.apply_installation("other", &json!({ "name": "other" }), &actor("Ines")).await.unwrap();
        let client = database.connect_as("slipway_console").await;
        client.batch_execute("update profiles set zone = 'Europe/Berlin'").await.unwrap();
        let user = client.query_one("select session_user::text", &[]).await.unwrap().get::<_, String>(0);

        let said: Vec<_> = owner.audit_after(1).await.unwrap().iter().map(|it| it.said().unwrap()).collect();
        let told: Vec<_> = said.iter().map(|it| (it.who.as_str(), it.action.as_str())).collect();
        assert_eq!(told, [("Ines", "installations.insert"), (user.as_str(), "profiles.update")]);
        assert!(said.iter().all(|it| it.login.as_ref() == Some(&user)), "{said:?}");
        // What somebody does who is allowed to do anything.
        database
            .run(
                "set session_replication_role = replica;
                 update audit set entry = replace(entry, 'Ines', 'Mara') where number = 2;
                 reset session_replication_role",
            )
            .await;
        assert_eq!(console.verify_audit().await.unwrap().problems, ["entry 2 was changed"]);
        console.close().await;
        owner.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_kind_of_process_may_do_what_it_needs_and_no_more() {
    let [worker, scheduler, console] = ["slipway_worker", "slipway_scheduler", "slipway_console"];
    let cases: [(&str, &[&str]); 22] = [
        ("update runs set version = version", &[worker, scheduler, console]),
        ("update promotions set status = status", &[worker, scheduler, console]),
        ("select nextval('lease_tokens')", &[worker, scheduler]),
        ("update backups set problem = problem", &[worker]),
        ("update promotions set approved_by = approved_by", &[console]),
        ("update promotions set build = build", &[]),
        ("insert into promotions select * from promotions where false", &[]),
        (
            "insert into promotions (id, approved_by) select id, approved_by from promotions where false",
            &[console],
        ),
        ("insert into builds select * from builds where false", &[scheduler]),
        ("update installations set description = description", &[console]),
        ("update installations set current_promotion = current_promotion", &[scheduler, console]),
        ("update profiles set zone = zone", &[console]),
        ("select zone from profiles for update", &[scheduler, console]),
        ("delete from windows", &[console]),
        ("delete from blackouts", &[console]),
        ("select sha256 from api_tokens", &[console]),
        ("update api_tokens set role = role", &[]),
        ("delete from api_tokens", &[]),
        ("delete from run_events", &[]),
        ("update run_events set event = event", &[]),
        ("update leadership set until = until", &[scheduler]),
        ("update dead_letters set settled_by = settled_by", &[console]),
    ];
    with_database(async |database| {
        let store = granted(database).await;
        for kind in KINDS {
            let client = database.connect_as(kind).await;
            for (statement, allowed) in cases {
                let denied = is_denied(&client, statement).await;
                assert_eq!(denied, !allowed.contains(&kind), "{kind}: {statement}");
            }
        }
        let viewer = database.connect_as("slipway_viewer").await;
        for (table, columns) in
            [("promotions", "*"), ("runs", "*"), ("audit", "*"), ("api_tokens", "holder, role")]
        {
            viewer.query(&format!("select {columns} from {table}"), &[]).await.unwrap();
        }
        store.close().await;
    })
    .await;
}

/// What a new table or column needs is easily forgotten, as tests come as its owner.
#[tokio::test]
async fn every_statement_of_the_program_is_allowed_to_somebody() {
    with_database(async |database| {
        let store = granted(database).await;
        let mut clients = Vec::new();
        for kind in KINDS {
            clients.push(database.connect_as(kind).await);
        }
        let statements = statements();
        assert!(statements.len() > 50, "{}", statements.len());
        for (query, parameters) in statements {
            let mut denied = 0;
            for client in &clients {
                // The server looks at the rights when it begins to execute, also when it only explains.
                let values = vec!["null"; parameters].join(", ");
                let arguments = if parameters == 0 { String::new() } else { format!("({values})") };
                client
                    .batch_execute("deallocate all; set plan_cache_mode = force_generic_plan")
                    .await
                    .unwrap();
                client.batch_execute(&format!("prepare it as {query}")).await.unwrap();
                denied += usize::from(is_denied(client, &format!("explain execute it{arguments}")).await);
            }
            assert!(denied < clients.len(), "nobody may: {query}");
        }
        store.close().await;
    })
    .await;
}

/// The statements that the program was compiled with, and how many parameters each has; those that cannot be
/// explained need no rights.
fn statements() -> Vec<(String, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = std::fs::read_dir(folder).unwrap();
    let statements = files.map(|file| {
        let described: Value =
            serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let parameters = described["describe"]["parameters"]["Left"].as_array().unwrap().len();
        (described["query"].as_str().unwrap().to_owned(), parameters)
    });
    statements.filter(|(query, _)| !query.starts_with("set ")).collect()
}

#[tokio::test]
async fn a_process_finds_the_tables_as_they_must_be_and_changes_none() {
    with_database(async |database| {
        let url = database.url_of("slipway_worker").await;
        let early = Store::connect(&url, 1).await.unwrap().migrate().await.unwrap_err();
        assert!(matches!(early, StoreError::Statement(_)), "{early:?}");
        let owner = granted(database).await;
        Store::connect(&url, 1).await.unwrap().migrate().await.unwrap();
        database
            .run(
                "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'from the future', true, '', 0)",
            )
            .await;
        let late = Store::connect(&url, 1).await.unwrap().migrate().await.unwrap_err();
        assert!(matches!(late, StoreError::Schema(_)), "{late:?}");
        owner.close().await;
    })
    .await;
}
