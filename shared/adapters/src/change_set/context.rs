//! A build context: the base source with a sealed change set laid over it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::content::{self, copy};
use super::folder::{Folder, Found, is_blocked};
use super::name::{self, STAMP_FILE};
use super::seal::FILES;
use super::staging::{self, Staging};
use super::{Change, ChangeSet, Flaw, Kind, Mode};

/// What a context is for; `slipway.json` in its root says so, with the source's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The build, `FB-` and eight upper hex digits.
    pub build: String,
    /// The promotion, `CP-` and eight upper hex digits.
    pub promotion: String,
}

/// A complete build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// SHA-256 of every file, hex, by path; of a link, of its target. Without `slipway.json`.
    pub manifest: BTreeMap<String, String>,
    /// SHA-256, hex, over paths, modes and contents of all files but `slipway.json`.
    pub source_hash: String,
}

/// Why a change set could not be laid over the base.
#[derive(Debug, thiserror::Error)]
pub enum LayError {
    /// The base has something else at the path than what the feature was built on.
    #[error(
        "This feature was built on an older version of {path} than the one in production; bring the sandbox up to date and ship it again."
    )]
    Conflict {
        /// The path of the base.
        path: String,
    },
    /// The base itself holds what no context may.
    #[error(
        "The production source cannot be built because of {path:?}: {flaw}; change that in the production source and ship the feature again."
    )]
    Base {
        /// The path of the base.
        path: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A source that was kept is not what it was.
    #[error(
        "The source that was kept of this version is no longer what was deployed, so it cannot be brought back."
    )]
    Changed,
    /// The sealed set or the machine failed; trying again may help.
    #[error(
        "The feature's source could not be put together; nothing was changed, and trying again may help."
    )]
    Unavailable(#[from] anyhow::Error),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    mode: Mode,
    sha256: String,
}

type Tree = BTreeMap<String, File>;

#[derive(Serialize)]
struct StampJson<'stamp> {
    build: &'stamp str,
    promotion: &'stamp str,
    source: &'stamp str,
}

impl ChangeSet {
    /// Copies the base (its files, the links that stay inside it, and modes; no `.git`), applies the changes,
    /// adds `slipway.json`, and puts the result in its place as the folder `context`.
    ///
    /// What a changed, deleted or renamed file was in the baseline must still be in the base, and nothing else may
    /// stand where a file is added; a base that has the feature's content already is fine.
    ///
    /// # Errors
    /// [`LayError::Unavailable`] is worth another try, the others are final.
    ///
    /// # Idempotency
    /// A context that is there already is returned if it is the same, and replaced otherwise.
    pub async fn lay_over(&self, base: &Path, context: &Path, stamp: &Stamp) -> Result<Context, LayError> {
        let (set, base, context, stamp) = (self.clone(), base.to_owned(), context.to_owned(), stamp.clone());
        tokio::task::spawn_blocking(move || lay_over(&set, &base, &context, &stamp))
            .await
            .context("wait for the build context")?
    }
}

/// Copies a context that was kept, unchanged, to be the context of another promotion.
///
/// # Errors
/// [`LayError::Changed`] if it is no longer the source with this hash: what was made of it is removed again.
///
/// # Idempotency
/// As [`ChangeSet::lay_over`].
pub async fn carry_over(
    kept: &Path,
    source_hash: &str,
    context: &Path,
    stamp: &Stamp,
) -> Result<Context, LayError> {
    let carried = ChangeSet::empty().lay_over(kept, context, stamp).await?;
    if carried.source_hash == source_hash {
        return Ok(carried);
    }
    discard(context).await?;
    Err(LayError::Changed)
}

/// Removes a build context and what an interrupted attempt at it left behind.
///
/// # Idempotency
/// A context that is gone, or never was, is fine.
pub async fn discard(context: &Path) -> anyhow::Result<()> {
    let context = std::path::absolute(context).context("find the build context")?;
    let removal = move || match staging::sweep(&context) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => staging::remove_folder(&context),
    };
    tokio::task::spawn_blocking(removal)
        .await
        .context("wait for the removal")?
        .context("remove the build context")
}

fn lay_over(set: &ChangeSet, base: &Path, context: &Path, stamp: &Stamp) -> Result<Context, LayError> {
    let staging = Staging::begin(context).context("make the build context")?;
    let whole = staging.whole();
    let folder = Folder::open(&whole).context("open the build context")?;
    let mut tree = gather(base, Some(&folder))?;
    for change in &set.changes {
        check(change, &tree)?;
    }
    for path in set.changes.iter().filter_map(leaves) {
        folder.remove(Path::new(path)).with_context(|| format!("remove {path:?}"))?;
        tree.remove(path);
    }
    for change in &set.changes {
        if let Some(sha256) = &change.new_sha256 {
            put(set, change, sha256, &folder)?;
            tree.insert(change.path.clone(), File { mode: change.mode, sha256: sha256.clone() });
        }
    }
    let source_hash = hash(&tree);
    let json = StampJson { build: &stamp.build, promotion: &stamp.promotion, source: &source_hash };
    let json = serde_json::to_vec_pretty(&json).context("write the stamp")?;
    folder
        .create(Path::new(STAMP_FILE), false)
        .and_then(|mut file| file.write_all(&json))
        .context("write the stamp")?;
    fs::set_permissions(&whole, Permissions::from_mode(0o755))
        .context("open the build context to readers")?;
    if !is_same(context, &tree, &json)? {
        staging::remove_folder(context).context("remove the outdated build context")?;
        staging.finish().context("put the build context in its place")?;
    }
    let manifest = tree.into_iter().map(|(path, file)| (path, file.sha256)).collect();
    Ok(Context { manifest, source_hash })
}

