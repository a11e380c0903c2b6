//! `slipway installations` and `slipway doctor`.

use std::fs;

use cli::Exit;
use protocol::http::{Check, FieldProblem, Installation, Problem};
use serde_json::json as value;
use tempfile::TempDir;

use crate::console::{Console, Ran, json};

const DESCRIPTION: &str =
    "name = \"shop\"\nsince = 2026-11-24\n\n[database]\nport = 5432\nhosts = [\"a\", \"b\"]\n";

async fn apply(console: &Console, text: &str) -> Ran {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("shop.toml");
    fs::write(&path, text).unwrap();
    let mut ran = console.run(&["installations", "apply", "-f", path.to_str().unwrap()]).await;
    ran.err = ran.err.replace(path.to_str().unwrap(), "FILE");
    ran
}

fn shop() -> Installation {
    Installation {
        name: "shop".to_owned(),
        description: value!({ "name": "shop", "database": { "port": 5432 } }),
        updated_at: "2026-11-24T22:00:00Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_description_is_put_under_its_name() {
    let console = Console::start().await.on("PUT /installations/shop", [json(200, shop())]);
    let ran = apply(&console, DESCRIPTION).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    insta::assert_snapshot!(ran.out, @"shop is on record. See whether it can be shipped to: slipway installations check shop");
    let expected = value!({
        "name": "shop", "since": "2026-11-24", "database": { "port": 5432, "hosts": ["a", "b"] }
    });
    assert_eq!(console.requests()[0].body, expected);
}

#[tokio::test]
async fn wrong_fields_are_named_by_their_path() {
    let field = |field: &str, problem: &str| FieldProblem { field: field.into(), problem: problem.into() };
    let problem = Problem {
        status: 422,
        title: "Not an installation".to_owned(),
        detail: "Two fields are wrong. Mend them and apply again.".to_owned(),
        fields: vec![field("database.port", "must be a port"), field("health.url", "is missing")],
    };
    let console = Console::start().await.on("PUT /installations/shop", [json(422, problem)]);
    let ran = apply(&console, DESCRIPTION).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.err, @r"
    Not an installation
    Two fields are wrong. Mend them and apply again.
      database.port: must be a port
      health.url: is missing
    ");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_wrong_usage() {
    let console = Console::start().await;
    for (text, said) in [
        ("name = \"shop\"\n\nport = = 3\n", "FILE: line 3 is not TOML: "),
        ("port = 3\n", "FILE: has no `name` at its top."),
        ("name = 7\n", "FILE: has no `name` at its top."),
    ] {
        let ran = apply(&console, text).await;
        assert_eq!(ran.exit, Exit::Usage, "{text}");
        assert!(ran.err.starts_with(said), "{text}: {}", ran.err);
    }
    assert!(console.requests().is_empty());
}

#[tokio::test]
async fn what_is_shown_can_be_applied() {
    let console = Console::start()
        .await
        .on("GET /installations/shop", [json(200, shop())])
        .on("PUT /installations/shop", [json(200, shop())])
        .on("GET /installations", [json(200, [shop()])]);
    let shown = console.run(&["installations", "show", "shop"]).await.out;
    insta::assert_snapshot!(shown, @r#"
    # shop, last applied 2026-11-24 22:00 UTC
    name = "shop"

    [database]
    port = 5432
    "#);
    apply(&console, &shown).await;
    assert_eq!(console.requests()[1].body, shop().description);
    insta::assert_snapshot!(console.run(&["installations", "list"]).await.out, @r"
    INSTALLATION  LAST APPLIED
    shop          2026-11-24 22:00 UTC
    ");
}

#[tokio::test]
async fn checks_tell_what_to_mend() {
    let good =
        Check { name: "docker".into(), ok: true, finding: "answers, version 20.10".into(), remedy: None };
    let bad = Check {
        name: "database".into(),
        ok: false,
        finding: "does not answer".into(),
        remedy: Some("Start it, or set `database.url`.".into()),
    };
    let console = Console::start()
        .await
        .on("POST /installations/shop/check", [json(200, [&good])])
        .on("GET /doctor", [json(200, [&good, &bad])]);
    assert_eq!(console.run(&["installations", "check", "shop"]).await.exit, Exit::Done);
    let ran = console.run(&["doctor"]).await;
    assert_eq!(ran.exit, Exit::Failed);
    insta::assert_snapshot!(ran.out, @r"
    ✓ docker    answers, version 20.10
    ✗ database  does not answer
                → Start it, or set `database.url`.
    ");
    let ran = console.run(&["doctor", "--output", "json"]).await;
    assert_eq!(ran.values(), [value!([good, bad])]);
}

#[tokio::test]
async fn a_console_that_does_not_answer_is_a_finding() {
    let ran = Console::absent().await.run(&["doctor", "--output", "json"]).await;
    assert_eq!((ran.exit, &ran.values()[0][0]["ok"]), (Exit::Failed, &value!(false)));
}
