//! A change set on disk: `manifest.json` and `files/<sha256>`.
//!
//! The manifest's bytes are canonical (fixed fields, sorted changes), so that their SHA-256 stands for the set.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Change, ChangeSet, Kind, Mode, content, name};

/// Folder of the contents.
pub(super) const FILES: &str = "files";

const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// What is sealed beside the contents.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    baseline: String,
    diff_sha256: String,
    changes: Vec<Change>,
    warnings: Vec<String>,
}

impl Manifest {
    /// A manifest of this format.
    pub(super) fn new(
        baseline: &str,
        diff_sha256: String,
        changes: Vec<Change>,
        warnings: Vec<String>,
    ) -> Self {
        Self { format: FORMAT, baseline: baseline.to_owned(), diff_sha256, changes, warnings }
    }

    fn contents(&self) -> impl Iterator<Item = &str> {
        let changes = self.changes.iter().flat_map(|change| [&change.old_sha256, &change.new_sha256]);
        changes.flatten().chain([&self.diff_sha256]).map(String::as_str)
    }
}

/// Writes the manifest into a folder that holds the contents, and flushes it.
pub(super) fn write(folder: &Path, manifest: &Manifest) -> Result<()> {
    let mut file = File::create_new(folder.join(MANIFEST)).context("make the manifest")?;
    file.write_all(&serde_json::to_vec(manifest).context("write the manifest")?)
        .context("write the manifest")?;
    file.sync_all().context("flush the manifest")?;
    for folder in [&folder.join(FILES), folder] {
        File::open(folder).and_then(|folder| folder.sync_all()).context("flush the change set's folder")?;
    }
    Ok(())
}

/// Opens a sealed folder and verifies all of it.
pub(super) fn open(folder: &Path) -> Result<ChangeSet> {
    let bytes = fs::read(folder.join(MANIFEST)).context("read the manifest")?;
    let manifest: Manifest = serde_json::from_slice(&bytes).context("parse the manifest")?;
    ensure!(manifest.format == FORMAT, "the manifest has format {}, not {FORMAT}", manifest.format);
    for sha256 in manifest.contents() {
        let found = content::copy(content::open(&folder.join(FILES), sha256)?, io::sink());
        let found = found.with_context(|| format!("read content {sha256}"))?;
        ensure!(found.sha256 == sha256, "content {sha256} is not what was sealed");
    }
    for change in &manifest.changes {
        verify_names(folder, change).with_context(|| format!("verify {:?}", change.path))?;
    }
    Ok(ChangeSet {
        hash: content::hash(&bytes),
        baseline: manifest.baseline,
        changes: manifest.changes,
        warnings: manifest.warnings,
        folder: folder.to_owned(),
        diff_sha256: manifest.diff_sha256,
    })
}

/// Reads a content and verifies it.
pub(super) fn content(folder: &Path, sha256: &str) -> Result<Vec<u8>> {
    content::read(&folder.join(FILES), sha256)
}

/// Checks again that nothing leads out of the tree: whoever can write the folder could have sealed it anew.
fn verify_names(folder: &Path, change: &Change) -> Result<()> {
    name::check_shape(&change.path)?;
    if let Kind::Renamed { from } = &change.kind {
        name::check_shape(from)?;
    }
    if let (Mode::Symlink, Some(sha256)) = (change.mode, &change.new_sha256) {
        name::check_link(&change.path, &content(folder, sha256)?)?;
    }
    Ok(())
}
