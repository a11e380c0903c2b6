//! The backup file: written, read back, and only then given its name.
//!
//! 1. `pg_dump` runs in a snapshot that this connection holds open; the same snapshot is
//!    fingerprinted meanwhile, so a restore can be compared with what was dumped.
//! 2. Its output is hashed on the way into `<name>.partial`, which is flushed to the disk.
//! 3. The file is read back whole, twice: hashed, and unpacked by `pg_restore`.
//! 4. The record `<name>.json` is written, then the file gets its name. So a file that bears
//!    its name is complete, checked, and has its record beside it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use rustix::fs::{Advice, fadvise};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdout, Command};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::properties::Properties;
use super::session::Session;
use super::tools::{self, ToolsReport};
use super::{Database, DatabaseError, Fingerprint, Version, hash};
use crate::disk;

/// Every archive in Postgres's custom format begins with this.
const MAGIC: &[u8] = b"PGDMP";

/// Read and written at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A complete backup file that was read back and found good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Its hash, hex.
    pub sha256: String,
    /// The database it was taken from.
    pub database: String,
    /// The server it was taken from.
    pub server_version: Version,
    /// When it was read back whole and found good.
    pub verified_at: Timestamp,
    /// The database's exact contents as they went into the file, except that sequences may
    /// have moved on meanwhile.
    pub fingerprint: Fingerprint,
}

/// What `<name>.json` holds, readable for this user only, as the backup is.
#[derive(Serialize, Deserialize)]
struct Record {
    dump: Dump,
    properties: Properties,
}

impl Dump {
    /// The dumped database's properties, from the record beside the file.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if the record is not there or not of this file.
    pub(super) fn properties(&self) -> Result<Properties, DatabaseError> {
        let record = read_record(&self.path).filter(|it| it.dump.sha256 == self.sha256);
        let record = record.ok_or_else(|| DatabaseError::Damaged {
            path: self.path.clone(),
            reason: "its record, the .json file beside it, is missing or not its own".to_owned(),
        })?;
        Ok(record.properties)
    }
}

/// The file name of the backup that a promotion of `build` takes at this instant, in UTC.
pub fn dump_name(build: &str, at: Timestamp) -> String {
    format!("pre-promote-{build}-{}.dump", at.strftime("%Y%m%d%H%M%S"))
}

/// Removes what an interrupted [`Database::dump`] to `target` left; a finished backup stays. The database
/// itself is not asked: it may be the reason for the interruption.
pub fn discard_partial(target: &Path) -> Result<(), DatabaseError> {
    remove(&beside(target, ".partial"))?;
    // The record is written before the backup gets its name.
    if !target.try_exists().context("look for the backup file")? {
        remove(&beside(target, ".json"))?;
    }
    Ok(())
}

/// Removes everything that [`Database::dump`] to `target` left, finished or not.
pub fn discard(target: &Path) -> Result<(), DatabaseError> {
    remove(target)?;
    discard_partial(target)
}

fn remove(file: &Path) -> Result<(), DatabaseError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(anyhow!(error).context(format!("remove {}", file.display())).into())
        }
        _ => Ok(()),
    }
}

impl Database {
    /// Writes a backup to `target`, whose folder must exist, and proves that it can be read.
    /// `progress` gets the bytes written so far.
    ///
    /// # Errors
    /// [`DatabaseError::Space`] before anything is written, and then nothing is left of earlier tries either;
    /// [`DatabaseError::Full`] when it could not be foreseen;
    /// [`DatabaseError::ToolsMissing`], [`DatabaseError::ToolsTooOld`].
    ///
    /// # Idempotency
    /// A backup of that name that is still as recorded is returned; anything else is made anew.
    ///
    /// # Cancel safety
    /// Dropped in the middle it stops the client program and leaves a partial file, which the
    /// next try and [`discard_partial`] remove.
    pub async fn dump(&self, target: &Path, progress: impl FnMut(u64) + Send) -> Result<Dump, DatabaseError> {
        if let Some(dump) = self.finished(target).await {
            return Ok(dump);
        }
        discard_partial(target)?;
        self.check_space(target).await?;
        let written = self.write(target, progress).await;
        if written.is_err()
            && let Err(error) = discard_partial(target)
        {
            warn!(%error, "a partial backup file was left behind");
        }
        written
    }

