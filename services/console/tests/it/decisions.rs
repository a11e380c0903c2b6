//! What people decide.

use engine::start::start_next;
use serde_json::{Value, json};

use crate::world::{problem, with_console};

#[tokio::test]
async fn a_promotion_is_approved_once_and_stopped_while_it_can_be() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = |action: &str| format!("/api/v1/promotions/{id}/{action}");
        let ines = json!({ "by": "Ines", "reason": "wrong day" });

        let approved: Value = console.post(&path("approve"), &ines).await.json().await.unwrap();
        assert_eq!(approved["status"], "approved");
        start_next(&console.engine).await.unwrap().unwrap();
        let refused = problem(console.post(&path("approve"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "It cannot be approved: it is deploying.");

        assert_eq!(console.post(&path("cancel"), &ines).await.status(), 200);
        let refused = problem(console.post(&path("cancel"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "It cannot be stopped any more: the run is being undone already.");

        let shown: Value = console.get(&format!("/api/v1/promotions/{id}")).await.json().await.unwrap();
        assert_eq!((&shown["approved_by"], &shown["requested_by"]), (&json!("Ines"), &json!("Mara")));
        assert_eq!(shown["timeline"][0]["job"], "scheduler.validate");
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_put_back_is_resumed_or_given_up() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = |action: &str| format!("/api/v1/promotions/{id}/{action}");
        let ines = json!({ "by": "Ines", "reason": "restored by hand" });
        let refused = problem(console.post(&path("resume"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "There is nothing to go on with: nothing is under way.");
        console.post(&path("approve"), &ines).await;
        start_next(&console.engine).await.unwrap().unwrap();
        let refused = problem(console.post(&path("give-up"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "There is nothing to give up: the run does not wait for a person.");

        console.until_stuck(&id).await;
        let shown: Value = console.get(&format!("/api/v1/promotions/{id}")).await.json().await.unwrap();
        assert_eq!((&shown["status"], &shown["finished_at"]), (&json!("needs_attention"), &json!(null)));
        assert_eq!(shown["to_do"], json!(["Open shop and check that it works."]));
        problem(console.post(&path("give-up"), &json!({ "by": "Ines" })).await, 422).await;
        let resumed: Value = console.post(&path("resume"), &ines).await.json().await.unwrap();
        assert_eq!(resumed["status"], "rolling_back");

        console.until_stuck(&id).await;
        let given_up: Value = console.post(&path("give-up"), &ines).await.json().await.unwrap();
        assert_eq!(given_up["status"], "needs_attention");
        let reason = given_up["reason"].as_str().unwrap();
        assert!(reason.ends_with("Ines took over: restored by hand"), "{reason}");
        let refused = problem(console.post(&path("resume"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "There is nothing to go on with: nothing is under way.");
    })
    .await;
}

#[tokio::test]
async fn a_promotion_that_has_not_begun_is_rejected_by_who_says_why() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = format!("/api/v1/promotions/{id}/reject");
        problem(console.post(&path, &json!({ "by": "Ines" })).await, 422).await;
        let no = json!({ "by": "Ines", "reason": "too risky" });
        let rejected: Value = console.post(&path, &no).await.json().await.unwrap();
        assert_eq!(
            (&rejected["status"], &rejected["status_title"]),
            (&json!("rejected"), &json!("Rejected"))
        );
        assert_eq!(rejected["reason"], "Ines rejected the promotion: too risky");
        let refused = problem(console.post(&path, &no).await, 409).await;
        assert_eq!(refused["detail"], "It cannot be rejected: it is rejected.");
    })
    .await;
}

#[tokio::test]
async fn a_promotion_that_has_not_begun_is_withdrawn() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = format!("/api/v1/promotions/{id}/cancel");
        let ines = json!({ "by": "Ines", "reason": "not needed" });
        let cancelled: Value = console.post(&path, &ines).await.json().await.unwrap();
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(cancelled["reason"], "Ines withdrew the promotion: not needed");
        problem(console.post(&path, &ines).await, 409).await;
        let all: Value = console.get("/api/v1/promotions?installation=shop").await.json().await.unwrap();
        assert_eq!(all.as_array().unwrap().len(), 1);
        let none: Value = console.get("/api/v1/promotions?installation=other").await.json().await.unwrap();
        assert_eq!(none, json!([]));
    })
    .await;
}
