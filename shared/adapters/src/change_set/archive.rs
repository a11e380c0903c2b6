//! A container's work tree, fetched through Docker's archive interface.
//!
//! Nothing runs in the container, which need not even be running. The archive is spooled to disk under the
//! byte limit and then unpacked into a private folder. Links are recreated as they are, and nothing follows them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use bollard::Docker;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt;
use tar::{Archive, Entry};
use tokio::io::AsyncWriteExt;

use super::folder::{Folder, Found, is_blocked};
use super::{Flaw, Limits, TakeError};

/// Longest extended header: names and links of the longest path, and the attributes Docker adds.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// The two empty blocks that end every archive.
const END: [u8; 1024] = [0; 1024];

pub(super) const GONE: &str =
    "The sandbox the feature was built in is no longer there; ship the feature again from a new one.";
const BAD_NAME: &str = "The ship message does not name a sandbox that can exist; ship the feature again.";

/// Fetches the work tree into a folder below `scratch` and returns that folder.
pub(super) async fn fetch(
    host: Option<&str>,
    id: &str,
    path: &str,
    limits: &Limits,
    scratch: &Path,
) -> Result<PathBuf, TakeError> {
    // The id becomes part of an address of the engine, where `../` would name something else.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !id.bytes().all(plain)
        || !id.starts_with(|first: char| first.is_ascii_alphanumeric())
        || !path.starts_with('/')
    {
        return Err(TakeError::Unusable(BAD_NAME));
    }
    let spool = scratch.join("sandbox.tar");
    download(host, id, path, limits, &spool).await?;
    let tree = scratch.join("tree");
    let (into, limits) = (tree.clone(), limits.clone());
    tokio::task::spawn_blocking(move || {
        std::fs::create_dir(&into).context("make a folder for the sandbox's files")?;
        unpack(File::open(&spool).context("open the sandbox's archive")?, &into, &limits)?;
        std::fs::remove_file(&spool).context("remove the sandbox's archive")?;
        Ok::<_, TakeError>(())
    })
    .await
    .context("wait for the sandbox's files")??;
    Ok(tree)
}

async fn download(
    host: Option<&str>,
    id: &str,
    path: &str,
    limits: &Limits,
    spool: &Path,
) -> Result<(), TakeError> {
    let docker = match host {
        Some(host) => Docker::connect_with_host(host),
        None => Docker::connect_with_local_defaults(),
    };
    let docker = docker.context("reach the sandbox's engine")?;
    let docker = docker.negotiate_version().await.context("agree with the sandbox's engine on a version")?;
    // The dot makes the engine follow a link at the path itself, inside the container.
    let inside = format!("{}/.", path.trim_end_matches('/'));
    let options = DownloadFromContainerOptionsBuilder::new().path(&inside).build();
    let mut chunks = docker.download_from_container(id, Some(options));
    let file =
        OpenOptions::new().write(true).create_new(true).open(spool).context("make the sandbox's archive")?;
    let mut file = tokio::fs::File::from_std(file);
    let mut left = limits.sandbox_bytes;
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {
                return Err(TakeError::Unusable(GONE));
            }
            other => other.context("read the sandbox's files")?,
        };
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| TakeError::refused(path, Flaw::TotalLarge(limits.sandbox_bytes)))?;
        file.write_all(&chunk).await.context("write the sandbox's archive")?;
    }
    file.flush().await.context("write the sandbox's archive")?;
    Ok(())
}

/// Unpacks an archive into an empty folder, or refuses it whole.
fn unpack(mut archive: impl Read + Seek, into: &Path, limits: &Limits) -> Result<(), TakeError> {
    ensure_end(&mut archive)?;
    let mut archive = Archive::new(archive);
    for (index, entry) in (1..).zip(archive.entries_with_seek().context("read the archive")?.raw(true)) {
        survey(&entry.context("read the archive")?, index, limits)?;
    }
    let mut file = archive.into_inner();
    file.rewind().context("read the archive again")?;
    let mut archive = Archive::new(file);
    let mut unpacker = Unpacker {
        folder: Folder::open(into).context("open the sandbox's folder")?,
        left: limits.sandbox_bytes,
    };
    for entry in archive.entries_with_seek().context("read the archive")? {
        unpacker.unpack(&mut entry.context("read the archive")?, limits)?;
    }
    Ok(())
}

