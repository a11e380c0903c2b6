//! `slipway promotions rollback` and `restorable`.

use cli::Exit;
use protocol::http::{Problem, Restorable, RollbackPlan};
use serde_json::{Value, json as value};

use crate::console::{Console, json};
use crate::sample::{self, promotion};

const ASK: [&str; 7] =
    ["promotions", "rollback", sample::ID, "--by", "Noor", "--reason", "Prices are wrong."];

fn plan() -> RollbackPlan {
    RollbackPlan {
        promotion: sample::ID.to_owned(),
        installation: "shop".to_owned(),
        steps: vec!["A backup is taken.".to_owned(), "The data stays as it is.".to_owned()],
        backup: None,
    }
}

fn restorable(promotion: &str, serves: bool, image_kept: Option<bool>) -> Restorable {
    Restorable {
        promotion: promotion.to_owned(),
        build: "FB-0123ABCD".to_owned(),
        title: "Loyalty points".to_owned(),
        installation: "shop".to_owned(),
        deployed_at: "2026-11-24T22:01:00Z".parse().unwrap(),
        requested_by: "ada@example.com".to_owned(),
        approved_by: Some("grace@example.com".to_owned()),
        serves,
        image_kept,
        source_kept: Some(true),
        backup: (!serves).then_some(7),
        schema_changed_since: image_kept.map(|kept| !kept),
    }
}

#[tokio::test]
async fn what_can_be_brought_back_is_a_table() {
    let all = [
        restorable("CP-00000003", true, Some(true)),
        restorable("CP-00000002", false, Some(true)),
        restorable("CP-00000001", false, None),
        restorable("CP-00000000", false, Some(false)),
    ];
    let console =
        Console::start().await.on("GET /restorable", [json(200, &all), json(200, Vec::<Value>::new())]);
    let ran = console.run(&["promotions", "restorable", "--installation", "shop"]).await;
    insta::assert_snapshot!(ran.out, @r"
    PROMOTION    INSTALLATION  DEPLOYED              BY                 VERSION  BACKUP  SCHEMA CHANGED SINCE  FEATURE
    CP-00000003  shop          2026-11-24 22:01 UTC  grace@example.com  serves   –       no                    Loyalty points
    CP-00000002  shop          2026-11-24 22:01 UTC  grace@example.com  kept     7       no                    Loyalty points
    CP-00000001  shop          2026-11-24 22:01 UTC  grace@example.com  unknown  7       unknown               Loyalty points
    CP-00000000  shop          2026-11-24 22:01 UTC  grace@example.com  gone     7       yes                   Loyalty points
    ");
    assert_eq!(console.queries("/restorable"), ["installation=shop"]);
    let ran = console.run(&["promotions", "rollback"]).await;
    assert_eq!(ran.out, "Nothing has been deployed yet, so there is nothing to bring back.\n");
}

#[tokio::test]
async fn nothing_is_brought_back_without_a_yes() {
    let console = Console::start().await.on("GET /promotions/CP-0000A1B2/rollback", [json(200, plan())]);
    let ran = console.run(&ASK).await;
    assert_eq!(ran.exit, Exit::Refused);
    insta::assert_snapshot!(ran.out, @r"
    This is what would happen at shop:
      1. A backup is taken.
      2. The data stays as it is.
    Nothing was done. To do it, say yes when you are asked, or --yes beforehand.
    ");
    let ran = console.run(&[&ASK[..], &["--restore-data", "--output", "json"]].concat()).await;
    assert_eq!((ran.exit, ran.values()), (Exit::Refused, vec![serde_json::to_value(plan()).unwrap()]));
    assert_eq!(console.queries("/rollback"), ["restore_data=false", "restore_data=true"]);
    assert!(console.requests().iter().all(|it| it.line.starts_with("GET")));
}

#[tokio::test]
async fn a_yes_is_sent_with_who_and_why() {
    let console = Console::start()
        .await
        .on("GET /promotions/CP-0000A1B2/rollback", [json(200, plan())])
        .on("POST /promotions/CP-0000A1B2/rollback", [json(200, promotion("approved", "Approved").summary)]);
    let ran = console.run(&[&ASK[..], &["--yes"]].concat()).await;
    assert_eq!(ran.exit, Exit::Done);
    insta::assert_snapshot!(ran.out, @r"
    This is what would happen at shop:
      1. A backup is taken.
      2. The data stays as it is.
    CP-0000A1B2 does it, as soon as nothing else is under way at shop.
    Watch it with: slipway promotions follow CP-0000A1B2
    ");
    let body = value!({ "by": "Noor", "reason": "Prices are wrong.", "restore_data": false });
    assert_eq!(console.requests().last().map(|it| it.body.clone()), Some(body));
    for words in [&ASK[..3], &ASK[..5]] {
        assert!(Console::is_usage_error(words), "{words:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_brought_back_is_refused() {
    let problem = Problem {
        status: 409,
        title: "Conflict".to_owned(),
        detail: "The image of CP-0000A1B2 is no longer kept.".to_owned(),
        fields: Vec::new(),
    };
    let console = Console::start().await.on("GET /promotions/CP-0000A1B2/rollback", [json(409, problem)]);
    let ran = console.run(&[&ASK[..], &["--yes"]].concat()).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert_eq!(ran.err, "Conflict\nThe image of CP-0000A1B2 is no longer kept.\n");
}
