//! The production database, against a real server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod container;
mod dump;
mod failures;
mod fingerprint;
mod kept;
mod known_failings;
mod put_back;
mod random;
mod rehearsal;
mod restore;
mod shop;
mod snapshot;

use std::path::PathBuf;

use adapters::database::{Database, DatabaseError, DatabaseSettings, Dump};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

const PROMOTION: &str = "CP-1A2B3C4D";

/// A production database of the test's own, on the scratch server; gone afterwards with all its
/// copies and its role.
struct World {
    database: Database,
    name: String,
    /// A role that the application uses; the schema and the grants name it.
    role: String,
    folder: TempDir,
}

impl World {
    /// An empty production database.
    async fn empty() -> Self {
        Self::named(&format!("t{:x}", Uuid::new_v4().as_fields().0)).await
    }

    async fn named(name: &str) -> Self {
        let role = format!("r{:x}", Uuid::new_v4().as_fields().0);
        let admin = client("postgres").await;
        admin.batch_execute(&format!("CREATE ROLE {role}")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
        let settings =
            DatabaseSettings { url: url(&name.replace(' ', "%20").replace('\'', "%27")), tools: None };
        Self {
            database: Database::connect(settings).await.unwrap(),
            name: name.to_owned(),
            role,
            folder: TempDir::new().unwrap(),
        }
    }

    /// A production database with something of everything in it.
    async fn shop() -> Self {
        let world = Self::empty().await;
        world.run(shop::SCHEMA).await;
        world.admin(shop::DATABASE).await;
        world
    }

    /// The same database for a user who owns it, but may not end a superuser's session.
    async fn as_owner(&self) -> Database {
        self.admin(
            "ALTER ROLE {role} LOGIN CREATEDB PASSWORD 'owner';
             ALTER DATABASE {database} OWNER TO {role}",
        )
        .await;
        let (_, host) = url(&self.name)
            .rsplit_once('@')
            .map(|(before, after)| (before.to_owned(), after.to_owned()))
            .unwrap();
        let settings =
            DatabaseSettings { url: format!("postgres://{}:owner@{host}", self.role), tools: None };
        Database::connect(settings).await.unwrap()
    }

    /// Runs statements in the production database; `{role}` stands for the role.
    async fn run(&self, sql: &str) {
        let client = client(&self.name).await;
        let sql = self.filled_in(sql);
        client.batch_execute(&sql).await.unwrap();
    }

    /// Runs statements in the maintenance database, one transaction each; `{database}` is the production database.
    async fn admin(&self, sql: &str) {
        let client = client("postgres").await;
        for statement in sql.split(";\n").filter(|it| !it.trim().is_empty()) {
            let statement = self.filled_in(statement);
            client.batch_execute(&statement).await.unwrap();
        }
    }

    fn filled_in(&self, sql: &str) -> String {
        sql.replace("{role}", &self.role).replace("{database}", &format!("\"{}\"", self.name))
    }

    /// One number from a database.
    async fn number_in(&self, database: &str, sql: &str) -> i64 {
        client(database).await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn number(&self, sql: &str) -> i64 {
        self.number_in(&self.name, sql).await
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("pre-promote-FB-0A1B2C3D-20261122215645.dump")
    }

    async fn dump(&self) -> Dump {
        self.database.dump(&self.target(), |_| {}).await.unwrap()
    }

    /// Names of the databases that were derived from this one, without its own name.
    async fn copies(&self) -> Vec<String> {
        let rows = client("postgres")
            .await
            .query(
                "SELECT replace(datname, $1, '') FROM pg_database
                 WHERE starts_with(datname, $1 || '__') ORDER BY 1",
                &[&self.name],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Whether anybody may connect.
    async fn is_open(&self, database: &str) -> bool {
        client("postgres")
            .await
            .query_one("SELECT datallowconn FROM pg_database WHERE datname = $1", &[&database])
            .await
            .unwrap()
            .get(0)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test's own runtime is gone or going when this runs.
        let (name, role) = (self.name.clone(), self.role.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = client("postgres").await;
                let names = admin
                    .query(
                        "SELECT datname FROM pg_database WHERE starts_with(datname, left($1, 30))",
                        &[&name],
                    )
                    .await
                    .unwrap();
                for row in names {
                    let drop = format!("DROP DATABASE \"{}\" WITH (FORCE)", row.get::<_, &str>(0));
                    admin.batch_execute(&drop).await.unwrap();
                }
                let drop = format!("DROP ROLE IF EXISTS {role}, {role}_two");
                admin.batch_execute(&drop).await.unwrap();
            });
        })
        .join()
        .unwrap();
    }
}

/// The scratch server's URL, leading to another database.
fn url(database: &str) -> String {
    let url = std::env::var("SLIPWAY_TEST_POSTGRES_URL").expect(
        "SLIPWAY_TEST_POSTGRES_URL must lead to a scratch Postgres server; `cargo xtask test` starts one",
    );
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    format!("{server}/{database}")
}

async fn client(database: &str) -> Client {
    let mut config: Config = url("postgres").parse().unwrap();
    config.dbname(database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn what_the_server_says_about_itself_and_the_database() {
    let world = World::shop().await;
    let version = world.database.server_version().await.unwrap();
    assert!(version.text.starts_with(&version.major.to_string()));
    assert!(world.database.size_bytes().await.unwrap() > 1_000_000);
    assert_eq!(world.database.name(), world.name);
    assert!(world.database.exists(&world.name).await.unwrap());
    assert!(!world.database.exists("no such database").await.unwrap());
}

#[tokio::test]
async fn no_connection_to_the_production_database_stays_open() {
    let world = World::shop().await;
    world.dump().await;
    world.database.fingerprint(&world.name).await.unwrap();
    world.database.size_bytes().await.unwrap();
    world.admin("ALTER DATABASE {database} RENAME TO \"renamed {role}\"").await;
    world.admin("ALTER DATABASE \"renamed {role}\" RENAME TO {database}").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_plainly_and_never_shown() {
    let world = World::empty().await;
    let url = url(&world.name);
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, host) = rest.split_once('@').unwrap();
    let settings = DatabaseSettings { url: format!("{scheme}://slipway:canary-secret@{host}"), tools: None };
    assert!(!format!("{settings:?} {:?}", world.database).contains("canary"));
    let error = Database::connect(settings).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("did not accept the user \"slipway\""), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let cases = [
        ("postgres://u:pa@ss-canary@localhost/shop", "percent-encoded"),
        ("http://canary", "must look like"),
        ("postgres://localhost:5432", "names no database"),
        ("postgres://localhost/postgres", "needs for itself"),
        ("postgres://u:canary@127.0.0.1:1/shop", "does not answer"),
        (&url("no_such_database"), "There is no database"),
    ];
    for (url, expected) in cases {
        let settings = DatabaseSettings { url: url.to_owned(), tools: None };
        let error = Database::connect(settings).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{url}: {text}");
        assert!(!text.contains("canary"), "{url}: {text}");
    }
}

#[tokio::test]
async fn the_tools_found_can_read_the_server() {
    let world = World::empty().await;
    let server = world.database.server_version().await.unwrap();
    let tools = world.database.tools().await.unwrap();
    assert!(tools.pg_dump.version.major >= server.major);
    assert_eq!(tools.pg_dump.version, tools.pg_restore.version);
}

#[tokio::test]
async fn the_room_for_a_second_copy_is_seen_by_whoever_may_see_it() {
    let world = World::shop().await;
    let size = world.database.size_bytes().await.unwrap();
    let room = world.database.check_room_for_copies(size).await.unwrap().unwrap();
    assert!(room.needed_bytes > size && room.free_bytes >= room.needed_bytes, "{room:?}");
    let error = world.database.check_room_for_copies(room.free_bytes).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ServerSpace { .. }), "{error:?}");
    assert_eq!(world.as_owner().await.check_room_for_copies(size).await.unwrap(), None);
}

#[tokio::test]
async fn tools_that_are_missing_or_too_old_are_told_plainly() {
    let world = World::empty().await;
    let folder = TempDir::new().unwrap();
    let settings = DatabaseSettings { url: url(&world.name), tools: Some(folder.path().to_owned()) };
    let database = Database::connect(settings).await.unwrap();
    let error = database.tools().await.unwrap_err();
    assert!(matches!(error, DatabaseError::ToolsMissing { .. }), "{error:?}");

    for name in ["pg_dump", "pg_restore"] {
        use std::os::unix::fs::PermissionsExt;
        let tool = folder.path().join(name);
        std::fs::write(&tool, format!("#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")).unwrap();
        std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let error = database.dump(&world.target(), |_| {}).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ToolsTooOld { client: 9, .. }), "{error:?}");
}
