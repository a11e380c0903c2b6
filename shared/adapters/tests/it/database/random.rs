//! Whatever a release does to the database, the restore brings back what was there before it.

use adapters::database::Source;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{PROMOTION, World, client};

/// Changes that a migration might make; `{n}` is a number. Some fail, depending on the others,
/// which is as good as not being there.
const CHANGES: &[&str] = &[
    "CREATE TABLE t{n} (id serial PRIMARY KEY, a int, b text)",
    "CREATE TABLE f{n} (id int PRIMARY KEY, parent bigint REFERENCES parent, at timestamptz DEFAULT now())",
    "CREATE TABLE p{n} (id int, k int) PARTITION BY LIST (k); CREATE TABLE p{n}x PARTITION OF p{n} DEFAULT",
    "INSERT INTO p{n} SELECT i, i % 3 FROM generate_series(1, 20) i",
    "INSERT INTO t{n} (a, b) SELECT i, md5(i::text) FROM generate_series(1, 50) i",
    "INSERT INTO parent (name) VALUES ('random {n}')",
    "UPDATE parent SET mood = NULL, ratio = ratio * 1.1 WHERE id % 7 = {n} % 7",
    "DELETE FROM parent WHERE id % 11 = {n} % 11",
    "ALTER TABLE parent ADD COLUMN c{n} numeric DEFAULT random()",
    "ALTER TABLE parent DROP COLUMN c{n}",
    "ALTER TABLE t{n} RENAME COLUMN a TO z",
    "ALTER TABLE t{n} ALTER b TYPE varchar(40)",
    "ALTER TABLE parent ALTER at SET DEFAULT '2026-01-01'",
    "CREATE TYPE e{n} AS ENUM ('one', 'two'); ALTER TABLE parent ADD COLUMN k{n} e{n}[]",
    "CREATE TYPE r{n} AS RANGE (subtype = float8)",
    "CREATE DOMAIN d{n} AS text CHECK (VALUE <> ''); CREATE TABLE dt{n} (d d{n} COLLATE \"C\")",
    "CREATE VIEW v{n} AS SELECT name, count(*) OVER () FROM parent",
    "CREATE MATERIALIZED VIEW m{n} AS SELECT max(id) FROM parent",
    "CREATE INDEX i{n} ON parent (lower(name), mood) INCLUDE (at)",
    "ALTER TABLE t{n} ADD CONSTRAINT positive CHECK (a > 0 OR a IS NULL) NOT VALID",
    "CREATE SEQUENCE s{n} AS smallint CYCLE; SELECT nextval('s{n}')",
    "SELECT setval('tickets', {n} + 1000, {n} % 2 = 0)",
    "SELECT lo_from_bytea(10000 + {n}, sha256('{n}'))",
    "SELECT lo_truncate(lo_open(4711, x'20000'::int), {n})",
    "SELECT lo_unlink(4712)",
    "CREATE FUNCTION fn{n}(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + {n}'",
    "CREATE SCHEMA s{n}; CREATE TABLE s{n}.t AS SELECT * FROM parent LIMIT {n}",
    "GRANT INSERT ON parent TO {role}; REVOKE UPDATE (name) ON parent FROM {role}",
    "DROP TABLE child CASCADE",
    "TRUNCATE parent CASCADE",
    "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
    "ALTER TABLE parent RENAME TO ancestor",
    "DROP SCHEMA app CASCADE",
    "COMMENT ON COLUMN parent.name IS 'number {n}'",
    "ALTER DATABASE {database} SET application_name TO 'app {n}'",
];

type Changes = Vec<(usize, u8)>;

#[test]
fn a_restore_undoes_any_migration() {
    let changes = || prop::collection::vec((0..CHANGES.len(), 0..4_u8), 1..12);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 10,
        // A failing case costs seconds; its own output says enough.
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    });
    let cases = (changes(), changes(), changes());
    runner
        .run(&cases, |(before, meanwhile, release)| {
            runtime.block_on(check(&before, &meanwhile, &release));
            Ok(())
        })
        .unwrap();
}

async fn check(before: &Changes, meanwhile: &Changes, release: &Changes) {
    let world = World::shop().await;
    apply(&world, before).await;
    let dump = world.dump().await;
    apply(&world, meanwhile).await;
    world.database.snapshot(PROMOTION).await.unwrap();
    let stopped = world.database.fingerprint(&world.name).await.unwrap();
    apply(&world, release).await;
    let released = world.database.fingerprint(&world.name).await.unwrap();

    let restored = world.database.restore(PROMOTION, Source::Snapshot).await.unwrap();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(stopped.differences(&now), Vec::<String>::new());
    assert_eq!(stopped, now);

    let failed = &restored.failed_database;
    let open = format!("ALTER DATABASE \"{failed}\" WITH ALLOW_CONNECTIONS true");
    world.admin(&open).await;
    let kept = world.database.fingerprint(failed).await.unwrap();
    assert_eq!(released.tables, kept.tables, "what the release wrote is kept");

    world.database.restore("CP-FFFFFFFF", Source::Dump(&dump)).await.unwrap();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&now), Vec::<String>::new());
}

async fn apply(world: &World, changes: &Changes) {
    let client = client(&world.name).await;
    for (change, number) in changes {
        let sql = world.filled_in(CHANGES[*change]);
        let sql = sql.replace("{n}", &number.to_string());
        // Each is a transaction of its own, so that a failing one leaves no half.
        if let Err(error) = client.batch_execute(&sql).await {
            assert!(error.as_db_error().is_some(), "{sql}: {error:?}");
        }
    }
}
