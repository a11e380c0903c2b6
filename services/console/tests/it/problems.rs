//! What callers get wrong is told in one form (RFC 9457).

use engine::transport::Queue;
use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{problem, with_console};

fn ship_message() -> serde_json::Value {
    json!({
        "specversion": "1.0", "type": "slipway.ship.requested.v1", "source": "build-studio", "id": "m-1",
        "data": { "build": "FB-0123ABCD", "title": "Loyalty", "installation": "shop",
                  "sandbox": { "directory": "/sandbox" }, "requested_by": "Mara" },
    })
}

#[tokio::test]
async fn every_mistake_is_a_problem() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let decide = |action: &str| format!("/api/v1/promotions/{id}/{action}");
        for path in [
            "/nothing",
            "/api/v1/nothing",
            "/api/v1/promotions/CP-FFFFFFFF",
            "/api/v1/promotions/x",
            "/api/v1/installations/x",
        ] {
            problem(console.get(path).await, 404).await;
        }
        problem(console.get(&decide("approve")).await, 405).await;
        problem(console.get(&format!("/api/v1/promotions/{id}/events?after=x")).await, 400).await;
        let approve = || console.request(Method::POST, &decide("approve"));
        let json = ("content-type", "application/json");
        problem(approve().body("{\"by\": \"Ines\"}").send().await.unwrap(), 415).await;
        problem(approve().header(json.0, json.1).body("{").send().await.unwrap(), 400).await;
        problem(console.post(&decide("approve"), &json!({ "buy": "Ines" })).await, 422).await;
        problem(console.post(&decide("approve"), &json!({ "by": " " })).await, 422).await;
        problem(console.post(&decide("cancel"), &json!({ "by": "Ines" })).await, 422).await;
        let nul = json!({ "by": "Ines", "reason": "\0" });
        problem(console.post(&decide("cancel"), &nul).await, 422).await;
        let huge = "x".repeat(1 << 20);
        let posted = console.request(Method::POST, "/api/v1/ships").body(huge).send().await.unwrap();
        problem(posted, 413).await;
    })
    .await;
}

#[tokio::test]
async fn a_ship_message_is_queued_as_it_came_or_refused_by_its_field() {
    with_console(None, async |console| {
        let accepted = console.post("/api/v1/ships", &ship_message()).await;
        assert_eq!(accepted.status(), 202);
        assert_eq!(accepted.json::<serde_json::Value>().await.unwrap(), json!({ "message": "m-1" }));
        let mut intake = console.engine.broker.consume(&Queue::Intake, 1, CancellationToken::new());
        let delivery = intake.next().await.unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&delivery.body).unwrap(), ship_message());
        let answer = console.get("/api/v1/ships/m-1").await.json::<serde_json::Value>().await.unwrap();
        assert_eq!(answer, json!({ "state": "waiting" }));

        let mut wrong = ship_message();
        wrong["data"]["build"] = json!("FB-1");
        let refused = problem(console.post("/api/v1/ships", &wrong).await, 422).await;
        assert_eq!(refused["fields"][0]["field"], "data.build");
        console.engine.broker.close().await;
        problem(console.post("/api/v1/ships", &ship_message()).await, 503).await;
    })
    .await;
}

#[tokio::test]
async fn a_description_that_is_not_right_is_not_saved() {
    with_console(None, async |console| {
        let put = console.request(Method::PUT, "/api/v1/installations/bank").json(&json!({ "name": "bank" }));
        let refused = problem(put.send().await.unwrap(), 422).await;
        assert!(!refused["fields"].as_array().unwrap().is_empty(), "{refused}");
        problem(console.get("/api/v1/installations/bank").await, 404).await;
    })
    .await;
}

#[tokio::test]
async fn a_console_with_a_token_lets_nobody_in_without_it() {
    with_console(Some("canary"), async |console| {
        for path in ["/api/v1/promotions", "/api/v1/doctor", "/api/v1/schemas/ship.requested.v1"] {
            problem(console.get(path).await, 401).await;
            for presented in ["Bearer canar", "Bearer canary2", "Bearer ", "canary", "Basic canary"] {
                let asked = console.request(Method::GET, path).header("authorization", presented);
                problem(asked.send().await.unwrap(), 401).await;
            }
        }
        let let_in = console.request(Method::GET, "/api/v1/promotions").bearer_auth("canary").send().await;
        assert_eq!(let_in.unwrap().status(), 200);
        assert_eq!(console.get("/healthz").await.status(), 200);
    })
    .await;
}
