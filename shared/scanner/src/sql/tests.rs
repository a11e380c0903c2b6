//! What a script loses, and what only looks as if it did.

use proptest::prelude::*;

use crate::change::{ChangeSet, ChangedFile, Content, Source};
use crate::finding::Verdict;
use crate::sighting::Sighting;

use super::{look, look_at_change, look_in_text};

fn scan(sql: &str) -> Vec<Sighting> {
    look(Source { path: "prisma/migrations/20260101000000_x/migration.sql", text: sql })
}

/// `rule verdict` of every sighting that is not a mere note.
fn said(sightings: &[Sighting]) -> Vec<String> {
    let kept = sightings.iter().filter(|it| it.verdict > Verdict::Note);
    kept.map(|it| format!("{} {:?}", it.rule.trim_start_matches("destructive."), it.verdict)).collect()
}

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    assert_eq!(said(&scan(sql)), expected, "{sql}");
}

#[test]
fn what_loses_data_for_sure_blocks() {
    for (sql, expected) in [
        ("DROP TABLE \"Customer\";", "drop-table"),
        ("drop table if exists a, b cascade", "drop-table"),
        ("DROP FOREIGN TABLE f;", "drop-table"),
        ("ALTER TABLE \"Customer\" DROP COLUMN \"phone\";", "drop-column"),
        ("ALTER TABLE \"Customer\" DROP \"phone\";", "drop-column"),
        ("ALTER TABLE ONLY c DROP IF EXISTS phone CASCADE;", "drop-column"),
        ("DROP SCHEMA sales CASCADE;", "drop-schema"),
        ("DROP DATABASE shop;", "drop-database"),
        ("DROP OWNED BY app;", "drop-owned"),
        ("TRUNCATE \"Customer\";", "truncate"),
        ("TRUNCATE TABLE ONLY a, b RESTART IDENTITY CASCADE;", "truncate"),
        ("DELETE FROM \"Customer\";", "delete-all"),
        ("DELETE FROM a WHERE true;", "delete-all"),
        ("DELETE FROM a WHERE 1=1;", "delete-all"),
        ("DELETE FROM a WHERE (id = id OR name = 'x');", "delete-all"),
        ("DELETE FROM a WHERE NOT false AND 2 > 1;", "delete-all"),
        ("DELETE FROM a USING b;", "delete-all"),
        ("DELETE FROM a RETURNING (SELECT 1 WHERE false);", "delete-all"),
        ("UPDATE \"Customer\" SET phone = NULL;", "update-all"),
        ("UPDATE a SET x = (SELECT y FROM b WHERE b.id = a.id);", "update-all"),
        ("UPDATE a SET x = 1 WHERE 'a' LIKE '%';", "update-all"),
        ("UPDATE a SET x = COALESCE(y, x), z = COALESCE(z, 1);", "update-all"),
        ("ALTER TABLE a ADD COLUMN IF NOT EXISTS b text; UPDATE a SET b = NULL;", "update-all"),
        ("ALTER TYPE addr DROP ATTRIBUTE zip;", "drop-attribute"),
        ("EXPLAIN ANALYZE DELETE FROM a;", "delete-all"),
    ] {
        check(sql, &[&format!("{expected} Block")]);
    }
}

#[test]
fn what_may_lose_data_asks_for_a_look() {
    for (sql, expected) in [
        ("DELETE FROM a WHERE id = 1;", "delete"),
        ("ALTER TABLE a ALTER COLUMN b TYPE varchar(10);", "change-type"),
        ("ALTER TABLE a ALTER b TYPE int USING b::int;", "change-type"),
        ("ALTER TABLE a ALTER COLUMN b\n SET DATA TYPE integer;", "change-type"),
        ("ALTER TABLE a ALTER COLUMN b SET NOT NULL;", "set-not-null"),
        ("DROP VIEW v CASCADE;", "cascade"),
        ("DROP TYPE t CASCADE;", "cascade"),
        ("ALTER TABLE a RENAME TO b;", "rename"),
        ("ALTER TABLE a RENAME COLUMN b TO c;", "rename"),
        ("ALTER TABLE a RENAME b TO c;", "rename"),
        ("RENAME TABLE `a` TO `b`;", "rename"),
        ("ALTER TABLE a DETACH PARTITION a1;", "detach-partition"),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE;", "merge-delete"),
        ("ALTER TABLE a SET UNLOGGED;", "set-unlogged"),
        ("ALTER TABLE a DROP CONSTRAINT a_email_key;", "drop-unique"),
        ("ALTER TABLE a DISABLE ROW LEVEL SECURITY;", "row-security-off"),
        ("DROP SEQUENCE s;", "drop-sequence"),
        ("ALTER TYPE mood RENAME VALUE 'a' TO 'b';", "rename"),
    ] {
        check(sql, &[&format!("{expected} Review")]);
    }
}

