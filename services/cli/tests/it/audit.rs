//! `slipway audit`.

use cli::Exit;
use protocol::http::{AuditEntry, AuditVerdict};

use crate::console::{Console, json};

fn entry(number: i64) -> AuditEntry {
    let entry = format!(
        r#"{{"at": "2026-11-24T22:00:03.000000Z", "who": "Ines", "from": "10.0.0.7", "after": {{"status": "approved"}}, "action": "promotions.update", "before": {{"status": "pending"}}, "number": {number}, "subject": "CP-0000A1B2", "previous": "00"}}"#
    );
    AuditEntry { number, entry, hash: "ab".repeat(32) }
}

#[tokio::test]
async fn the_trail_is_a_table() {
    let mut strange = entry(2);
    strange.entry = "{".to_owned();
    let all = [entry(3), strange];
    let console =
        Console::start().await.on("GET /audit", [json(200, &all), json(200, Vec::<AuditEntry>::new())]);
    insta::assert_snapshot!(console.run(&["audit", "list", "--before", "9"]).await.out, @r#"
    NUMBER  WHEN                  WHO   FROM      WHAT               ON           CHANGE
    3       2026-11-24 22:00 UTC  Ines  10.0.0.7  promotions.update  CP-0000A1B2  {"status":"pending"} → {"status":"approved"}
    2       ?                     ?     ?         ?                  ?            cannot be read
    "#);
    assert_eq!(console.queries("/audit"), ["before=9"]);
    assert_eq!(console.run(&["audit", "list"]).await.out, "Nobody has decided anything yet.\n");
}

#[tokio::test]
async fn a_trail_that_was_changed_is_a_failure() {
    let mut verdict = AuditVerdict { entries: 7, head: "ab".repeat(32), problems: Vec::new() };
    let whole = json(200, &verdict);
    verdict.problems = vec!["entry 3 was changed".to_owned(), "entry 5 is missing".to_owned()];
    let console = Console::start().await.on("GET /audit/verify", [whole, json(200, &verdict)]);
    let ran = console.run(&["audit", "verify"]).await;
    assert_eq!(ran.exit, Exit::Done);
    assert!(ran.out.starts_with("All 7 entries are as they were written."), "{ran:?}");
    let ran = console.run(&["audit", "verify"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.out, @r"
    Somebody changed the audit trail:
      entry 3 was changed
      entry 5 is missing
    Compare it with an earlier export, and find out who could write to Slipway's own database.
    ");
}

#[tokio::test]
async fn an_export_is_the_whole_trail_line_by_line() {
    let pages = [json(200, [entry(1), entry(2)]), json(200, [entry(3)]), json(200, Vec::<AuditEntry>::new())];
    let console = Console::start().await.on("GET /audit", pages);
    let ran = console.run(&["audit", "export"]).await;
    let lines: Vec<AuditEntry> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [entry(1), entry(2), entry(3)]);
    assert_eq!(console.queries("/audit"), ["after=0", "after=2", "after=3"]);
}
