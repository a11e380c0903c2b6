//! Copies what differs from the baseline out of the work tree and describes it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use walkdir::WalkDir;

use super::content::{self, Content, Contents};
use super::folder::{Folder, Found};
use super::repository::{Difference, Repository};
use super::seal::{FILES, Manifest};
use super::{Change, Flaw, Kind, Limits, Mode, TakeError, name};

/// A changed path and what was copied of it; `None` if it is gone.
type Copied = (String, Option<(Mode, Content)>);

/// Fills the folder `into` with the contents and the diff, and returns the manifest.
pub(super) async fn capture(
    repository: &Repository,
    work_tree: &Path,
    limits: &Limits,
    into: &Path,
) -> Result<Manifest, TakeError> {
    let files = into.join(FILES);
    fs::create_dir(&files).context("make a folder for the change set")?;
    refuse_strangers(repository, work_tree, limits).await?;
    let paths = changed_paths(repository, limits).await?;
    if paths.is_empty() {
        return Err(TakeError::Empty);
    }
    let (tree, new) = (work_tree.to_owned(), Contents::new(&files, limits));
    let copied = tokio::task::spawn_blocking(move || copy_out(paths, &tree, new))
        .await
        .context("wait for the copies of the change set")??;
    let known = stage(repository, &copied, &files).await?;
    let differences = repository.differences().await?;
    if differences.is_empty() {
        return Err(TakeError::Empty);
    }
    let changes = describe(repository, differences, &known, Contents::new(&files, limits), limits).await?;
    let diff_sha256 = seal_diff(repository, into, &files).await?;
    let warnings = case_warnings(&repository.paths().await?, &changes);
    Ok(Manifest::new(repository.baseline(), diff_sha256, changes, warnings))
}

/// Refuses what git would pass over in silence: devices and the like, and git folders below the root.
async fn refuse_strangers(
    repository: &Repository,
    work_tree: &Path,
    limits: &Limits,
) -> Result<(), TakeError> {
    let (root, entries_max) = (work_tree.to_owned(), limits.sandbox_entries);
    let strangers = tokio::task::spawn_blocking(move || find_strangers(&root, entries_max))
        .await
        .context("wait for the list of the sandbox's files")??;
    let Some(path) = repository.not_ignored(strangers).await?.into_iter().next() else {
        return Ok(());
    };
    let path = String::from_utf8_lossy(&path).into_owned();
    let is_git = path.rsplit('/').next().is_some_and(name::is_git);
    Err(TakeError::refused(path, if is_git { Flaw::GitInternal } else { Flaw::Special }))
}

fn find_strangers(root: &Path, entries_max: u64) -> Result<Vec<Vec<u8>>, TakeError> {
    let mut strangers = Vec::new();
    let mut walk = WalkDir::new(root).min_depth(1).into_iter();
    let mut count = 0;
    while let Some(entry) = walk.next() {
        let entry = entry.context("list the sandbox's files")?;
        let path = entry.path().strip_prefix(root).context("list the sandbox's files")?;
        count += 1;
        if count > entries_max {
            return Err(TakeError::refused(path.to_string_lossy(), Flaw::Many(entries_max)));
        }
        let kind = entry.file_type();
        let is_own_git = path == Path::new(".git");
        let is_git = entry.file_name().to_str().is_some_and(name::is_git);
        if (is_git && !is_own_git) || !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            strangers.push(path.as_os_str().as_bytes().to_vec());
        }
        if is_git && kind.is_dir() {
            walk.skip_current_dir();
        }
    }
    Ok(strangers)
}

