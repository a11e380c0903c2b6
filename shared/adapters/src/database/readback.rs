//! What the disk holds of a backup file, read while the rest of it is still being written.
//!
//! 1. The writer tells how far it has come.
//! 2. Piece by piece that is flushed to the disk, dropped from memory, read again and hashed.
//! 3. When the writer is done the rest goes the same way, and is all that is left to wait for.
//!
//! Nobody writes to a piece again that was read: the hash is that of the whole file on the disk.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::partial::write_error;
use super::{DatabaseError, hash};

/// Flushed at once. Memory holds files in blocks of up to 2 MB, and one is only dropped as a whole: this is a
/// multiple of that, so that what is still being written keeps nothing in memory that was flushed.
const PIECE_BYTES: u64 = 32 << 20;

/// Read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Every archive in Postgres's custom format begins with this.
const MAGIC: &[u8] = b"PGDMP";

/// A backup file, and how far it has been read.
pub(super) struct ReadBack {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size_bytes: u64,
}

/// Size and hash of a whole file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
}

impl ReadBack {
    /// Nothing is read yet.
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let file = File::open(path).context("it cannot be opened").map_err(|error| damaged(path, &error))?;
        Ok(Self { file, path: path.to_owned(), hash: Sha256::new(), size_bytes: 0 })
    }

    /// Reads a file that is finished.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if it cannot be read or is no backup.
    pub(super) async fn whole(path: &Path) -> Result<Seen, DatabaseError> {
        let path = path.to_owned();
        blocking(move || {
            let mut read_back = Self::open(&path)?;
            read_back.read_to(None)?;
            read_back.finish()
        })
        .await
    }

    /// Flushes and reads a file behind its writer, who tells how many bytes can be flushed, and has written
    /// all when it tells no more. All of the file is on the disk when this returns.
    ///
    /// # Errors
    /// As [`ReadBack::whole`], or what kept the file from being flushed.
    pub(super) async fn follow(mut self, mut written: watch::Receiver<u64>) -> Result<Seen, DatabaseError> {
        loop {
            let is_piece = |bytes: &u64| *bytes >= self.size_bytes + PIECE_BYTES;
            let Ok(bytes) = written.wait_for(is_piece).await.map(|bytes| *bytes) else { break };
            self = blocking(move || {
                self.flush(File::sync_data)?;
                self.read_to(Some(bytes - bytes % PIECE_BYTES))?;
                Ok(self)
            })
            .await?;
        }
        blocking(move || {
            self.flush(File::sync_all)?;
            self.read_to(None)?;
            self.finish()
        })
        .await
    }

    fn flush(&self, flush: fn(&File) -> std::io::Result<()>) -> Result<(), DatabaseError> {
        flush(&self.file).map_err(|error| write_error(error, &self.path))
    }

    /// Reads on, from the disk and not from memory, to the file's end or to where it was flushed.
    fn read_to(&mut self, end: Option<u64>) -> Result<(), DatabaseError> {
        self.read_on(end).map_err(|error| damaged(&self.path, &error))
    }

    fn read_on(&mut self, end: Option<u64>) -> anyhow::Result<()> {
        let length = end.map(|end| end - self.size_bytes);
        let dropped = length.and_then(NonZeroU64::new);
        fadvise(&self.file, self.size_bytes, dropped, Advice::DontNeed)
            .context("it cannot be read from the disk")?;
        let mut piece = (&self.file).take(length.unwrap_or(u64::MAX));
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = piece.read(&mut chunk).context("it cannot be read")?;
            if read == 0 {
                break;
            }
            self.hash.update(&chunk[..read]);
            self.size_bytes += read as u64;
        }
        match end {
            Some(end) if self.size_bytes < end => {
                Err(anyhow!("it ends after {} bytes where {end} were written", self.size_bytes))
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Seen, DatabaseError> {
        let mut magic = [0; MAGIC.len()];
        let begins = self.file.read_exact_at(&mut magic, 0).context("it is too short");
        begins.map_err(|error| damaged(&self.path, &error))?;
        if magic != MAGIC {
            return Err(damaged(&self.path, &anyhow!("it is not a backup file")));
        }
        Ok(Seen { size_bytes: self.size_bytes, sha256: hash::finish(self.hash) })
    }
}

/// The file at this path is not what it should be.
pub(super) fn damaged(path: &Path, error: &anyhow::Error) -> DatabaseError {
    DatabaseError::Damaged { path: path.to_owned(), reason: format!("{error:#}") }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, DatabaseError> {
    spawn_blocking(work).await.context("read the backup file")?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::partial::Partial;
    use super::*;

    /// Writes a backup of so many bytes, `spoil`s it when almost all is written, and reads it behind the writer.
    async fn written_and_seen(bytes: u64, spoil: fn(&Path)) -> Result<(Seen, Seen), DatabaseError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.dump.partial");
        let (along, _) = tokio::io::duplex(1);
        let mut progress = |_| {};
        let mut partial = Partial::create(&path, along, &mut progress).await?;
        let read_back = ReadBack::open(&path)?.follow(partial.handed_over());
        let chunk: Vec<u8> = MAGIC.iter().copied().cycle().take(1 << 20).collect();
        let write = async {
            let mut left = bytes;
            while let Some(length) = usize::try_from(left).ok().filter(|it| *it > 0) {
                let length = length.min(chunk.len());
                partial.write(&chunk[..length]).await?;
                left -= length as u64;
            }
            spoil(&path);
            partial.finish().await
        };
        tokio::try_join!(write, read_back)
    }

    #[tokio::test]
    async fn all_that_was_written_is_seen_on_the_disk() {
        for bytes in [5, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 4097] {
            let (written, seen) = written_and_seen(bytes, |_| {}).await.unwrap();
            assert_eq!((written.size_bytes, &written), (bytes, &seen));
        }
    }

    #[tokio::test]
    async fn what_the_disk_holds_counts_and_not_what_was_written() {
        let flip = |path: &Path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.write_all_at(b"x", 4097).unwrap();
        };
        let (written, seen) = written_and_seen(PIECE_BYTES / 2 + 7, flip).await.unwrap();
        assert_eq!(written.size_bytes, seen.size_bytes);
        assert_ne!(written, seen);

        let cut = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(7).unwrap();
        let (_, seen) = written_and_seen(PIECE_BYTES / 2, cut).await.unwrap();
        assert_eq!(seen.size_bytes, 7);

        let error = written_and_seen(0, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("too short"), "{error}");
    }
}
