//! `slipway ship`.

use std::fs;

use cli::Exit;
use protocol::http::{FieldProblem, Problem, ShipAccepted, ShipAnswer};
use protocol::question::Question;
use serde_json::{Value, json as value};
use tempfile::TempDir;

use crate::console::{Console, Ran, Reply, json, stream_of};
use crate::sample;

fn message() -> Value {
    value!({
        "specversion": "1.0",
        "type": "slipway.ship.requested.v1",
        "id": "m1",
        "source": "/build-studio",
        "data": { "build": "FB-0123ABCD", "title": "Loyalty points", "installation": "shop" },
    })
}

fn taken() -> Reply {
    json(202, ShipAccepted { message: "m1".to_owned() })
}

fn accepted() -> Reply {
    json(
        200,
        ShipAnswer::Accepted {
            promotion: sample::ID.to_owned(),
            change_request: "RFC-2026-0000BEEF".to_owned(),
        },
    )
}

/// The promotion that the message became, which stands there.
fn stands(status: &str) -> Reply {
    json(200, sample::promotion(status, status))
}

async fn ship(console: &Console, text: &str, more: &[&str]) -> Ran {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("message.json");
    fs::write(&path, text).unwrap();
    let mut ran = console.run(&[&["ship", "-f", path.to_str().unwrap()], more].concat()).await;
    ran.err = ran.err.replace(path.to_str().unwrap(), "FILE");
    ran
}

#[tokio::test]
async fn an_accepted_message_tells_what_to_do_next() {
    let waiting = json(200, ShipAnswer::Waiting);
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [waiting, accepted()])
        .on("GET /promotions/CP-0000A1B2", [stands("shipping"), stands("pending")]);
    let ran = ship(&console, &message().to_string(), &[]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    Taken as CP-0000A1B2, change request RFC-2026-0000BEEF.
    Approve it with: slipway promotions approve CP-0000A1B2
    ");
    assert_eq!(console.requests()[0].body["time"].as_str().map(|time| &time[..2]), Some("20"));
}

#[tokio::test]
async fn a_feature_that_cannot_be_shipped_says_why() {
    let mut not_shipped = sample::promotion("not_shipped", "Not shipped");
    not_shipped.summary.reason = Some("The sandbox holds no change.".to_owned());
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [accepted()])
        .on("GET /promotions/CP-0000A1B2", [json(200, &not_shipped)]);
    let ran = ship(&console, &message().to_string(), &[]).await;
    assert_eq!(ran.exit, Exit::Refused);
    insta::assert_snapshot!(ran.out, @r"
    Taken as CP-0000A1B2, change request RFC-2026-0000BEEF.
    Not shipped, and nothing was changed.
      The sandbox holds no change.
    ");
    let ran = ship(&console, &message().to_string(), &["--output", "json"]).await;
    let [said] = &ran.values()[..] else { panic!("{ran:?}") };
    assert_eq!(
        (&said["status"], &said["reason"]),
        (&value!("not_shipped"), &value!("The sandbox holds no change."))
    );
}

#[tokio::test]
async fn a_feature_that_takes_long_to_be_shipped_is_not_waited_for_longer_than_is_wanted() {
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [accepted()])
        .on("GET /promotions/CP-0000A1B2", [stands("shipping")]);
    let ran = ship(&console, &message().to_string(), &["--wait", "1"]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    Taken as CP-0000A1B2, change request RFC-2026-0000BEEF.
    It is still being made ready for approval. See how far it is: slipway promotions show CP-0000A1B2
    ");
}

#[tokio::test]
async fn what_is_asked_is_shown_with_every_answer_and_not_waited_for() {
    let mut promotion = sample::promotion("shipping", "shipping");
    promotion.question = Some(Question {
        topic: "secret".to_owned(),
        sentence: "Shall it be proposed all the same?".to_owned(),
        details: vec!["src/a.ts, line 3".to_owned()],
        answers: vec!["release".to_owned(), "skip".to_owned()],
        fingerprints: Vec::new(),
    });
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [accepted()])
        .on("GET /promotions/CP-0000A1B2", [json(200, promotion)]);
    let ran = ship(&console, &message().to_string(), &[]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r#"
    Taken as CP-0000A1B2, change request RFC-2026-0000BEEF.
    Asked: Shall it be proposed all the same?
      - src/a.ts, line 3
    Answer it with one of:
      slipway promotions release CP-0000A1B2 --reason "…"
      slipway promotions answer CP-0000A1B2 skip
      slipway promotions cancel CP-0000A1B2 --by NAME --reason "…"
    "#);
}

#[tokio::test]
async fn the_envelope_is_filled_in_only_where_it_is_absent() {
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [accepted()])
        .on("GET /promotions/CP-0000A1B2", [stands("pending")]);
    let mut short = message();
    short.as_object_mut().unwrap().retain(|field, _| field != "id" && field != "source");
    ship(&console, &short.to_string(), &[]).await;
    ship(&console, &message().to_string(), &[]).await;
    let requests = console.requests();
    let posted: Vec<&Value> = requests.iter().map(|it| &it.body).filter(|it| it.is_object()).collect();
    assert_eq!(posted[0]["id"].as_str().unwrap().len(), 36);
    assert_eq!(posted[0]["source"], "slipway-cli");
    assert_eq!(posted[0]["data"], message()["data"]);
    assert_eq!((&posted[1]["id"], &posted[1]["source"]), (&value!("m1"), &value!("/build-studio")));
}

