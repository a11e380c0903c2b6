//! Whatever migrations a release makes, its rollback brings back exactly what was there before, from the copy made at
//! the stop as from the backup: no row that was committed before is lost, and none that was written later.

use std::collections::BTreeMap;

use adapters::database::{Fingerprint, Source};
use futures_util::{StreamExt, stream};
use scratch::Random;
use tokio_postgres::Client;

use super::{World, client};

/// Each has two releases, of so many migrations each: 200 in all.
const WORLDS: u64 = 20;
const MIGRATIONS: usize = 5;

/// Worlds at once: the server has other tests to serve.
const LANES: usize = 3;

/// Each kind of change is among the migrations at least so often.
const TIMES_MIN: usize = 10;

/// What customers write, apart from what the changes do. No change touches the visits.
const LEDGER: &str = "CREATE TABLE ledger (id bigint PRIMARY KEY, stage text NOT NULL);
    CREATE TABLE visits (id bigint PRIMARY KEY)";

/// Rows that customers write after the switch.
const VISITS: u64 = 12;

/// Changes that a migration may make, by kind; `{n}` is a number. Some fail, depending on the others: such a
/// migration changes nothing, and another one is made.
const CHANGES: &[(&str, &str)] = &[
    ("tables", "CREATE TABLE t{n} (id serial PRIMARY KEY, a int, b text)"),
    (
        "tables",
        "CREATE TABLE p{n} (id int, k int) PARTITION BY LIST (k); CREATE TABLE p{n}x PARTITION OF p{n} DEFAULT",
    ),
    ("tables", "CREATE SCHEMA s{n}; CREATE TABLE s{n}.t AS SELECT * FROM parent LIMIT {n}"),
    ("tables", "CREATE UNLOGGED TABLE u{n} (id int PRIMARY KEY)"),
    ("tables", "ALTER TABLE parent RENAME TO ancestor"),
    ("tables", "DROP TABLE child CASCADE"),
    ("tables", "DROP SCHEMA app CASCADE"),
    ("rows", "INSERT INTO p{n} SELECT i, i % 3 FROM generate_series(1, 20) i"),
    ("rows", "INSERT INTO t{n} (a, b) SELECT i, md5(i::text) FROM generate_series(1, 50) i"),
    ("rows", "INSERT INTO parent (name) VALUES ('random {n}')"),
    ("rows", "UPDATE parent SET mood = NULL, ratio = ratio * 1.1 WHERE id % 7 = {n} % 7"),
    ("rows", "DELETE FROM parent WHERE id % 11 = {n} % 11"),
    ("rows", "TRUNCATE parent CASCADE"),
    ("columns", "ALTER TABLE parent ADD COLUMN c{n} numeric DEFAULT random()"),
    ("columns", "ALTER TABLE parent DROP COLUMN c{n}"),
    ("columns", "ALTER TABLE child DROP COLUMN price CASCADE"),
    ("columns", "ALTER TABLE t{n} RENAME COLUMN a TO z"),
    ("columns", "ALTER TABLE t{n} ALTER b TYPE varchar(40)"),
    ("columns", "ALTER TABLE parent ALTER at SET DEFAULT '2026-01-01'"),
    ("columns", "ALTER TABLE parent ALTER mood SET NOT NULL"),
    ("columns", "ALTER TABLE child ADD COLUMN twice{n} numeric GENERATED ALWAYS AS (price * 2) STORED"),
    ("types", "CREATE TYPE e{n} AS ENUM ('one', 'two'); ALTER TABLE parent ADD COLUMN k{n} e{n}[]"),
    ("types", "CREATE TYPE r{n} AS RANGE (subtype = float8)"),
    ("types", "CREATE TYPE c{n} AS (x int, y text); CREATE TABLE ct{n} (c c{n})"),
    ("types", "CREATE DOMAIN d{n} AS text CHECK (VALUE <> ''); CREATE TABLE dt{n} (d d{n} COLLATE \"C\")"),
    ("types", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'"),
    ("types", "ALTER TYPE mood ADD VALUE 'glad{n}' BEFORE 'happy'"),
    ("views", "CREATE VIEW v{n} AS SELECT name, count(*) OVER () FROM parent"),
    ("views", "CREATE MATERIALIZED VIEW m{n} AS SELECT max(id) FROM parent"),
    ("views", "CREATE VIEW w{n} WITH (security_barrier) AS SELECT * FROM v{n}"),
    ("views", "DROP VIEW happy"),
    (
        "foreign keys",
        "CREATE TABLE f{n} (id int PRIMARY KEY, parent bigint REFERENCES parent, at timestamptz)",
    ),
    ("foreign keys", "ALTER TABLE child DROP CONSTRAINT child_parent_fkey"),
    ("foreign keys", "ALTER TABLE parent ADD COLUMN o{n} bigint REFERENCES parent ON DELETE SET NULL"),
    (
        "foreign keys",
        "ALTER TABLE child ADD CONSTRAINT k{n} FOREIGN KEY (id) REFERENCES parent (id) NOT VALID",
    ),
    ("foreign keys", "CREATE TABLE g{n} (id bigint REFERENCES ledger DEFERRABLE INITIALLY DEFERRED)"),
    ("sequences", "CREATE SEQUENCE s{n} AS smallint CYCLE; SELECT nextval('s{n}')"),
    ("sequences", "SELECT setval('tickets', {n} + 1000, {n} % 2 = 0)"),
    ("sequences", "ALTER SEQUENCE tickets INCREMENT {n} MAXVALUE 100000"),
    ("sequences", "SELECT nextval('tickets') FROM generate_series(1, 10)"),
    ("sequences", "DROP SEQUENCE tickets"),
    ("large objects", "SELECT lo_from_bytea(10000 + {n}, sha256('{n}'))"),
    ("large objects", "SELECT lo_truncate(lo_open(4711, x'20000'::int), {n})"),
    ("large objects", "SELECT lo_put(4711, 5000 * {n}, 'other bytes')"),
    ("large objects", "SELECT lo_unlink(4712)"),
    ("large objects", "ALTER LARGE OBJECT 4711 OWNER TO {role}"),
    ("definitions", "CREATE INDEX i{n} ON parent (lower(name), mood) INCLUDE (at)"),
    ("definitions", "ALTER TABLE t{n} ADD CONSTRAINT positive CHECK (a > 0 OR a IS NULL) NOT VALID"),
    ("definitions", "CREATE FUNCTION fn{n}(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + {n}'"),
    ("definitions", "GRANT INSERT ON parent TO {role}; REVOKE UPDATE (name) ON parent FROM {role}"),
    ("definitions", "COMMENT ON COLUMN parent.name IS 'number {n}'"),
    ("definitions", "ALTER DATABASE {database} SET application_name TO 'app {n}'"),
];

/// What only a release does: it spoils what customers wrote before.
const SPOILING: &[(&str, &str)] = &[
    ("rows", "DELETE FROM ledger WHERE id % 3 = {n} % 3"),
    ("rows", "UPDATE ledger SET stage = 'spoilt by {n}'"),
    ("rows", "TRUNCATE ledger CASCADE"),
    ("columns", "ALTER TABLE ledger DROP COLUMN stage"),
    ("tables", "ALTER TABLE ledger RENAME TO ledger{n}"),
    ("tables", "DROP TABLE ledger CASCADE"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_undoes_any_migration_and_loses_no_row() {
    let seed = std::env::var("SLIPWAY_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let worlds = stream::iter(0..WORLDS).map(|number| tokio::spawn(Story::new(seed, number).check()));
    let told: Vec<Story> = worlds.buffer_unordered(LANES).map(Result::unwrap).collect().await;

    let migrations: usize = told.iter().map(|it| it.migrations).sum();
    assert!(migrations >= 200, "{migrations} migrations");
    let mut times = BTreeMap::<&str, usize>::new();
    for kind in told.iter().flat_map(|it| &it.kinds) {
        *times.entry(*kind).or_default() += 1;
    }
    println!("{migrations} migrations: {times:?}");
    for (kind, _) in CHANGES {
        assert!(times.get(kind).is_some_and(|it| *it >= TIMES_MIN), "{kind}: {times:?}");
    }
}

/// What happens in one world; it is told when a check fails.
struct Story {
    seed: u64,
    number: u64,
    random: Random,
    statements: Vec<String>,
    /// Migrations of releases.
    migrations: usize,
    /// What these changed.
    kinds: Vec<&'static str>,
    is_over: bool,
}

impl Story {
    fn new(seed: u64, number: u64) -> Self {
        let random = Random::stream(seed, number);
        let (statements, kinds) = (Vec::new(), Vec::new());
        Self { seed, number, random, statements, migrations: 0, kinds, is_over: false }
    }

    /// Two releases, one undone from the copy made at its stop, one from the backup.
    async fn check(mut self) -> Self {
        let world = World::shop().await;
        world.run(LEDGER).await;
        self.meanwhile(&world, "before the backup", 1..=20).await;
        let dump = world.dump().await;
        self.meanwhile(&world, "before the stop", 21..=40).await;
        world.database.snapshot("CP-00000001").await.unwrap();
        let stopped = world.database.fingerprint(&world.name).await.unwrap();
        let before_stop = ledger(&world).await;
        assert_eq!(before_stop.len(), 40);

        self.release_and_undo(&world, "CP-00000001", Source::Snapshot, &stopped).await;
        assert_eq!(ledger(&world).await, before_stop, "rows that were committed before the stop");
        self.release_and_undo(&world, "CP-00000002", Source::Dump(&dump), &dump.fingerprint).await;
        assert_eq!(ledger(&world).await, before_stop[..20], "rows that were committed before the backup");
        self.is_over = true;
        // It waits for the server, which may wait for connections of other worlds that this thread serves.
        tokio::task::block_in_place(|| drop(world));
        self
    }

    /// Some changes, and what customers write at this stage.
    async fn meanwhile(&mut self, world: &World, stage: &str, ids: std::ops::RangeInclusive<i64>) {
        let inside = client(&world.name).await;
        for _ in 0..=self.random.below(6) {
            self.migrate(world, &inside, CHANGES).await;
        }
        let (first, last) = ids.into_inner();
        self.say(stage);
        let write = format!("INSERT INTO ledger SELECT i, '{stage}' FROM generate_series({first}, {last}) i");
        inside.batch_execute(&write).await.unwrap();
    }

    /// Migrates, lets customers write into the new version, restores, and compares with what has to be there.
    async fn release_and_undo(
        &mut self,
        world: &World,
        promotion: &str,
        source: Source<'_>,
        before: &Fingerprint,
    ) {
        self.say(promotion);
        let changes = [CHANGES, SPOILING].concat();
        let inside = client(&world.name).await;
        let (mut done, mut tries) = (0, 0);
        while done < MIGRATIONS {
            if let Some(kinds) = self.migrate(world, &inside, &changes).await {
                self.kinds.extend(kinds);
                done += 1;
            }
            tries += 1;
            assert!(tries < 100 * MIGRATIONS, "no migration works any more");
        }
        self.migrations += done;
        let visit = format!("INSERT INTO visits SELECT i FROM generate_series(1, {VISITS}) i");
        inside.batch_execute(&visit).await.unwrap();
        let released = world.database.fingerprint(&world.name).await.unwrap();

        let restored = world.database.restore(promotion, source).await.unwrap();
        let now = world.database.fingerprint(&world.name).await.unwrap();
        assert_eq!(before.differences(&now), Vec::<String>::new());
        assert_eq!(before, &now);
        assert_eq!(world.number("SELECT count(*) FROM visits").await, 0);

        let failed = &restored.failed_database;
        world.admin(&format!("ALTER DATABASE \"{failed}\" WITH ALLOW_CONNECTIONS true")).await;
        let kept = world.database.fingerprint(failed).await.unwrap();
        assert_eq!(released.tables, kept.tables, "what the release wrote is kept");
        assert_eq!(released.sequences, kept.sequences);
        assert_eq!(released.large_objects, kept.large_objects);
        assert_eq!(kept.tables["public.visits"].count, VISITS, "rows that were written after the switch");
        world.database.drop_failed(promotion).await.unwrap();
    }

    /// Makes one migration of one to three changes, all or none of them; their kinds if it worked.
    async fn migrate(
        &mut self,
        world: &World,
        inside: &Client,
        changes: &[(&'static str, &'static str)],
    ) -> Option<Vec<&'static str>> {
        let (mut kinds, mut statements) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(3) {
            let (kind, statement) = changes[self.random.place(changes.len())];
            kinds.push(kind);
            statements.push(world.filled_in(statement).replace("{n}", &self.random.below(4).to_string()));
        }
        let migration = statements.join(";\n");
        match inside.batch_execute(&migration).await {
            Ok(()) => {
                self.say(&migration);
                Some(kinds)
            }
            Err(error) => {
                assert!(error.as_db_error().is_some(), "{migration}: {error:?}");
                None
            }
        }
    }

    fn say(&mut self, what: &str) {
        self.statements.push(what.to_owned());
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_over {
            let Self { seed, number, statements, .. } = self;
            eprintln!("SLIPWAY_TEST_SEED={seed}, world {number}:\n{}", statements.join(";\n"));
        }
    }
}

/// What customers wrote before the release, as it stands now.
async fn ledger(world: &World) -> Vec<(i64, String)> {
    let rows =
        client(&world.name).await.query("SELECT id, stage FROM ledger ORDER BY id", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
