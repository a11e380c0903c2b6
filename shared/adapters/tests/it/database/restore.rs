//! The earlier state comes back exactly, or nothing changes at all.

use std::process::Stdio;

use adapters::database::{DatabaseError, Dump, Fingerprint, Source};
use tokio::process::Command;

use super::dump::{flip, truncate};
use super::shop::FAILED_RELEASE;
use super::{PROMOTION, World, client, url};

/// The present state in both forms, and its fingerprint.
async fn saved(world: &World) -> (Dump, Fingerprint) {
    let dump = world.dump().await;
    world.run("INSERT INTO parent (name) VALUES ('between backup and stop')").await;
    world.database.snapshot(PROMOTION).await.unwrap();
    (dump, world.database.fingerprint(&world.name).await.unwrap())
}

/// Nothing but the failed copy is left, and it holds what the failed release did.
async fn check_failed_copy(world: &World, failed: &str, others: &[String]) {
    let suffix = failed.strip_prefix(&world.name).unwrap().to_owned();
    let mut expected = vec![suffix];
    expected.extend_from_slice(others);
    assert_eq!(world.copies().await, expected);
    assert!(!world.is_open(failed).await);
    assert!(world.is_open(&world.name).await);
    let open = format!("ALTER DATABASE \"{failed}\" WITH ALLOW_CONNECTIONS true");
    world.admin(&open).await;
    let kept = "SELECT count(*) FROM parent WHERE name = 'row 99'";
    assert_eq!(world.number_in(failed, kept).await, 1);
}

#[tokio::test]
async fn a_failed_release_is_undone_from_the_backup() {
    let world = World::shop().await;
    let dump = world.dump().await;
    world.run(FAILED_RELEASE).await;
    world.admin("ALTER DATABASE {database} SET work_mem TO '1MB'").await;
    assert!(world.database.changed_since(&dump.fingerprint).await.unwrap());
    // A client in the middle of something is sent away, not waited for.
    let customer = client(&world.name).await;
    customer.batch_execute("BEGIN; LOCK TABLE parent").await.unwrap();

    let restored = world.database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap();
    customer.batch_execute("SELECT 1").await.unwrap_err();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&now), Vec::<String>::new());
    assert_eq!(dump.fingerprint, now);
    assert_eq!(world.number("SELECT count(*) FROM parent WHERE name LIKE 'row%'").await, 0);
    check_failed_copy(&world, &restored.failed_database, &[]).await;

    // A late repeat, after the old version served customers again.
    world.run("INSERT INTO parent (name) VALUES ('after the rollback')").await;
    let again = world.database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap();
    assert_eq!(again, restored);
    let after = "SELECT count(*) FROM parent WHERE name = 'after the rollback'";
    assert_eq!(world.number(after).await, 1);

    for _ in 0..2 {
        world.database.drop_failed(PROMOTION).await.unwrap();
        assert!(world.copies().await.is_empty());
    }
}

#[tokio::test]
async fn rows_written_until_the_stop_survive_a_restore_from_the_snapshot() {
    let world = World::shop().await;
    let (_, stopped) = saved(&world).await;
    world.run(FAILED_RELEASE).await;
    let restored = world.database.restore(PROMOTION, Source::Snapshot).await.unwrap();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(stopped.differences(&now), Vec::<String>::new());
    assert_eq!(stopped, now);
    let between = "SELECT count(*) FROM parent WHERE name LIKE 'between%'";
    assert_eq!(world.number(between).await, 1);
    check_failed_copy(&world, &restored.failed_database, &[]).await;
    let again = world.database.restore(PROMOTION, Source::Snapshot).await.unwrap();
    assert_eq!(again, restored);
}

#[tokio::test]
async fn a_restore_that_fails_leaves_the_production_database_as_it_is() {
    let world = World::shop().await;
    let (dump, _) = saved(&world).await;
    world.run(FAILED_RELEASE).await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    let whole = std::fs::read(&dump.path).unwrap();
    let forged = |edit: fn(&mut Dump)| {
        let mut dump = dump.clone();
        edit(&mut dump);
        dump
    };
    let half = whole.len() / 2;

    let cases = [
        ("truncated", forged(|_| {}), "is damaged"),
        ("bit flipped", forged(|_| {}), "is damaged"),
        ("of another database", forged(|it| it.database = "other".to_owned()), "\"other\""),
        (
            "not what was backed up",
            forged(|it| it.fingerprint.tables.clear()),
            "the restored data is not what was backed up: The table",
        ),
    ];
    for (case, dump, expected) in cases {
        match case {
            "truncated" => truncate(&dump.path, half),
            "bit flipped" => flip(&dump.path, half),
            _ => {}
        }
        let restored = world.database.restore(PROMOTION, Source::Dump(&dump)).await;
        check_untouched(&world, restored.unwrap_err(), expected).await;
        std::fs::write(&dump.path, &whole).unwrap();
    }
    let missing = world.database.restore("CP-00000000", Source::Snapshot).await;
    check_untouched(&world, missing.unwrap_err(), "There is no database").await;
    assert_eq!(world.database.fingerprint(&world.name).await.unwrap(), before);
}

