//! The private folder of a server.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::mem::ManuallyDrop;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// An empty folder of its own under `/tmp`, closed to others, removed with everything in it
/// when dropped.
///
/// Not under `target/`: a server that runs under another account cannot reach a clone in somebody's
/// home, and the path of a socket ends at 107 bytes.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one whose name has the noun and this process's id in it.
    pub fn create(noun: &str) -> Result<Self> {
        let process = std::process::id();
        for attempt in 0.. {
            let path = PathBuf::from(format!("/tmp/slipway-{noun}-{process}-{attempt}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("create {}", path.display())),
            }
        }
        bail!("no free name for the folder of {noun}")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Leaves it where it is and answers where.
    pub fn keep(self) -> PathBuf {
        ManuallyDrop::new(self).0.clone()
    }

    /// Gives the folder and what is in it to another account.
    pub fn give_to(&self, account: &str) -> Result<()> {
        let status = Command::new("chown")
            .args(["-R", &format!("{account}:")])
            .arg(&self.0)
            .status()
            .context("run chown")?;
        if !status.success() {
            bail!("cannot give {} to the account {account}", self.0.display());
        }
        Ok(())
    }
}

/// A Docker engine that has ended leaves a mount behind when a container shared this machine's network.
fn unmount_below(folder: &Path) {
    let Ok(mounts) = fs::read_to_string("/proc/mounts") else { return };
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
    for place in places.filter(|place| place.starts_with(folder)) {
        if !Command::new("umount").arg(place).status().is_ok_and(|status| status.success()) {
            eprintln!("warning: {} stays mounted", place.display());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        unmount_below(&self.0);
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} stays behind: {error}", self.0.display());
        }
    }
}