#[test]
fn spellings_that_hide_a_loss_are_seen() {
    for (sql, expected) in [
        ("DROP/**/TABLE \"Customer\"", "drop-table Block"),
        ("drop -- it\n table customer", "drop-table Block"),
        ("DrOp\n\tTaBlE\n\tcustomer", "drop-table Block"),
        ("DO $$ BEGIN DROP TABLE customer; END $$;", "drop-table Block"),
        ("DO LANGUAGE plpgsql 'BEGIN IF true THEN TRUNCATE customer; END IF; END';", "truncate Block"),
        ("DO $a$ BEGIN EXECUTE 'DROP TABLE customer'; END $a$;", "drop-table Block"),
        ("DO $a$ BEGIN EXECUTE 'DROP TA' || 'BLE customer'; END $a$;", "drop-table Block"),
        ("DO $a$ BEGIN EXECUTE format('DROP TABLE %I', t); END $a$;", "drop-table Block"),
        ("DO $a$ DECLARE s text := 'TRUNCATE customer'; BEGIN EXECUTE s; END $a$;", "truncate Block"),
        ("DO $a$ BEGIN EXECUTE chr(68) || 'ROP TABLE customer'; END $a$;", "drop-table Block"),
        ("DO $a$ BEGIN EXECUTE concat('DELETE ', 'FROM customer'); END $a$;", "delete-all Block"),
        ("DO $a$ BEGIN EXECUTE $b$DROP TABLE customer$b$; END $a$;", "drop-table Block"),
        ("DO $a$ BEGIN EXECUTE 'DO $b$ BEGIN DROP TABLE customer; END $b$'; END $a$;", "drop-table Block"),
        ("DO $a$ BEGIN EXECUTE reverse('remotsuc ELBAT PORD'); END $a$;", "unreadable Review"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM customer $$;", "delete-all Block"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE customer; END $$; SELECT f();",
            "truncate Block",
        ),
        ("WITH gone AS (DELETE FROM customer RETURNING *) SELECT count(*) FROM gone;", "delete-all Block"),
        ("WITH x AS (SELECT 1 WHERE true) DELETE FROM customer;", "delete-all Block"),
        ("ALTER TABLE customer ADD COLUMN a int, DROP phone, ADD b int;", "drop-column Block"),
        ("SELECT dblink_exec('host=x', 'DROP TABLE customer');", "drop-table Block"),
        ("PREPARE p AS DELETE FROM customer; EXECUTE p;", "delete-all Block"),
        ("DELETE FROM pg_catalog.customer AS c WHERE c.id = c.id;", "delete-all Block"),
        ("DROP TABLE U&\"\\0043ustomer\";", "drop-table Block"),
        ("CREATE RULE r AS ON INSERT TO a DO ALSO DELETE FROM customer;", "delete-all Block"),
        ("CREATE TEMP TABLE customer (a int); DROP TABLE customer; DROP TABLE customer;", "drop-table Block"),
        ("CREATE TABLE IF NOT EXISTS customer (a int); DROP TABLE customer;", "drop-table Block"),
    ] {
        check(sql, &[expected]);
    }
}

