//! Contents under their SHA-256.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::{Flaw, Limits, TakeError};

/// A stored content.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) sha256: String,
    pub(super) size: u64,
}

/// The folder in the making that holds the contents, and what it may still take.
#[derive(Debug)]
pub(super) struct Contents {
    folder: PathBuf,
    limits: Limits,
    left: u64,
}

impl Contents {
    /// Contents in that folder, with the whole allowance left.
    pub(super) fn new(folder: &Path, limits: &Limits) -> Self {
        Self { folder: folder.to_owned(), limits: limits.clone(), left: limits.total_bytes }
    }

    /// Stores the content of the file at `path`, unless that is beyond a limit.
    pub(super) fn add(&mut self, path: &str, content: impl Read) -> Result<Content, TakeError> {
        let file_bytes = self.limits.file_bytes;
        let stored = store(&self.folder, content.take(file_bytes.saturating_add(1)))?;
        if stored.size > file_bytes {
            return Err(TakeError::refused(path, Flaw::Large(file_bytes)));
        }
        let left = self.left.checked_sub(stored.size);
        self.left =
            left.ok_or_else(|| TakeError::refused(path, Flaw::TotalLarge(self.limits.total_bytes)))?;
        Ok(stored)
    }
}

/// Stores a content in the folder, flushed to disk.
pub(super) fn store(folder: &Path, content: impl Read) -> Result<Content> {
    let mut file = tempfile::NamedTempFile::new_in(folder).context("make a file of the change set")?;
    let stored = copy(content, &mut file).context("copy a file of the change set")?;
    file.as_file().sync_all().context("flush a file of the change set")?;
    file.persist(folder.join(&stored.sha256)).context("keep a file of the change set")?;
    Ok(stored)
}

/// Reads a stored content and verifies it.
pub(super) fn read(folder: &Path, sha256: &str) -> Result<Vec<u8>> {
    ensure!(is_sha256(sha256), "{sha256:?} is no SHA-256");
    let content = fs::read(folder.join(sha256)).with_context(|| format!("read content {sha256}"))?;
    ensure!(hash(&content) == sha256, "content {sha256} is not what was sealed");
    Ok(content)
}

/// Opens a stored content; whoever reads it verifies it.
pub(super) fn open(folder: &Path, sha256: &str) -> Result<File> {
    ensure!(is_sha256(sha256), "{sha256:?} is no SHA-256");
    File::open(folder.join(sha256)).with_context(|| format!("open content {sha256}"))
}

/// Copies a content and says what went by.
pub(super) fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<Content> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        size += read as u64;
    }
    to.flush()?;
    Ok(Content { sha256: hex(&hasher.finalize()), size })
}

/// SHA-256 of the bytes, hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
