//! `slipway promotions`.

use std::io;

use cli::Exit;
use protocol::http::{LogLine, Problem, PromotionPlan};
use serde_json::{Value, json as value};

use crate::console::{Console, json, raw, stream_of};
use crate::sample::{self, backup, ended, entry, promotion};

fn line(sequence: i64, line: &str) -> LogLine {
    LogLine {
        sequence,
        at: "2026-11-24T22:00:03Z".parse().unwrap(),
        job: "build.image".to_owned(),
        line: line.to_owned(),
    }
}

#[tokio::test]
async fn lists_are_tables() {
    let mut other = promotion("needs_attention", "Needs attention").summary;
    other.installation = "warehouse-north".to_owned();
    other.title = "Labels\u{1b}[31m\tfor pallets".to_owned();
    let all = [promotion("pending", "Pending").summary, other];
    let console =
        Console::start().await.on("GET /promotions", [json(200, &all), json(200, Vec::<Value>::new())]);
    let ran = console.run(&["promotions", "list", "--installation", "a & b"]).await;
    insta::assert_snapshot!(ran.out, @r"
    PROMOTION    STATUS           INSTALLATION     CREATED               FEATURE
    CP-0000A1B2  Pending          shop             2026-11-24 21:58 UTC  Loyalty points
    CP-0000A1B2  Needs attention  warehouse-north  2026-11-24 21:58 UTC  Labels[31m for pallets
    ");
    assert_eq!(console.queries("/promotions"), ["installation=a+%26+b"]);
    assert_eq!(console.run(&["promotions", "list"]).await.out, "There are no promotions.\n");
}

#[tokio::test]
async fn a_promotion_is_shown_with_all_that_is_on_record() {
    let mut shown = ended("deployed", "Deployed", None);
    shown.backup = Some(backup());
    shown.timeline = vec![entry("swap.stop_old", 1, "failed"), entry("swap.stop_old", 2, "succeeded")];
    let console = Console::start().await.on("GET /promotions/CP-0000A1B2", [json(200, &shown)]);
    let ran = console.run(&["promotions", "show", sample::ID]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    Deployed: Loyalty points now serves on shop.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Backup          /var/backups/pre-promote-FB-0123ABCD-20261124220003.dump (4.2 MB)
      Backup contents Only the database shop is in it.
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2

    #  STEP              JOB            TRY  STATE      TOOK   REASON
    7  Stop old version  swap.stop_old  1    failed     1.2 s  The disk is full.
    7  Stop old version  swap.stop_old  2    succeeded  1.2 s

    How to restore the backup by hand:
    createdb shop_restored
    pg_restore -d shop_restored FILE
    ");
    let ran = console.run(&["promotions", "show", sample::ID, "--output", "json"]).await;
    assert_eq!(ran.values(), [serde_json::to_value(&shown).unwrap()]);
}

#[tokio::test]
async fn decisions_carry_who_and_why() {
    let approved = json(200, promotion("approved", "Approved").summary);
    let cancelled = json(200, promotion("cancelled", "Cancelled").summary);
    let console = Console::start()
        .await
        .on("POST /promotions/CP-0000A1B2/approve", [approved])
        .on("POST /promotions/CP-0000A1B2/cancel", [cancelled])
        .on(
            "POST /promotions/CP-0000A1B2/resume",
            [json(200, promotion("rolling_back", "Rolling back").summary)],
        )
        .on(
            "POST /promotions/CP-0000A1B2/give-up",
            [json(200, promotion("needs_attention", "Needs attention").summary)],
        )
        .on("GET /promotions/CP-0000A1B2", [json(200, ended("rolled_back", "Rolled back", None))])
        .on(
            "GET /promotions/CP-0000A1B2/events",
            [stream_of(&[sample::event(1, 0, protocol::Kind::RolledBack, "The old version serves.")])],
        );
    let ran = console.run(&["promotions", "approve", sample::ID, "--by", "Grace"]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    CP-0000A1B2 (Loyalty points → shop): Approved.
    Watch it with: slipway promotions follow CP-0000A1B2
    ");
    let ran = console.run(&["promotions", "approve", sample::ID, "--by", "Grace", "--follow"]).await;
    assert_eq!(ran.exit, Exit::RolledBack);
    let ran = console.run(&["promotions", "cancel", sample::ID, "--by", "Ada", "--reason", "Not yet"]).await;
    assert_eq!(ran.exit, Exit::Done);
    let ran = console.run(&["promotions", "resume", sample::ID, "--by", "Ada"]).await;
    assert_eq!(ran.exit, Exit::Done);
    let ran = console.run(&["promotions", "give-up", sample::ID, "--by", "Ada", "--reason", "Mended"]).await;
    assert_eq!(ran.exit, Exit::Done);
    let requests = console.requests();
    let bodies: Vec<&Value> = requests.iter().map(|it| &it.body).filter(|it| it.is_object()).collect();
    let approve = value!({ "by": "Grace" });
    let cancel = value!({ "by": "Ada", "reason": "Not yet" });
    let (resume, give_up) = (value!({ "by": "Ada" }), value!({ "by": "Ada", "reason": "Mended" }));
    assert_eq!(bodies, [&approve, &approve, &cancel, &resume, &give_up]);
}

#[tokio::test]
async fn a_plan_is_shown_and_approved_as_it_was_shown() {
    let mut plan = PromotionPlan {
        promotion: sample::ID.to_owned(),
        plan: "ab12".to_owned(),
        sentences: vec![
            "“Loyalty points”, to shop.".to_owned(),
            "The database is backed up first.".to_owned(),
        ],
        expected_downtime_ms: Some(1300),
        approved_by: None,
        approval_ends_at: None,
        lapsed: None,
    };
    let shown = json(200, &plan);
    plan.approved_by = Some("Grace".to_owned());
    plan.approval_ends_at = Some("2026-12-01T21:58:00Z".parse().unwrap());
    let approved = json(200, &plan);
    plan.lapsed = Some("It waits for another approval.".to_owned());
    let console = Console::start()
        .await
        .on("GET /promotions/CP-0000A1B2/plan", [shown, approved, json(200, &plan)])
        .on("POST /promotions/CP-0000A1B2/approve", [json(200, promotion("approved", "Approved").summary)]);
    let ran = console.run(&["promotions", "plan", sample::ID]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    This is what CP-0000A1B2 would do:
      1. “Loyalty points”, to shop.
      2. The database is backed up first.

    Approve exactly this: slipway promotions approve CP-0000A1B2 --plan ab12
    ");
    for words in
        ["Grace has approved it; that holds until 2026-12-01 21:58 UTC.", "It waits for another approval."]
    {
        let out = console.run(&["promotions", "plan", sample::ID]).await.out;
        assert!(out.contains(words), "{out}");
    }
    console.run(&["promotions", "approve", sample::ID, "--by", "Grace", "--plan", "ab12"]).await;
    assert_eq!(console.requests().last().unwrap().body, value!({ "by": "Grace", "plan": "ab12" }));
}

#[tokio::test]
async fn who_says_no_or_lets_it_go_past_the_windows_says_why() {
    let console = Console::start()
        .await
        .on("POST /promotions/CP-0000A1B2/reject", [json(200, promotion("rejected", "Rejected").summary)])
        .on("POST /promotions/CP-0000A1B2/override", [json(200, promotion("pending", "Pending").summary)])
        .on("POST /promotions/CP-0000A1B2/approve", [json(200, promotion("approved", "Approved").summary)]);
    let no = ["promotions", "reject", sample::ID, "--by", "Grace"];
    assert!(Console::is_usage_error(&no));
    assert_eq!(console.run(&[&no[..], &["--reason", "Not like this"]].concat()).await.exit, Exit::Done);
    let past =
        ["promotions", "approve", sample::ID, "--by", "Ada", "--override", "--reason", "The regulator"];
    assert_eq!(console.run(&past).await.exit, Exit::Done);
    let asked: Vec<_> = console.requests().into_iter().map(|it| (it.line, it.body)).collect();
    let line = |action: &str| format!("POST /api/v1/promotions/CP-0000A1B2/{action}");
    let why = value!({ "by": "Ada", "reason": "The regulator" });
    assert_eq!(
        asked,
        [
            (line("reject"), value!({ "by": "Grace", "reason": "Not like this" })),
            (line("override"), why.clone()),
            (line("approve"), why),
        ]
    );
}

#[tokio::test]
async fn a_decision_that_cannot_be_taken_is_refused() {
    let problem = Problem {
        status: 409,
        title: "Already decided".to_owned(),
        detail: "CP-0000A1B2 is deployed; it can no longer be approved.".to_owned(),
        fields: Vec::new(),
    };
    let console = Console::start().await.on("POST /promotions/CP-0000A1B2/approve", [json(409, problem)]);
    let ran = console.run(&["promotions", "approve", sample::ID, "--by", "Grace", "--follow"]).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert_eq!(ran.err, "Already decided\nCP-0000A1B2 is deployed; it can no longer be approved.\n");
}

#[tokio::test]
async fn a_log_is_printed_once_whatever_its_parts() {
    let parts = [
        json(200, [line(3, "Step 1/4"), line(4, "\u{1b}[2JStep 2/4")]),
        raw(503, ""),
        json(200, [line(9, "Done")]),
        json(200, Vec::<LogLine>::new()),
    ];
    let console = Console::start()
        .await
        .on("GET /promotions/CP-0000A1B2/log", parts)
        .on("GET /promotions/CP-0000A1B2", [json(200, ended("rolled_back", "Rolled back", None))]);
    let ran = console.run(&["promotions", "log", sample::ID, "--follow"]).await;
    assert_eq!(ran.exit, Exit::RolledBack);
    insta::assert_snapshot!(ran.out, @r"
    22:00:03  build.image           Step 1/4
    22:00:03  build.image           [2JStep 2/4
    22:00:03  build.image           Done
    ");
    assert_eq!(console.queries("/log"), ["after=0", "after=4", "after=4", "after=9"]);
}

#[tokio::test]
async fn ids_are_quoted_in_paths() {
    let console = Console::start().await;
    console.run(&["promotions", "show", "../installations?x#y"]).await;
    assert_eq!(console.requests()[0].line, "GET /api/v1/promotions/..%2Finstallations%3Fx%23y");
}

#[tokio::test]
async fn what_is_not_slipway_is_recognized() {
    let console = Console::start().await.on("GET /promotions", [raw(200, "<html>It works!</html>")]);
    let ran = console.run(&["promotions", "list"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.err, @"URL/api/v1/promotions answered with something that Slipway's console does not say (expected value at line 1 column 1). Check the address.");
}

#[tokio::test]
async fn an_address_that_is_none_is_wrong_usage() {
    let console = Console::start().await;
    for url in ["127.0.0.1:7420", "https://slipway.example", "mailto:a@b.c", ""] {
        let ran = console.at(url).run(&["promotions", "list"]).await;
        assert_eq!(ran.exit, Exit::Usage, "{url}");
    }
}

#[tokio::test]
async fn a_closed_pipe_is_no_news() {
    let console = Console::start().await.on("GET /promotions", [json(200, Vec::<Value>::new())]);
    let ran = console.run_into(closed_pipe(), &["promotions", "list"]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Failed, ""));
}

fn closed_pipe() -> io::PipeWriter {
    let (_, writer) = io::pipe().unwrap();
    writer
}