#[test]
fn what_only_looks_like_a_loss_is_silent() {
    for sql in [
        "-- DROP TABLE customer\n/* TRUNCATE customer; */ SELECT 1;",
        "INSERT INTO log (text) VALUES ('DROP TABLE customer; DELETE FROM a');",
        "COMMENT ON TABLE a IS 'DELETE FROM a';",
        "CREATE TABLE \"DROP TABLE x\" (\"TRUNCATE\" int, \"delete from a\" int);",
        "GRANT TRUNCATE, DELETE, UPDATE ON a TO b; REVOKE TRUNCATE ON a FROM b;",
        "CREATE TRIGGER t AFTER TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION f();",
        "CREATE TRIGGER t BEFORE DELETE OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f();",
        "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d(e) ON DELETE CASCADE ON UPDATE SET NULL;",
        "ALTER TABLE a ALTER COLUMN b DROP DEFAULT, ALTER COLUMN c DROP NOT NULL, ALTER d DROP EXPRESSION;",
        "CREATE TEMP TABLE t (a int); INSERT INTO t SELECT 1; TRUNCATE t; DELETE FROM t; DROP TABLE t;",
        "ALTER TABLE a ADD COLUMN b int; UPDATE a SET b = 0; ALTER TABLE a ALTER COLUMN b SET NOT NULL;",
        "UPDATE a SET b = 1 WHERE c IS NULL;",
        "UPDATE a SET b = COALESCE(b, 0), c = CASE WHEN c = 'x' THEN 'y' ELSE c END;",
        "ALTER TABLE a ADD COLUMN IF NOT EXISTS b tsvector; UPDATE a SET b = to_tsvector('english', c);",
        "INSERT INTO a (id, b) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET b = 2;",
        "SELECT * FROM a FOR UPDATE; SELECT truncate(1.5);",
        "CREATE POLICY p ON a FOR DELETE USING (owner = current_user);",
        "ALTER TABLE a DROP CONSTRAINT a_b_fkey; ALTER INDEX i RENAME TO j;",
        "ALTER TABLE a DROP CONSTRAINT a_pkey, ADD CONSTRAINT a_pkey PRIMARY KEY (id);",
        "DROP INDEX i; DROP VIEW v; DROP MATERIALIZED VIEW m;",
        "EXPLAIN DELETE FROM a;",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM cache WHERE id = OLD.id; RETURN NULL; END $$;",
        "DO $$ BEGIN RAISE NOTICE 'DROP TABLE a'; END $$;",
        "BEGIN; CREATE TABLE a (id int); COMMIT;",
    ] {
        check(sql, &[]);
    }
}

#[test]
fn each_action_is_told_once_in_its_place() {
    let sql = "ALTER TABLE a\n  DROP COLUMN b,\n  DROP COLUMN c;\nDROP TABLE d; DROP TABLE e;";
    let places: Vec<_> = scan(sql).iter().map(|it| sql[it.place.clone()].to_owned()).collect();
    assert_eq!(places, ["DROP COLUMN b", "DROP COLUMN c", "DROP TABLE d", "DROP TABLE e"]);
    let body = "DO $x$ BEGIN\n DROP TABLE a;\nEND $x$;";
    assert_eq!(&body[scan(body)[0].place.clone()], "DROP TABLE a");
}

#[test]
fn the_words_are_plain() {
    for (sql, expected) in [
        (
            "ALTER TABLE \"Customer\" DROP COLUMN phone;",
            "delete the column `phone` of `Customer` and every phone number in it.",
        ),
        (
            "ALTER TABLE c DROP COLUMN phone; ALTER TABLE c ADD COLUMN \"phoneNumber\" text;",
            "It looks like a rename to `phoneNumber`, but the new one starts empty",
        ),
        (
            "DROP TABLE a; CREATE TABLE a (id int);",
            "One of the same name is made in its place, and starts empty.",
        ),
        ("UPDATE a SET b = 1, c = 2;", "overwrite `b`, `c` in every row of `a`"),
        ("DROP TABLE \"a`b\u{1b}\";", "delete the table `ab` and every row in it."),
    ] {
        let found = scan(sql);
        assert!(found[0].message.contains(expected), "{}", found[0].message);
    }
}

#[test]
fn any_edit_of_a_statement_changes_what_it_is_known_by_and_layout_does_not() {
    let identity = |sql: &str| scan(sql)[0].identity.clone();
    let base = identity("DELETE FROM a WHERE id = 1;");
    assert_eq!(base, identity("delete\n  from a -- it\n where id=1"));
    for other in
        ["DELETE FROM a WHERE id = 2;", "DELETE FROM \"A\" WHERE id = 1;", "DELETE FROM a WHERE id = '1';"]
    {
        assert_ne!(base, identity(other), "{other}");
    }
    assert_ne!(identity("ALTER TABLE a DROP b;"), identity("ALTER TABLE c DROP b;"));
}

