//! Who may do what, and in whose name.

use std::collections::BTreeSet;

use domain::Role;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::world::{Console, actor, problem, with_console};

const ALL: &[Role] = Role::ALL;
const REQUESTERS: &[Role] = &[Role::Requester, Role::Operator, Role::Admin];
const APPROVERS: &[Role] = &[Role::Approver, Role::Admin];
const OPERATORS: &[Role] = &[Role::Operator, Role::Admin];
const ADMINS: &[Role] = &[Role::Admin];

/// Every route, and the roles that may take it. The ids name nothing, so that nothing is changed on the way.
const ROUTES: &[(&str, &str, &[Role])] = &[
    ("post", "/ships", REQUESTERS),
    ("get", "/ships/{message}", ALL),
    ("get", "/schemas/ship.requested.v1", ALL),
    ("get", "/schemas/ship.choice.v1", ALL),
    ("get", "/schemas/ship.cancel.v1", ALL),
    ("get", "/products", ALL),
    ("get", "/epics", ALL),
    ("get", "/promotions/{id}/findings", ALL),
    ("post", "/promotions/{id}/answer", REQUESTERS),
    ("post", "/promotions/{id}/acknowledge", APPROVERS),
    ("post", "/promotions/{id}/release", OPERATORS),
    ("get", "/promotions", ALL),
    ("get", "/promotions/{id}", ALL),
    ("get", "/promotions/{id}/plan", ALL),
    ("post", "/promotions/{id}/approve", APPROVERS),
    ("post", "/promotions/{id}/reject", APPROVERS),
    ("post", "/promotions/{id}/override", OPERATORS),
    ("post", "/promotions/{id}/cancel", OPERATORS),
    ("post", "/promotions/{id}/resume", OPERATORS),
    ("post", "/promotions/{id}/give-up", OPERATORS),
    ("get", "/promotions/{id}/rollback", ALL),
    ("post", "/promotions/{id}/rollback", OPERATORS),
    ("get", "/promotions/{id}/log", ALL),
    ("get", "/promotions/{id}/events", ALL),
    ("get", "/restorable", ALL),
    ("get", "/backups", ALL),
    ("post", "/backups/prune", OPERATORS),
    ("get", "/backups/{id}", ALL),
    ("post", "/backups/{id}/verify", OPERATORS),
    ("get", "/backups/{id}/restore", ALL),
    ("post", "/backups/{id}/restore", OPERATORS),
    ("get", "/installations", ALL),
    ("get", "/installations/{name}", ALL),
    ("put", "/installations/{name}", ADMINS),
    ("post", "/installations/{name}/check", OPERATORS),
    ("post", "/promotions/{id}/emergency", OPERATORS),
    ("post", "/promotions/{id}/schedule", OPERATORS),
    ("get", "/windows", ALL),
    ("post", "/windows", OPERATORS),
    ("put", "/windows/zone", OPERATORS),
    ("get", "/windows/decision", ALL),
    ("delete", "/windows/{id}", OPERATORS),
    ("get", "/blackouts", ALL),
    ("post", "/blackouts", OPERATORS),
    ("post", "/blackouts/import", OPERATORS),
    ("delete", "/blackouts/{id}", OPERATORS),
    ("get", "/calendar.ics", ALL),
    ("get", "/dead-letters", ALL),
    ("get", "/dead-letters/{id}", ALL),
    ("post", "/dead-letters/{id}/redrive", OPERATORS),
    ("post", "/dead-letters/{id}/discard", OPERATORS),
    ("get", "/tokens", ADMINS),
    ("post", "/tokens", ADMINS),
    ("post", "/tokens/{id}/revoke", ADMINS),
    ("get", "/audit", ALL),
    ("get", "/audit/verify", ALL),
    ("get", "/doctor", ALL),
];

impl Console<'_> {
    async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Response {
        let method: Method = method.to_uppercase().parse().unwrap();
        self.request(method, &format!("/api/v1{path}")).bearer_auth(token).json(body).send().await.unwrap()
    }

    /// Gives out a token and answers its number and its secret.
    async fn token(&self, holder: &str, role: &str) -> (i64, String) {
        let request = json!({ "by": "Root", "holder": holder, "role": role, "days": 1 });
        let created = self.call("post", "/tokens", "canary", &request).await;
        assert_eq!(created.status(), 201);
        let created: Value = created.json().await.unwrap();
        (created["id"].as_i64().unwrap(), created["token"].as_str().unwrap().to_owned())
    }
}

