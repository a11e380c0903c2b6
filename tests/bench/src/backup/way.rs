//! One way to back a database up.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use servers::postgres;
use tokio::process::Command;
use tokio_postgres::Config;

use super::memory::{Memory, Peak};
use super::production::Production;
use crate::command::succeed;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Written, flushed, hashed, read back whole, recorded with a fingerprint of the database.
    Slipway,
    /// Written.
    PgDump,
    /// Written, flushed, hashed, read back whole, one after the other.
    ByHand,
}

pub(crate) const WAYS: [Way; 3] = [Way::Slipway, Way::PgDump, Way::ByHand];

/// A backup that was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backup {
    pub(crate) took: Duration,
    /// When the last byte was written, where that is known.
    pub(crate) written_after: Option<Duration>,
    pub(crate) size_bytes: u64,
    /// What Slipway's process needed.
    pub(crate) memory: Option<Memory>,
}

impl Way {
    /// What it is called in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slipway => "Slipway: dump, flush, hash, read back, fingerprint",
            Self::PgDump => "`pg_dump` alone",
            Self::ByHand => "by hand: `pg_dump`, `sync`, `sha256sum`, `pg_restore -f /dev/null`",
        }
    }

    /// Backs the database up to this file, which must not be there.
    pub(crate) async fn take(self, production: &Production, target: &Path) -> Result<Backup> {
        production.settle().await?;
        let begun = Instant::now();
        match self {
            Self::Slipway => {
                let peak = Peak::reset()?;
                let mut written_after = None;
                let progress = |_: u64| written_after = Some(begun.elapsed());
                let dump = production.database.dump(target, progress).await?;
                let took = begun.elapsed();
                let memory = Some(peak.needed()?);
                Ok(Backup { took, written_after, size_bytes: dump.size_bytes, memory })
            }
            Self::PgDump | Self::ByHand => {
                pg_dump(production, target).await?;
                let written_after = Some(begun.elapsed());
                if self == Self::ByHand {
                    succeed(Command::new("sync").arg(target)).await?;
                    succeed(Command::new("sha256sum").arg(target)).await?;
                    read_back(target).await?;
                }
                let took = begun.elapsed();
                let size_bytes = fs::metadata(target).context("look at a backup")?.len();
                Ok(Backup { took, written_after, size_bytes, memory: None })
            }
        }
    }
}

async fn pg_dump(production: &Production, target: &Path) -> Result<()> {
    let mut command = client_program("pg_dump", &production.config)?;
    command.args(["--format=custom", compression(&production.database).await?, "--file"]).arg(target);
    succeed(&mut command).await.map(drop)
}

/// The one that Slipway chooses; [`assert_same_compression`] sees to it.
async fn compression(database: &adapters::database::Database) -> Result<&'static str> {
    Ok(match database.server_version().await?.major {
        ..16 => "--compress=1",
        16.. => "--compress=zstd:3",
    })
}

/// Unpacks the whole archive into nothing.
async fn read_back(target: &Path) -> Result<()> {
    let mut command = program("pg_restore")?;
    succeed(command.arg("--file=/dev/null").arg(target)).await.map(drop)
}

/// Makes sure that two backups are written in the same format with the same compression: otherwise nothing that is
/// measured on them may be compared.
pub(crate) async fn assert_same_compression(one: &Path, other: &Path) -> Result<()> {
    let (one, other) = (kind(one).await?, kind(other).await?);
    anyhow::ensure!(!one.is_empty() && one == other, "the backups differ in kind: {one:?} and {other:?}");
    Ok(())
}

/// What the archive says of its format.
async fn kind(target: &Path) -> Result<Vec<String>> {
    let mut command = program("pg_restore")?;
    let list = succeed(command.arg("--list").arg(target)).await?;
    let told = list.lines().filter(|line| ["Compression:", "Format:"].iter().any(|it| line.contains(it)));
    Ok(told.map(str::to_owned).collect())
}

fn client_program(name: &str, config: &Config) -> Result<Command> {
    let mut command = program(name)?;
    let port = config.get_ports().first().context("the server has a port")?;
    let password = String::from_utf8(config.get_password().unwrap_or_default().to_vec())?;
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .env("PGUSER", config.get_user().unwrap_or_default())
        .env("PGPASSWORD", password)
        .env("PGDATABASE", config.get_dbname().unwrap_or_default());
    Ok(command)
}

/// A client program of the server's own version.
fn program(name: &str) -> Result<Command> {
    Ok(Command::new(postgres::programs().context("PostgreSQL is not installed")?.join(name)))
}
