//! A production database in a container, with the client programs that are in there and none of this machine's.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use adapters::database::{Database, DatabaseContainer, DatabaseError, DatabaseSettings, Dump, Rung, Source};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::PROMOTION;
use super::dump::truncate;
use super::restore::paste;

const PASSWORD: &str = "canary-inside";

/// Whom the server runs as in the container.
const USER: &str = "999:999";

/// What runs in the container: a new cluster, listening on all addresses.
const SERVE: &str = "initdb --username=slipway --auth=scram-sha-256 --pwfile=/etc/postgres-password \
    --encoding=UTF8 --locale=C --no-sync -D /tmp/data > /tmp/log \
    && echo 'host all all all scram-sha-256' >> /tmp/data/pg_hba.conf \
    && exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories= -c fsync=off";

/// A container made of this machine's own Postgres, gone with its image when dropped.
struct Inside {
    name: String,
    host: String,
    url: String,
    folder: TempDir,
}

impl Inside {
    async fn start() -> Self {
        let host = std::env::var("SLIPWAY_TEST_DOCKER_HOST")
            .expect("SLIPWAY_TEST_DOCKER_HOST is not set: run `cargo xtask test`, which starts the servers");
        let name = format!("db{:x}", uuid::Uuid::new_v4().as_fields().0);
        let mut inside = Self { name, host, url: String::new(), folder: TempDir::new().unwrap() };
        inside.import();
        let publish =
            ["run", "--detach", "--publish", "127.0.0.1::5432", "--user", USER, "--tmpfs", "/tmp:size=512m"];
        inside.docker(
            &[publish.as_slice(), ["--name", &inside.name, &inside.name, "sh", "-c", SERVE].as_slice()]
                .concat(),
        );
        let published = inside.docker(&["port", &inside.name, "5432/tcp"]);
        let address = published.lines().next().unwrap();
        inside.url = format!("postgres://slipway:{PASSWORD}@{address}/shop");
        let admin = loop {
            if let Ok(client) = connect(&inside.url.replace("/shop", "/postgres")).await {
                break client;
            }
            let state = inside.docker(&["inspect", "--format", "{{.State.Running}}", &inside.name]);
            assert_eq!(state, "true", "{}", inside.docker(&["logs", &inside.name]));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        admin.batch_execute("CREATE DATABASE shop").await.unwrap();
        let rows = "CREATE TABLE big AS SELECT i, sha256(i::text::bytea) FROM generate_series(1, 300000) i;
                    CREATE SEQUENCE tickets; SELECT nextval('tickets')";
        inside.client().await.batch_execute(rows).await.unwrap();
        inside
    }

    /// Makes the image.
    fn import(&self) {
        let programs = servers::postgres::programs().expect("PostgreSQL is installed");
        let root = self.folder.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::write(root.join("etc/passwd"), "postgres:x:999:999::/tmp:/bin/sh\n").unwrap();
        fs::write(root.join("etc/postgres-password"), PASSWORD).unwrap();
        let archive = self.folder.path().join("root.tar");
        let files = files(&programs);
        let mut tar = Command::new("tar");
        tar.args(["--create", "--dereference", "--file"]).arg(&archive);
        tar.args(["--exclude=*/bitcode", "--exclude=*llvmjit*", "--exclude=*/man"]);
        tar.args(["-C", "/"]).args(files.iter().map(|it| it.strip_prefix("/").unwrap()));
        tar.arg("-C").arg(&root).args(["etc", "tmp"]);
        said(&mut tar);
        let path = format!("ENV PATH={}:/bin:/usr/bin", programs.display());
        self.docker(&["import", "--change", &path, archive.to_str().unwrap(), &self.name]);
    }

    fn docker(&self, arguments: &[&str]) -> String {
        said(servers::docker::command(&self.host).args(arguments))
    }

    async fn client(&self) -> Client {
        connect(&self.url).await.unwrap()
    }

    /// The production database, with no way to client programs but the container.
    async fn database(&self) -> Database {
        let settings = DatabaseSettings { url: self.url.clone(), tools: Some("/nowhere".into()) };
        let container = DatabaseContainer::new(Some(&self.host), &self.name).unwrap();
        Database::connect(settings).await.unwrap().in_container(container).await.unwrap()
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("shop.dump")
    }

    /// Programs of Slipway that are connected to any database but the maintenance one.
    async fn programs(&self) -> i64 {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'slipway %'";
        self.client().await.query_one(sessions, &[]).await.unwrap().get(0)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        for arguments in [["rm", "--force", "--volumes"].as_slice(), &["rmi", "--force"]] {
            let removed = servers::docker::command(&self.host).args(arguments).arg(&self.name).output();
            if !removed.is_ok_and(|it| it.status.success()) {
                eprintln!("warning: {} was not removed", self.name);
            }
        }
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

/// The server's programs with everything that they load.
fn files(programs: &Path) -> BTreeSet<PathBuf> {
    let version = programs.parent().unwrap();
    let shared = Path::new("/usr/share/postgresql").join(version.file_name().unwrap());
    let names = ["postgres", "initdb", "pg_dump", "pg_restore", "psql"];
    let mut binaries: Vec<PathBuf> = names.iter().map(|name| programs.join(name)).collect();
    binaries.extend(["/bin/sh", "/bin/df", "/usr/bin/head"].map(PathBuf::from));
    let mut files: BTreeSet<PathBuf> = binaries.iter().cloned().collect();
    files.extend([version.join("lib"), shared, "/usr/share/zoneinfo/UTC".into()]);
    for binary in binaries {
        let libraries = said(Command::new("ldd").arg(binary));
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        files.extend(paths.map(PathBuf::from));
    }
    files
}

#[tokio::test]
async fn everything_works_with_the_programs_beside_the_server() {
    let inside = Inside::start().await;
    let database = inside.database().await;
    let server = database.server_version().await.unwrap();
    let tools = database.tools().await.unwrap();
    assert_eq!((tools.pg_dump.path.to_str(), tools.pg_dump.version.major), (Some("pg_dump"), server.major));
    let size = database.size_bytes().await.unwrap();
    let room = database.check_room_for_copies(size).await.unwrap().unwrap();
    assert_eq!(room.folder, "/tmp/data");
    assert!(room.free_bytes > room.needed_bytes, "{room:?}");

    let mut seen = Vec::new();
    let dump = database.dump(&inside.target(), |bytes| seen.push(bytes)).await.unwrap();
    assert_eq!(seen.last(), Some(&dump.size_bytes));
    assert_eq!(fs::metadata(&dump.path).unwrap().len(), dump.size_bytes);
    database.verify(&dump).await.unwrap();
    database.rehearse(PROMOTION, &dump).await.unwrap();
    assert_eq!(Database::recorded(&dump.path).unwrap().rung, Rung::Rehearsed);

    let spoil = "DROP SEQUENCE tickets; DELETE FROM big WHERE i % 2 = 0; INSERT INTO big VALUES (0, 'new')";
    inside.client().await.batch_execute(spoil).await.unwrap();
    database.restore(PROMOTION, Source::Dump(&dump)).await.unwrap();
    let restored = database.fingerprint("shop").await.unwrap();
    assert_eq!(dump.fingerprint.differences(&restored), Vec::<String>::new());
    let surplus = database.surplus(PROMOTION, None).await.unwrap();
    assert_eq!(surplus.iter().map(|it| (&*it.table, it.rows)).collect::<Vec<_>>(), [("public.big", 1)]);
    assert_eq!(inside.programs().await, 0);

    inside.client().await.batch_execute(spoil).await.unwrap();
    let instructions = database.restore_instructions(&dump).unwrap();
    assert!(!instructions.contains(PASSWORD), "{instructions}");
    paste(&instructions, PASSWORD, true).await;
    let restored = database.fingerprint("shop").await.unwrap();
    assert_eq!(dump.fingerprint.differences(&restored), Vec::<String>::new());

    let room = database.check_room_for_copies(size).await.unwrap().unwrap();
    let filler = format!("head -c {} /dev/zero > /tmp/filler", room.free_bytes - room.needed_bytes / 2);
    inside.docker(&["exec", &inside.name, "sh", "-c", &filler]);
    let error = database.check_room_for_copies(size).await.unwrap_err();
    assert!(matches!(error, DatabaseError::ServerSpace { .. }), "{error:?}");
    let sentence = error.to_string();
    let kept = format!("safest thing to delete is the database \"shop__failed_{PROMOTION}\"");
    for part in ["(/tmp/data) has only", "MB free, but needs", &kept] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[tokio::test]
async fn a_program_beside_the_server_ends_with_whoever_ordered_it() {
    let inside = Inside::start().await;
    let database = inside.database().await;
    let target = inside.target();
    for is_killed in [false, true] {
        let (started, begun) = tokio::sync::oneshot::channel();
        let mut started = Some(started);
        let mut dump = Box::pin(database.dump(&target, move |_| {
            started.take().map(|it| it.send(()));
        }));
        tokio::select! {
            result = &mut dump => panic!("the backup ended: {result:?}"),
            begun = begun => begun.unwrap(),
        }
        assert!(inside.programs().await > 0);
        if is_killed {
            // Nothing is cleaned up; the same backup begun anew does it.
            std::mem::forget(dump);
        } else {
            drop(dump);
            while inside.programs().await > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
    let dump = database.dump(&target, |_| {}).await.unwrap();
    assert_eq!(dump.fingerprint, database.fingerprint("shop").await.unwrap());
    assert_eq!(inside.programs().await, 0);
}

#[tokio::test]
async fn how_a_program_beside_the_server_ended_is_really_read() {
    let inside = Inside::start().await;
    let database = inside.database().await;
    let dump = database.dump(&inside.target(), |_| {}).await.unwrap();
    // Half a backup with a record that fits it: only its program can tell.
    truncate(&dump.path, usize::try_from(dump.size_bytes / 2).unwrap());
    let half = fs::read(&dump.path).unwrap();
    let sha256 = said(Command::new("sha256sum").arg(&dump.path));
    let forged = Dump {
        size_bytes: half.len() as u64,
        sha256: sha256.split_whitespace().next().unwrap().to_owned(),
        ..dump
    };
    let error = database.verify(&forged).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("pg_restore ended with 1"), "{error}");

    // Neither is a way there that is lost taken for damage.
    let nobody = DatabaseContainer::new(Some(&inside.host), "nobody-at-all").unwrap();
    let lost = Database::connect(DatabaseSettings { url: inside.url.clone(), tools: None }).await.unwrap();
    let lost = lost.in_container(nobody).await.unwrap();
    let error = lost.verify(&forged).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Failed(_)), "{error:?}");
    DatabaseContainer::new(None, "../nobody").unwrap_err();
}