#[tokio::test]
async fn a_refused_message_names_the_field() {
    let refused =
        ShipAnswer::Refused { field: "data.build".into(), reason: "must look like FB-0123ABCD".into() };
    let console =
        Console::start().await.on("POST /ships", [taken()]).on("GET /ships/m1", [json(200, &refused)]);
    let ran = ship(&console, &message().to_string(), &[]).await;
    assert_eq!(ran.exit, Exit::Refused);
    insta::assert_snapshot!(ran.out, @r"
    Not taken, and nothing was changed.
      data.build: must look like FB-0123ABCD
    ");

    let ran = ship(&console, &message().to_string(), &["--output", "json"]).await;
    assert_eq!(ran.exit, Exit::Refused);
    let expected = value!({
        "message": "m1", "state": "refused", "field": "data.build", "reason": "must look like FB-0123ABCD"
    });
    assert_eq!(ran.values(), [expected]);
}

#[tokio::test]
async fn a_message_refused_at_the_door_names_its_fields() {
    let problem = Problem {
        status: 422,
        title: "Not a ship message".to_owned(),
        detail: "One field is wrong. Mend it and ship again.".to_owned(),
        fields: vec![FieldProblem {
            field: "data.title".to_owned(),
            problem: "must be on one line".to_owned(),
        }],
    };
    let console = Console::start().await.on("POST /ships", [json(422, &problem)]);
    let ran = ship(&console, &message().to_string(), &[]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Refused, ""));
    insta::assert_snapshot!(ran.err, @r"
    Not a ship message
    One field is wrong. Mend it and ship again.
      data.title: must be on one line
    ");

    let ran = ship(&console, &message().to_string(), &["--output", "json"]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Refused, ""));
    assert_eq!(ran.values(), [value!({ "error": problem })]);
}

#[tokio::test]
async fn that_nobody_takes_it_is_said() {
    let waiting = json(200, ShipAnswer::Waiting);
    let console = Console::start().await.on("POST /ships", [taken()]).on("GET /ships/m1", [waiting]);
    let ran = ship(&console, &message().to_string(), &["--wait", "1"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.out, @"Nobody has taken the ship message m1 for 1 s. It is not lost: it is taken as soon as a scheduler runs. Start one with `slipway serve scheduler`.");
}

#[tokio::test]
async fn a_file_that_is_no_message_is_not_sent() {
    let console = Console::start().await;
    for (text, said) in [
        ("{\n  \"data\": {},\n}", "FILE: line 3 is not JSON"),
        ("{ \"build\": \"FB-0123ABCD\" }", "FILE: is not a ship message: it has no `data`"),
        ("[]", "FILE: is not a ship message"),
    ] {
        let ran = ship(&console, text, &[]).await;
        assert_eq!(ran.exit, Exit::Usage, "{text}");
        assert!(ran.err.starts_with(said), "{text}: {}", ran.err);
    }
    let ran = console.run(&["ship", "-f", "no/such/file.json"]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(console.requests().is_empty());
}

#[tokio::test]
async fn a_followed_message_ends_with_the_promotion() {
    let deployed = sample::ended("deployed", "Deployed", None);
    let console = Console::start()
        .await
        .on("POST /ships", [taken()])
        .on("GET /ships/m1", [accepted()])
        .on("GET /promotions/CP-0000A1B2", [stands("pending"), stands("pending"), json(200, deployed)])
        .on("GET /promotions/CP-0000A1B2/events", [stream_of(&sample::good_run())]);
    let ran = ship(&console, &message().to_string(), &["--follow"]).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    Taken as CP-0000A1B2, change request RFC-2026-0000BEEF.
    CP-0000A1B2  Loyalty points → shop
    Waiting for approval: slipway promotions approve CP-0000A1B2
    · Loyalty points waits for approval.
    ✓ Approved by Grace.
    ✓ [ 1/11] Validate …                   0.3 s  It may run.
    ✓ [ 3/11] Database backup …            1.2 s  Saved 4.2 MB.
    ✓ Loyalty points serves.
    ✓ Nothing is left behind.

    Deployed: Loyalty points now serves on shop.

      Promotion       CP-0000A1B2 of FB-0123ABCD
      Change request  RFC-2026-0000BEEF (normal, low risk)
      Requested by    ada@example.com
      Approved by     grace@example.com
      Took            1 min 12 s

    See the whole log: slipway promotions log CP-0000A1B2
    ");
}

#[tokio::test]
async fn a_console_that_was_never_there_is_said_at_once() {
    let ran = ship(&Console::absent().await, &message().to_string(), &[]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.err, @"Slipway's console does not answer at URL. Start it with `slipway serve all` or set SLIPWAY_API_URL.");
}
