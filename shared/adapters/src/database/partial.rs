//! A backup file on its way: hashed while it is written, and nobody else's to read.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use sha2::{Digest, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

use super::readback::Seen;
use super::record::folder_of;
use super::{DatabaseError, hash};
use crate::disk;

/// How often those who read the file behind us hear how far we are.
const TOLD_EVERY_BYTES: u64 = 4 << 20;

/// A file that has no name of its own yet.
pub(super) struct Partial<'p> {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size_bytes: u64,
    progress: &'p mut (dyn FnMut(u64) + Send),
    /// Who reads along, until they have seen enough.
    reader: Option<DuplexStream>,
    /// How much of it the file system has.
    handed_over: watch::Sender<u64>,
}

impl<'p> Partial<'p> {
    /// Makes it; `progress` gets the bytes written so far, `reader` the bytes themselves.
    pub(super) async fn create(
        path: &Path,
        reader: DuplexStream,
        progress: &'p mut (dyn FnMut(u64) + Send),
    ) -> Result<Self, DatabaseError> {
        // The backup holds every customer's data: nobody else on this machine may read it.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await;
        let file = file.map_err(|error| write_error(error, path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            hash: Sha256::new(),
            size_bytes: 0,
            progress,
            reader: Some(reader),
            handed_over: watch::Sender::default(),
        })
    }

    /// How much of it can be flushed; ends with the last byte.
    pub(super) fn handed_over(&self) -> watch::Receiver<u64> {
        self.handed_over.subscribe()
    }

    /// Appends a piece.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), DatabaseError> {
        self.hash.update(bytes);
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| write_error(error, &self.path))?;
        self.size_bytes += bytes.len() as u64;
        (self.progress)(self.size_bytes);
        if let Some(reader) = &mut self.reader
            && reader.write_all(bytes).await.is_err()
        {
            self.reader = None;
        }
        let untold = self.size_bytes - *self.handed_over.borrow();
        if untold >= TOLD_EVERY_BYTES { self.hand_over().await } else { Ok(()) }
    }

    /// Ends it; returns what was written. It is not flushed to the disk yet.
    pub(super) async fn finish(mut self) -> Result<Seen, DatabaseError> {
        self.hand_over().await?;
        Ok(Seen { size_bytes: self.size_bytes, sha256: hash::finish(self.hash) })
    }

    /// The last write may still be under way, and only this tells how it ended.
    async fn hand_over(&mut self) -> Result<(), DatabaseError> {
        self.file.flush().await.map_err(|error| write_error(error, &self.path))?;
        self.handed_over.send_replace(self.size_bytes);
        Ok(())
    }
}

/// A disk that fills up while we write is a trouble of its own: somebody has to free some space.
pub(super) fn write_error(error: std::io::Error, path: &Path) -> DatabaseError {
    if disk::is_full_kind(error.kind()) {
        return DatabaseError::Full { folder: folder_of(path).to_owned() };
    }
    anyhow!(error).context("write the backup file").into()
}
