//! A fingerprint sees every change, and nothing but changes.

use adapters::database::{Dump, Fingerprint, RowForm};

use super::shop::FAILED_RELEASE;
use super::{PROMOTION, World};

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
    assert_eq!(serde_json::from_str::<Fingerprint>(&stored).unwrap(), before);
}

/// Types, each with two values that are easily taken for one, or that have several forms for one text.
const VALUES: &[(&str, [&str; 2])] = &[
    ("bool", ["true", "NULL"]),
    ("smallint", ["1", "-1"]),
    ("int", ["0", "-1"]),
    ("bigint", ["0", "4294967297"]),
    ("numeric", ["1.0", "1.00"]),
    ("numeric", ["1", "-1"]),
    ("numeric", ["'NaN'", "'infinity'"]),
    ("real", ["'0'", "'-0'"]),
    ("double precision", ["'infinity'::float8 - 'infinity'::float8", "0.1"]),
    ("text", ["''", "NULL"]),
    ("text", ["repeat('long', 10000)", "repeat('long', 10001)"]),
    ("varchar(5)", ["'a'", "'a '"]),
    ("bpchar", ["'a'", "'a '"]),
    ("char(3)", ["'a'", "'b'"]),
    ("bytea", [r"'\x00'", r"'\x0000'"]),
    ("json", [r#"'{"a":1}'"#, r#"'{"a": 1}'"#]),
    ("jsonb", [r#"'{"a": 1.0}'"#, r#"'{"a": 1.00}'"#]),
    ("uuid", ["'00000000-0000-0000-0000-000000000001'", "NULL"]),
    ("date", ["'2026-11-23'", "'infinity'"]),
    ("time", ["'24:00'", "'00:00'"]),
    ("timestamp", ["'2026-11-23'", "'2026-11-23 00:00:00.000001'"]),
    ("timestamptz", ["'2026-11-23+00'", "'2026-11-23+01'"]),
    ("interval", ["'1 month'", "'30 days'"]),
    ("point", ["'(0, -0)'", "'(0, 0)'"]),
    ("int[]", ["'{1, 2}'", "'[0:1]={1, 2}'"]),
    ("regclass", ["'parent'", "'child'"]),
    ("mood", ["'sad'", "'happy'"]),
    ("place", ["('a', NULL)", "('a', '')"]),
    ("amount", ["1", "NULL"]),
    ("xml", ["'<a/>'", "'<a />'"]),
];

/// The columns of that type and these values.
fn columns(give: impl Fn(usize, &str, [&str; 2]) -> String) -> String {
    let columns = VALUES.iter().enumerate().map(|(number, (kind, values))| give(number, kind, *values));
    columns.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn values_of_any_type_are_told_apart_and_the_same_in_a_restored_backup() {
    let world = World::shop().await;
    world.run(&format!("CREATE TABLE odd (id int, {})", columns(|n, kind, _| format!("c{n} {kind}")))).await;
    for row in [0, 1] {
        let values = columns(|_, kind, values| format!("({})::{kind}", values[row]));
        world.run(&format!("INSERT INTO odd VALUES ({row}, {values})")).await;
    }
    // An array that once had a hole in it.
    world
        .run("CREATE TABLE mended AS SELECT ARRAY[1, NULL] AS whole; UPDATE mended SET whole[2] = 2; CREATE TABLE nothing ()")
        .await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(before.row_form, RowForm::Binary);
    for (number, (kind, values)) in VALUES.iter().enumerate() {
        let change_places =
            format!("UPDATE odd SET c{number} = other.c{number} FROM odd AS other WHERE other.id <> odd.id");
        world.run(&change_places).await;
        let differences = before.differences(&world.database.fingerprint(&world.name).await.unwrap());
        let expected = "The table public.odd has as many rows as before, but not the same.";
        assert_eq!(differences, [expected], "{kind}: {values:?}");
        world.run(&change_places).await;
        assert!(!world.database.changed_since(&before).await.unwrap(), "{kind}: {values:?}");
    }
    let dump = world.dump().await;
    world.database.rehearse(PROMOTION, &dump).await.unwrap();
}

/// What the version before this one took of the table `kept`.
const TEXT_HASHES: &str = "-6678534759619021655 -10201592073016890141";

#[tokio::test]
async fn a_fingerprint_from_before_rows_had_forms_can_be_compared() {
    let world = World::shop().await;
    world.run("CREATE TABLE kept (id int, name text); INSERT INTO kept VALUES (1, 'a'), (2, NULL)").await;
    let now = world.database.fingerprint(&world.name).await.unwrap();
    let mut old = serde_json::to_value(&now).unwrap();
    old.as_object_mut().unwrap().remove("row_form").unwrap();
    let old: Fingerprint = serde_json::from_value(old).unwrap();
    assert_eq!(old.row_form, RowForm::Text);
    // Its hashes are not those of text yet.
    assert!(world.database.changed_since(&old).await.unwrap());
    assert_eq!(old.changed_tables(&now), now.tables.keys().cloned().collect());

    let old = world.database.fingerprint_like(&world.name, &old).await.unwrap();
    assert_eq!(old.tables["public.kept"].hash, TEXT_HASHES);
    assert!(!world.database.changed_since(&old).await.unwrap());
    let dump = world.dump().await;
    let dump = Dump { fingerprint: old.clone(), ..dump };
    world.database.rehearse(PROMOTION, &dump).await.unwrap();
    world.run("UPDATE kept SET id = 3 WHERE id = 2").await;
    assert!(world.database.changed_since(&old).await.unwrap());
}

#[tokio::test]
async fn bytes_of_no_known_encoding_do_no_harm() {
    let world = World::empty().await;
    world
        .admin(
            "DROP DATABASE {database};
             CREATE DATABASE {database} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
        )
        .await;
    world.run("CREATE TABLE old (name text); INSERT INTO old VALUES (E'caf\\351')").await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(before.row_form, RowForm::Text);
    let dump = world.dump().await;
    world.database.rehearse(PROMOTION, &dump).await.unwrap();
    world.run("UPDATE old SET name = E'caf\\350'").await;
    assert!(world.database.changed_since(&before).await.unwrap());
}