/// Docker ends an archive early when it fails at a file, and what is missing then would look deleted.
fn ensure_end(archive: &mut (impl Read + Seek)) -> anyhow::Result<()> {
    let mut end = [1; END.len()];
    let length = archive.seek(SeekFrom::End(0)).context("measure the archive")?;
    let start = length.checked_sub(END.len() as u64).context("the archive is cut off")?;
    archive.seek(SeekFrom::Start(start)).context("find the archive's end")?;
    archive.read_exact(&mut end).context("read the archive's end")?;
    ensure!(end == END, "the archive is cut off");
    archive.rewind().context("rewind the archive")
}

/// Refuses what must not even be parsed further: the parser keeps extended headers in memory.
fn survey<R: Read>(entry: &Entry<'_, R>, index: u64, limits: &Limits) -> Result<(), TakeError> {
    let refused = |flaw| Err(TakeError::refused(lossy(&entry.path_bytes()), flaw));
    // An entry may take three headers: a long name, a long link, and its own.
    if index > limits.sandbox_entries.saturating_mul(3) {
        return refused(Flaw::Many(limits.sandbox_entries));
    }
    let kind = entry.header().entry_type();
    let is_header = kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
        || kind.is_gnu_longname()
        || kind.is_gnu_longlink();
    if is_header && entry.size() > EXTENSION_BYTES_MAX {
        return refused(Flaw::Long(limits.path_bytes));
    }
    if is_header || kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link() {
        Ok(())
    } else {
        refused(Flaw::Special)
    }
}

struct Unpacker {
    folder: Folder,
    left: u64,
}

impl Unpacker {
    fn unpack<R: Read>(&mut self, entry: &mut Entry<'_, R>, limits: &Limits) -> Result<(), TakeError> {
        let name = lossy(&entry.path_bytes());
        let refused = |flaw| TakeError::refused(&name, flaw);
        let Some(path) = inside(&entry.path_bytes()).map_err(refused)? else {
            return Ok(());
        };
        let kind = entry.header().entry_type();
        if kind.is_file() {
            return self.write(entry, &path, limits);
        }
        let done = if kind.is_dir() {
            self.folder.create_folder(&path)
        } else if kind.is_symlink() {
            self.folder.create_link(&path, &entry.link_name_bytes().unwrap_or_default())
        } else if kind.is_hard_link() {
            let original = inside(&entry.link_name_bytes().unwrap_or_default()).map_err(refused)?;
            let original = original.filter(|original| self.has_file(original));
            let original = original.ok_or_else(|| refused(Flaw::LinkEscapes))?;
            self.folder.create_hard_link(&path, &original)
        } else {
            return Err(refused(Flaw::Special));
        };
        done.map_err(|error| misplaced(error, &path))
    }

    fn has_file(&self, path: &Path) -> bool {
        matches!(self.folder.look(path), Ok(Found::File { .. }))
    }

    fn write<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: &Path,
        limits: &Limits,
    ) -> Result<(), TakeError> {
        let executable = entry.header().mode().context("read a file's mode")? & 0o100 != 0;
        let mut file = self.folder.create(path, executable).map_err(|error| misplaced(error, path))?;
        let written = io::copy(&mut entry.take(self.left.saturating_add(1)), &mut file);
        let written = written.with_context(|| format!("unpack {}", path.display()))?;
        let left = self.left.checked_sub(written);
        let too_large = || TakeError::refused(path.to_string_lossy(), Flaw::TotalLarge(limits.sandbox_bytes));
        self.left = left.ok_or_else(too_large)?;
        if written == entry.size() {
            Ok(())
        } else {
            Err(anyhow!("the archive is cut off in {}", path.display()).into())
        }
    }
}

/// A way that leads through a link is the archive's fault; the rest is the machine's.
fn misplaced(error: io::Error, path: &Path) -> TakeError {
    let name = path.to_string_lossy();
    if is_blocked(&error) {
        return TakeError::refused(name, Flaw::BehindLink);
    }
    anyhow!(error).context(format!("unpack {name:?}")).into()
}

/// The path below the archive's root; `None` for the root itself.
fn inside(name: &[u8]) -> Result<Option<PathBuf>, Flaw> {
    let mut path = PathBuf::new();
    for part in Path::new(std::ffi::OsStr::from_bytes(name)).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Flaw::Escapes);
            }
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
