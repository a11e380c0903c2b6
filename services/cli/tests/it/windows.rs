//! `slipway windows` and `slipway blackouts`.

use cli::Exit;
use serde_json::{Value, json as value};

use crate::console::{Console, json, raw};

fn window() -> Value {
    value!({
        "id": 3, "name": "Nights", "days": ["tue", "thu"], "start": "22:00", "end": "06:00",
        "change_types": ["standard", "normal"], "risks": ["low"], "max_concurrent": 1,
        "enforcement": "enforced", "allow_overrun": false, "created_by": "Ada",
    })
}

fn decision(verdict: &str, next_opening: Option<&str>) -> Value {
    value!({
        "verdict": verdict, "reasons": [], "closes_at": null, "next_opening": next_opening, "sentence": "So it is.",
    })
}

#[tokio::test]
async fn windows_are_listed_with_their_zone() {
    let all = value!({ "zone": "Europe/Berlin", "windows": [window()] });
    let none = value!({ "zone": "UTC", "windows": [] });
    let console = Console::start().await.on("GET /windows", [json(200, all), json(200, none)]);
    insta::assert_snapshot!(console.run(&["windows", "list"]).await.out, @r"
    ID  WINDOW  DAYS     OPEN         TYPES            RISKS  AT ONCE  ENFORCEMENT
    3   Nights  tue,thu  22:00–06:00  standard,normal  low    1        enforced

    Times are those of Europe/Berlin.
    ");
    let said = console.run(&["windows", "list"]).await.out;
    assert_eq!(said, "No deployment window is configured: any time is fine but that of a blackout.\n");
}

#[tokio::test]
async fn what_is_not_said_of_a_window_is_left_to_its_defaults() {
    let console = Console::start().await.on("POST /windows", [json(200, window())]);
    let words = [
        "windows", "add", "Nights", "--days", "tue,thu", "--start", "22:00", "--end", "06:00", "--by", "Ada",
    ];
    let ran = console.run(&words).await;
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (Exit::Done, "Window 3 is on record: Nights, tue,thu 22:00–06:00.\n")
    );
    let more = [
        "--risks",
        "low,high",
        "--types",
        "standard",
        "--max-concurrent",
        "2",
        "--advisory",
        "--allow-overrun",
    ];
    console.run(&[&words[..], &more].concat()).await;
    let usual = value!({ "name": "Nights", "days": ["tue", "thu"], "start": "22:00", "end": "06:00", "allow_overrun": false });
    let other = value!({
        "name": "Nights", "days": ["tue", "thu"], "start": "22:00", "end": "06:00", "allow_overrun": true,
        "risks": ["low", "high"], "change_types": ["standard"], "max_concurrent": 2, "enforcement": "advisory",
    });
    let bodies: Vec<_> = console.requests().into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, [value!({ "by": "Ada", "window": usual }), value!({ "by": "Ada", "window": other })]);
}

#[tokio::test]
async fn the_exit_code_tells_whether_it_is_open_or_will_be() {
    let opens = Some("2026-11-24T22:00:00Z");
    let table = [
        (decision("open", None), Exit::Done, Exit::Done),
        (decision("bypassed", None), Exit::Done, Exit::Done),
        (decision("closed", opens), Exit::Refused, Exit::Done),
        (decision("refused", None), Exit::Refused, Exit::Refused),
    ];
    for (decision, check, next) in table {
        let console = Console::start().await.on("GET /windows/decision", [json(200, &decision)]);
        let ran = console.run(&["windows", "check", "--type", "standard"]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (check, "So it is.\n"), "{decision}");
        assert_eq!(console.run(&["windows", "next"]).await.exit, next, "{decision}");
        assert_eq!(
            console.queries("/windows/decision"),
            ["change_type=standard&risk=low", "change_type=normal&risk=low"]
        );
    }
}

#[tokio::test]
async fn a_blackout_is_given_in_the_organizations_time_or_with_an_offset() {
    let zone = value!({ "zone": "Europe/Berlin", "windows": [] });
    let console = Console::start()
        .await
        .on("GET /windows", [json(200, zone)])
        .on("POST /blackouts", [json(200, Vec::<Value>::new())])
        .on("DELETE /blackouts/7", [raw(204, "")]);
    let add = |start: &'static str| {
        ["blackouts", "add", "Holidays", "--start", start, "--end", "2026-12-26T23:59:59Z", "--by", "Ada"]
    };
    for start in ["2026-12-24T00:00", "2026-12-24T00:00:00+01:00"] {
        assert_eq!(console.run(&add(start)).await.exit, Exit::Done);
    }
    assert_eq!(console.run(&add("tomorrow")).await.exit, Exit::Usage);
    let bodies = console.requests().into_iter().filter(|it| it.line.starts_with("POST"));
    let starts: Vec<_> = bodies.map(|it| it.body["blackout"]["start"].clone()).collect();
    assert_eq!(starts, ["2026-12-23T23:00:00Z", "2026-12-23T23:00:00Z"]);
    assert_eq!(console.run(&["blackouts", "remove", "7", "--by", "Ada"]).await.exit, Exit::Done);
    assert_eq!(console.queries("/blackouts/7"), ["by=Ada"]);
}

#[tokio::test]
async fn who_removes_a_window_or_sets_the_zone_is_told() {
    let zone = value!({ "zone": "Europe/Berlin", "windows": [] });
    let console = Console::start()
        .await
        .on("DELETE /windows/3", [raw(204, "")])
        .on("PUT /windows/zone", [json(200, zone)]);
    assert_eq!(console.run(&["windows", "remove", "3", "--by", "Ada"]).await.exit, Exit::Done);
    assert_eq!(console.run(&["windows", "zone", "Europe/Berlin", "--by", "Ada"]).await.exit, Exit::Done);
    assert_eq!(console.queries("/windows/3"), ["by=Ada"]);
    assert_eq!(console.requests()[1].body, value!({ "by": "Ada", "zone": "Europe/Berlin" }));
}

#[tokio::test]
async fn what_goes_past_the_windows_needs_a_reason_and_a_reason_something_that_does() {
    for words in [
        &["--emergency"][..],
        &["--override"],
        &["--reason", "The tills are down"],
        &["--emergency", "--override", "--reason", "The tills are down"],
        &["--override", "--reason", "The tills are down", "--plan", "00"],
    ] {
        let argv = [&["promotions", "approve", "CP-0000A1B2", "--by", "Ada"], words].concat();
        assert!(Console::is_usage_error(&argv), "{argv:?}");
    }
}
