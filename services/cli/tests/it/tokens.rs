//! `slipway tokens`.

use cli::Exit;
use protocol::http::{TokenCreated, TokenSummary};

use crate::console::{Console, json};

fn summary(id: i64) -> TokenSummary {
    TokenSummary {
        id,
        holder: "Ines".to_owned(),
        role: "approver".to_owned(),
        created_by: "Root".to_owned(),
        created_at: "2026-11-24T22:00:03Z".parse().unwrap(),
        expires_at: "2027-02-22T22:00:03Z".parse().unwrap(),
        revoked_by: None,
        is_valid: true,
    }
}

#[tokio::test]
async fn a_token_is_shown_once_with_what_to_do_with_it() {
    let created = TokenCreated { token: "slipway_0a".to_owned(), summary: summary(3) };
    let console = Console::start().await.on("POST /tokens", [json(201, &created)]);
    let ran =
        console.run(&["tokens", "create", "--holder", "Ines", "--role", "approver", "--by", "Root"]).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    insta::assert_snapshot!(ran.out, @r"
    slipway_0a

    This is token 3 of Ines (approver), good until 2027-02-22 22:00 UTC. It is shown this once: hand it over now.
    Its holder sets it as SLIPWAY_API_TOKEN.
    ");
}

#[tokio::test]
async fn a_list_says_which_tokens_still_let_somebody_in() {
    let taken_back = TokenSummary { revoked_by: Some("Root".to_owned()), is_valid: false, ..summary(2) };
    let over = TokenSummary { is_valid: false, ..summary(1) };
    let all = [summary(3), taken_back, over];
    let console =
        Console::start().await.on("GET /tokens", [json(200, &all), json(200, Vec::<TokenSummary>::new())]);
    insta::assert_snapshot!(console.run(&["tokens", "list"]).await.out, @r"
    ID  HOLDER  ROLE      STATE               GOOD UNTIL            GIVEN OUT BY
    3   Ines    approver  valid               2027-02-22 22:00 UTC  Root
    2   Ines    approver  taken back by Root  2027-02-22 22:00 UTC  Root
    1   Ines    approver  over                2027-02-22 22:00 UTC  Root
    ");
    let none = console.run(&["tokens", "list"]).await.out;
    assert_eq!(none, "No tokens were given out. Give one out with `slipway tokens create`.\n");
}

#[tokio::test]
async fn a_token_is_taken_back() {
    let revoked = TokenSummary { revoked_by: Some("Root".to_owned()), is_valid: false, ..summary(3) };
    let console = Console::start().await.on("POST /tokens/3/revoke", [json(200, &revoked)]);
    let ran = console.run(&["tokens", "revoke", "3", "--by", "Root"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Done, "Token 3 of Ines lets nobody in any more.\n"));
}
