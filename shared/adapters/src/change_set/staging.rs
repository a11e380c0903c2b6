//! A folder that appears under its name whole, or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder in the making, beside the place where it will stand; gone with the value.
#[derive(Debug)]
pub(super) struct Staging {
    temporary: TempDir,
    goal: PathBuf,
}

impl Staging {
    /// Begins anew, and removes what an interrupted attempt at the same goal left behind.
    pub(super) fn begin(goal: &Path) -> io::Result<Self> {
        let goal = std::path::absolute(goal)?;
        let parent = parent_of(&goal)?;
        fs::create_dir_all(parent)?;
        sweep(&goal)?;
        let temporary = tempfile::Builder::new().prefix(&prefix_of(&goal)).tempdir_in(parent)?;
        let staging = Self { temporary, goal };
        fs::create_dir(staging.whole())?;
        fs::create_dir(staging.beside())?;
        Ok(staging)
    }

    /// The folder that will stand at the goal.
    pub(super) fn whole(&self) -> PathBuf {
        self.temporary.path().join("whole")
    }

    /// A folder for what is needed only meanwhile.
    pub(super) fn beside(&self) -> PathBuf {
        self.temporary.path().join("beside")
    }

    /// Puts the folder in its place and flushes that; if somebody else was first, theirs stays.
    pub(super) fn finish(self) -> io::Result<()> {
        match fs::rename(self.whole(), &self.goal) {
            Ok(()) => File::open(parent_of(&self.goal)?)?.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => return Err(error),
        }
        self.temporary.close()
    }
}

/// Removes what interrupted attempts at the goal left behind.
pub(super) fn sweep(goal: &Path) -> io::Result<()> {
    let prefix = prefix_of(goal);
    for entry in fs::read_dir(parent_of(goal)?)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder if it is there; links in it are removed, not followed.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn parent_of(goal: &Path) -> io::Result<&Path> {
    goal.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

fn prefix_of(goal: &Path) -> String {
    let name = goal.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.partial-")
}
