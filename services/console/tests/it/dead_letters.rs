//! Messages that nobody could handle, over HTTP.

use engine::store::dead_letters::{self, New};
use engine::transport::Queue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{Console, problem, with_console};

impl Console<'_> {
    async fn kept(&self, queue: &str, body: &[u8]) -> i64 {
        let new = New {
            message_id: None,
            queue: queue.to_owned(),
            body: body.to_vec(),
            content_type: "application/json".to_owned(),
            traceparent: None,
            reason: "nobody took it".to_owned(),
            deliveries: Some(11),
            order: None,
        };
        let mut tx = self.engine.store.begin().await.unwrap();
        let id = dead_letters::keep(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn listed(&self, query: &str) -> Vec<i64> {
        let path = format!("/api/v1/dead-letters{query}");
        let all: Vec<Value> = self.get(&path).await.json().await.unwrap();
        all.iter().map(|letter| letter["id"].as_i64().unwrap()).collect()
    }
}

fn path(id: i64, action: &str) -> String {
    format!("/api/v1/dead-letters/{id}/{action}")
}

fn ship() -> Value {
    json!({
        "specversion": "1.0", "type": "slipway.ship.requested.v1", "source": "/build-studio", "id": "m-1",
        "data": { "build": "FB-0123ABCD", "title": "Loyalty", "installation": "shop",
                  "sandbox": { "directory": "/sandbox" }, "requested_by": "Mara" },
    })
}

#[tokio::test]
async fn letters_are_listed_shown_and_settled_once() {
    with_console(None, async |console| {
        let intake = console.kept("intake", ship().to_string().as_bytes()).await;
        let garbage = console.kept("jobs.build", b"\0\xff").await;
        assert_eq!(console.listed("").await, [garbage, intake]);
        assert_eq!(console.listed(&format!("?before={garbage}&state=kept")).await, [intake]);
        let shown: Value =
            console.get(&format!("/api/v1/dead-letters/{garbage}")).await.json().await.unwrap();
        assert_eq!((&shown["body"], &shown["size_bytes"]), (&json!({ "hex": "00ff" }), &json!(2)));
        assert_eq!((&shown["state"], &shown["settled"]), (&json!("kept"), &Value::Null));

        let ines = json!({ "by": "Ines", "reason": "seen" });
        for _ in 0..2 {
            let sent: Value = console.post(&path(intake, "redrive"), &ines).await.json().await.unwrap();
            assert_eq!((&sent["state"], &sent["settled"]["by"]), (&json!("redriven"), &json!("Ines")));
            let gone: Value = console.post(&path(garbage, "discard"), &ines).await.json().await.unwrap();
            assert_eq!((&gone["state"], &gone["settled"]["reason"]), (&json!("discarded"), &json!("seen")));
        }
        let stop = CancellationToken::new();
        let again = console.engine.broker.consume(&Queue::Intake, 1, stop).next().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.body).unwrap(), ship());
        assert_eq!(console.listed("?state=kept").await, [0; 0]);
        assert_eq!(console.listed("?state=discarded").await, [garbage]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    with_console(None, async |console| {
        let garbage = console.kept("jobs.build", b"{").await;
        let ines = json!({ "by": "Ines", "reason": "seen" });
        let refused = problem(console.post(&path(garbage, "redrive"), &ines).await, 409).await;
        let why = format!(
            "Dead letter {garbage} cannot be sent again: it is no order of Slipway's, so it would come back."
        );
        assert_eq!(refused["detail"], why);
        problem(console.post(&path(garbage, "discard"), &json!({ "by": "Ines" })).await, 422).await;
        problem(console.post(&path(garbage, "discard"), &json!({ "by": "Ines", "reason": "\0" })).await, 422)
            .await;
        problem(console.post(&path(garbage, "redrive"), &json!({ "by": " " })).await, 422).await;
        assert_eq!(console.listed("?state=kept").await, [garbage], "nothing was changed");

        let sent = console.kept("intake", ship().to_string().as_bytes()).await;
        assert_eq!(console.post(&path(sent, "redrive"), &ines).await.status(), 200);
        let refused = problem(console.post(&path(sent, "discard"), &ines).await, 409).await;
        assert_eq!(refused["detail"], format!("Dead letter {sent} cannot be discarded: it was sent again."));
        assert_eq!(console.post(&path(garbage, "discard"), &ines).await.status(), 200);
        let refused = problem(console.post(&path(garbage, "redrive"), &ines).await, 409).await;
        assert_eq!(
            refused["detail"],
            format!("Dead letter {garbage} cannot be sent again: it was discarded.")
        );

        for unknown in
            ["/api/v1/dead-letters/99", "/api/v1/dead-letters/x", "/api/v1/dead-letters/99999999999999999999"]
        {
            problem(console.get(unknown).await, 404).await;
            problem(console.post(&format!("{unknown}/redrive"), &ines).await, 404).await;
        }
        problem(console.get("/api/v1/dead-letters?before=x").await, 400).await;
        let wrong = problem(console.get("/api/v1/dead-letters?state=lost").await, 422).await;
        assert_eq!(wrong["fields"][0]["problem"], "must be one of: kept, redriven, discarded");
    })
    .await;
}

/// Both read the letter as kept; one waits for the other.
#[tokio::test]
async fn of_many_who_send_a_letter_again_one_does() {
    with_console(None, async |console| {
        let id = console.kept("intake", ship().to_string().as_bytes()).await;
        let ines = json!({ "by": "Ines" });
        let path = path(id, "redrive");
        let ask = || async { console.post(&path, &ines).await.json::<Value>().await.unwrap() };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!((&a["settled"], &b["settled"]), (&b["settled"], &c["settled"]));
        let mut intake = console.engine.broker.consume(&Queue::Intake, 10, CancellationToken::new());
        let first = intake.next().await.unwrap();
        assert_eq!(first.id.map(|id| id.to_string()).as_deref(), a["settled"]["sent_as"].as_str());
        console.engine.broker.close().await;
        assert!(intake.next().await.is_none(), "only once");
    })
    .await;
}