/// Lists a tree with its hashes, and copies it on the way if asked to.
fn gather(from: &Path, to: Option<&Folder>) -> Result<Tree, LayError> {
    let source = Folder::open(from).with_context(|| format!("open {}", from.display()))?;
    let mut tree = Tree::new();
    let walk = WalkDir::new(from).min_depth(1).into_iter().filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk {
        let entry = entry.context("list the source")?;
        let path = entry.path().strip_prefix(from).context("list the source")?;
        let flawed = |flaw| LayError::Base { path: path.to_string_lossy().into_owned(), flaw };
        let name = path.to_str().ok_or_else(|| flawed(Flaw::NotText))?;
        // The stamp of the release that this source was copied from.
        if name == STAMP_FILE {
            continue;
        }
        name::check_shape(name).map_err(flawed)?;
        let file = match source.look(path).with_context(|| format!("look at {name:?}"))? {
            Found::Folder => {
                to.map_or(Ok(()), |to| to.create_folder(path)).with_context(|| format!("make {name:?}"))?;
                continue;
            }
            Found::Link => {
                let target = source.read_link(path).with_context(|| format!("read the link {name:?}"))?;
                name::check_link(name, &target).map_err(flawed)?;
                to.map_or(Ok(()), |to| to.create_link(path, &target))
                    .with_context(|| format!("link {name:?}"))?;
                File { mode: Mode::Symlink, sha256: content::hash(&target) }
            }
            Found::File { executable } => {
                let sha256 =
                    copy_file(&source, path, executable, to).with_context(|| format!("copy {name:?}"))?;
                File { mode: if executable { Mode::Executable } else { Mode::Regular }, sha256 }
            }
            Found::Special => return Err(flawed(Flaw::Special)),
            Found::Nothing => {
                return Err(anyhow!("{name:?} vanished while the source was read").into());
            }
        };
        tree.insert(name.to_owned(), file);
    }
    Ok(tree)
}

fn copy_file(source: &Folder, path: &Path, executable: bool, to: Option<&Folder>) -> io::Result<String> {
    let from = source.read(path)?;
    let copied = match to {
        Some(to) => copy(from, to.create(path, executable)?)?,
        None => copy(from, io::sink())?,
    };
    Ok(copied.sha256)
}

/// Whether the change's baseline, or its result, is what the base has.
fn check(change: &Change, base: &Tree) -> Result<(), LayError> {
    let at = |path: &str, sha256: &Option<String>, mode: Option<Mode>| match (base.get(path), sha256, mode) {
        (None, None, _) => true,
        (Some(file), Some(sha256), Some(mode)) => {
            file.sha256 == *sha256 && (file.mode == Mode::Symlink) == (mode == Mode::Symlink)
        }
        (Some(_) | None, _, _) => false,
    };
    let is_old = |path: &str| at(path, &change.old_sha256, change.old_mode);
    let is_new = || at(&change.path, &change.new_sha256, Some(change.mode));
    let conflict = |path: &str| Err(LayError::Conflict { path: path.to_owned() });
    match &change.kind {
        Kind::Added | Kind::Modified | Kind::Deleted if is_old(&change.path) || is_new() => Ok(()),
        Kind::Added | Kind::Modified | Kind::Deleted => conflict(&change.path),
        Kind::Renamed { from } if !(if base.contains_key(from) { is_old(from) } else { is_new() }) => {
            conflict(from)
        }
        Kind::Renamed { .. } if base.contains_key(&change.path) && !is_new() => conflict(&change.path),
        Kind::Renamed { .. } => Ok(()),
    }
}

/// The path that the change removes, if it does.
fn leaves(change: &Change) -> Option<&str> {
    match &change.kind {
        Kind::Deleted => Some(&change.path),
        Kind::Renamed { from } => Some(from),
        Kind::Added | Kind::Modified => None,
    }
}

fn put(set: &ChangeSet, change: &Change, sha256: &str, folder: &Folder) -> Result<(), LayError> {
    let path = Path::new(&change.path);
    let files = set.folder.join(FILES);
    let written = match change.mode {
        Mode::Symlink => {
            let target = content::read(&files, sha256)?;
            folder.create_link(path, &target).map(|()| sha256.to_owned())
        }
        Mode::Regular | Mode::Executable => {
            let from = content::open(&files, sha256)?;
            let to = folder.create(path, change.mode == Mode::Executable);
            to.and_then(|to| copy(from, to)).map(|copied| copied.sha256)
        }
    };
    match written {
        Ok(written) if written == sha256 => Ok(()),
        Ok(_) => Err(anyhow!("the sealed content of {:?} is not what was sealed", change.path).into()),
        // The base has a folder where the feature has a file, or a file or link where it has a folder.
        Err(error) if is_blocked(&error) => Err(LayError::Conflict { path: change.path.clone() }),
        Err(error) => Err(anyhow!(error).context(format!("write {:?}", change.path)).into()),
    }
}

fn hash(tree: &Tree) -> String {
    let mut hasher = Sha256::new();
    for (path, File { mode, sha256 }) in tree {
        let mode = match mode {
            Mode::Regular => "file",
            Mode::Executable => "program",
            Mode::Symlink => "link",
        };
        // Paths hold no zero byte, so no two trees give the same bytes.
        hasher.update(format!("{mode} {sha256} {path}\0"));
    }
    content::hex(&hasher.finalize())
}

/// Whether the folder is there and is this tree with this stamp.
fn is_same(context: &Path, tree: &Tree, stamp: &[u8]) -> Result<bool, LayError> {
    if !context.try_exists().context("look for the build context")? {
        return Ok(false);
    }
    let same_stamp = fs::read(context.join(STAMP_FILE)).is_ok_and(|found| found == stamp);
    Ok(same_stamp && gather(context, None).is_ok_and(|found| found == *tree))
}
