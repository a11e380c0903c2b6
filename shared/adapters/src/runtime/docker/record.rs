//! What a promotion's rollback needs to know, on disk.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::compose::MovedTag;
use super::container::Container;
use crate::runtime::Swap;

/// One promotion's replaced container, exactly as the engine described it before anything
/// was changed. Holds secrets: for the disk only, readable by its owner alone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) promotion: String,
    /// Name of the application's container.
    pub(super) installation: String,
    pub(super) saved_at: Timestamp,
    /// The replaced container.
    pub(super) container: Container,
    /// Filled in when the successor is ready.
    pub(super) swap: Option<Swap>,
    /// The tag of Compose that was moved to the new image; written down before it is moved.
    #[serde(default)]
    pub(super) moved_tag: Option<MovedTag>,
}

/// The folder of records, one file per promotion.
#[derive(Debug, Clone)]
pub(super) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) async fn load(&self, promotion: &str) -> Result<Option<Record>> {
        let path = self.path(promotion)?;
        run(move || read(&path)).await.context("reading the saved specification")
    }

    /// Writes the record so that after a crash the file is either the former or this one.
    pub(super) async fn save(&self, record: &Record) -> Result<()> {
        let path = self.path(&record.promotion)?;
        let dir = self.dir.clone();
        let text = serde_json::to_vec_pretty(record)?;
        run(move || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            let mut file = NamedTempFile::new_in(&dir)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            std::fs::File::open(&dir)?.sync_all()?;
            Ok(())
        })
        .await
        .context("saving the application's specification")
    }

    /// Removes the record, if it is there.
    pub(super) async fn remove(&self, promotion: &str) -> Result<()> {
        let path = self.path(promotion)?;
        run(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
        .context("removing a saved specification")
    }

    /// All records of the installation, newest first.
    pub(super) async fn of(&self, installation: &str) -> Result<Vec<Record>> {
        let dir = self.dir.clone();
        let mut records = run(move || read_all(&dir)).await.context("reading the saved specifications")?;
        records.retain(|it| it.installation == installation);
        records.sort_by_key(|it| std::cmp::Reverse(it.saved_at));
        Ok(records)
    }

    fn path(&self, promotion: &str) -> Result<PathBuf> {
        let plain = promotion.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        ensure!(plain && !promotion.is_empty(), "{promotion:?} is not the id of a promotion");
        Ok(self.dir.join(format!("{promotion}.json")))
    }
}

fn read(path: &Path) -> Result<Option<Record>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_all(dir: &Path) -> Result<Vec<Record>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            records.extend(read(&path)?);
        }
    }
    Ok(records)
}

/// Files are read and written off the async threads, since a flush may take its time.
async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a file task was ended")?
}
