//! The backup file: written, read back, and only then given its name.
//!
//! 1. `pg_dump` runs in a snapshot that this connection holds open; the same snapshot is
//!    fingerprinted meanwhile, so a restore can be compared with what was dumped.
//! 2. Its output is hashed on the way into `<name>.partial`, and unpacked by `pg_restore`, which reads along.
//! 3. Behind the writer the file is flushed to the disk, read back from there and hashed: it is what was unpacked.
//! 4. The record `<name>.json` is written, then the file gets its name. So a file that bears
//!    its name is complete, checked, and has its record beside it.

use std::path::Path;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use tracing::{info, warn};

use super::partial::Partial;
use super::program::{CHUNK_BYTES, Program, Sink};
use super::properties::Properties;
use super::readback::{ReadBack, Seen, damaged};
use super::record::{Dump, Record, Rung, beside, discard_partial};
use super::session::Session;
use super::tools::ToolsReport;
use super::{Database, DatabaseError, Fingerprint, Version, fingerprint};

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
    pub async fn dump(
        &self,
        target: &Path,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Dump, DatabaseError> {
        if let Some(dump) = self.finished(target).await {
            return Ok(dump);
        }
        discard_partial(target)?;
        self.check_room_for_backup(target).await?;
        let written = self.write(target, &mut progress).await;
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
        let unpack = self.unpacker(&tools).archive(&dump.path, &[]);
        let (seen, unpacked) = tokio::try_join!(ReadBack::whole(&dump.path), unpack.verdict(Sink::Nothing))?;
        let recorded = Seen { size_bytes: dump.size_bytes, sha256: dump.sha256.clone() };
        compare(&dump.path, &recorded, &seen)?;
        unpacked.map_err(|error| damaged(&dump.path, &error))
    }

    /// The backup of this name, if it is there and still as recorded.
    async fn finished(&self, target: &Path) -> Option<Dump> {
        let dump = Self::recorded(target)?;
        match self.verify(&dump).await {
            Ok(()) => Some(dump),
            Err(error) => {
                info!(%error, "a backup of that name is not usable and is made anew");
                None
            }
        }
    }

    async fn write(
        &self,
        target: &Path,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Dump, DatabaseError> {
        let tools = self.tools().await?;
        let path = beside(target, ".partial");
        let session = self.enter(self.name()).await?;
        let snapshot = begin_snapshot(&session).await?;
        let properties = Properties::read(&session, self.name()).await?;
        let (server_version, database_bytes) = (self.server_version().await?, self.size_bytes().await?);
        // No snapshot holds sequences still. Read before they are backed up, they can only have moved on since.
        let sequences = fingerprint::sequences(&session).await?;
        let program = self.dump_program(&tools, target, &snapshot, &server_version);
        let (along, reader) = tokio::io::duplex(CHUNK_BYTES);
        let mut partial = Partial::create(&path, along, progress).await?;
        let read_back = ReadBack::open(&path)?.follow(partial.handed_over());
        let write = async {
            program.run_into(Sink::File(&mut partial)).await?;
            partial.finish().await
        };
        let (written, seen, unpacked, fingerprint) = tokio::try_join!(
            write,
            read_back,
            self.unpacker(&tools).reading(reader).verdict(Sink::Nothing),
            Fingerprint::read(&session, self.name(), None),
        )?;
        session.close().await;

        unpacked.map_err(|error| damaged(&path, &error))?;
        compare(&path, &written, &seen)?;
        let dump = Dump {
            path: target.to_owned(),
            size_bytes: written.size_bytes,
            sha256: written.sha256,
            database: self.name().to_owned(),
            database_bytes,
            server_version,
            verified_at: Timestamp::now(),
            rung: Rung::ReadBack,
            fingerprint: Fingerprint { sequences, ..fingerprint },
        };
        Record { dump, properties }.finish(&path)
    }

    fn dump_program(&self, tools: &ToolsReport, target: &Path, snapshot: &str, server: &Version) -> Program {
        // Before version 16 there is only gzip, whose higher levels cost time and win little.
        let compress = match tools.pg_dump.version.major.min(server.major) {
            ..16 => "--compress=1",
            16.. => "--compress=zstd:3",
        };
        let program = self.program_at_server(&tools.pg_dump, &format!("dump {}", target.display()));
        program
            .env("PGDATABASE", self.name())
            .args(["--format=custom", compress, "--lock-wait-timeout=30s"])
            .args([format!("--snapshot={snapshot}")])
    }

    /// Unpacks a whole archive into nothing.
    fn unpacker(&self, tools: &ToolsReport) -> Program {
        self.program(&tools.pg_restore).args(["--file=/dev/null"])
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

/// Whether the disk holds what was written.
fn compare(path: &Path, written: &Seen, seen: &Seen) -> Result<(), DatabaseError> {
    if seen.size_bytes != written.size_bytes {
        let (seen, written) = (seen.size_bytes, written.size_bytes);
        return Err(damaged(path, &anyhow!("it has {seen} bytes where {written} were written")));
    }
    if seen.sha256 != written.sha256 {
        return Err(damaged(path, &anyhow!("its contents have changed")));
    }
    Ok(())
}
