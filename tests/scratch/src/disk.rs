//! A small disk that a test can fill.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILLER: &str = "filler";

/// A file system of its own in memory; unmounted with the value.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts it on a folder, which is made. Nothing where this account may not.
    pub fn mount(folder: &Path, megabytes: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("left out: only root can mount a small disk");
            return None;
        }
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status().unwrap();
        assert!(mounted.success(), "mount {}", folder.display());
        Some(Self(folder.to_owned()))
    }

    /// Takes all space but this much.
    pub fn fill(&self, left_bytes: u64) {
        let space = rustix::fs::statvfs(&self.0).unwrap();
        let taken = (space.f_bavail * space.f_frsize).saturating_sub(left_bytes);
        let mut filler = File::options().create(true).append(true).open(self.0.join(FILLER)).unwrap();
        let chunk = vec![0; 64 * 1024];
        let mut rest = usize::try_from(taken).unwrap();
        while rest > 0 {
            let written = filler.write(&chunk[..rest.min(chunk.len())]);
            // Somebody else may have taken the last of it.
            let Ok(written @ 1..) = written else { break };
            rest -= written;
        }
    }

    /// Gives back what [`Disk::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.0.join(FILLER)).unwrap();
    }

    /// What lies in a folder of it, but for what fills it.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).into_iter().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|it| it != FILLER)
            .collect();
        names.sort();
        names
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process of a failed test may still be in there.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("warning: {} is still mounted", self.0.display());
        }
    }
}
