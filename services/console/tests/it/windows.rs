//! Deployment windows and blackouts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Console, problem, with_console};

async fn ask(console: &Console<'_>, path: &str) -> Value {
    let answer = console.get(&format!("/api/v1{path}")).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

async fn delete(console: &Console<'_>, path: &str) -> u16 {
    let path = format!("/api/v1{path}?by=Ada");
    console.request(Method::DELETE, &path).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_window_is_added_asked_and_removed() {
    with_console(None, async |console| {
        assert_eq!(ask(&console, "/windows").await, json!({ "zone": "UTC", "windows": [] }));
        let question = "/windows/decision?at=2026-11-23T12:00:00Z";
        assert_eq!(ask(&console, question).await["verdict"], "open", "no window: always open");

        let window = json!({ "name": "Nights", "days": ["tue"], "start": "22:00", "end": "06:00" });
        let body = json!({ "by": "Ada", "window": window });
        let added: Value = console.post("/api/v1/windows", &body).await.json().await.unwrap();
        assert_eq!(
            added,
            json!({
                "id": 1, "name": "Nights", "days": ["tue"], "start": "22:00", "end": "06:00",
                "change_types": ["standard", "normal"], "risks": ["low", "medium"], "max_concurrent": null,
                "enforcement": "enforced", "allow_overrun": false, "created_by": "Ada",
            })
        );
        let decision = ask(&console, question).await;
        assert_eq!(
            (&decision["verdict"], &decision["next_opening"]),
            (&json!("closed"), &json!("2026-11-24T22:00:00Z"))
        );
        let last_minutes = "/windows/decision?at=2026-11-25T05:55:00Z&estimate_seconds";
        assert_eq!(ask(&console, &format!("{last_minutes}=600")).await["verdict"], "closed");
        assert_eq!(ask(&console, &format!("{last_minutes}=60")).await["verdict"], "open");
        assert_eq!(ask(&console, "/windows/decision?risk=critical").await["verdict"], "refused");
        assert_eq!(ask(&console, "/windows/decision?change_type=emergency").await["verdict"], "bypassed");
        problem(console.get("/api/v1/windows/decision?risk=none").await, 422).await;

        let zone = console
            .request(Method::PUT, "/api/v1/windows/zone")
            .json(&json!({ "by": "Ada", "zone": "Europe/Berlin" }));
        assert_eq!(zone.send().await.unwrap().status(), 200);
        assert_eq!(ask(&console, question).await["next_opening"], "2026-11-24T21:00:00Z");
        let calendar = console.get("/api/v1/calendar.ics").await;
        assert_eq!(calendar.headers()["content-type"], "text/calendar; charset=utf-8");
        assert!(calendar.text().await.unwrap().starts_with("BEGIN:VCALENDAR"));

        let unsaid = console.request(Method::DELETE, "/api/v1/windows/1").send().await.unwrap();
        assert_eq!(problem(unsaid, 422).await["detail"], "Say who decides.");
        assert_eq!((delete(&console, "/windows/1").await, delete(&console, "/windows/1").await), (204, 404));
        let trail = console.engine.store.audit_after(0).await.unwrap();
        let said: Vec<_> = trail.iter().map(|entry| entry.said().unwrap()).collect();
        for action in ["windows.insert", "profiles.update", "windows.delete"] {
            assert!(said.iter().any(|it| it.action == action && it.who == "Ada"), "{action}: {said:?}");
        }
        assert_eq!(ask(&console, question).await["verdict"], "open");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_window_is_said_by_its_field_and_nothing_is_saved() {
    with_console(None, async |console| {
        let good = json!({ "name": "Nights", "days": ["tue"], "start": "22:00", "end": "06:00" });
        let add = async |window: Value| {
            console.post("/api/v1/windows", &json!({ "by": "Ada", "window": window })).await
        };
        assert_eq!(add(good.clone()).await.status(), 200);
        let wrong = [
            ("name", json!("")),
            ("name", json!("Nights")),
            ("days[0]", json!(["day 9"])),
            ("days", json!([])),
            ("start", json!("24:00")),
            ("end", json!("22:00")),
            ("risks", json!([])),
            ("max_concurrent", json!(0)),
        ];
        for (field, value) in wrong {
            let mut window = good.clone();
            window["name"] = json!("Other");
            window["days"] = json!(["wed"]);
            window[field.split('[').next().unwrap()] = value;
            let refused = problem(add(window).await, 422).await;
            let named = refused["fields"][0]["field"].as_str().unwrap();
            assert!(field.starts_with(named) || named.starts_with(field), "{field}: {refused}");
        }
        problem(add(json!({ "name": "Other" })).await, 422).await;
        problem(console.post("/api/v1/windows", &json!({ "by": " ", "window": good })).await, 422).await;
        let mars = console
            .request(Method::PUT, "/api/v1/windows/zone")
            .json(&json!({ "by": "Ada", "zone": "Mars/Olympus" }));
        let refused = problem(mars.send().await.unwrap(), 422).await;
        assert_eq!(refused["fields"][0]["field"], "zone");
        let known = ask(&console, "/windows").await;
        assert_eq!((&known["zone"], known["windows"].as_array().unwrap().len()), (&json!("UTC"), 1));
    })
    .await;
}

#[tokio::test]
async fn blackouts_are_added_once_imported_and_removed() {
    with_console(None, async |console| {
        let blackout = |reason: &str, end: &str| {
            json!({ "by": "Ada", "blackout": {
                "reason": reason, "start": "2026-12-24T00:00:00Z", "end": end, "exempt": ["standard"],
            } })
        };
        let holidays = blackout("Holidays", "2026-12-26T23:59:59Z");
        for _ in 0..2 {
            let known: Value = console.post("/api/v1/blackouts", &holidays).await.json().await.unwrap();
            assert_eq!(
                known,
                json!([{
                    "id": 1, "reason": "Holidays", "start": "2026-12-24T00:00:00Z", "end": "2026-12-26T23:59:59Z",
                    "exempt": ["standard"], "created_by": "Ada",
                }])
            );
        }
        let backwards = blackout("Backwards", "2026-12-23T00:00:00Z");
        let refused = problem(console.post("/api/v1/blackouts", &backwards).await, 422).await;
        assert_eq!(refused["fields"][0]["field"], "end");
        let decision = ask(&console, "/windows/decision?at=2026-12-25T12:00:00Z").await;
        assert_eq!(decision["verdict"], "closed");
        let standard = "/windows/decision?at=2026-12-25T12:00:00Z&change_type=standard";
        assert_eq!(ask(&console, standard).await["verdict"], "open");

        let day = console.database.text("select to_char(slipway_now() + interval '30 days', 'YYYYMMDD')").await;
        let ics = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:1@test\r\n\
             DTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:Stocktaking\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let import = async || -> Value {
            let body = json!({ "by": "Ada", "ics": ics });
            console.post("/api/v1/blackouts/import", &body).await.json().await.unwrap()
        };
        assert_eq!(import().await, json!({ "added": 1, "known": 0 }));
        assert_eq!(import().await, json!({ "added": 0, "known": 1 }));
        let nonsense = json!({ "by": "Ada", "ics": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:yesterday\r\n" });
        problem(console.post("/api/v1/blackouts/import", &nonsense).await, 422).await;

        for known in ask(&console, "/blackouts").await.as_array().unwrap() {
            assert_eq!(delete(&console, &format!("/blackouts/{}", known["id"])).await, 204);
        }
        assert_eq!(ask(&console, "/blackouts").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_promotion_is_scheduled_or_made_an_emergency_by_who_answers_for_it() {
    with_console(None, async |console| {
        let id = console.created(1).await;
        let path = |action: &str| format!("/api/v1/promotions/{id}/{action}");
        let ines = json!({ "by": "Ines", "reason": "The tills are down" });
        let refused = problem(console.post(&path("schedule"), &ines).await, 409).await;
        assert_eq!(refused["detail"], "It cannot be scheduled: it is pending.");
        problem(console.post(&path("emergency"), &json!({ "by": "Ines" })).await, 422).await;
        console.post(&path("approve"), &ines).await;
        let scheduled: Value = console.post(&path("schedule"), &ines).await.json().await.unwrap();
        assert_eq!((&scheduled["status"], &scheduled["queue_position"]), (&json!("scheduled"), &json!(1)));
        assert!(scheduled["opens_at"].is_string(), "{scheduled}");
        let urgent: Value = console.post(&path("emergency"), &ines).await.json().await.unwrap();
        assert_eq!((&urgent["status"], &urgent["opens_at"]), (&json!("approved"), &Value::Null));
        let shown = ask(&console, &format!("/promotions/{id}")).await;
        assert_eq!((&shown["change_type"], &shown["change_reason"]), (&json!("emergency"), &ines["reason"]));
        let told = console.engine.store.progress_after(&id, 0).await.unwrap();
        assert!(told.iter().any(|it| it.message.contains("The tills are down")), "{told:?}");
    })
    .await;
}
