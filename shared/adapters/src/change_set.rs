//! The sealed change set: what a feature adds, changes and removes.
//!
//! A feature is taken out of its sandbox once, and everything later (scan, pull request, image)
//! works from what was taken:
//!
//! 1. a container's work tree is fetched through Docker's archive interface; a folder is read in place;
//! 2. git, with a repository of our own, tells which paths differ from the baseline;
//! 3. each of them is copied into the sealed folder without following a link, and hashed there:
//!    the copy is what counts, whatever the sandbox does meanwhile;
//! 4. git compares the baseline with the copies, which gives kinds, renames and the diff;
//! 5. the folder is flushed and renamed into place, so that it is whole or not there.
//!
//! The sandbox is hostile: nothing of it is executed, none of its git configuration, hooks,
//! attributes or filters is used, and nothing is read or written outside of it.
//! [`ChangeSet::lay_over`] puts a sealed set onto the base source, as a build context.

mod archive;
mod capture;
mod content;
mod context;
mod error;
mod folder;
mod history;
mod migration;
mod name;
mod objects;
mod repository;
mod seal;
mod staging;

pub use context::{Context, LayError, Stamp, carry_over, discard};
pub use error::{Flaw, TakeError};

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use repository::Repository;
use staging::Staging;

/// Where a feature was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// A git work tree on this machine, with a `.git` folder of its own.
    Directory(PathBuf),
    /// A git work tree in a container, running or not.
    Container {
        /// The Docker engine (`unix://…`, `tcp://…`); this machine's if absent.
        host: Option<String>,
        /// Id or name of the container.
        id: String,
        /// Absolute path of the work tree in the container.
        path: String,
    },
}

/// How much a sandbox may hold and a feature may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Files that a feature may change.
    pub files: usize,
    /// Bytes of new content in all, and of replaced content in all.
    pub total_bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of one path.
    pub path_bytes: usize,
    /// Folders and the file name of one path.
    pub depth: usize,
    /// Files and folders in the whole sandbox, its history and ignored ones included.
    pub sandbox_entries: u64,
    /// Bytes to fetch of the whole sandbox: its history and, of a container, everything.
    pub sandbox_bytes: u64,
}

impl Limits {
    /// Default of `files`: far beyond any feature, well below what a build takes.
    pub const FILES: usize = 20_000;
    /// Default of `total_bytes`.
    pub const TOTAL_BYTES: u64 = 256 << 20;
    /// Default of `file_bytes`: repository hosts refuse files of 100 MB.
    pub const FILE_BYTES: u64 = 64 << 20;
    /// Default of `path_bytes`: a quarter of what Linux takes, the context's own path comes on top.
    pub const PATH_BYTES: usize = 1024;
    /// Default of `depth`.
    pub const DEPTH: usize = 64;
    /// Default of `sandbox_entries`: three times a large checkout with its installed packages.
    pub const SANDBOX_ENTRIES: u64 = 1_000_000;
    /// Default of `sandbox_bytes`.
    pub const SANDBOX_BYTES: u64 = 8 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: Self::FILES,
            total_bytes: Self::TOTAL_BYTES,
            file_bytes: Self::FILE_BYTES,
            path_bytes: Self::PATH_BYTES,
            depth: Self::DEPTH,
            sandbox_entries: Self::SANDBOX_ENTRIES,
            sandbox_bytes: Self::SANDBOX_BYTES,
        }
    }
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// An ordinary file.
    Regular,
    /// An ordinary file that may be executed.
    Executable,
    /// A symbolic link inside the tree; its content is the target.
    Symlink,
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// Its content, its mode or both are new.
    Modified,
    /// It is gone.
    Deleted,
    /// It was moved, and perhaps edited.
    Renamed {
        /// Its path in the baseline.
        from: String,
    },
}

/// One file that differs from the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Path in the feature (of a deleted file: in the baseline), relative, with `/`.
    pub path: String,
    /// What happened to it.
    pub kind: Kind,
    /// Its mode in the feature (of a deleted file: in the baseline).
    pub mode: Mode,
    /// Its mode in the baseline; absent for an added file.
    pub old_mode: Option<Mode>,
    /// SHA-256 of the content in the baseline, hex; absent for an added file.
    pub old_sha256: Option<String>,
    /// SHA-256 of the content in the feature, hex; absent for a deleted file.
    pub new_sha256: Option<String>,
    /// Bytes of the content in the feature; 0 for a deleted file.
    pub size: u64,
}

