//! A whole tree, as if all of it were added.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scanner::change::{ChangeSet, ChangedFile, Content, FILE_MAX, Origin};
use walkdir::WalkDir;

use super::git;
use crate::failure::Failure;

/// Folders that others fill.
const PASSED_OVER: &[&str] = &[".git", "node_modules"];

/// Reads a folder or a file. Of a git work tree only what git keeps or would keep; elsewhere all but packages of
/// others.
pub(super) fn read(root: &Path) -> Result<ChangeSet, Failure> {
    let mut files = Vec::new();
    for (path, name) in listed(root)? {
        if let Some(after) = content(&path)? {
            files.push(ChangedFile { path: name, moved_from: None, before: None, after: Some(after) });
        }
    }
    Ok(ChangeSet::of(Origin::Tree, files))
}

/// Where the files lie, and what they are called from the root; in order.
fn listed(root: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    let is_folder = fs::metadata(root).map_err(|error| unreadable(root, &error))?.is_dir();
    if !is_folder {
        let name = root.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(vec![(root.to_owned(), name)]);
    }
    if root.join(".git").exists() {
        let names = git::kept(root)?;
        return Ok(names.into_iter().map(|name| (root.join(&name), name)).collect());
    }
    let is_own = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !PASSED_OVER.iter().any(|it| entry.file_name() == *it)
    };
    let mut listed = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(is_own) {
        let entry = entry.map_err(|error| Failure::file(root, format_args!("cannot be read: {error}.")))?;
        if !entry.file_type().is_dir() {
            let name = entry.path().strip_prefix(root).unwrap_or(entry.path());
            listed.push((entry.path().to_owned(), name.to_string_lossy().into_owned()));
        }
    }
    Ok(listed)
}

/// What lies there; `None` for what is no file, such as a socket, and for what git keeps and is not there.
fn content(path: &Path) -> Result<Option<Content>, Failure> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(None) };
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(|error| unreadable(path, &error))?;
        return Ok(Some(Content { mode: 0o120_000, bytes: target.as_os_str().as_bytes().to_vec() }));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o100_644 } else { 0o100_755 };
    let mut bytes = Vec::new();
    // One byte more than is read tells that it is too large.
    let limit = FILE_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    Ok(Some(Content { mode, bytes }))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::file(path, format_args!("cannot be read: {error}."))
}
