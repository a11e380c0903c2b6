//! `cargo xtask sqlx`: the stored descriptions of the store's queries.
//!
//! The query macros of the store crate compile without a database because each query's description
//! lies in `shared/store/.sqlx`. With `SQLX_OFFLINE_DIR` and a live database the macros write these
//! files while they compile.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use servers::folder::Folder;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::postgres::{Postgres, Purpose};

use crate::{cargo, test};

/// Where the crate is that has all SQL.
const CRATE: &str = "shared/store";
/// The roots of what it compiles to; a changed time makes cargo run the macros again.
const COMPILED: &[&str] = &["src/lib.rs", "tests/it/main.rs"];

/// Descriptions by file name.
type Descriptions = BTreeMap<String, String>;

/// Writes the descriptions anew, or only compares them, on a database server of its own.
pub(crate) fn run(interrupt: &Interrupt, check: bool) -> Result<()> {
    packages::ensure(&[Need::Postgres])?;
    let mut postgres = Postgres::start(&Purpose { is_durable: false, also_on: None })?;
    postgres.wait_until_ready(interrupt)?;
    if check { compare(interrupt, &postgres) } else { write(interrupt, &postgres) }
}

/// Fails when the stored descriptions are not those of today's queries and migrations.
pub(crate) fn compare(interrupt: &Interrupt, postgres: &Postgres) -> Result<()> {
    let generated = generate(interrupt, postgres)?;
    if read(&stored())? != generated {
        bail!("{CRATE}/.sqlx does not fit the queries and migrations: run `cargo xtask sqlx`");
    }
    Ok(())
}

fn write(interrupt: &Interrupt, postgres: &Postgres) -> Result<()> {
    let generated = generate(interrupt, postgres)?;
    let folder = stored();
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove the old query data")?;
    }
    fs::create_dir(&folder).context("create the folder for the query data")?;
    for (name, content) in &generated {
        fs::write(folder.join(name), content).with_context(|| format!("write {name}"))?;
    }
    println!("{CRATE}/.sqlx describes {} queries", generated.len());
    Ok(())
}

fn stored() -> PathBuf {
    cargo::root().join(CRATE).join(".sqlx")
}

fn generate(interrupt: &Interrupt, postgres: &Postgres) -> Result<Descriptions> {
    let database = "slipway_queries";
    postgres.create_database(database)?;
    for migration in migrations()? {
        postgres.execute(database, &migration)?;
    }
    let folder = Folder::create("queries")?;
    let home = cargo::root().join(CRATE);
    let roots = COMPILED.iter().map(|file| home.join(file)).filter(|file| file.is_file());
    test::succeed(interrupt, Command::new("touch").args(roots))?;
    test::succeed(
        interrupt,
        cargo::command(&["check", "--package", "store", "--all-targets"])
            .env("DATABASE_URL", postgres.url(database))
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", folder.path()),
    )?;
    read(folder.path())
}

/// All migrations, oldest first, as their names sort.
fn migrations() -> Result<Vec<PathBuf>> {
    let folder = cargo::root().join(CRATE).join("migrations");
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).context("list the migrations")? {
        let path = entry.context("list the migrations")?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(folder: &Path) -> Result<Descriptions> {
    let mut descriptions = Descriptions::new();
    if !folder.exists() {
        return Ok(descriptions);
    }
    for entry in fs::read_dir(folder).context("list the query data")? {
        let entry = entry.context("list the query data")?;
        let content = fs::read_to_string(entry.path()).context("read query data")?;
        descriptions.insert(entry.file_name().to_string_lossy().into_owned(), content);
    }
    Ok(descriptions)
}