    /// Reads the whole file again and compares it with its record.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] is final.
    pub async fn verify(&self, dump: &Dump) -> Result<(), DatabaseError> {
        let tools = self.tools().await?;
        verify_file(self.read_back(&tools, &dump.path), dump, &dump.path).await
    }

    /// The backup of this name, if it is there and still as recorded.
    async fn finished(&self, target: &Path) -> Option<Dump> {
        let mut dump = read_record(target)?.dump;
        // The folder may be mounted elsewhere than when the record was written.
        dump.path = target.to_owned();
        match self.verify(&dump).await {
            Ok(()) => Some(dump),
            Err(error) => {
                info!(%error, "a backup of that name is not usable and is made anew");
                None
            }
        }
    }

    async fn check_space(&self, target: &Path) -> Result<(), DatabaseError> {
        let size = self.size_bytes().await?;
        // The compressed file is nearly always far smaller; a database of pictures is not.
        let needed_bytes = size.saturating_add(size / 10);
        let folder = folder_of(target);
        let free_bytes = disk::free_bytes(folder)?;
        if free_bytes < needed_bytes {
            return Err(DatabaseError::Space { needed_bytes, free_bytes, folder: folder.to_owned() });
        }
        Ok(())
    }

    async fn write(&self, target: &Path, progress: impl FnMut(u64) + Send) -> Result<Dump, DatabaseError> {
        let tools = self.tools().await?;
        let partial = beside(target, ".partial");
        let session = self.enter(self.name()).await?;
        let snapshot = begin_snapshot(&session).await?;
        let properties = Properties::read(&session, self.name()).await?;
        let server_version = self.server_version().await?;
        let command = self.dump_command(&tools, &snapshot, &server_version);
        let (streamed, fingerprint) =
            tokio::try_join!(stream(command, &partial, progress), Fingerprint::read(&session, self.name()),)?;
        session.close().await;

        let (size_bytes, sha256) = streamed;
        let dump = Dump {
            path: target.to_owned(),
            size_bytes,
            sha256,
            database: self.name().to_owned(),
            server_version,
            verified_at: Timestamp::now(),
            fingerprint,
        };
        verify_file(self.read_back(&tools, &partial), &dump, &partial).await?;
        let dump = Dump { verified_at: Timestamp::now(), ..dump };
        finish(Record { dump, properties }, &partial)
    }

    fn dump_command(&self, tools: &ToolsReport, snapshot: &str, server: &Version) -> Command {
        // Before version 16 there is only gzip, whose higher levels cost time and win little.
        let compress = match tools.pg_dump.version.major.min(server.major) {
            ..16 => "--compress=1",
            16.. => "--compress=zstd:3",
        };
        let mut command = self.command(&tools.pg_dump);
        command
            .env("PGDATABASE", self.name())
            .args(["--format=custom", compress, "--lock-wait-timeout=30s"])
            .arg(format!("--snapshot={snapshot}"));
        command
    }

    /// Unpacks the whole archive into nothing.
    fn read_back(&self, tools: &ToolsReport, path: &Path) -> Command {
        let mut command = self.command(&tools.pg_restore);
        command.args(["--file=/dev/null", "--"]).arg(path);
        command
    }
}

/// Opens the transaction whose view both the backup and its fingerprint take.
async fn begin_snapshot(session: &Session) -> Result<String, DatabaseError> {
    session
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .context("begin a transaction in the production database")?;
    let row = session
        .query_one("SELECT pg_export_snapshot()", &[])
        .await
        .context("hold the production database's present state")?;
    Ok(row.get(0))
}

