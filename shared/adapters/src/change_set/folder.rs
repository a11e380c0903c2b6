//! A folder whose files are reached without following a link.
//!
//! Each part of a path is opened relative to the one before it and must be a real folder, so a link that
//! somebody puts on the way, before or meanwhile, stops the access instead of redirecting it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode as Permissions, OFlags};
use rustix::io::Errno;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing; or a part of the way to it is no folder.
    Nothing,
    /// A file.
    File { executable: bool },
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A device, pipe or socket.
    Special,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder itself; the path to it is trusted.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, FOLDER, Permissions::empty())?))
    }

    /// Says what stands at the path.
    pub(super) fn look(&self, path: &Path) -> io::Result<Found> {
        let stat = match self.parent(path) {
            Ok((parent, name)) => rustix::fs::statat(&parent.0, name, AtFlags::SYMLINK_NOFOLLOW),
            Err(error) if is_absent(&error) => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        let stat = match stat {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(error) => return Err(error.into()),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(if kind == FileType::RegularFile {
            Found::File { executable: Permissions::from_raw_mode(stat.st_mode).contains(Permissions::XUSR) }
        } else if kind == FileType::Symlink {
            Found::Link
        } else if kind == FileType::Directory {
            Found::Folder
        } else {
            Found::Special
        })
    }

    /// Opens a file for reading; anything but a file is an error, and a pipe does not block.
    pub(super) fn read(&self, path: &Path) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&parent.0, name, flags, Permissions::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::INVAL.into()) }
    }

    /// The target of a link.
    pub(super) fn read_link(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (parent, name) = self.parent(path)?;
        Ok(rustix::fs::readlinkat(&parent.0, name, Vec::new())?.into_bytes())
    }

    /// Creates a file and the folders above it, replacing a file or link that is there.
    pub(super) fn create(&self, path: &Path, executable: bool) -> io::Result<File> {
        let (parent, name) = self.make_parent(path)?;
        parent.clear(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            File::from(rustix::fs::openat(&parent.0, name, flags, Permissions::RUSR | Permissions::WUSR)?);
        rustix::fs::fchmod(&file, Permissions::from_raw_mode(if executable { 0o755 } else { 0o644 }))?;
        Ok(file)
    }

    /// Creates a symbolic link and the folders above it, replacing a file or link that is there.
    pub(super) fn create_link(&self, path: &Path, target: &[u8]) -> io::Result<()> {
        let (parent, name) = self.make_parent(path)?;
        parent.clear(name)?;
        Ok(rustix::fs::symlinkat(target, &parent.0, name)?)
    }

    /// Gives the file at `original` another name, replacing a file or link that is there.
    pub(super) fn create_hard_link(&self, path: &Path, original: &Path) -> io::Result<()> {
        self.read(original)?;
        let (from, from_name) = self.parent(original)?;
        let (parent, name) = self.make_parent(path)?;
        parent.clear(name)?;
        Ok(rustix::fs::linkat(&from.0, from_name, &parent.0, name, AtFlags::empty())?)
    }

    /// Makes sure that there is a folder.
    pub(super) fn create_folder(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.make_parent(path)?;
        parent.enter_or_make(name).map(drop)
    }

    /// Removes a file or link if it is there, and the folders above it that this leaves empty.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match self.parent(path) {
            Ok((parent, name)) => parent.clear(name)?,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        let above = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        for folder in above {
            let (parent, name) = self.parent(folder)?;
            match rustix::fs::unlinkat(&parent.0, name, AtFlags::REMOVEDIR) {
                Ok(()) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn clear(&self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn parent<'path>(&self, path: &'path Path) -> io::Result<(Self, &'path OsStr)> {
        self.walk(path, Self::enter)
    }

    fn make_parent<'path>(&self, path: &'path Path) -> io::Result<(Self, &'path OsStr)> {
        self.walk(path, Self::enter_or_make)
    }

    fn walk<'path>(
        &self,
        path: &'path Path,
        step: impl Fn(&Self, &OsStr) -> io::Result<Self>,
    ) -> io::Result<(Self, &'path OsStr)> {
        let mut names = Vec::new();
        for part in path.components() {
            let Component::Normal(name) = part else {
                return Err(Errno::INVAL.into());
            };
            names.push(name);
        }
        let Some(last) = names.pop() else {
            return Err(Errno::INVAL.into());
        };
        let mut folder = Self(self.0.try_clone()?);
        for name in names {
            folder = step(&folder, name)?;
        }
        Ok((folder, last))
    }

    fn enter(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Permissions::empty())?))
    }

    fn enter_or_make(&self, name: &OsStr) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.0, name, Permissions::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => self.enter(name),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the error says that the way to a path is not there, or is no folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || is_blocked(error)
}

/// Whether the error says that a link, a file or a folder is in the way.
pub(super) fn is_blocked(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::EXIST))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    use super::*;

    #[test]
    fn a_folder_that_is_swapped_for_a_link_meanwhile_is_never_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |path: &str| scratch.path().join(path);
        for (folder, content) in [("host", "secret"), ("tree", "own"), ("tree/dir", "own")] {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(folder).join("file"), content).unwrap();
        }
        symlink(at("host"), at("tree/link")).unwrap();
        let folder = Folder::open(&at("tree")).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let (dir, link) = (at("tree/dir"), at("tree/link"));
                    renameat_with(CWD, dir, CWD, link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            for _ in 0..5_000 {
                let mut content = String::new();
                if let Ok(mut file) = folder.read(Path::new("dir/file")) {
                    file.read_to_string(&mut content).unwrap();
                    assert_eq!(content, "own");
                }
                if let Ok(file) = folder.create(Path::new("dir/new"), false) {
                    drop(file);
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(!at("host/new").exists(), "something was written through the link");
    }
}
