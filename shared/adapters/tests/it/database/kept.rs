//! What a restore keeps aside is counted and listed.

use adapters::database::{Source, Surplus};

use super::{PROMOTION, World};

/// What a new version does to tables of the shop, each with the rows that only its database has then.
const WRITES: &[(&str, &[(&str, u64)])] = &[
    ("INSERT INTO parent (name) SELECT 'new ' || i FROM generate_series(1, 7) i", &[("public.parent", 7)]),
    ("UPDATE child SET price = price + 1 WHERE id <= 5", &[("public.child", 5)]),
    ("UPDATE child SET price = price WHERE id <= 5", &[]),
    ("DELETE FROM child WHERE id < 100", &[]),
    ("ALTER TABLE parent ADD COLUMN colour text DEFAULT 'red'", &[]),
    (
        "ALTER TABLE parent ADD COLUMN colour text; INSERT INTO parent (name) VALUES ('x')",
        &[("public.parent", 1)],
    ),
    (
        "ALTER TABLE events ALTER what TYPE varchar(9); INSERT INTO events VALUES ('2026-11-23', 'x')",
        &[("public.events_2026", 1)],
    ),
    ("CREATE TABLE extra AS SELECT generate_series(1, 4)", &[("public.extra", 4)]),
    ("CREATE TABLE extra ()", &[]),
    // Three equal rows where there were two.
    ("INSERT INTO events VALUES ('2026-11-22', NULL)", &[("public.events_2026", 1)]),
    (
        "DROP TABLE child CASCADE; INSERT INTO \"Odd \"\"name\"\"; --\" VALUES (1), (1)",
        &[("public.\"Odd \"\"name\"\"; --\"", 2)],
    ),
];

#[tokio::test]
async fn rows_written_after_the_switch_are_counted_by_table() {
    let world = World::shop().await;
    for (number, (write, expected)) in WRITES.iter().enumerate() {
        let promotion = format!("CP-{number:08X}");
        world.database.snapshot(&promotion).await.unwrap();
        let before = world.database.snapshot_fingerprint(&promotion).await.unwrap();
        world.run(write).await;
        let now = world.database.fingerprint(&world.name).await.unwrap();
        let restored = world.database.restore(&promotion, Source::Snapshot).await.unwrap();

        let expected: Vec<_> = expected
            .iter()
            .map(|(table, rows)| Surplus { table: (*table).to_owned(), rows: *rows })
            .collect();
        let changed = before.changed_tables(&now);
        for tables in [None, Some(&changed)] {
            let counted = world.database.surplus(&promotion, tables).await.unwrap();
            assert_eq!(counted, expected, "{write}");
        }
        assert!(!world.is_open(&restored.failed_database).await, "{write}");
        world.database.drop_failed(&promotion).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_kept_is_listed_with_its_size() {
    let world = World::shop().await;
    assert_eq!(world.database.failed_copies().await.unwrap(), []);
    world.database.snapshot(PROMOTION).await.unwrap();
    world.run("CREATE TABLE large AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)").await;
    world.database.restore(PROMOTION, Source::Snapshot).await.unwrap();
    world.database.snapshot("CP-00000000").await.unwrap();
    world.database.restore("CP-00000000", Source::Snapshot).await.unwrap();
    world.admin("CREATE DATABASE \"{role}__failed_CP-00000000\"").await;

    let copies = world.database.failed_copies().await.unwrap();
    let names: Vec<_> = copies.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, [PROMOTION, "CP-00000000"].map(|it| format!("{}__failed_{it}", world.name)));
    assert!(copies[0].size_bytes > copies[1].size_bytes && copies[1].size_bytes > 1_000_000, "{copies:?}");
    world.admin("DROP DATABASE \"{role}__failed_CP-00000000\"").await;
}
