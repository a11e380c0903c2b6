//! `slipway backups`.

use cli::Exit;
use protocol::http::{BackupRecord, BackupSummary, ErrandState, RollbackPlan};
use serde_json::{Value, json as value};

use crate::console::{Console, json};
use crate::sample::{self, promotion};

fn summary(id: i64, state: &str) -> BackupSummary {
    let backup = sample::backup();
    BackupSummary {
        id,
        state: state.to_owned(),
        installation: "shop".to_owned(),
        promotion: sample::ID.to_owned(),
        title: "Loyalty points".to_owned(),
        taken_at: "2026-11-24T22:00:03Z".parse().unwrap(),
        path: backup.path,
        size_bytes: backup.size_bytes,
        rung: "read_back".to_owned(),
        verified_at: (state == "kept").then(|| "2026-11-24T22:00:09Z".parse().unwrap()),
        problem: (state == "damaged").then(|| "Its contents have changed.".to_owned()),
        pinned: false,
    }
}

fn record(state: &str, verification: Option<&str>) -> BackupRecord {
    let backup = sample::backup();
    BackupRecord {
        summary: summary(7, state),
        sha256: backup.sha256,
        server_version: backup.server_version,
        restore_instructions: backup.restore_instructions,
        not_covered: backup.not_covered,
        verification: verification.map(|state| ErrandState {
            state: state.to_owned(),
            reason: (state == "failed").then(|| "The backup folder is not there.".to_owned()),
        }),
    }
}

#[tokio::test]
async fn backups_are_listed_and_shown() {
    let all = [summary(8, "kept"), summary(7, "damaged")];
    let console = Console::start()
        .await
        .on("GET /backups", [json(200, &all), json(200, Vec::<Value>::new())])
        .on("GET /backups/7", [json(200, record("kept", None)), json(200, record("damaged", None))]);
    let ran = console.run(&["backups", "list", "--installation", "shop"]).await;
    insta::assert_snapshot!(ran.out, @r"
    ID  STATE    INSTALLATION  TAKEN                 VERIFIED              SIZE    BEFORE       FEATURE
    8   kept     shop          2026-11-24 22:00 UTC  2026-11-24 22:00 UTC  4.2 MB  CP-0000A1B2  Loyalty points
    7   damaged  shop          2026-11-24 22:00 UTC  never                 4.2 MB  CP-0000A1B2  Loyalty points
    ");
    assert_eq!(console.queries("/backups"), ["installation=shop"]);
    assert_eq!(console.run(&["backups", "list"]).await.out, "There are no backups.\n");
    insta::assert_snapshot!(console.run(&["backups", "show", "7"]).await.out, @r"
    Backup 7

      State         kept
      Installation  shop
      Taken         2026-11-24 22:00 UTC, before CP-0000A1B2 (Loyalty points)
      Verified      2026-11-24 22:00 UTC
      Proven        read back whole
      File          /var/backups/pre-promote-FB-0123ABCD-20261124220003.dump (4.2 MB)
      SHA-256       abababababababababababababababababababababababababababababababab
      Server        PostgreSQL 15.8
      Contents      Only the database shop is in it.

    How to restore it by hand:
    createdb shop_restored
    pg_restore -d shop_restored FILE
    ");
    let damaged = console.run(&["backups", "show", "7"]).await.out;
    assert!(damaged.starts_with("Backup 7\nIts contents have changed.\n"), "{damaged}");
    assert!(!damaged.contains("pg_restore"), "{damaged}");
}

#[tokio::test]
async fn a_verification_is_waited_for_and_its_verdict_is_the_exit_code() {
    for (state, verification, exit, said) in [
        ("kept", "done", Exit::Done, "Backup 7 is good"),
        ("damaged", "done", Exit::Failed, "Backup 7 must not be used. Its contents have changed."),
        (
            "kept",
            "failed",
            Exit::Failed,
            "Nobody could say whether backup 7 is good. The backup folder is not there.",
        ),
    ] {
        let running = json(200, record("kept", Some("running")));
        let console = Console::start()
            .await
            .on("POST /backups/7/verify", [running.clone()])
            .on("GET /backups/7", [running, json(200, record(state, Some(verification)))]);
        let ran = console.run(&["backups", "verify", "7", "--by", "Noor"]).await;
        assert_eq!(ran.exit, exit, "{state} {verification}");
        assert!(ran.out.starts_with(said), "{}", ran.out);
        assert_eq!(console.requests()[0].body, value!({ "by": "Noor" }));
    }
}

#[tokio::test]
async fn a_backup_is_restored_only_with_a_yes() {
    let plan = RollbackPlan {
        promotion: sample::ID.to_owned(),
        installation: "shop".to_owned(),
        steps: vec!["The data is put back.".to_owned()],
        backup: Some(7),
    };
    let console = Console::start()
        .await
        .on("GET /backups/7/restore", [json(200, plan)])
        .on("POST /backups/7/restore", [json(200, promotion("approved", "Approved").summary)]);
    let ask = ["backups", "restore", "7", "--by", "Noor", "--reason", "Try it."];
    let ran = console.run(&ask).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert_eq!(console.requests().len(), 1, "nothing was asked for");
    let ran = console.run(&[&ask[..], &["--yes"]].concat()).await;
    assert_eq!(ran.exit, Exit::Done);
    let body = value!({ "by": "Noor", "reason": "Try it." });
    assert_eq!(console.requests().last().map(|it| it.body.clone()), Some(body));
}

#[tokio::test]
async fn what_is_pruned_is_listed() {
    let gone = [summary(3, "kept")];
    let console = Console::start()
        .await
        .on("POST /backups/prune", [json(200, &gone), json(200, &gone), json(200, Vec::<Value>::new())]);
    let ran = console.run(&["backups", "prune", "--dry-run"]).await;
    insta::assert_snapshot!(ran.out, @r"
    These would go:
    ID  STATE  INSTALLATION  TAKEN                 VERIFIED              SIZE    BEFORE       FEATURE
    3   kept   shop          2026-11-24 22:00 UTC  2026-11-24 22:00 UTC  4.2 MB  CP-0000A1B2  Loyalty points
    ");
    let ran = console.run(&["backups", "prune", "--installation", "shop"]).await;
    assert!(ran.out.starts_with("These go now:\n"), "{}", ran.out);
    let ran = console.run(&["backups", "prune"]).await;
    assert_eq!(ran.out, "No backup is beyond what is kept: nothing goes.\n");
    let bodies: Vec<_> = console.requests().into_iter().map(|it| it.body).collect();
    let (dry, one, all) = (
        value!({ "dry_run": true }),
        value!({ "installation": "shop", "dry_run": false }),
        value!({ "dry_run": false }),
    );
    assert_eq!(bodies, [dry, one, all]);
}
