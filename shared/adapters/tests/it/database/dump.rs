//! Backup files: whole, checked, refused when damaged.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use adapters::database::{Database, DatabaseError, Rung, at_stop, discard, discard_partial, dump_name};

use super::World;

#[test]
fn a_backup_is_named_after_its_build_and_the_time_in_utc() {
    let at = "2026-11-22T23:56:45+02:00".parse().unwrap();
    let name = dump_name("FB-0A1B2C3D", at);
    assert_eq!(name, "pre-promote-FB-0A1B2C3D-20261122215645.dump");
}

#[tokio::test]
async fn a_backup_is_complete_and_recorded_and_made_once() {
    let world = World::shop().await;
    let mut seen = Vec::new();
    let target = world.target();
    let dump = world.database.dump(&target, |bytes| seen.push(bytes)).await.unwrap();
    let file = fs::metadata(&target).unwrap();
    assert_eq!(file.len(), dump.size_bytes);
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(seen.last(), Some(&dump.size_bytes));
    assert!(seen.is_sorted());
    assert_eq!(dump.fingerprint, world.database.fingerprint(&world.name).await.unwrap());
    let record = fs::read(target.with_extension("dump.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["dump"], serde_json::to_value(&dump).unwrap());
    let stored = format!("{dump:?} {}", record["dump"]);
    assert!(!stored.contains("canary"), "an application's settings may be secret");
    assert_eq!(files(&world).len(), 2, "{:?}", files(&world));
    assert_eq!((dump.rung, dump.database_bytes > 1_000_000), (Rung::ReadBack, true));
    assert_eq!(Database::recorded(&target).as_ref(), Some(&dump));
    assert_eq!(Database::recorded(&target.with_extension("json")), None);

    let again = world.dump().await;
    assert_eq!(again, dump, "the second call returns the first one's backup");
    world.database.verify(&dump).await.unwrap();
}

#[tokio::test]
async fn an_interrupted_backup_is_begun_anew_and_a_finished_one_never_discarded() {
    let world = World::shop().await;
    let partial = world
        .folder
        .path()
        .join(format!("{}.partial", world.target().file_name().unwrap().to_str().unwrap()));
    fs::write(&partial, "PGDMP and then the power went").unwrap();
    discard_partial(&world.target()).unwrap();
    assert!(!partial.exists());
    fs::write(&partial, "PGDMP and then the power went").unwrap();
    let dump = world.dump().await;
    assert!(!partial.exists());
    discard_partial(&world.target()).unwrap();
    world.database.verify(&dump).await.unwrap();
}

#[tokio::test]
async fn a_dropped_backup_stops_the_client_program() {
    let world = World::shop().await;
    world.run("CREATE TABLE big AS SELECT i, sha256(i::text::bytea) FROM generate_series(1, 300000) i").await;
    {
        // The first bytes come while most of the table is still to be read.
        let (started, begun) = tokio::sync::oneshot::channel();
        let mut started = Some(started);
        let target = world.target();
        let dump = world.database.dump(&target, move |_| {
            started.take().map(|it| it.send(()));
        });
        tokio::select! {
            result = dump => panic!("the backup ended: {result:?}"),
            begun = begun => begun.unwrap(),
        }
    }
    let gone = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while world.number(gone).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!world.target().exists());
    world.dump().await;
}

/// Does something bad to a file of twice this length.
type Damage = fn(&Path, usize);

#[tokio::test]
async fn damage_is_found_and_a_damaged_backup_is_made_anew() {
    let world = World::shop().await;
    let dump = world.dump().await;
    let whole = fs::read(&dump.path).unwrap();
    let half = whole.len() / 2;
    let damages: [(&str, Damage); 5] = [
        ("it has", |path, half| truncate(path, half)),
        ("contents have changed", |path, half| flip(path, half)),
        ("not a backup file", |path, _| flip(path, 0)),
        ("too short", |path, _| truncate(path, 0)),
        ("cannot be opened", |path, _| fs::remove_file(path).unwrap()),
    ];
    for (reason, damage) in damages {
        damage(&dump.path, half);
        let error = world.database.verify(&dump).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
        let anew = world.dump().await;
        world.database.verify(&anew).await.unwrap();
        fs::write(&dump.path, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_backup_that_would_not_fit_is_refused_with_the_numbers() {
    let world = World::empty().await;
    // No file system has less free space than this one.
    let target = Path::new("/proc/backup.dump");
    let error = world.database.dump(target, |_| {}).await.unwrap_err();
    let DatabaseError::Space { needed_bytes, free_bytes, folder, safest: None } = &error else {
        panic!("{error:?}");
    };
    assert!(*needed_bytes > world.database.size_bytes().await.unwrap());
    assert_eq!((*free_bytes, folder.as_path()), (0, Path::new("/proc")));
    assert!(error.to_string().contains("MB of free space in /proc, but only 0 bytes"), "{error}");
}

#[tokio::test]
async fn a_record_from_before_rungs_were_told_apart_can_be_read() {
    let world = World::shop().await;
    let dump = world.dump().await;
    let path = world.target().with_extension("dump.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for field in ["rung", "database_bytes"] {
        record["dump"].as_object_mut().unwrap().remove(field).unwrap();
    }
    fs::write(&path, record.to_string()).unwrap();
    let old = Database::recorded(&dump.path).unwrap();
    assert_eq!((old.rung, old.database_bytes), (Rung::ReadBack, 0));
    world.database.verify(&old).await.unwrap();
}

#[tokio::test]
async fn the_backup_taken_at_the_stop_goes_with_the_one_before() {
    let world = World::shop().await;
    let dump = world.dump().await;
    let second = at_stop(&dump.path);
    let name = second.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name, "pre-promote-FB-0A1B2C3D-20261122215645-at-stop.dump");
    let second = world.database.dump(&second, |_| {}).await.unwrap();
    assert_eq!(second.fingerprint, dump.fingerprint);
    for _ in 0..2 {
        discard(&second.path).unwrap();
        world.database.verify(&dump).await.unwrap();
    }
    world.database.dump(&second.path, |_| {}).await.unwrap();
    discard(&dump.path).unwrap();
    assert!(files(&world).is_empty(), "{:?}", files(&world));
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_leaves_nothing() {
    let world = World::shop().await;
    let nowhere = world.folder.path().join("no such folder/x.dump");
    world.database.dump(&nowhere, |_| {}).await.unwrap_err();
    // Somebody who is not let in by the database's own rules.
    world.admin("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false").await;
    let error = world.database.dump(&world.target(), |_| {}).await.unwrap_err();
    assert!(format!("{error:#?}").contains("not currently accepting"), "{error:?}");
    assert!(files(&world).is_empty(), "{:?}", files(&world));
}

fn files(world: &World) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let entries = fs::read_dir(world.folder.path()).unwrap();
    entries.map(|entry| name(entry).unwrap()).collect()
}

pub(crate) fn truncate(path: &Path, length: usize) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(length as u64).unwrap();
}

pub(crate) fn flip(path: &Path, at: usize) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at as u64).unwrap();
}