/// A feature's sealed change: what is scanned, approved and shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Commit that the feature started from, full id.
    pub baseline: String,
    /// The changed files, sorted by path.
    pub changes: Vec<Change>,
    /// Sentences for people about what is allowed but may surprise, e.g. names that differ only by case.
    pub warnings: Vec<String>,
    /// SHA-256 of the sealed manifest, hex; stands for the whole set, contents and diff included.
    pub hash: String,
    folder: PathBuf,
    diff_sha256: String,
}

impl ChangeSet {
    /// Opens a sealed set and verifies every content's hash.
    ///
    /// # Errors
    /// Something is missing or is not what was sealed.
    pub async fn open(sealed: &Path) -> anyhow::Result<Self> {
        let sealed = sealed.to_owned();
        tokio::task::spawn_blocking(move || seal::open(&sealed))
            .await
            .context("wait for the verification of a sealed change set")?
    }

    /// The same of the set with this hash, and of no other.
    ///
    /// # Errors
    /// Also where another one lies there.
    pub async fn open_known(sealed: &Path, hash: Option<&str>) -> anyhow::Result<Self> {
        let set = Self::open(sealed).await?;
        ensure!(hash == Some(&set.hash), "{} is sealed, but {hash:?} is on record", set.hash);
        Ok(set)
    }

    /// A set that changes nothing.
    fn empty() -> Self {
        Self {
            baseline: String::new(),
            changes: Vec::new(),
            warnings: Vec::new(),
            hash: String::new(),
            folder: PathBuf::new(),
            diff_sha256: String::new(),
        }
    }

    /// The sealed content with this SHA-256, old or new, verified while it is read.
    pub fn content(&self, sha256: &str) -> anyhow::Result<Vec<u8>> {
        seal::content(&self.folder, sha256)
    }

    /// The unified diff for people and pull requests; bytes that are no UTF-8 are replaced.
    pub fn diff(&self) -> anyhow::Result<String> {
        let bytes = self.content(&self.diff_sha256)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Takes the feature out of its sandbox and seals it as the folder `into`.
///
/// Committed, uncommitted and untracked work count alike; what the sandbox's `.gitignore` files and
/// its `.git/info/exclude` ignore does not. `baseline` is a full commit id; without it the sandbox's `HEAD`
/// counts, that is, only uncommitted work.
///
/// A `Directory` must have a `.git` folder of its own: a `.git` file that points elsewhere, borrowed history
/// (alternates), sparse checkouts and submodules are refused.
///
/// # Errors
/// [`TakeError::Unavailable`] is worth another try, all others are final.
///
/// # Idempotency
/// A set that is sealed already is verified and returned; the sandbox is not looked at again.
pub async fn take(
    sandbox: &Sandbox,
    baseline: Option<&str>,
    limits: &Limits,
    into: &Path,
) -> Result<ChangeSet, TakeError> {
    if into.try_exists().context("look for a sealed change set")? {
        return ChangeSet::open(into).await.map_err(TakeError::Damaged);
    }
    let staging = Staging::begin(into).context("make a folder for the change set")?;
    let work_tree = match sandbox {
        Sandbox::Directory(path) if !path.try_exists().context("look for the sandbox")? => {
            return Err(TakeError::Unusable(archive::GONE));
        }
        Sandbox::Directory(path) => std::path::absolute(path).context("find the sandbox")?,
        Sandbox::Container { host, id, path } => {
            archive::fetch(host.as_deref(), id, path, limits, &staging.beside()).await?
        }
    };
    let repository = Repository::borrow(&work_tree, &staging.beside(), baseline, limits).await?;
    let sealed = capture::capture(&repository, &work_tree, limits, &staging.whole()).await?;
    seal::write(&staging.whole(), &sealed)?;
    staging.finish().context("seal the change set")?;
    ChangeSet::open(into).await.map_err(TakeError::Damaged)
}
