//! The sandbox's stored history, copied into a git repository of our own.
//!
//! Only plain data is copied: objects, packs with their index, the ignore list, and the id that `HEAD` stands for.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::folder::{Folder, Found};
use super::{Flaw, Limits, TakeError, name};

/// Nothing here may depend on, run or reach anything outside of the repository.
const CONFIG: &str = "[core]
\trepositoryFormatVersion = 1
\tbare = false
\tfileMode = true
\tsymlinks = true
\tignoreCase = false
\tautoCRLF = false
\tprecomposeUnicode = false
\tfsmonitor = false
\tuntrackedCache = false
\tcommitGraph = false
\tmultiPackIndex = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tbigFileThreshold = 16m
[protocol]
\tallow = never
[extensions]
\tobjectFormat = ";

/// Beats every `.gitattributes` of the sandbox: contents stay as they are, and nothing hides from the diff.
const ATTRIBUTES: &str =
    "* -text -eol -filter -ident -working-tree-encoding !diff !merge -conflict-marker-size\n";

/// Largest `HEAD`, ref and ignore list that are read, and largest list of packed refs.
const SMALL_BYTES_MAX: u64 = 1 << 20;
const PACKED_REFS_BYTES_MAX: u64 = 64 << 20;

const NO_HISTORY: &str = "The sandbox has no source history (.git folder) of its own, so the feature cannot be told from the rest; ship it from a sandbox with a complete checkout.";
const BORROWED: &str = "The sandbox borrows its source history from another folder, which is not accepted; ship the feature from a sandbox with a complete checkout.";
const PARTIAL: &str = "The sandbox holds only a part of the source (a sparse checkout), so missing files would look deleted; ship the feature from a sandbox with a complete checkout.";
const NO_START: &str = "The sandbox does not say which version its source started from (HEAD); ship the feature again and name its starting point.";

/// Lays the repository's files out and returns the baseline's id, as wanted or as the sandbox's `HEAD` says.
pub(super) fn borrow(
    source: &Path,
    git_dir: &Path,
    wanted: Option<String>,
    limits: &Limits,
) -> Result<String, TakeError> {
    let sandbox = Folder::open(source).context("open the sandbox")?;
    let look =
        |path: &str| sandbox.look(Path::new(path)).with_context(|| format!("look at the sandbox's {path}"));
    if look(".git")? != Found::Folder || look(".git/objects")? != Found::Folder {
        return Err(TakeError::Unusable(NO_HISTORY));
    }
    if look(".git/objects/info/alternates")? != Found::Nothing {
        return Err(TakeError::Unusable(BORROWED));
    }
    if look(".git/info/sparse-checkout")? != Found::Nothing {
        return Err(TakeError::Unusable(PARTIAL));
    }
    let baseline = match wanted {
        Some(wanted) => wanted,
        None => head(&sandbox)?.ok_or(TakeError::Unusable(NO_START))?,
    };
    if !is_id(&baseline) {
        return Err(TakeError::Baseline(baseline));
    }
    let format = if baseline.len() == 40 { "sha1" } else { "sha256" };
    for folder in ["info", "refs", "objects/pack"] {
        fs::create_dir_all(git_dir.join(folder)).context("make a repository")?;
    }
    let exclude = small(&sandbox, ".git/info/exclude", SMALL_BYTES_MAX)?.unwrap_or_default();
    let files = [("config", format!("{CONFIG}{format}\n")), ("info/attributes", ATTRIBUTES.to_owned())];
    for (file, content) in files.into_iter().chain([("info/exclude", exclude)]) {
        fs::write(git_dir.join(file), content).context("make a repository")?;
    }
    // Git takes a folder for a repository only when it has a HEAD.
    fs::write(git_dir.join("HEAD"), "ref: refs/heads/none\n").context("make a repository")?;
    copy_objects(&sandbox, source, git_dir, limits)?;
    Ok(baseline)
}

/// The commit of the sandbox's `HEAD`, read as plain files.
fn head(sandbox: &Folder) -> Result<Option<String>, TakeError> {
    let Some(head) = small(sandbox, ".git/HEAD", SMALL_BYTES_MAX)? else {
        return Ok(None);
    };
    let Some(reference) = head.trim_end().strip_prefix("ref: ") else {
        return Ok(Some(head.trim_end().to_owned()));
    };
    if !reference.starts_with("refs/") || name::check_shape(reference).is_err() {
        return Ok(None);
    }
    if let Some(id) = small(sandbox, &format!(".git/{reference}"), SMALL_BYTES_MAX)? {
        return Ok(Some(id.trim_end().to_owned()));
    }
    let packed = small(sandbox, ".git/packed-refs", PACKED_REFS_BYTES_MAX)?.unwrap_or_default();
    let id = packed.lines().filter_map(|line| line.split_once(' ')).find(|(_, name)| *name == reference);
    Ok(id.map(|(id, _)| id.to_owned()))
}

fn small(sandbox: &Folder, path: &str, bytes_max: u64) -> Result<Option<String>> {
    if !matches!(sandbox.look(Path::new(path))?, Found::File { .. }) {
        return Ok(None);
    }
    let mut content = Vec::new();
    let file = sandbox.read(Path::new(path)).with_context(|| format!("read the sandbox's {path}"))?;
    file.take(bytes_max).read_to_end(&mut content).with_context(|| format!("read the sandbox's {path}"))?;
    Ok(Some(String::from_utf8_lossy(&content).into_owned()))
}

/// Copies loose objects and packs, and none of the files by which a store could point elsewhere or lie about itself.
fn copy_objects(sandbox: &Folder, source: &Path, git_dir: &Path, limits: &Limits) -> Result<(), TakeError> {
    let mut left = limits.sandbox_bytes;
    let walk = WalkDir::new(source.join(".git/objects")).min_depth(2).max_depth(2);
    for (count, entry) in (0_u64..).zip(walk) {
        let entry = entry.context("list the sandbox's history")?;
        let Some(path) = entry.path().strip_prefix(source).ok().filter(|path| is_object(path)) else {
            continue;
        };
        let refused = |flaw| TakeError::refused(path.to_string_lossy(), flaw);
        if count > limits.sandbox_entries {
            return Err(refused(Flaw::Many(limits.sandbox_entries)));
        }
        let content = sandbox.read(path).with_context(|| format!("read {}", path.display()))?;
        let target = git_dir.join(path.strip_prefix(".git").context("place the sandbox's history")?);
        fs::create_dir_all(target.parent().context("place the sandbox's history")?)
            .context("copy an object")?;
        let mut target = fs::File::create_new(&target).context("copy an object")?;
        let copied =
            io::copy(&mut content.take(left.saturating_add(1)), &mut target).context("copy an object")?;
        left = left.checked_sub(copied).ok_or_else(|| refused(Flaw::TotalLarge(limits.sandbox_bytes)))?;
    }
    Ok(())
}

/// Whether it is `.git/objects/xx/…` or a pack with its index.
fn is_object(path: &Path) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match path.to_str().unwrap_or_default().split('/').collect::<Vec<_>>().as_slice() {
        [_, _, "pack", _] => {
            path.extension().is_some_and(|extension| extension == "pack" || extension == "idx")
        }
        [_, _, start, rest] => {
            start.len() == 2 && is_hex(start) && matches!(rest.len(), 38 | 62) && is_hex(rest)
        }
        _ => false,
    }
}

/// Whether it is a full object id, and so neither an option nor a path nor a name that could move.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
