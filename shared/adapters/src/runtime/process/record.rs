//! Small JSON records on disk: whole or absent, never half written.

use std::{fs, io, path::Path};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Reads the record, or `None` if there is no such file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let record = serde_json::from_slice(&bytes).with_context(|| format!("understand {}", path.display()))?;
    Ok(Some(record))
}

/// Replaces the record in one move; only its owner can read it, since it may hold secrets.
pub(super) fn write<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    let folder = path.parent().context("a record lies in a folder")?;
    let attempt = || -> Result<()> {
        // A named temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, record)?;
        file.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("write {}", path.display()))
}

/// Removes the file or link if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