#[test]
fn a_table_made_anew_with_its_rows_may_lose_some() {
    check(
        "CREATE TABLE \"new_A\" (id int); INSERT INTO \"new_A\" (id) SELECT id FROM \"A\"; DROP TABLE \"A\"; \
         ALTER TABLE \"new_A\" RENAME TO \"A\";",
        &["drop-table Review"],
    );
}

#[test]
fn a_list_of_values_that_is_replaced_loses_one() {
    check(
        "BEGIN; CREATE TYPE \"Role_new\" AS ENUM ('USER'); \
         ALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\"); \
         ALTER TYPE \"Role\" RENAME TO \"Role_old\"; ALTER TYPE \"Role_new\" RENAME TO \"Role\"; \
         DROP TYPE \"Role_old\"; COMMIT;",
        &["drop-value Block"],
    );
}

#[test]
fn what_cannot_be_read_is_said_and_still_searched() {
    check("DROP TABLE a; THIS IS NOT SQL;", &["drop-table Block", "unreadable Review"]);
    check("SELECT 'open", &["unreadable Review"]);
    check(&format!("SELECT {}1{};", "(".repeat(5000), ")".repeat(5000)), &["unreadable Review"]);
    // MySQL is read by its keywords.
    check(
        "CREATE TABLE `a` (`id` int AUTO_INCREMENT) ENGINE=InnoDB; ALTER TABLE `a` DROP COLUMN `b`, DROP INDEX `c`;",
        &[],
    );
    check("ALTER TABLE `a` DROP COLUMN `b`, DROP INDEX `c`;", &["drop-column Block"]);
    check("\\connect shop\nCOPY a (b) FROM stdin;\nDROP TABLE a;\n\\.\nSELECT 1;", &[]);
}

#[test]
fn what_takes_a_change_back_asks_for_a_look() {
    let down = look(Source { path: "migrations/1_a.down.sql", text: "DROP TABLE a;" });
    assert_eq!(said(&down), ["drop-table Review"]);
    check(
        "-- migrate:up\nCREATE TABLE a (b int);\n-- migrate:down\nDROP VIEW v CASCADE; DROP TABLE c;",
        &["drop-table Review"],
    );
}

#[test]
fn sql_in_other_languages_is_read_with_its_gaps() {
    for (sql, expected) in [
        ("DROP TABLE \"User\"", vec!["drop-table Block"]),
        ("TRUNCATE TABLE ${names.map((it) => `\"${it}\"`).join(', ')} CASCADE", vec!["truncate Block"]),
        ("DELETE FROM ${table}", vec!["delete-all Block"]),
        ("DELETE FROM a ${where}", vec![]),
        ("DELETE FROM a WHERE id = ${id}", vec![]),
        ("UPDATE a SET b = ${b}", vec!["update-all Block"]),
        ("UPDATE a SET b = ${b} ${where}", vec![]),
        ("SELECT * FROM a", vec![]),
        ("please drop table manners", vec![]),
    ] {
        assert_eq!(said(&look_in_text(sql)), expected, "{sql}");
    }
}

fn file(path: &str, before: Option<&str>, after: Option<&str>) -> ChangedFile {
    let content = |text: &str| Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() };
    ChangedFile {
        path: path.to_owned(),
        moved_from: None,
        before: before.map(content),
        after: after.map(content),
    }
}

#[track_caller]
fn check_change(files: Vec<ChangedFile>, expected: &[&str]) {
    let change = ChangeSet { files, ..ChangeSet::default() };
    let found: Vec<_> = look_at_change(&change).into_iter().map(|it| it.1).collect();
    assert_eq!(said(&found), expected);
}