/// The routes as the router has them.
fn routes_of_the_router() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/api.rs");
    let api = source.split("let api").nth(1).unwrap().split("route_layer").next().unwrap();
    let mut routes = BTreeSet::new();
    for route in api.split(".route(\"").skip(1) {
        let (path, methods) = route.split_once('"').unwrap();
        for method in ["get", "post", "put", "delete", "patch"] {
            if methods.contains(&format!("{method}(")) {
                routes.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routes
}

#[tokio::test]
async fn every_route_lets_exactly_its_roles_pass() {
    let listed: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(listed, routes_of_the_router(), "every route is walked");
    with_console(Some("canary"), async |console| {
        for role in Role::ALL {
            let (_, token) = console.token("Ines", role.as_str()).await;
            for (method, path, admitted) in ROUTES {
                let of_nothing = path
                    .replace("{id}", "999999")
                    .replace("{name}", "nobody")
                    .replace("{message}", "nothing");
                let answer = console.call(method, &of_nothing, &token, &json!({})).await;
                let what = format!("{role}: {method} {path}");
                if admitted.contains(role) {
                    let status = answer.status().as_u16();
                    assert!(![401, 403, 405].contains(&status) && status < 500, "{what}: {status}");
                } else {
                    let refused = problem(answer, 403).await;
                    let sentence = refused["detail"].as_str().unwrap();
                    assert!(sentence.starts_with("Ines may not "), "{what}: {sentence}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_decides_in_its_holders_name() {
    with_console(Some("canary"), async |console| {
        let id = console.created(1).await;
        let approve = format!("/promotions/{id}/approve");
        let (_, token) = console.token(" Ines ", "approver").await;
        assert_eq!(
            console.call("post", &approve, &token, &json!({ "by": "Somebody else" })).await.status(),
            200
        );
        let shown = console.call("get", &format!("/promotions/{id}"), &token, &Value::Null).await;
        assert_eq!(shown.json::<Value>().await.unwrap()["approved_by"], "Ines");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_shown_once_and_good_until_it_is_over_or_taken_back() {
    with_console(Some("canary"), async |console| {
        let (first, token) = console.token("Ines", "viewer").await;
        let (second, other) = console.token("Mara", "viewer").await;
        let looks = async |token: &str| {
            console.call("get", "/promotions", token, &Value::Null).await.status().as_u16()
        };
        assert_eq!((looks(&token).await, looks(&other).await), (200, 200));
        let listed = console.call("get", "/tokens", "canary", &Value::Null).await.text().await.unwrap();
        let rows = console.database.texts("select t::text from api_tokens t").await.join("\n");
        for secret in [&token, &other] {
            assert!(!listed.contains(secret.as_str()) && !rows.contains(secret.as_str()));
        }
        for _ in 0..2 {
            let revoke = format!("/tokens/{first}/revoke");
            let revoked = console.call("post", &revoke, "canary", &json!({ "by": "Root" })).await;
            let revoked: Value = revoked.json().await.unwrap();
            assert_eq!((&revoked["is_valid"], &revoked["revoked_by"]), (&json!(false), &json!("Root")));
        }
        console
            .database
            .run(&format!(
                "update api_tokens set created_at = now() - interval '2 days',
                                       expires_at = now() - interval '1 day' where id = {second}"
            ))
            .await;
        assert_eq!((looks(&token).await, looks(&other).await), (401, 401));
        let unknown = console.call("post", "/tokens/99/revoke", "canary", &json!({ "by": "Root" })).await;
        problem(unknown, 404).await;
    })
    .await;
}

#[tokio::test]
async fn a_wish_for_a_token_that_is_not_right_is_refused_by_its_fields() {
    with_console(Some("canary"), async |console| {
        let rows = [
            (json!({ "by": "Root", "holder": " ", "role": "viewer", "days": 1 }), "holder"),
            (json!({ "by": "Root", "holder": "x".repeat(101), "role": "viewer", "days": 1 }), "holder"),
            (json!({ "by": "Root", "holder": "Ines", "role": "king", "days": 1 }), "role"),
            (json!({ "by": "Root", "holder": "Ines", "role": "viewer", "days": 0 }), "days"),
            (json!({ "by": "Root", "holder": "Ines", "role": "viewer", "days": 367 }), "days"),
        ];
        for (request, field) in rows {
            let refused = problem(console.call("post", "/tokens", "canary", &request).await, 422).await;
            assert_eq!(refused["fields"][0]["field"], field, "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_token_of_its_own_the_console_still_checks_the_one_that_is_shown() {
    with_console(None, async |console| {
        assert_eq!(console.get("/api/v1/promotions").await.status(), 200);
        problem(console.call("get", "/promotions", "made up", &Value::Null).await, 401).await;
    })
    .await;
}

/// U18 of the known failings: approving, executing and overriding needed one and the same permission, and
/// whoever asked could approve.
#[tokio::test]
async fn u18_approving_is_a_permission_of_its_own_and_takes_a_second_person() {
    with_console(Some("canary"), async |console| {
        let four_eyes = json!({ "name": "shop", "four_eyes": true });
        console.engine.store.apply_installation("shop", &four_eyes, &actor("Root")).await.unwrap();
        let id = console.created(1).await;
        let approve = format!("/promotions/{id}/approve");
        let (_, operator) = console.token("Olga", "operator").await;
        let (_, own) = console.token("mara ", "approver").await;
        let (_, other) = console.token("Ines", "approver").await;
        let decision = json!({ "by": "Ines" });
        problem(console.call("post", &approve, &operator, &decision).await, 403).await;
        let refused = problem(console.call("post", &approve, &own, &decision).await, 409).await;
        assert_eq!(
            refused["detail"],
            "It cannot be approved by the person who asked for it: this installation wants a second one to look at \
             it. Ask somebody else to approve it."
        );
        for action in ["cancel", "override", "emergency"] {
            let path = format!("/promotions/{id}/{action}");
            problem(console.call("post", &path, &other, &decision).await, 403).await;
        }
        assert_eq!(console.call("post", &approve, &other, &decision).await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn who_decided_from_where_is_on_the_audit_trail() {
    with_console(Some("canary"), async |console| {
        let id = console.created(1).await;
        let (_, token) = console.token("Ines", "admin").await;
        let decision = json!({ "by": "Somebody else", "reason": "wrong day" });
        for action in ["approve", "cancel"] {
            let path = format!("/promotions/{id}/{action}");
            assert_eq!(console.call("post", &path, &token, &decision).await.status(), 200);
        }
        let entries = console.call("get", "/audit?after=0", &token, &Value::Null).await;
        let entries: Vec<Value> = entries.json().await.unwrap();
        let said: Vec<(String, String, String)> = entries
            .iter()
            .map(|entry| serde_json::from_str::<Value>(entry["entry"].as_str().unwrap()).unwrap())
            .map(|said| ["who", "from", "action"].map(|key| said[key].as_str().unwrap().to_owned()).into())
            .collect();
        let expected = [
            ("Ines", "a test", "installations.insert"),
            ("build-studio", "a test", "promotions.insert"),
            ("Root", "127.0.0.1", "api_tokens.insert"),
            ("Ines", "127.0.0.1", "promotions.update"),
            ("Ines", "127.0.0.1", "promotions.update"),
        ];
        assert_eq!(said, expected.map(|(who, from, action)| (who.into(), from.into(), action.into())));
        let verdict = console.call("get", "/audit/verify", &token, &Value::Null).await;
        let verdict: Value = verdict.json().await.unwrap();
        assert_eq!((&verdict["entries"], &verdict["problems"]), (&json!(5), &json!([])));
        assert!(!format!("{entries:?}").contains(&token), "a token is on the trail");
    })
    .await;
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused() {
    with_console(Some("canary"), async |console| {
        let url = console.request(Method::GET, "/api/v1/promotions").build().unwrap().url().clone();
        let header = reqwest::header::HeaderValue::from_bytes(b"Bearer \xff").unwrap();
        problem(Client::new().get(url).header("authorization", header).send().await.unwrap(), 401).await;
    })
    .await;
}
