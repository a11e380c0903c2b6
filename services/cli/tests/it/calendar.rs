//! `slipway calendar`: no console answers, and none is asked.

use std::fs;

use cli::Exit;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::console::{Console, Ran};

fn profile() -> Value {
    json!({
        "zone": "Europe/Berlin",
        "windows": [{ "name": "Nightly", "days": ["tue", "thu"], "start": "22:00", "end": "06:00" }],
        "blackouts": [{ "reason": "Sale", "start": "2026-11-26T00:00:00Z", "end": "2026-11-27T12:00:00Z" }],
    })
}

async fn decide(text: &str, arguments: &[&str]) -> Ran {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("profile.json");
    fs::write(&path, text).unwrap();
    let command = ["calendar", "decide", "--profile", path.to_str().unwrap()];
    let mut ran = Console::absent().await.run(&[&command, arguments].concat()).await;
    ran.err = ran.err.replace(path.to_str().unwrap(), "FILE");
    ran
}

#[tokio::test]
async fn a_decision_is_json_with_exactly_these_fields() {
    let at = ["--at", "2026-11-22T09:00:00Z", "--type", "normal", "--risk", "low", "--output", "json"];
    let ran = decide(&profile().to_string(), &at).await;
    assert_eq!(ran.exit, Exit::Refused, "{ran:?}");
    assert_eq!(
        ran.values(),
        [json!({
            "verdict": "closed",
            "reasons": ["the window “Nightly” is not open"],
            "closes_at": null,
            "next_opening": "2026-11-24T21:00:00Z",
            "sentence": "Closed: the window “Nightly” is not open. \
                Next opening: Tuesday 24 November, 22:00 (Europe/Berlin), in 2 days.",
        })]
    );
}

#[tokio::test]
async fn the_exit_code_tells_whether_the_change_may_start() {
    let table: &[(&str, &[&str], &str, Exit)] = &[
        ("2026-11-24T21:00:00Z", &[], "open", Exit::Done),
        ("2026-11-24T21:00:00+01:00", &[], "closed", Exit::Refused),
        ("2026-11-25T04:55:00Z", &[], "open", Exit::Done),
        ("2026-11-25T04:55:00Z", &["--estimate", "600"], "closed", Exit::Refused),
        ("2026-11-24T21:00:00Z", &["--risk", "high"], "refused", Exit::Refused),
        ("2026-11-26T21:30:00Z", &["--type", "standard"], "closed", Exit::Refused),
        ("2026-11-26T21:30:00Z", &["--type", "emergency", "--risk", "critical"], "bypassed", Exit::Done),
    ];
    for (at, more, verdict, exit) in table {
        let ran = decide(&profile().to_string(), &[&["--output", "json", "--at", at], *more].concat()).await;
        assert_eq!(
            (ran.values()[0]["verdict"].as_str(), ran.exit),
            (Some(*verdict), *exit),
            "{at} {more:?} {ran:?}"
        );
    }
}

#[tokio::test]
async fn for_people_it_is_a_sentence() {
    let ran = decide(&profile().to_string(), &["--at", "2026-11-24T22:00:00Z"]).await;
    insta::assert_snapshot!(ran.out, @"Open: the window “Nightly” is open. Closes Wednesday 25 November, 06:00 (Europe/Berlin), in 7 hours.");
}

#[tokio::test]
async fn a_profile_that_is_wrong_is_refused_by_its_field() {
    let mut profile = profile();
    profile["windows"][0]["start"] = json!("25:00");
    for (text, sentence) in [
        (profile.to_string(), "FILE: windows[0].start: must be a time from 00:00 to 24:00, written HH:MM."),
        (
            json!({ "zone": "Mars/Olympus" }).to_string(),
            "FILE: zone: there is no time zone `Mars/Olympus`; give an IANA name such as Europe/Berlin or UTC.",
        ),
        ("{".to_owned(), "FILE: is not JSON: EOF while parsing an object at line 1 column 1."),
    ] {
        let ran = decide(&text, &["--at", "2026-11-24T22:00:00Z"]).await;
        assert_eq!((ran.exit, ran.err.trim_end()), (Exit::Usage, sentence), "{ran:?}");
    }
}

#[test]
fn words_that_mean_nothing_are_refused() {
    let decide = ["calendar", "decide", "--profile", "p.json"];
    for wrong in [["--at", "tomorrow"], ["--type", "urgent"], ["--risk", "9"], ["--estimate", "-1"]] {
        assert!(Console::is_usage_error(&[&decide[..], &wrong].concat()), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_schema_is_printed() {
    let text = Console::absent().await.run(&["calendar", "schema"]).await;
    let value: Value = serde_json::from_str(&text.out).unwrap();
    assert_eq!(value["title"], "Business profile");
    let line = Console::absent().await.run(&["calendar", "schema", "--output", "json"]).await;
    assert_eq!((text.exit, line.values()), (Exit::Done, vec![value]));
}
