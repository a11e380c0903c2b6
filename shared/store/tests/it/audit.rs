//! The audit trail: complete, in order, and not to be changed unnoticed.

use domain::{ChangeType, Risk};
use scratch::{Database, with_database};
use serde_json::{Value, json};
use store::Store;
use store::Tx;
use store::audit::{Entry, Verdict};
use store::windows::{self, BlackoutRule, WindowRule};

use crate::world::{actor, approve, migrated, promotion};

/// What somebody does who is allowed to do anything to the database.
async fn tamper(database: &Database, sql: &str) {
    database
        .run(&format!("set session_replication_role = replica; {sql}; reset session_replication_role"))
        .await;
}

/// A trail of six entries.
async fn written(database: &Database) -> Store {
    let store = migrated(database).await;
    for number in 1..=6 {
        let description = json!({ "name": "shop", "number": number });
        store.apply_installation("shop", &description, &actor("Ines")).await.unwrap();
    }
    store
}

async fn problems(store: &Store) -> Vec<String> {
    store.verify_audit().await.unwrap().problems
}

#[tokio::test]
async fn what_people_change_is_on_the_trail_with_what_was_there_before() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        assert_eq!(store.audit_after(0).await.unwrap().len(), 1, "that nobody decided is not on it");
        let mut tx = store.begin_as(&actor("Ines")).await.unwrap();
        approve(&mut tx, &id, "Ines").await;
        tx.commit().await.unwrap();
        let mut dropped = store.begin_as(&actor("Mara")).await.unwrap();
        approve(&mut dropped, &id, "Mara").await;
        drop(dropped);

        let entries = store.audit_before(None).await.unwrap();
        let said: Vec<_> = entries.iter().map(|entry| entry.said().unwrap()).collect();
        assert_eq!(said.len(), 2, "what was not done is not on it");
        let approval = &said[0];
        assert_eq!((approval.who.as_str(), approval.from.as_str()), ("Ines", "a test"));
        assert_eq!(
            (approval.action.as_str(), approval.subject.as_deref()),
            ("promotions.update", Some(id.as_str()))
        );
        assert_eq!(approval.before, Some(json!({ "status": "pending" })));
        let after = approval.after.as_ref().unwrap();
        assert_eq!((&after["status"], &after["approved_by"]), (&json!("approved"), &json!("Ines")));
        assert_eq!((said[1].action.as_str(), &said[1].before), ("installations.insert", &None));
        assert_eq!(
            store.verify_audit().await.unwrap(),
            Verdict { entries: 2, head: entries[0].hash.clone(), problems: vec![] }
        );
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_decision_that_is_not_made_yet() {
    with_database(async |database| {
        let store = migrated(database).await;
        let id = promotion(&store, "shop", 1).await;
        let mut slow = store.begin_as(&actor("Ines")).await.unwrap();
        approve(&mut slow, &id, "Ines").await;
        store.apply_installation("other", &json!({}), &actor("Mara")).await.unwrap();
        slow.commit().await.unwrap();
        let entries = store.audit_after(0).await.unwrap();
        let who: Vec<_> = entries.iter().map(|entry| entry.said().unwrap().who).collect();
        assert_eq!(who, ["Ines", "Mara", "Ines"], "in the order in which they were decided");
        assert_eq!(problems(&store).await, Vec::<String>::new());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_people_change_about_windows_is_on_the_trail_with_what_was_there_before() {
    let window = WindowRule {
        name: "Nights".to_owned(),
        days: vec!["tue".to_owned()],
        opens: "22:00".to_owned(),
        closes: "06:00".to_owned(),
        change_types: vec![ChangeType::Normal],
        risks: vec![Risk::Low],
        max_concurrent: None,
        enforcement: "enforced".to_owned(),
        allow_overrun: false,
    };
    let blackout = BlackoutRule {
        name: "Stocktaking".to_owned(),
        starts_at: "2026-12-24T00:00:00Z".parse().unwrap(),
        ends_at: "2026-12-26T23:59:59Z".parse().unwrap(),
        exempt: vec![],
    };
    with_database(async |database| {
        let store = migrated(database).await;
        let made = as_somebody(&store, "Ada", async |tx| {
            windows::set_zone(tx, "Europe/Berlin").await.unwrap();
            // What is as it was before is no change.
            windows::set_zone(tx, "Europe/Berlin").await.unwrap();
            assert!(windows::insert_blackout(tx, &blackout, "Ada").await.unwrap());
            windows::insert(tx, &window, "Ada").await.unwrap()
        })
        .await;
        let blackouts = store.profile().await.unwrap().blackouts;
        as_somebody(&store, "Noor", async |tx| {
            assert!(windows::remove(tx, made).await.unwrap());
            assert!(windows::remove_blackout(tx, blackouts[0].id).await.unwrap());
        })
        .await;

        let entries = store.audit_after(0).await.unwrap();
        let said: Vec<_> = entries.iter().map(|entry| entry.said().unwrap()).collect();
        let told: Vec<_> = said.iter().map(|it| (it.who.as_str(), it.action.as_str())).collect();
        let expected = [
            ("Ada", "profiles.update"),
            ("Ada", "blackouts.insert"),
            ("Ada", "windows.insert"),
            ("Noor", "windows.delete"),
            ("Noor", "blackouts.delete"),
        ];
        assert_eq!(told, expected);
        assert_eq!(said[0].before, Some(json!({ "zone": "UTC" })));
        assert_eq!(said[0].after, Some(json!({ "zone": "Europe/Berlin" })));
        for (added, removed, name) in [(2, 3, "Nights"), (1, 4, "Stocktaking")] {
            assert_eq!((&said[added].before, &said[removed].after), (&None, &None), "{name}");
            assert_eq!(said[added].after, said[removed].before, "{name}");
            assert_eq!(said[added].after.as_ref().unwrap()["name"], name);
            assert_eq!(said[added].subject, said[removed].subject, "{name}");
        }
        store.close().await;
    })
    .await;
}

/// One transaction in somebody's name.
async fn as_somebody<T>(store: &Store, name: &str, change: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = store.begin_as(&actor(name)).await.unwrap();
    let changed = change(&mut tx).await;
    tx.commit().await.unwrap();
    changed
}

#[tokio::test]
async fn the_trail_only_grows() {
    with_database(async |database| {
        let store = written(database).await;
        for sql in [
            "update audit set entry = '{}'",
            "delete from audit where number = 6",
            "truncate audit",
            "delete from audit_head",
            "truncate audit_head",
            "insert into audit_head (is_only, number, hash) values (true, 0, repeat('0', 64))",
        ] {
            assert_eq!(database.refused_by(sql).await, "audit_only_grows", "{sql}");
        }
        assert_eq!(problems(&store).await, [""; 0]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn whatever_is_done_to_the_trail_is_found_and_named() {
    let rehashed = "hash = encode(sha256(convert_to(replace(entry, 'Ines', 'Mara'), 'UTF8')), 'hex')";
    let forged =
        format!("update audit set entry = replace(entry, 'Ines', 'Mara'), {rehashed} where number = ");
    let forged = [3, 6].map(|number| format!("{forged}{number}"));
    let cases: [(&str, &[&str]); 10] = [
        (
            "update audit set entry = replace(entry, 'Ines', 'Mara') where number = 3",
            &["entry 3 was changed"],
        ),
        (
            "update audit set hash = repeat('a', 64) where number = 6",
            &["entry 6 was changed", "entry 6 was replaced"],
        ),
        (&forged[0], &["entry 3 or entry 4 was replaced"]),
        (&forged[1], &["entry 6 was replaced"]),
        ("delete from audit where number = 3", &["entry 3 is missing"]),
        ("delete from audit where number = 6", &["entry 6 is missing"]),
        ("delete from audit where number > 2", &["entries 3 to 6 are missing"]),
        ("delete from audit", &["entries 1 to 6 are missing"]),
        ("delete from audit_head", &["the record of the last entry is missing"]),
        (
            "insert into audit select number + 1, entry, hash from audit where number = 6",
            &["entry 7 was changed", "entries after entry 6 were not written by Slipway"],
        ),
    ];
    for (sql, expected) in cases {
        with_database(async |database| {
            let store = written(database).await;
            assert_eq!(problems(&store).await, [""; 0]);
            tamper(database, sql).await;
            let mut found = problems(&store).await;
            // A copy names its original's predecessor, too.
            found.retain(|it| it != "entry 6 or entry 7 was replaced");
            assert_eq!(found, expected, "{sql}");
            store.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn entries_that_are_written_at_once_stand_one_after_the_other() {
    with_database(async |database| {
        let store = migrated(database).await;
        let writers = (0..20).map(|number| {
            let store = store.clone();
            async move {
                let name = format!("shop-{number}");
                store.apply_installation(&name, &json!({ "name": name }), &actor("Ines")).await
            }
        });
        for written in futures_util::future::join_all(writers).await {
            written.unwrap();
        }
        let verdict = store.verify_audit().await.unwrap();
        assert_eq!((verdict.entries, verdict.problems), (20, Vec::new()));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_long_trail_is_read_to_its_end() {
    with_database(async |database| {
        let store = migrated(database).await;
        database.run("select audit_append('test', n::text, null, '1') from generate_series(1, 1200) n").await;
        assert_eq!(store.verify_audit().await.unwrap().entries, 1200);
        let page = store.audit_after(500).await.unwrap();
        let numbers = |page: &[Entry]| (page[0].number, page.last().unwrap().number);
        assert_eq!(numbers(&page), (501, 1000));
        assert_eq!(numbers(&store.audit_before(Some(10)).await.unwrap()), (9, 1));
        let said = page[0].said().unwrap();
        assert_eq!((said.subject.as_deref(), said.after), (Some("501"), Some(Value::from(1))));
        store.close().await;
    })
    .await;
}
