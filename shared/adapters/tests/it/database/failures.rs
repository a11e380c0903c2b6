//! What a move leaves when the server, a client program or a disk fails in its middle.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use adapters::database::{Database, DatabaseError, DatabaseSettings, Dump, Fingerprint, Source};
use scratch::Disk;
use servers::interrupt::Interrupt;
use servers::postgres::{Postgres, Purpose};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::block_in_place;
use tokio_postgres::{Client, NoTls};

use super::PROMOTION;

/// Rows that take a while to read and to write.
const ROWS: &str = "CREATE TABLE big AS SELECT i, sha256(i::text::bytea) FROM generate_series(1, 300000) i";

/// A production database on a server of its own, which may die.
struct Shop {
    server: Postgres,
    database: Database,
    folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let server = block_in_place(|| {
            let mut server = Postgres::start(&Purpose { is_durable: false, also_on: None }).unwrap();
            server.wait_until_ready(&Interrupt::never()).unwrap();
            server.create_database("shop").unwrap();
            server
        });
        let shop =
            Self { database: database(&server, "shop").await, server, folder: TempDir::new().unwrap() };
        let client = shop.client("shop").await;
        client.batch_execute(ROWS).await.unwrap();
        // This server does not wait for its log when it commits: what it must still have after a crash is written out.
        client.batch_execute("CHECKPOINT").await.unwrap();
        shop
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("shop.dump")
    }

    async fn client(&self, name: &str) -> Client {
        client(&self.server, name).await
    }

    async fn contents(&self) -> Fingerprint {
        self.database.fingerprint(self.database.name()).await.unwrap()
    }

    /// Production is whole, open, and the only database of its family.
    async fn assert_untouched(&self, before: &Fingerprint) {
        assert_eq!(before.differences(&self.contents().await), Vec::<String>::new());
        let names = "SELECT string_agg(datname, ' ') FROM pg_database
                     WHERE starts_with(datname, $1) AND datname NOT LIKE '%\\_\\_restore\\_%'";
        let name = self.database.name();
        let names: String = self.client("postgres").await.query_one(names, &[&name]).await.unwrap().get(0);
        assert_eq!(names, name);
    }
}

async fn database(server: &Postgres, name: &str) -> Database {
    let settings = DatabaseSettings { url: server.url(name), tools: None };
    Database::connect(settings).await.unwrap()
}

