//! What people approve.

use serde_json::{Value, json};

use crate::world::{Console, actor, problem, with_console};

async fn ask(console: &Console<'_>, path: &str) -> Value {
    let answer = console.get(&format!("/api/v1{path}")).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_plan_is_shown_and_approved_by_its_hash() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = |action: &str| format!("/api/v1/promotions/{id}/{action}");
        let shown = ask(&console, &format!("/promotions/{id}/plan")).await;
        let sentences = shown["sentences"].to_string();
        for words in ["Feature 1", "shop", "backed up first", "at any time"] {
            assert!(sentences.contains(words), "{sentences}");
        }
        assert_eq!((&shown["approved_by"], &shown["lapsed"]), (&Value::Null, &Value::Null));

        let other = json!({ "name": "shop", "swap": "warm" });
        console.engine.store.apply_installation("shop", &other, &actor("Root")).await.unwrap();
        let yes = json!({ "by": "Ines", "plan": shown["plan"] });
        let refused = problem(console.post(&path("approve"), &yes).await, 409).await;
        let why = refused["detail"].as_str().unwrap();
        assert!(why.contains("the description of the installation was changed"), "{why}");

        let shown = ask(&console, &format!("/promotions/{id}/plan")).await;
        let yes = json!({ "by": "Ines", "plan": shown["plan"] });
        let approved: Value = console.post(&path("approve"), &yes).await.json().await.unwrap();
        assert_eq!(approved["status"], "approved");
        let record = ask(&console, &format!("/promotions/{id}")).await;
        assert_eq!(record["approved_plan"], shown["plan"]);
        let now = ask(&console, &format!("/promotions/{id}/plan")).await;
        assert_eq!((&now["approved_by"], &now["lapsed"]), (&json!("Ines"), &Value::Null));
        assert_eq!(now["approval_ends_at"], record["approval_ends_at"]);
        assert!(now["approval_ends_at"].is_string(), "{now}");

        let trail = console.engine.store.audit_after(0).await.unwrap();
        let approval = trail.last().unwrap().said().unwrap();
        assert_eq!((approval.who.as_str(), approval.action.as_str()), ("Ines", "promotions.update"));
        assert_eq!(approval.after.unwrap()["approved_plan"], shown["plan"], "what was approved is on record");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_promotion_has_no_plan() {
    with_console(None, async |console| {
        for id in ["CP-00000009", "x"] {
            problem(console.get(&format!("/api/v1/promotions/{id}/plan")).await, 404).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_lets_a_change_go_past_the_windows_and_why_is_on_the_audit_trail() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = format!("/api/v1/promotions/{id}/override");
        problem(console.post(&path, &json!({ "by": "Ada" })).await, 422).await;
        let wish = json!({ "by": "Ada", "reason": "The regulator asked for it" });
        let overridden: Value = console.post(&path, &wish).await.json().await.unwrap();
        assert_eq!(overridden["status"], "pending", "nobody has approved it");
        let record = ask(&console, &format!("/promotions/{id}")).await;
        assert_eq!((&record["change_type"], &record["change_reason"]), (&json!("normal"), &wish["reason"]));
        let plan = ask(&console, &format!("/promotions/{id}/plan")).await["sentences"].to_string();
        assert!(plan.contains("waits for no deployment window, only for the end of a blackout"), "{plan}");
        let trail = console.engine.store.audit_after(0).await.unwrap();
        let said = trail.last().unwrap().said().unwrap();
        assert_eq!((said.who.as_str(), said.action.as_str()), ("Ada", "change_requests.update"));
        let after = said.after.unwrap();
        assert_eq!((&after["overrides_windows"], &after["reason"]), (&json!(true), &wish["reason"]));
    })
    .await;
}