#[tokio::test]
async fn a_restore_that_fails_half_way_leaves_the_production_database_as_it_is() {
    let world = World::shop().await;
    world.run("CREATE ROLE {role}_two; CREATE TABLE zzz (); ALTER TABLE zzz OWNER TO {role}_two").await;
    let dump = world.dump().await;
    world.run("DROP OWNED BY {role}_two; DROP ROLE {role}_two").await;
    let before = world.database.fingerprint(&world.name).await.unwrap();
    let restored = world.database.restore(PROMOTION, Source::Dump(&dump)).await;
    let two = format!("role \"{}_two\" does not exist", world.role);
    check_untouched(&world, restored.unwrap_err(), &two).await;
    assert!(world.copies().await.is_empty());
    assert_eq!(world.database.fingerprint(&world.name).await.unwrap(), before);

    world.run("CREATE ROLE {role}_two").await;
    world.database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap();
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&now), Vec::<String>::new());
}

#[tokio::test]
async fn a_restore_that_cannot_swap_leaves_the_production_database_open() {
    let world = World::empty().await;
    world.run("CREATE TABLE parent AS SELECT 1 AS id").await;
    let owner = world.as_owner().await;
    world.database.snapshot(PROMOTION).await.unwrap();
    let superuser = client(&world.name).await;
    let restored = owner.restore(PROMOTION, Source::Snapshot).await;
    check_untouched(&world, restored.unwrap_err(), "terminate").await;
    superuser.batch_execute("DELETE FROM parent").await.unwrap();
    world.database.restore(PROMOTION, Source::Snapshot).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM parent").await, 1);
}

async fn check_untouched(world: &World, error: DatabaseError, expected: &str) {
    let DatabaseError::NotRestored { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(error.to_string().contains("was not touched and can be used"), "{error}");
    assert!(format!("{source} {source:?}").contains(expected), "{expected}: {error:?}");
    assert!(world.is_open(&world.name).await);
    assert!(world.number("SELECT count(*) FROM parent").await > 0);
    let copies = world.copies().await;
    assert!(copies.iter().all(|it| it.starts_with("__pre_")), "{copies:?}");
}

#[tokio::test]
async fn a_restore_interrupted_anywhere_is_finished_by_the_next() {
    let world = World::shop().await;
    let dump = world.dump().await;
    world.run(FAILED_RELEASE).await;
    // Killed with the copy half-filled and the production database closed.
    world.admin(&format!("CREATE DATABASE \"{}__restore_{PROMOTION}\"", world.name)).await;
    client(&format!("{}__restore_{PROMOTION}", world.name))
        .await
        .batch_execute("CREATE TABLE parent (half text)")
        .await
        .unwrap();
    world.admin("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false").await;

    // Dropped as soon as its own copy is there, while the client program fills it.
    {
        let restore = world.database.restore(PROMOTION, Source::Dump(&dump));
        let filling = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname LIKE '%\\_\\_restore\\_%' AND starts_with(datname, $1)";
        let admin = client("postgres").await;
        let begun = async {
            while admin.query_one(filling, &[&world.name]).await.unwrap().get::<_, i64>(0) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            result = restore => panic!("the restore ended: {result:?}"),
            () = begun => {}
        }
    }
    let restored = world.database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap();
    assert_eq!(world.database.fingerprint(&world.name).await.unwrap(), dump.fingerprint);
    check_failed_copy(&world, &restored.failed_database, &[]).await;
}

#[tokio::test]
async fn the_instructions_work_when_pasted() {
    let world = World::shop().await;
    let dump = world.dump().await;
    world.run(FAILED_RELEASE).await;
    let instructions = world.database.restore_instructions(&dump).unwrap();
    let config: tokio_postgres::Config = url("postgres").parse().unwrap();
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    assert!(!instructions.contains("PGPASSWORD"));
    assert!(!instructions.contains(&format!(":{password}@")), "{instructions}");
    // Applications keep secrets in settings of their own.
    assert!(!instructions.contains("canary"), "{instructions}");

    let _session = client(&world.name).await;
    paste(&instructions, &password, true).await;
    let now = world.database.fingerprint(&world.name).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&now), Vec::<String>::new());
    let copies = world.copies().await;
    assert_eq!(copies.len(), 1, "{copies:?}");
    check_failed_copy(&world, &format!("{}{}", world.name, copies[0]), &[]).await;

    truncate(&dump.path, 1000);
    paste(&instructions, &password, false).await;
    assert!(world.is_open(&world.name).await);
    assert_eq!(world.database.fingerprint(&world.name).await.unwrap(), now);
}