async fn client(server: &Postgres, name: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(name), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Takes the server down as a crash does, and waits until it is back.
fn crash(server: &mut Postgres) {
    block_in_place(|| {
        server.kill().unwrap();
        server.start_again().unwrap();
        server.wait_until_ready(&Interrupt::never()).unwrap();
    });
}

/// Comes back when a program fills the restored database.
async fn restoring(admin: Client) {
    let filling = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname LIKE '%\\_\\_restore\\_%' AND query LIKE 'COPY%'";
    while admin.query_one(filling, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_during_a_backup_leaves_nothing_half_done() {
    let mut shop = Shop::open().await;
    let before = shop.contents().await;
    let target = shop.target();
    let Shop { server, database, .. } = &mut shop;
    let (started, begun) = tokio::sync::oneshot::channel();
    let mut started = Some(started);
    let dump = database.dump(&target, move |_| {
        started.take().map(|it| it.send(()));
    });
    let dying = async {
        begun.await.unwrap();
        crash(server);
    };
    let (dumped, ()) = tokio::join!(dump, dying);
    let error = dumped.unwrap_err();
    assert!(matches!(error, DatabaseError::Failed(_) | DatabaseError::Unreachable { .. }), "{error:?}");
    assert_eq!(fs::read_dir(shop.folder.path()).unwrap().count(), 0);
    shop.assert_untouched(&before).await;
    let dump = shop.database.dump(&target, |_| {}).await.unwrap();
    assert_eq!(dump.fingerprint, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_during_a_restore_leaves_production_as_it_is() {
    let mut shop = Shop::open().await;
    let dump = shop.database.dump(&shop.target(), |_| {}).await.unwrap();
    let released = release(&shop).await;
    let admin = shop.client("postgres").await;
    let Shop { server, database, .. } = &mut shop;
    let restore = database.restore(PROMOTION, Source::Dump(&dump));
    let dying = async {
        restoring(admin).await;
        crash(server);
    };
    let (restored, ()) = tokio::join!(restore, dying);
    assert_not_restored(&restored.unwrap_err(), "");
    shop.assert_untouched(&released).await;
    assert_restores(&shop, &dump).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_during_a_restore_leaves_production_as_it_is() {
    let shop = Shop::open().await;
    let dump = shop.database.dump(&shop.target(), |_| {}).await.unwrap();
    let released = release(&shop).await;
    let admin = shop.client("postgres").await;
    let restore = shop.database.restore(PROMOTION, Source::Dump(&dump));
    let killing = async {
        restoring(admin).await;
        let path = dump.path.to_str().unwrap();
        for process in processes("pg_restore", path) {
            Command::new("kill").args(["-KILL", &process]).status().await.unwrap();
        }
    };
    let (restored, ()) = tokio::join!(restore, killing);
    assert_not_restored(&restored.unwrap_err(), "was killed");
    shop.assert_untouched(&released).await;
    assert_restores(&shop, &dump).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_leaves_production_as_it_is() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("disk"), 128) else { return };
    let mut shop = Shop::open().await;
    let space = folder.path().join("disk/space");
    fs::create_dir(&space).unwrap();
    let status = Command::new("chown").arg("postgres:").arg(&space).status().await.unwrap();
    assert!(status.success());
    let admin = shop.client("postgres").await;
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", space.display());
    admin.batch_execute(&tablespace).await.unwrap();
    admin.batch_execute("CREATE DATABASE tight TABLESPACE small").await.unwrap();
    shop.client("tight").await.batch_execute(ROWS).await.unwrap();
    shop.database = database(&shop.server, "tight").await;
    let dump = shop.database.dump(&shop.target(), |_| {}).await.unwrap();
    let released = release(&shop).await;
    admin.batch_execute("CHECKPOINT").await.unwrap();

    disk.fill(10_000_000);
    let error = shop.database.snapshot(PROMOTION).await.unwrap_err();
    assert!(matches!(error, DatabaseError::NoCopy { .. }), "{error:?}");
    shop.assert_untouched(&released).await;
    let error = shop.database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap_err();
    // The server says “no space left” or, after a part of a page, “check free disk space”.
    assert_not_restored(&error, "space");
    shop.assert_untouched(&released).await;
    disk.free();
    assert_restores(&shop, &dump).await;
}

/// A release that changes the data; returns what the database is then.
async fn release(shop: &Shop) -> Fingerprint {
    let client = shop.client(shop.database.name()).await;
    client.batch_execute("INSERT INTO big VALUES (0, 'new')").await.unwrap();
    shop.contents().await
}

fn assert_not_restored(error: &DatabaseError, expected: &str) {
    assert!(matches!(error, DatabaseError::NotRestored { .. }), "{error:?}");
    assert!(error.to_string().contains("was not touched and can be used"), "{error}");
    assert!(format!("{error:?}").contains(expected), "{error:?}");
}

/// What stood in the way is gone, and the same order leads to the goal.
async fn assert_restores(shop: &Shop, dump: &Dump) {
    shop.database.restore(PROMOTION, Source::Dump(dump)).await.unwrap();
    assert_eq!(dump.fingerprint.differences(&shop.contents().await), Vec::<String>::new());
}

/// Ids of the programs of this name with this word among their arguments.
fn processes(name: &str, word: &str) -> Vec<String> {
    let ids = fs::read_dir("/proc").unwrap().flatten().map(|it| it.file_name().into_string().unwrap());
    let is_it = |id: &String| {
        let Ok(line) = fs::read(format!("/proc/{id}/cmdline")) else { return false };
        let line = String::from_utf8_lossy(&line);
        let mut words = line.split('\0');
        words.next().is_some_and(|it| it.ends_with(name)) && words.any(|it| it == word)
    };
    ids.filter(is_it).collect()
}
