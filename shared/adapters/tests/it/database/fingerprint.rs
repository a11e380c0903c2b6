//! A fingerprint sees every change, and nothing but changes.

use super::World;
use super::shop::FAILED_RELEASE;

/// Changes, each with a part of the sentence that tells of it.
const CHANGES: &[(&str, &str)] = &[
    ("UPDATE child SET price = price + 1 WHERE id = 7", "public.child has as many rows"),
    ("INSERT INTO child (parent) VALUES (1)", "public.child has 2001 rows, not 2000"),
    ("INSERT INTO events VALUES ('2026-11-23', '')", "public.events_2026 has 4 rows"),
    ("CREATE TABLE extra ()", "public.extra is new, with 0 rows"),
    ("DROP TABLE extra", "public.extra is gone"),
    ("SELECT nextval('tickets')", "sequence public.tickets stands at 114, not 107"),
    ("SELECT setval('tickets', 114, false)", "sequence public.tickets"),
    ("SELECT lo_put(4711, 3, 'x')", "large objects has as many objects"),
    ("SELECT lo_create(4713)", "large objects has 3 objects, not 2"),
    ("ALTER LARGE OBJECT 4713 OWNER TO {role}", "large objects"),
    ("ALTER TYPE mood ADD VALUE 'glad' BEFORE 'happy'", "definitions of types"),
    ("ALTER TABLE child ALTER price SET DEFAULT 3", "definitions of columns"),
    ("ALTER TABLE child ALTER price SET NOT NULL", "definitions of columns"),
    ("ALTER TABLE child DROP CONSTRAINT cheap", "definitions of constraints"),
    ("DROP INDEX child_by_price", "definitions of indexes"),
    ("CREATE OR REPLACE VIEW happy AS SELECT id, name FROM parent", "definitions of views"),
    ("ALTER FUNCTION touch() COST 7", "definitions of functions"),
    ("ALTER TABLE parent DISABLE TRIGGER touch", "definitions of triggers"),
    ("GRANT DELETE ON child TO {role}", "definitions of tables"),
    ("ALTER TABLE child OWNER TO {role}", "definitions of tables"),
    ("REVOKE UPDATE (name) ON parent FROM {role}", "definitions of columns"),
    ("ALTER POLICY own ON app.notes USING (true)", "definitions of row policies"),
    ("ALTER SEQUENCE tickets CYCLE", "definitions of sequences"),
    ("DROP EXTENSION pgcrypto", "definitions of extensions"),
    ("COMMENT ON TABLE child IS 'new'", "definitions of tables"),
    ("ALTER DATABASE {database} SET work_mem TO '7MB'", "definitions of the database itself"),
    ("REVOKE TEMPORARY ON DATABASE {database} FROM {role}", "the database itself"),
];

#[tokio::test]
async fn every_change_is_seen_and_named() {
    let world = World::shop().await;
    let mut before = world.database.fingerprint(&world.name).await.unwrap();
    for (change, expected) in CHANGES {
        world.run(change).await;
        let now = world.database.fingerprint(&world.name).await.unwrap();
        assert_ne!(now.digest(), before.digest(), "{change}");
        let differences = before.differences(&now).join("\n");
        assert!(differences.contains(expected), "{change}: {differences}");
        assert!(world.database.changed_since(&before).await.unwrap(), "{change}");
        before = now;
    }
    assert!(!world.database.changed_since(&before).await.unwrap());
    world.run(FAILED_RELEASE).await;
    assert!(world.database.changed_since(&before).await.unwrap());
}

#[tokio::test]
async fn what_is_no_change_is_not_seen() {
    let world = World::shop().await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    let no_changes = [
        "UPDATE child SET price = price WHERE id % 2 = 0",
        "VACUUM FULL child",
        "CLUSTER parent USING parent_pkey",
        "ANALYZE",
        "BEGIN; DELETE FROM child; CREATE TABLE x (); ROLLBACK",
        "SET timezone = 'Asia/Tokyo'",
    ];
    for statement in no_changes {
        world.run(statement).await;
    }
    world.run("ALTER TABLE parent SET WITHOUT CLUSTER").await;
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(before.differences(&now), Vec::<String>::new());
    assert_eq!(before.digest(), now.digest());
}

#[tokio::test]
async fn it_outlives_being_stored() {
    let world = World::shop().await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    let stored = serde_json::to_string(&before).unwrap();
    assert_eq!(serde_json::from_str::<adapters::database::Fingerprint>(&stored).unwrap(), before);
}
