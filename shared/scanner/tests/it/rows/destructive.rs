//! Statements that lose data.

use scanner::finding::Category;
use scanner::finding::Verdict::{Block, Review};

use super::{Rows, open_in};

const MIGRATION: &str = "packages/db/prisma/migrations/20260401000000_change/migration.sql";

/// How many statements are told, and that each tells its own words.
#[test]
fn each_statement_is_told_once() {
    let table: &[(&str, &str, &[&str])] = &[
        ("DROP TABLE", "DROP TABLE \"Customer\";", &["destructive.drop-table"]),
        ("DROP COLUMN", "ALTER TABLE \"Customer\" DROP COLUMN \"phone\";", &["destructive.drop-column"]),
        ("ALTER COLUMN … TYPE", "ALTER TABLE a ALTER COLUMN b TYPE integer;", &["destructive.change-type"]),
        ("RENAME TABLE", "RENAME TABLE `a` TO `b`;", &["destructive.rename"]),
        ("RENAME COLUMN", "ALTER TABLE a RENAME COLUMN b TO c;", &["destructive.rename"]),
        ("DELETE FROM", "DELETE FROM \"Customer\";", &["destructive.delete-all"]),
        ("TRUNCATE", "TRUNCATE \"Customer\";", &["destructive.truncate"]),
        ("CREATE TABLE", "CREATE TABLE a (id int);", &[]),
        ("ADD COLUMN", "ALTER TABLE a ADD COLUMN b text;", &[]),
        ("CREATE INDEX", "CREATE INDEX i ON a (b);", &[]),
        ("INSERT", "INSERT INTO a (b) VALUES (1);", &[]),
        ("SELECT", "SELECT b FROM a;", &[]),
        (
            "three different ops mixed",
            "DROP TABLE a;\nSELECT 1;\nALTER TABLE b DROP COLUMN c;\nTRUNCATE d;",
            &["destructive.drop-table", "destructive.drop-column", "destructive.truncate"],
        ),
        (
            "DROP TABLE twice",
            "DROP TABLE a;\nDROP TABLE b;",
            &["destructive.drop-table", "destructive.drop-table"],
        ),
        ("lower case", "drop table a;", &["destructive.drop-table"]),
        ("mixed case", "DrOp TaBlE a;", &["destructive.drop-table"]),
        ("empty string", "", &[]),
    ];
    for (row, sql, expected) in table {
        let rules: Vec<_> = open_in(MIGRATION, sql).into_iter().map(|it| it.rule).collect();
        assert_eq!(&rules, expected, "{row}: {sql}");
    }
}

#[test]
fn what_was_missed_is_found() {
    let mut rows = Rows::default();
    let table = [
        ("RENAME TO (table rename)", "ALTER TABLE a RENAME TO b;", Review),
        ("DROP SCHEMA", "DROP SCHEMA sales;", Block),
        ("DROP DATABASE", "DROP DATABASE shop;", Block),
        ("DROP TYPE, with what uses it", "DROP TYPE mood CASCADE;", Review),
        ("DROP CONSTRAINT", "ALTER TABLE a DROP CONSTRAINT a_email_key;", Review),
        ("DROP FUNCTION, with what uses it", "DROP FUNCTION f() CASCADE;", Review),
        ("`ALTER TABLE t DROP \"col\"` (COLUMN is optional)", "ALTER TABLE t DROP \"col\";", Block),
        ("`ALTER c TYPE` without COLUMN", "ALTER TABLE t ALTER c TYPE integer;", Review),
        ("multi-line `ALTER COLUMN x\\n TYPE`", "ALTER TABLE t ALTER COLUMN x\n TYPE integer;", Review),
        ("UPDATE without WHERE", "UPDATE t SET a = 1;", Block),
        ("SET NOT NULL", "ALTER TABLE t ALTER COLUMN a SET NOT NULL;", Review),
        ("`DROP/**/TABLE`", "DROP/**/TABLE t;", Block),
        ("DISABLE ROW LEVEL SECURITY", "ALTER TABLE t DISABLE ROW LEVEL SECURITY;", Review),
    ];
    for (row, sql, verdict) in table {
        rows.finds(row, MIGRATION, sql, Category::Destructive, verdict);
    }
    let program = "await prisma.$executeRaw`DROP TABLE \"Customer\"`;";
    rows.finds("SQL inside .ts ($executeRaw)", "apps/web/lib/a.ts", program, Category::Destructive, Block);
    for path in [
        "db/change.sql",
        "packages/db/prisma/migrations/1/migration.sql",
        "prisma/migrations/1/migration.sql",
    ] {
        rows.finds(
            "only the prefix `prisma/migrations/` counts",
            path,
            "DROP TABLE a;",
            Category::Destructive,
            Block,
        );
    }
    rows.end();
}

#[test]
fn what_was_missed_and_loses_nothing_is_silent() {
    let mut rows = Rows::default();
    // Nothing in these goes that a script cannot make again; the gates' specification calls them rebuildable.
    let table = [
        ("DROP VIEW", "DROP VIEW v;"),
        ("DROP INDEX", "DROP INDEX i;"),
        ("DROP TYPE that nothing uses", "DROP TYPE mood;"),
        ("DROP FUNCTION", "DROP FUNCTION f();"),
        ("DROP TRIGGER", "DROP TRIGGER t ON a;"),
        // This fails, and loses nothing, where the table has rows.
        ("ADD COLUMN NOT NULL without default", "ALTER TABLE a ADD COLUMN b text NOT NULL;"),
    ];
    for (row, sql) in table {
        rows.is_silent(row, MIGRATION, sql);
    }
    rows.end();
}

#[test]
fn false_alarms_are_silent() {
    let mut rows = Rows::default();
    let table = [
        ("SQL comments", "-- DROP TABLE a\n/* TRUNCATE b; DELETE FROM c; */ SELECT 1;"),
        ("string literals", "INSERT INTO note (text) VALUES ('please DROP TABLE a; TRUNCATE b');"),
        (
            "trigger \"AFTER TRUNCATE\"",
            "CREATE TRIGGER t AFTER TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION f();",
        ),
        (
            "FK `ON DELETE`",
            "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d (id) ON DELETE CASCADE;",
        ),
    ];
    for (row, sql) in table {
        rows.is_silent(row, MIGRATION, sql);
    }
    rows.end();
}
