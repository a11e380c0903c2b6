//! `slipway dlq`.

use cli::Exit;
use protocol::http::{DeadLetter, DeadLetterSummary, LetterBody, Problem, Settled};
use serde_json::{Value, json as value};

use crate::console::{Console, json};

fn summary(id: i64, state: &str) -> DeadLetterSummary {
    DeadLetterSummary {
        id,
        state: state.to_owned(),
        queue: "jobs.build".to_owned(),
        reason: "the message was delivered 11 times and nobody could finish with it".to_owned(),
        promotion: Some("CP-0000A1B2".to_owned()),
        message_id: Some("019a".to_owned()),
        deliveries: Some(11),
        size_bytes: 40,
        received_at: "2026-11-24T22:00:03Z".parse().unwrap(),
        settled: (state != "kept").then(|| Settled {
            by: "Grace".to_owned(),
            at: "2026-11-24T23:10:00Z".parse().unwrap(),
            reason: (state == "discarded").then(|| "not ours".to_owned()),
            sent_as: (state == "redriven").then(|| "019b".to_owned()),
        }),
    }
}

fn letter(body: &[u8]) -> DeadLetter {
    DeadLetter {
        summary: DeadLetterSummary { size_bytes: body.len() as u64, ..summary(7, "kept") },
        job: Some("build.image".to_owned()),
        attempt: Some(1),
        run: Some("0199".to_owned()),
        content_type: "application/json".to_owned(),
        traceparent: None,
        body: LetterBody::new(body),
    }
}

fn problem(status: u16, detail: &str) -> Problem {
    Problem { status, title: "Conflict".to_owned(), detail: detail.to_owned(), fields: Vec::new() }
}

