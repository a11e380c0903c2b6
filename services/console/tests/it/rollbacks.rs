//! Bringing earlier versions back, and what is done with backups.

use std::time::Duration;

use domain::PromotionId;
use domain::run::Event;
use engine::approval::approve;
use engine::start::start_next;
use engine::store::backups::Backup;
use engine::store::jobs::Try;
use engine::{Report, Reporter, advance};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{Console, actor, problem, with_console};

/// A promotion that was deployed, with a backup taken before it.
async fn deployed(console: &Console<'_>, number: u32) -> PromotionId {
    let id = console.created(number).await;
    approve(&console.engine, &id, &actor("Ines"), None).await.unwrap();
    start_next(&console.engine).await.unwrap().unwrap();
    let run = console.engine.store.open_run(&id).await.unwrap().unwrap();
    while let Some((job, attempt)) = console.engine.store.run(run).await.unwrap().unwrap().current() {
        let which = Try { run, job, attempt };
        let lease =
            console.engine.store.claim(which, "worker", Duration::from_mins(1)).await.unwrap().unwrap();
        let backup = (job == domain::Job::Dump).then(|| Backup {
            path: format!("/backups/{number}.dump"),
            size_bytes: 4_289_000,
            sha256: "ab".repeat(32),
            server_version: "15.8".to_owned(),
            restore_instructions: "pg_restore".to_owned(),
            rung: "read_back".to_owned(),
            not_covered: None,
        });
        let report = Report { backup, ..Report::default() };
        let reporter = Reporter::Worker { token: lease.token };
        let event = Event::Succeeded { job, attempt };
        advance(&console.engine, run, &event, reporter, &report).await.unwrap();
    }
    id
}

#[tokio::test]
async fn a_rollback_is_planned_and_ordered_once() {
    with_console(None, async |console| {
        let first = deployed(&console, 1).await;
        let second = deployed(&console, 2).await;
        let path = format!("/api/v1/promotions/{first}/rollback");
        let plan: Value = console.get(&format!("{path}?restore_data=true")).await.json().await.unwrap();
        assert_eq!((&plan["promotion"], plan["backup"].is_number()), (&json!(first.to_string()), true));
        assert!(plan["steps"].to_string().contains("/backups/2.dump"), "{plan}");

        problem(console.post(&path, &json!({ "by": "", "reason": "Wrong." })).await, 422).await;
        problem(console.post(&path, &json!({ "by": "Noor", "reason": " " })).await, 422).await;
        let noor = json!({ "by": "Noor", "reason": "Wrong.", "restore_data": true });
        let ordered: Value = console.post(&path, &noor).await.json().await.unwrap();
        assert_eq!(ordered["status"], "approved");
        let shown: Value = console
            .get(&format!("/api/v1/promotions/{}", ordered["id"].as_str().unwrap()))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(shown["rolls_back_to"], json!(first.to_string()));
        assert_eq!(
            (&shown["restore_from"], &shown["change_reason"]),
            (&json!("/backups/2.dump"), &json!("Wrong."))
        );
        let refused = problem(console.post(&path, &noor).await, 409).await;
        let expected = format!("{} brings this version back already.", ordered["id"].as_str().unwrap());
        assert!(refused["detail"].as_str().unwrap().starts_with(&expected), "{refused}");

        let serving = format!("/api/v1/promotions/{second}/rollback");
        let refused = problem(console.get(&serving).await, 409).await;
        assert_eq!(refused["detail"], format!("The version of {second} is the one that serves now."));
        let pending = console.created(3).await;
        let never = format!("/api/v1/promotions/{pending}/rollback");
        let refused = problem(console.get(&never).await, 409).await;
        assert!(refused["detail"].as_str().unwrap().contains("was never deployed"), "{refused}");
        problem(console.get("/api/v1/promotions/CP-FFFFFFFF/rollback").await, 404).await;

        let all: Value = console.get("/api/v1/restorable?installation=shop").await.json().await.unwrap();
        assert_eq!((all[0]["serves"].clone(), all[1]["serves"].clone()), (json!(true), json!(false)));
        assert_eq!(all[1]["image_kept"], json!(null), "nobody here can see");
    })
    .await;
}

#[tokio::test]
async fn backups_are_listed_and_what_is_asked_of_them_is_ordered() {
    with_console(None, async |console| {
        let first = deployed(&console, 1).await;
        deployed(&console, 2).await;
        let all: Value = console.get("/api/v1/backups?installation=shop").await.json().await.unwrap();
        let states: Vec<_> = all.as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
        assert_eq!(states, ["kept", "kept"]);
        let oldest = &all[1];
        assert_eq!((&oldest["promotion"], &oldest["rung"]), (&json!(first.to_string()), &json!("read_back")));

        let path = format!("/api/v1/backups/{}", oldest["id"]);
        let noor = json!({ "by": "Noor", "reason": "Try it." });
        for _ in 0..2 {
            let asked: Value = console.post(&format!("{path}/verify"), &noor).await.json().await.unwrap();
            assert_eq!(asked["verification"], json!({ "state": "running", "reason": null }));
        }
        assert_eq!(console.database.text("select count(*)::text from runs where plan = 'errand'").await, "1");

        let plan: Value = console.get(&format!("{path}/restore")).await.json().await.unwrap();
        assert_eq!((&plan["backup"], &plan["promotion"]), (&oldest["id"], &all[0]["promotion"]));
        problem(console.post(&format!("{path}/restore"), &json!({ "by": "Noor" })).await, 422).await;
        assert_eq!(console.post(&format!("{path}/restore"), &noor).await.status(), StatusCode::OK);

        console.database.run("update backups set state = 'pruned'").await;
        let refused = problem(console.get(&format!("{path}/restore")).await, 409).await;
        assert!(refused["detail"].as_str().unwrap().contains("is no longer kept"), "{refused}");
        problem(console.post(&format!("{path}/verify"), &noor).await, 409).await;
        problem(console.get("/api/v1/backups/999").await, 404).await;
        problem(console.get("/api/v1/backups/x").await, 404).await;
        let gone = console.post("/api/v1/backups/prune", &json!({ "dry_run": true })).await;
        assert_eq!(gone.json::<Value>().await.unwrap(), json!([]));
    })
    .await;
}