async fn changed_paths(repository: &Repository, limits: &Limits) -> Result<Vec<String>, TakeError> {
    let mut paths = Vec::new();
    for path in repository.changed_paths().await? {
        let path = String::from_utf8(path)
            .map_err(|error| TakeError::refused(String::from_utf8_lossy(error.as_bytes()), Flaw::NotText))?;
        if let Some(folder) = path.strip_suffix('/') {
            return Err(TakeError::refused(folder, Flaw::Repository));
        }
        name::check(&path, limits).map_err(|flaw| TakeError::refused(&path, flaw))?;
        if paths.len() == limits.files {
            return Err(TakeError::refused(path, Flaw::Many(limits.files as u64)));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn copy_out(paths: Vec<String>, work_tree: &Path, mut contents: Contents) -> Result<Vec<Copied>, TakeError> {
    let folder = Folder::open(work_tree).context("open the sandbox")?;
    let copy = |path: String| {
        let copied = copy_one(&folder, &path, &mut contents)?;
        Ok((path, copied))
    };
    paths.into_iter().map(copy).collect()
}

fn copy_one(
    folder: &Folder,
    path: &str,
    contents: &mut Contents,
) -> Result<Option<(Mode, Content)>, TakeError> {
    let here = Path::new(path);
    match folder.look(here).with_context(|| format!("look at {path:?}"))? {
        // Files of a folder that took a file's place are changed paths of their own.
        Found::Nothing | Found::Folder => Ok(None),
        Found::Special => Err(TakeError::refused(path, Flaw::Special)),
        Found::Link => {
            let target = folder.read_link(here).with_context(|| format!("read the link {path:?}"))?;
            name::check_link(path, &target).map_err(|flaw| TakeError::refused(path, flaw))?;
            Ok(Some((Mode::Symlink, contents.add(path, target.as_slice())?)))
        }
        Found::File { .. } => {
            let file = folder.read(here).with_context(|| format!("open {path:?}"))?;
            let permissions = file.metadata().with_context(|| format!("look at {path:?}"))?.permissions();
            let mode = if permissions.mode() & 0o100 == 0 { Mode::Regular } else { Mode::Executable };
            Ok(Some((mode, contents.add(path, file)?)))
        }
    }
}

/// Puts the copies into git's index; returns them by git's object ids.
async fn stage(
    repository: &Repository,
    copied: &[Copied],
    files: &Path,
) -> Result<HashMap<String, Content>, TakeError> {
    let place =
        |(mode, content): &(Mode, Content)| -> (Mode, PathBuf) { (*mode, files.join(&content.sha256)) };
    let staged: Vec<_> = copied.iter().map(|(path, copy)| (path.clone(), copy.as_ref().map(place))).collect();
    let ids = repository.stage(&staged).await?;
    let known =
        ids.into_iter().zip(copied).filter_map(|(id, (_, copy))| Some((id?, copy.as_ref()?.1.clone())));
    Ok(known.collect())
}

/// Makes changes of git's differences, and stores the contents that they replace.
async fn describe(
    repository: &Repository,
    differences: Vec<Difference>,
    known: &HashMap<String, Content>,
    mut old_contents: Contents,
    limits: &Limits,
) -> Result<Vec<Change>, TakeError> {
    let mut objects = repository.objects()?;
    let mut changes = Vec::new();
    for difference in differences {
        let Difference { status, old, new, from, path } = difference;
        let mut old_sha256 = None;
        if let Some((_, id)) = &old {
            let before = from.as_ref().unwrap_or(&path);
            let too_large = || TakeError::refused(before, Flaw::Large(limits.file_bytes));
            let bytes = objects.read(id, limits.file_bytes).await?.ok_or_else(too_large)?;
            old_sha256 = Some(old_contents.add(before, bytes.as_slice())?.sha256);
        }
        let old_mode = old.map(|(mode, _)| mode);
        let new_mode = new.as_ref().map(|(mode, _)| *mode);
        let content = match &new {
            Some((_, id)) => Some(known.get(id).context("git names a content that was not copied")?),
            None => None,
        };
        let kind = match (status, from) {
            (b'R', Some(from)) => Kind::Renamed { from },
            (b'A', _) => Kind::Added,
            (b'D', _) => Kind::Deleted,
            _ => Kind::Modified,
        };
        changes.push(Change {
            path,
            kind,
            mode: new_mode.or(old_mode).context("git names a change without a mode")?,
            old_mode,
            old_sha256,
            new_sha256: content.map(|content| content.sha256.clone()),
            size: content.map_or(0, |content| content.size),
        });
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(changes)
}

async fn seal_diff(repository: &Repository, into: &Path, files: &Path) -> Result<String, TakeError> {
    let path = into.join("diff");
    repository.write_diff(File::create_new(&path).context("make the diff")?).await?;
    let stored = content::store(files, File::open(&path).context("open the diff")?)?;
    fs::remove_file(&path).context("remove the diff's first copy")?;
    Ok(stored.sha256)
}

/// Names that some file systems cannot keep apart; only those that the feature touches.
fn case_warnings(paths: &[String], changes: &[Change]) -> Vec<String> {
    let mut spellings: HashMap<String, Vec<&str>> = HashMap::new();
    for path in paths {
        spellings.entry(path.to_lowercase()).or_default().push(path);
    }
    let clash = |change: &Change| {
        let others = spellings.get(&change.path.to_lowercase())?;
        let other =
            others.iter().find(|other| **other != change.path && others.contains(&change.path.as_str()))?;
        Some(format!(
            "{:?} and {other:?} differ only by upper and lower case; on some computers one would replace the other.",
            change.path
        ))
    };
    changes.iter().filter_map(clash).collect()
}
