//! The sealed change set as the gates see it, with what they need to know of the source that it is laid over.

use std::fs;
use std::path::Path;

use adapters::change_set::{Change, ChangeSet, Kind, Mode};
use anyhow::{Context as _, Result};
use scanner::change::{self, ChangedFile, Content, Origin, describes_tree};

/// More files than any source has; whoever has more is not told what is new to it.
const PATHS_MAX: usize = 200_000;

/// Largest file that tells how the tree fits together.
const CONTEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The sealed set over the source in this folder. The same set over the same source gives the same.
///
/// # Errors
/// The sealed set or the source cannot be read.
pub(crate) fn over(set: &ChangeSet, base: &Path) -> Result<change::ChangeSet> {
    let mut change = alone(set)?;
    if base.is_dir() {
        read(base, base, &mut change).with_context(|| format!("read the source in {}", base.display()))?;
        change.base_paths.sort();
    }
    Ok(change)
}

/// The sealed set, of whose source nothing else is known.
///
/// # Errors
/// The sealed set cannot be read.
pub(crate) fn alone(set: &ChangeSet) -> Result<change::ChangeSet> {
    let files = set.changes.iter().map(|change| file(set, change)).collect::<Result<_>>()?;
    Ok(change::ChangeSet::of(Origin::Trees, files))
}

fn file(set: &ChangeSet, change: &Change) -> Result<ChangedFile> {
    let content = |sha256: &Option<String>, mode: Option<Mode>| {
        let known = sha256.as_ref().zip(mode);
        known.map(|(sha256, mode)| {
            Ok::<_, anyhow::Error>(Content { mode: git(mode), bytes: set.content(sha256)? })
        })
    };
    Ok(ChangedFile {
        path: change.path.clone(),
        moved_from: match &change.kind {
            Kind::Renamed { from } => Some(from.clone()),
            Kind::Added | Kind::Modified | Kind::Deleted => None,
        },
        before: content(&change.old_sha256, change.old_mode).transpose()?,
        after: content(&change.new_sha256, Some(change.mode)).transpose()?,
    })
}

/// How git calls a mode.
fn git(mode: Mode) -> u32 {
    match mode {
        Mode::Regular => 0o100_644,
        Mode::Executable => 0o100_755,
        Mode::Symlink => 0o120_000,
    }
}

/// Adds what lies in the folder. Links are not followed.
fn read(base: &Path, folder: &Path, change: &mut change::ChangeSet) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let path = entry.path();
        if kind.is_dir() {
            if name != ".git" && name != "node_modules" {
                read(base, &path, change)?;
            }
            continue;
        }
        let Some(relative) = path.strip_prefix(base)?.to_str() else { continue };
        if describes_tree(relative)
            && change.files.iter().all(|file| file.path != relative)
            && kind.is_file()
            && entry.metadata()?.len() <= CONTEXT_BYTES_MAX
            && let Ok(text) = fs::read_to_string(&path)
        {
            change.context.insert(relative.to_owned(), text);
        }
        anyhow::ensure!(change.base_paths.len() < PATHS_MAX, "there are more than {PATHS_MAX} files");
        change.base_paths.push(relative.to_owned());
    }
    Ok(())
}
