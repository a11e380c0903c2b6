//! Whole folders: copied, sealed against writing, removed.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

/// Copies what `from` contains into the existing folder `to`: files with their modes, links as links.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry.context("list the build context")?;
        let target = to.join(entry.path().strip_prefix(from)?);
        let kind = entry.file_type();
        let copied = if kind.is_dir() {
            fs::create_dir(&target)
        } else if kind.is_symlink() {
            fs::read_link(entry.path()).and_then(|link| symlink(link, &target))
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).map(|_bytes| ())
        } else {
            bail!("{} is not a file, folder or link", entry.path().display());
        };
        copied.with_context(|| format!("copy {}", entry.path().display()))?;
    }
    Ok(())
}

/// Takes the right to write from everything in the folder, so that a release stays what was built.
pub(super) fn seal(folder: &Path) -> Result<()> {
    change_modes(folder, |metadata| metadata.permissions().mode() & !0o222)
        .with_context(|| format!("seal {}", folder.display()))
}

/// Removes the folder and all that is in it, sealed or not, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    let attempt = || -> Result<()> {
        if !folder.try_exists()? {
            return Ok(());
        }
        // Nothing can be taken out of a sealed folder.
        change_modes(folder, |metadata| {
            let mode = metadata.permissions().mode();
            if metadata.is_dir() { mode | 0o700 } else { mode }
        })?;
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    };
    attempt().with_context(|| format!("remove {}", folder.display()))
}

/// Gives every file and folder the mode that `mode` names. Links are left out: they would lead elsewhere.
fn change_modes(folder: &Path, mode: impl Fn(&Metadata) -> u32) -> Result<()> {
    for entry in WalkDir::new(folder) {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let wanted = mode(&metadata);
        if !metadata.is_symlink() && wanted != metadata.permissions().mode() {
            fs::set_permissions(entry.path(), Permissions::from_mode(wanted))?;
        }
    }
    Ok(())
}
