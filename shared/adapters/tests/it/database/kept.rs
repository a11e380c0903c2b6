//! What a restore keeps aside is counted, listed with its age, and removed by name.

use adapters::database::{Source, Surplus};
use jiff::Timestamp;

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
async fn what_was_kept_is_listed_with_its_age_and_removed_by_name() {
    let world = World::shop().await;
    assert_eq!(world.database.failed_copies().await.unwrap(), []);
    // In the order of their restores, not of their names.
    let promotions = ["CP-FFFFFFFF", PROMOTION];
    let begun = Timestamp::now();
    for promotion in promotions {
        world.database.snapshot(promotion).await.unwrap();
        world.database.restore(promotion, Source::Snapshot).await.unwrap();
    }
    world.admin("CREATE DATABASE \"{role}__failed_CP-00000000\"").await;
    let copies = world.database.failed_copies().await.unwrap();
    assert_eq!(copies.iter().map(|it| &*it.promotion).collect::<Vec<_>>(), promotions);
    for copy in &copies {
        assert_eq!(copy.name, format!("{}__failed_{}", world.name, copy.promotion));
        assert!((begun..=Timestamp::now()).contains(&copy.since.unwrap()), "{copy:?}");
        assert!(copy.size_bytes > 1_000_000, "{copy:?}");
    }
    world.admin(&format!("COMMENT ON DATABASE \"{}\" IS 'mine'", copies[0].name)).await;
    assert_eq!(world.database.failed_copies().await.unwrap()[0].since, None);

    let stranger = format!("{}__failed_CP-00000000", world.role);
    for name in [stranger.as_str(), &world.name, "postgres"] {
        world.database.drop_failed_copy(name).await.unwrap_err();
    }
    assert!(world.database.exists(&stranger).await.unwrap());
    for _ in 0..2 {
        world.database.drop_failed_copy(&copies[0].name).await.unwrap();
        assert_eq!(world.database.failed_copies().await.unwrap(), copies[1..]);
    }
    world.admin("DROP DATABASE \"{role}__failed_CP-00000000\"").await;
}
