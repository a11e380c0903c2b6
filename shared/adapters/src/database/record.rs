//! What is known of a backup: beside its file, and in the promotion's record.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::partial::write_error;
use super::properties::Properties;
use super::{Database, DatabaseError, Fingerprint, Version};

/// How far a backup has been proven, each rung above the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Its program ended well, and all of it is on the disk.
    Written,
    /// What the disk holds has the hash of what was written.
    Hashed,
    /// It was unpacked to its last byte.
    ReadBack,
    /// It was restored into a database of its own, which then was what had been backed up.
    Rehearsed,
}

/// Every backup on record was read back, also before rungs were told apart.
fn read_back() -> Rung {
    Rung::ReadBack
}

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
    /// What that took on the server's disk; 0 where it was not recorded.
    #[serde(default)]
    pub database_bytes: u64,
    /// The server it was taken from.
    pub server_version: Version,
    /// When it was read back whole and found good.
    pub verified_at: Timestamp,
    /// How far it has been proven.
    #[serde(default = "read_back")]
    pub rung: Rung,
    /// The database's exact contents as they went into the file, except that sequences may
    /// have moved on meanwhile.
    pub fingerprint: Fingerprint,
}

/// What `<name>.json` holds, readable for this user only, as the backup is.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) dump: Dump,
    pub(super) properties: Properties,
}

impl Rung {
    /// The word for it on record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rung::Written => "written",
            Rung::Hashed => "hashed",
            Rung::ReadBack => "read_back",
            Rung::Rehearsed => "rehearsed",
        }
    }

    /// As people read it: “a backup that was …”.
    pub const fn title(self) -> &'static str {
        match self {
            Rung::Written => "written",
            Rung::Hashed => "written and compared with its hash",
            Rung::ReadBack => "read back whole",
            Rung::Rehearsed => "restored in a rehearsal",
        }
    }
}

impl Dump {
    /// The dumped database's properties, from the record beside the file.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if the record is not there or not of this file.
    pub(super) fn properties(&self) -> Result<Properties, DatabaseError> {
        Ok(self.own_record()?.properties)
    }

    /// Records that it has reached the rung; one that it is beyond already changes nothing.
    pub(super) fn mark(&self, rung: Rung) -> Result<(), DatabaseError> {
        let mut record = self.own_record()?;
        record.dump.rung = record.dump.rung.max(rung);
        record.write(&self.path)
    }

    fn own_record(&self) -> Result<Record, DatabaseError> {
        let record = Record::read(&self.path).filter(|it| it.dump.sha256 == self.sha256);
        record.ok_or_else(|| DatabaseError::Damaged {
            path: self.path.clone(),
            reason: "its record, the .json file beside it, is missing or not its own".to_owned(),
        })
    }
}

impl Database {
    /// What is on record of the backup file at this path: its last known state, not its present one, which
    /// [`Database::verify`] tells. `None` if there is no such file or no record beside it.
    pub fn recorded(path: &Path) -> Option<Dump> {
        let dump = Record::read(path)?.dump;
        // The folder may be mounted elsewhere than when the record was written.
        path.is_file().then(|| Dump { path: path.to_owned(), ..dump })
    }

    /// What is on record of all backups of this database in a folder, oldest first.
    pub(super) fn recorded_in(&self, folder: &Path) -> Vec<Dump> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut dumps: Vec<_> = entries.filter_map(|entry| Self::recorded(&entry.path())).collect();
        dumps.retain(|dump| dump.database == self.name());
        dumps.sort_by_key(|dump| dump.verified_at);
        dumps
    }
}

impl Record {
    pub(super) fn read(target: &Path) -> Option<Self> {
        let record = fs::read(beside(target, ".json")).ok()?;
        serde_json::from_slice(&record).ok()
    }

    /// Writes it beside the backup that is or will be at `target`, whole or not at all, even if the power fails.
    pub(super) fn write(&self, target: &Path) -> Result<(), DatabaseError> {
        let text = serde_json::to_vec_pretty(self).context("write the backup's record")?;
        let unfinished = beside(target, ".json.partial");
        let write = || {
            let mut options = File::options();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&unfinished, beside(target, ".json"))
        };
        write().map_err(|error| write_error(error, target))?;
        flush_folder(target)
    }

    /// Writes it, then gives the file its name.
    pub(super) fn finish(self, partial: &Path) -> Result<Dump, DatabaseError> {
        let path = &self.dump.path;
        self.write(path)?;
        fs::rename(partial, path).context("give the backup file its name")?;
        flush_folder(path)?;
        Ok(self.dump)
    }
}

fn flush_folder(target: &Path) -> Result<(), DatabaseError> {
    let flushed = File::open(folder_of(target)).and_then(|folder| folder.sync_all());
    Ok(flushed.context("flush the backup folder")?)
}

/// The file name of the backup that a promotion of `build` takes at this instant, in UTC.
pub fn dump_name(build: &str, at: Timestamp) -> String {
    format!("pre-promote-{build}-{}.dump", at.strftime("%Y%m%d%H%M%S"))
}

/// The file of the backup that is taken at the stop where no copy can be; it lies beside the first one, `dump`.
pub fn at_stop(dump: &Path) -> PathBuf {
    let stem = dump.file_stem().unwrap_or_default();
    let mut name = OsString::from(stem);
    name.push("-at-stop.dump");
    dump.with_file_name(name)
}

/// Removes what an interrupted [`Database::dump`] to `target` left; a finished backup stays. The database
/// itself is not asked: it may be the reason for the interruption.
pub fn discard_partial(target: &Path) -> Result<(), DatabaseError> {
    remove(&beside(target, ".partial"))?;
    remove(&beside(target, ".json.partial"))?;
    // The record is written before the backup gets its name.
    if !target.try_exists().context("look for the backup file")? {
        remove(&beside(target, ".json"))?;
    }
    Ok(())
}

/// Removes everything that [`Database::dump`] to `target` left, finished or not, and the one that was taken
/// beside it at the stop.
pub fn discard(target: &Path) -> Result<(), DatabaseError> {
    for dump in [target, &at_stop(target)] {
        remove(dump)?;
        discard_partial(dump)?;
    }
    Ok(())
}

fn remove(file: &Path) -> Result<(), DatabaseError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(anyhow!(error).context(format!("remove {}", file.display())).into())
        }
        _ => Ok(()),
    }
}

pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(target);
    path.push(suffix);
    path.into()
}

pub(super) fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