async fn shown(letter: &DeadLetter) -> String {
    let console = Console::start().await.on("GET /dead-letters/7", [json(200, letter)]);
    let ran = console.run(&["dlq", "show", "7"]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    ran.out
}

#[tokio::test]
async fn lists_are_tables() {
    let mut foreign = summary(6, "discarded");
    foreign.promotion = None;
    foreign.reason = format!("not a\u{1b}[2J job message: {}", "ü".repeat(100));
    let all = [summary(7, "kept"), foreign];
    let console = Console::start()
        .await
        .on("GET /dead-letters", [json(200, &all), json(200, &all), json(200, Vec::<Value>::new())]);
    insta::assert_snapshot!(console.run(&["dlq", "list"]).await.out, @r"
    ID  STATE      QUEUE       RECEIVED              PROMOTION    REASON
    7   kept       jobs.build  2026-11-24 22:00 UTC  CP-0000A1B2  the message was delivered 11 times and nobody could finish with it
    6   discarded  jobs.build  2026-11-24 22:00 UTC  –            not a[2J job message: üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…
    ");
    let ran = console.run(&["dlq", "list", "--state", "kept", "--before", "9", "--output", "json"]).await;
    assert_eq!(ran.values(), [value!(all)]);
    assert_eq!(console.queries("/dead-letters"), ["state=kept&before=9"]);
    assert_eq!(console.run(&["dlq", "list"]).await.out, "There are no dead letters.\n");
}

#[tokio::test]
async fn a_letter_is_shown_with_all_that_is_on_record() {
    let body = br#"{"run": "0199", "job": "build.image", "attempt": 1}"#;
    insta::assert_snapshot!(shown(&letter(body)).await, @r#"
    Dead letter 7 (jobs.build) is kept: nobody has decided.
    the message was delivered 11 times and nobody could finish with it

      Received        2026-11-24 22:00 UTC
      Delivered       11 times
      Promotion       CP-0000A1B2
      Job             build.image, try 1
      Run             0199
      Message         019a
      Type            application/json
      Size            51 bytes

    Body:
      {
        "attempt": 1,
        "job": "build.image",
        "run": "0199"
      }

    Send it again: slipway dlq redrive 7
    Discard it: slipway dlq discard 7 --reason "…"
    "#);
    let mut settled = letter(b"");
    settled.summary = DeadLetterSummary { size_bytes: 0, ..summary(7, "redriven") };
    insta::assert_snapshot!(shown(&settled).await, @r"
    Dead letter 7 (jobs.build) was sent again by Grace, 2026-11-24 23:10 UTC.
    the message was delivered 11 times and nobody could finish with it

      Received        2026-11-24 22:00 UTC
      Delivered       11 times
      Promotion       CP-0000A1B2
      Job             build.image, try 1
      Run             0199
      Message         019a
      Sent again as   019b
      Type            application/json
      Size            0 bytes

    Body:
      (it is empty)
    ");
}

#[tokio::test]
async fn no_body_steers_a_terminal_or_passes_for_our_words() {
    let bodies: [(&[u8], &str); 9] = [
        (b"\0\x01", "  \\u0000\\u0001"),
        (b"\x1b]0;owned\x07\x1b[2J", "  \\u001b]0;owned\\u0007\\u001b[2J"),
        (b"\xff\xfeA\xc3", "  \\xff\\xfeA\\xc3"),
        ("\u{9b}2J\u{202e}gnp.\u{200b}".as_bytes(), "  \\u009b2J\\u202egnp.\\u200b"),
        (b"a\r\nSend it again: rm -rf /", "  a\\u000d\n  Send it again: rm -rf /"),
        (b"\\x00 is not zero", "  \\\\x00 is not zero"),
        (br#""\u001b[2J\u009b\ud83d\ude00 \\ \"""#, "  \"\\u001b[2J\\u009b😀 \\\\ \\\"\""),
        ("Größe: \"groß\"".as_bytes(), "  Größe: \"groß\""),
        (b"", "  (it is empty)"),
    ];
    for (body, expected) in bodies {
        let shown = shown(&letter(body)).await;
        let after = shown.split_once("Body:\n").unwrap().1;
        let (body, _) = after.split_once("\n\nSend it again: slipway dlq redrive 7\n").unwrap();
        assert_eq!(body, expected);
    }
    let mut cut = letter(b"x");
    cut.summary.size_bytes = 200_000;
    assert!(shown(&cut).await.contains("Size            200.0 kB"));
    assert!(shown(&cut).await.contains("  x\n  … (only the beginning was kept)\n"));
}

/// What a program gets is whole, and has no control character in it either.
#[tokio::test]
async fn programs_get_every_byte() {
    let all: Vec<u8> = (0..=255).collect();
    let console = Console::start().await.on("GET /dead-letters/7", [json(200, letter(&all))]);
    let ran = console.run(&["dlq", "show", "7", "--output", "json"]).await;
    assert!(!ran.out.trim_end().contains(char::is_control), "{}", ran.out);
    let got: DeadLetter = serde_json::from_value(ran.values().remove(0)).unwrap();
    assert_eq!(got.body.bytes(), Some(all));
    assert_eq!(LetterBody::Hex("0g".to_owned()).bytes(), None);
}

#[tokio::test]
async fn one_letter_that_cannot_be_settled_does_not_hold_up_the_others() {
    let no = problem(409, "Dead letter 2 cannot be sent again: its deployment is over.");
    let console = Console::start()
        .await
        .on("POST /dead-letters/1/redrive", [json(200, summary(1, "redriven"))])
        .on("POST /dead-letters/2/redrive", [json(409, &no)])
        .on("POST /dead-letters/3/redrive", [json(200, summary(3, "redriven"))])
        .on("POST /dead-letters/9/redrive", [json(404, problem(404, "There is no dead letter 9."))]);
    let ran = console.run(&["dlq", "redrive", "1", "2", "3", "--by", "Grace"]).await;
    assert_eq!(ran.exit, Exit::Refused);
    insta::assert_snapshot!(ran.out, @r"
    Dead letter 1 (jobs.build) was sent again by Grace, 2026-11-24 23:10 UTC.
    Dead letter 3 (jobs.build) was sent again by Grace, 2026-11-24 23:10 UTC.
    ");
    assert_eq!(ran.err, "Conflict\nDead letter 2 cannot be sent again: its deployment is over.\n");
    assert!(console.requests().iter().all(|request| request.body == value!({ "by": "Grace" })));

    let ran = console.run(&["dlq", "redrive", "2", "--by", "Grace", "--output", "json"]).await;
    assert_eq!((ran.exit, ran.values()), (Exit::Refused, vec![value!({ "error": no })]));
    assert_eq!(console.run(&["dlq", "redrive", "9", "--by", "Grace"]).await.exit, Exit::Failed);
}

#[tokio::test]
async fn all_that_are_kept_are_sent_again_in_the_order_in_which_they_died() {
    let page = |ids: &[i64]| json(200, ids.iter().map(|id| summary(*id, "kept")).collect::<Vec<_>>());
    let mut console = Console::start().await.on("GET /dead-letters", [page(&[9, 7]), page(&[4]), page(&[])]);
    for id in [4, 7, 9] {
        console =
            console.on(&format!("POST /dead-letters/{id}/redrive"), [json(200, summary(id, "redriven"))]);
    }
    let ran = console.run(&["dlq", "redrive", "--all", "--by", "Grace"]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    assert_eq!(
        console.queries("/dead-letters"),
        ["state=kept", "state=kept&before=7", "state=kept&before=4"]
    );
    let posts: Vec<_> =
        console.requests().into_iter().filter(|it| it.line.starts_with("POST")).map(|it| it.line).collect();
    assert_eq!(posts, [4, 7, 9].map(|id| format!("POST /api/v1/dead-letters/{id}/redrive")));

    let nothing = Console::start().await.on("GET /dead-letters", [page(&[])]);
    let ran = nothing.run(&["dlq", "redrive", "--all", "--by", "Grace"]).await;
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Exit::Done, "No dead letter is kept: there is nothing to send again.\n")
    );
}

#[tokio::test]
async fn a_letter_is_discarded_with_a_reason() {
    let console =
        Console::start().await.on("POST /dead-letters/7/discard", [json(200, summary(7, "discarded"))]);
    let ran = console.run(&["dlq", "discard", "7", "--by", "Grace", "--reason", "not ours"]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"Dead letter 7 (jobs.build) was discarded by Grace, 2026-11-24 23:10 UTC: not ours");
    assert_eq!(console.requests()[0].body, value!({ "by": "Grace", "reason": "not ours" }));
}

#[tokio::test]
async fn what_is_asked_wrongly_never_reaches_the_console() {
    for wrong in [
        &["dlq", "redrive", "--by", "Grace"][..],
        &["dlq", "redrive", "7", "--all", "--by", "Grace"],
        &["dlq", "redrive", "seven", "--by", "Grace"],
        &["dlq", "discard", "7", "--by", "Grace"],
        &["dlq", "discard", "7", "--by", "Grace", "--reason", ""],
        &["dlq", "discard", "--by", "Grace", "--reason", "why"],
        &["dlq", "list", "--state", "lost"],
        &["dlq", "show"],
    ] {
        assert!(Console::is_usage_error(wrong), "{wrong:?}");
    }
}
