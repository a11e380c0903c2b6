//! A failing of the platform that Slipway takes the place of, named by its row; the others are tested in
//! `tests/e2e/tests/it/known_failings.rs`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use adapters::database::Database;
use adapters::installation::Installation;
use serde_json::json;

use super::{World, url};

/// What becomes of the output of `pg_dump`, as the end of a command line, and what that means.
const BREAKS: [(&str, &str); 3] = [
    ("| head --bytes=4096", "half of the file is missing, and nobody complained"),
    ("; exit 1", "all of it is there, but the program complained"),
    (">/dev/null", "nothing came"),
];

/// There, the size of the file was looked at, and a pipe swallowed how the program had ended.
#[tokio::test]
async fn u13_a_dump_that_broke_off_is_no_backup() {
    let world = World::shop().await;
    let tools = world.database.tools().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    program(&folder.path().join("pg_restore"), &format!("exec {} \"$@\"", tools.pg_restore.path.display()));
    let database = with_tools(&world, folder.path()).await;
    for (end, case) in BREAKS {
        let real = tools.pg_dump.path.display();
        let script = format!("case $1 in --version) exec {real} \"$@\";; esac\n{real} \"$@\" {end}");
        program(&folder.path().join("pg_dump"), &script);
        assert!(database.dump(&world.target(), |_| {}).await.is_err(), "{case}");
        assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 0, "{case}: nothing is left of it");
    }
    program(&folder.path().join("pg_dump"), &format!("exec {} \"$@\"", tools.pg_dump.path.display()));
    database.dump(&world.target(), |_| {}).await.expect("the same with nothing broken");
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// The world's database for an installation that names the folder of its client programs.
async fn with_tools(world: &World, tools: &Path) -> Database {
    let secret = tools.join("url");
    fs::write(&secret, url(&world.name)).unwrap();
    let description = json!({
        "name": "shop",
        "base_source": "/srv/shop/source",
        "backup_dir": world.folder.path(),
        "application": { "docker": { "container": "shop", "image": "shop" } },
        "database": { "url": { "file": secret }, "tools": tools },
        "health": { "url": "http://127.0.0.1/" },
    });
    Installation::parse(&description).unwrap().database().await.unwrap()
}