#[test]
fn history_is_not_edited() {
    let path = "packages/db/prisma/migrations/20260101000000_a/migration.sql";
    check_change(vec![file(path, Some("SELECT 1;"), Some("SELECT 2;"))], &["edited-migration Block"]);
    check_change(vec![file(path, Some("SELECT 1;"), None)], &["edited-migration Block"]);
    check_change(vec![file(path, Some("SELECT 1;\n"), Some("SELECT 1;\r\n"))], &[]);
    check_change(vec![file(path, None, Some("SELECT 1;"))], &[]);
    check_change(vec![file("scripts/report.sql", Some("SELECT 1;"), Some("SELECT 2;"))], &[]);
}

#[test]
fn a_schema_that_shrinks_needs_a_script() {
    let before = "enum Role {\n  USER\n  ADMIN\n}\nmodel Customer {\n  id Int @id\n  phone String? @map(\"phone_no\")\n  orders Order[]\n  @@map(\"customers\")\n}\nmodel Order {\n  id Int @id\n}\n";
    let schema = |after: &str| file("db/schema.prisma", Some(before), Some(after));
    let no_phone = before.replace("  phone String? @map(\"phone_no\")\n", "");
    let script = |sql: &str| file("db/migrations/20260101000000_a/migration.sql", None, Some(sql));
    check_change(vec![schema(&no_phone)], &["schema-without-migration Review"]);
    check_change(vec![schema(&no_phone), script("ALTER TABLE customers DROP COLUMN phone_no;")], &[]);
    check_change(vec![schema(&no_phone), script("SELECT 1;")], &["schema-without-migration Review"]);
    check_change(vec![schema(&before.replace("  ADMIN\n", ""))], &["schema-without-migration Review"]);
    check_change(vec![schema(&before.replace("  orders Order[]\n", ""))], &[]);
    check_change(
        vec![schema(&before[..before.find("model Order").unwrap()])],
        &["schema-without-migration Review"],
    );
    check_change(vec![schema(&format!("{before}\n// more\n"))], &[]);
}

const SEEDS: &[&str] = &[
    "DO $a$ BEGIN EXECUTE format('DROP TABLE %I', t); END $a$;",
    "WITH x AS (DELETE FROM a WHERE (b = b) RETURNING *) UPDATE c SET (d, e) = (1, 2) FROM x;",
    "ALTER TABLE a DROP COLUMN \"b\", ALTER c TYPE numeric(1,2) USING (c::text), RENAME TO d; -- é\n",
    "CREATE FUNCTION f() RETURNS void AS E'begin\\n drop table \\'x\\'; end' LANGUAGE plpgsql;",
    "U&\"\\0041\" /*! drop table `x` */ \\c x\n ${a} {{b}} 'ä''",
];

#[test]
fn no_truncation_makes_it_fail() {
    for seed in SEEDS {
        for at in (0..=seed.len()).filter(|at| seed.is_char_boundary(*at)) {
            places_are_sound(&seed[..at]);
            places_are_sound(&seed[at..]);
        }
    }
}

#[test]
fn no_depth_makes_it_fail() {
    for piece in [
        "(",
        "[",
        "not ",
        "- ",
        "1 + ",
        "case when ",
        "begin ",
        "select ",
        "a and ",
        "with a as (",
        "'a' || ",
        "if a then ",
        "union select ",
        "a.",
        "a::b",
        "begin a; ",
    ] {
        places_are_sound(&piece.repeat(20_000));
        places_are_sound(&format!("DO $a$ {} $a$", piece.repeat(20_000)));
        places_are_sound(&format!("SELECT {} 1", piece.repeat(200)));
    }
}

fn places_are_sound(sql: &str) {
    for it in scan(sql).into_iter().chain(look_in_text(sql)) {
        assert!(sql.get(it.place.clone()).is_some(), "{:?} in {sql}", it.place);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_fail(text in "\\PC{0,200}") {
        places_are_sound(&text);
    }

    #[test]
    fn no_mutation_makes_it_fail(seed in 0..SEEDS.len(), at in 0_usize..100, piece in "[()'\";$ a-z\\\\|é]{0,6}") {
        let text = SEEDS[seed];
        let at = (0..=at.min(text.len())).rev().find(|it| text.is_char_boundary(*it)).unwrap();
        places_are_sound(&format!("{}{piece}{}", &text[..at], &text[at..]));
    }
}