/// Runs the command and writes what it says to `partial`; returns size and hash.
async fn stream(
    mut command: Command,
    partial: &Path,
    progress: impl FnMut(u64) + Send,
) -> Result<(u64, String), DatabaseError> {
    let program = command.as_std().get_program().display().to_string();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("start {program}"))?;
    let stdout = child.stdout.take().context("read the backup program's output")?;
    let mut stderr = child.stderr.take().context("read the backup program's messages")?;
    let mut complaint = Vec::new();
    let complain = async {
        let read = stderr.read_to_end(&mut complaint).await;
        read.context("read the backup program's messages")?;
        Ok(())
    };
    let (written, ()) = tokio::try_join!(copy(stdout, partial, progress), complain)?;
    let status = child.wait().await.context("wait for the backup program")?;
    tools::succeeded(&program, status, &complaint)?;
    Ok(written)
}

async fn copy(
    mut stdout: ChildStdout,
    partial: &Path,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(u64, String), DatabaseError> {
    // The backup holds every customer's data: nobody else on this machine may read it.
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(partial)
        .await
        .map_err(|error| write_error(error, partial))?;
    let mut hash = Sha256::new();
    let mut size_bytes = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = stdout.read(&mut chunk).await.context("read the backup")?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        let written = file.write_all(&chunk[..read]).await;
        written.map_err(|error| write_error(error, partial))?;
        size_bytes += read as u64;
        progress(size_bytes);
    }
    // The last write may still be under way, and only a flush tells how it ended.
    file.flush().await.map_err(|error| write_error(error, partial))?;
    let synced = file.sync_all().await;
    synced.map_err(|error| write_error(error, partial))?;
    Ok((size_bytes, hash::finish(hash)))
}

/// A disk that fills up while we write is a trouble of its own: somebody has to free some space.
fn write_error(error: std::io::Error, partial: &Path) -> DatabaseError {
    if disk::is_full_kind(error.kind()) {
        return DatabaseError::Full { folder: folder_of(partial).to_owned() };
    }
    anyhow!(error).context("write the backup file").into()
}

/// Hashes the file and unpacks it with `read_back`, both to the last byte.
async fn verify_file(read_back: Command, dump: &Dump, path: &Path) -> Result<(), DatabaseError> {
    let damaged = |reason: String| DatabaseError::Damaged { path: path.to_owned(), reason };
    let file = path.to_owned();
    let (size, sha256) = spawn_blocking(move || hash_file(&file))
        .await
        .context("hash the backup file")?
        .map_err(|error| damaged(format!("{error:#}")))?;
    if size != dump.size_bytes {
        return Err(damaged(format!("it has {size} bytes where {} were written", dump.size_bytes)));
    }
    if sha256 != dump.sha256 {
        return Err(damaged("its contents have changed".to_owned()));
    }
    tools::run(read_back).await.map_err(|error| damaged(format!("{error:#}")))
}

/// Size and hash of what the disk holds, not of what this process believes to have written.
fn hash_file(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file = File::open(path).context("it cannot be opened")?;
    fadvise(&file, 0, None, Advice::DontNeed).context("it cannot be read from the disk")?;
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).context("it is too short")?;
    anyhow::ensure!(magic == MAGIC, "it is not a backup file");
    let mut hash = Sha256::new_with_prefix(magic);
    let mut size = magic.len();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk).context("it cannot be read")?;
        if read == 0 {
            return Ok((size as u64, hash::finish(hash)));
        }
        hash.update(&chunk[..read]);
        size += read;
    }
}

fn read_record(target: &Path) -> Option<Record> {
    let record = fs::read(beside(target, ".json")).ok()?;
    serde_json::from_slice(&record).ok()
}

/// Writes the record, then gives the file its name; both survive a power cut.
fn finish(record: Record, partial: &Path) -> Result<Dump, DatabaseError> {
    let path = &record.dump.path;
    let text = serde_json::to_vec_pretty(&record).context("write the backup's record")?;
    let write = || {
        let mut options = File::options();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(beside(path, ".json"))?;
        file.write_all(&text)?;
        file.sync_all()
    };
    write().map_err(|error| write_error(error, partial))?;
    fs::rename(partial, path).context("give the backup file its name")?;
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).context("flush the backup folder")?;
    Ok(record.dump)
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(target);
    path.push(suffix);
    path.into()
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