pub(crate) async fn paste(instructions: &str, password: &str, works: bool) {
    let output = Command::new("bash")
        .args(["-c", instructions])
        .env("PGPASSWORD", password)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.success(), works, "{instructions}\n{output:?}");
}

#[tokio::test]
async fn the_instructions_for_the_copy_work_when_pasted() {
    let world = World::shop().await;
    let (_, stopped) = saved(&world).await;
    world.run(FAILED_RELEASE).await;
    let instructions = world.database.snapshot_instructions(PROMOTION).await.unwrap();
    let config: tokio_postgres::Config = url("postgres").parse().unwrap();
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    assert!(!instructions.contains(&format!(":{password}@")), "{instructions}");
    let _session = client(&world.name).await;
    // The second time there is no copy any more, and everything stays as it is.
    for works in [true, false] {
        paste(&instructions, &password, works).await;
        let now = world.database.fingerprint(&world.name).await.unwrap();
        assert_eq!(stopped.differences(&now), Vec::<String>::new());
        let copies = world.copies().await;
        assert_eq!(copies.len(), 1, "{copies:?}");
        assert!(world.is_open(&world.name).await);
    }
    let kept = format!("{}{}", world.name, world.copies().await[0]);
    check_failed_copy(&world, &kept, &[]).await;
}

#[tokio::test]
async fn names_that_need_quoting_or_shortening_work() {
    let mark = world_mark();
    let names =
        [format!("{mark} it's a \\ \"shop\"; --"), format!("{mark}{}", "é".repeat((63 - mark.len()) / 2))];
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let admin = client("postgres").await;
        admin.batch_execute(&format!("CREATE DATABASE \"{quoted}\"")).await.unwrap();
        round_trip(&name).await;
        let rows = admin
            .query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", &[&mark])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        admin.batch_execute(&format!("DROP DATABASE \"{quoted}\"")).await.unwrap();
    }
}

fn world_mark() -> String {
    format!("t{:x}", uuid::Uuid::new_v4().as_fields().0)
}

/// Restores from both sources, then removes what is kept.
async fn round_trip(name: &str) {
    use adapters::database::{Database, DatabaseSettings};
    use std::fmt::Write;
    let encoded = name.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02x}").unwrap();
        text
    });
    let database = Database::connect(DatabaseSettings { url: url(&encoded), tools: None }).await.unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    client(name).await.batch_execute("CREATE TABLE x AS SELECT 1 AS n").await.unwrap();
    let dump = database.dump(&folder.path().join("it's a dump"), |_| {}).await.unwrap();
    database.snapshot("CP-00000001").await.unwrap();
    client(name).await.batch_execute("DROP TABLE x").await.unwrap();
    database.restore("CP-00000001", Source::Snapshot).await.unwrap();
    assert_eq!(database.fingerprint(name).await.unwrap(), dump.fingerprint);
    client(name).await.batch_execute("DROP TABLE x").await.unwrap();
    database.restore("CP-00000002", Source::Dump(&dump)).await.unwrap();
    assert_eq!(database.fingerprint(name).await.unwrap(), dump.fingerprint);
    let config: tokio_postgres::Config = url("postgres").parse().unwrap();
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    client(name).await.batch_execute("DROP TABLE x").await.unwrap();
    paste(&database.restore_instructions(&dump).unwrap(), &password, true).await;
    assert_eq!(database.fingerprint(name).await.unwrap(), dump.fingerprint);
    database.drop_failed("CP-00000001").await.unwrap();
    database.drop_failed("CP-00000002").await.unwrap();
    let replaced = "SELECT datname FROM pg_database WHERE datname LIKE '%\\_\\_replaced\\_%' AND starts_with(datname, left($1, 8))";
    let admin = client("postgres").await;
    let replaced: String = admin.query_one(replaced, &[&name]).await.unwrap().get(0);
    let replaced = replaced.replace('"', "\"\"");
    admin.batch_execute(&format!("DROP DATABASE \"{replaced}\"")).await.unwrap();
}
