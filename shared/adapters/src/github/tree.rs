//! The tree that a change set makes of another, in the repository's store.

use std::collections::BTreeSet;

use anyhow::{Context as _, anyhow};
use data_encoding::{BASE64, HEXLOWER};
use sha1::{Digest, Sha1};

use super::GitHubError;
use super::client::Client;
use super::ends::Ends;
use super::overlay::{Ids, Listing, Step, mode_name, overlay};
use super::wire::{Id, NewBlob, NewContent, NewEntry, NewTree, TreeAnswer};
use crate::change_set::{ChangeSet, Kind};

/// Most lines that one request adds to a tree; a large feature takes several.
const LINES_MAX: usize = 500;

/// Most bytes of text that one request adds to a tree, well below what GitHub takes.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// What came of laying a change set over a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Laid {
    /// The tree with it, in the repository's store.
    Tree(String),
    /// The tree holds it already.
    Contained,
    /// The tree has something else at these paths than what the feature was built on.
    Conflict(Vec<String>),
}

/// Makes the tree; what was made is compared with what was sealed, path by path.
///
/// The base is a tree of the upstream; the new one is in the store of the branch's repository.
pub(super) async fn lay(ends: &Ends<'_>, set: &ChangeSet, base: &str) -> Result<Laid, GitHubError> {
    let home = ends.home();
    let set = set.clone();
    let (set, ids) = tokio::task::spawn_blocking(move || ids(&set).map(|ids| (set, ids)))
        .await
        .context("wait for the sealed contents")??;
    let listing = list(ends.upstream, &set, base).await?;
    let steps = match overlay(&listing, &set.changes, &ids) {
        Err(conflicts) => return Ok(Laid::Conflict(conflicts)),
        Ok(steps) if steps.is_empty() => return Ok(Laid::Contained),
        Ok(steps) => steps,
    };
    let stored: BTreeSet<&str> = listing.entries.values().map(|entry| entry.sha.as_str()).collect();
    let mut tree = base.to_owned();
    let mut lines = Lines::default();
    for step in &steps {
        let line = line(home, &set, &stored, step).await?;
        if lines.is_full(&line) {
            tree = lines.send(home, &tree).await?;
        }
        lines.add(line);
    }
    tree = lines.send(home, &tree).await?;
    let made = list(home, &set, &tree).await?;
    match overlay(&made, &set.changes, &ids) {
        Ok(rest) if rest.is_empty() => Ok(Laid::Tree(tree)),
        Ok(_) | Err(_) => {
            Err(GitHubError::Unavailable(anyhow!("the tree {tree} is not what was sealed as {}", set.hash)))
        }
    }
}

/// Git's ids of all contents, old and new.
fn ids(set: &ChangeSet) -> anyhow::Result<Ids> {
    let all = set.changes.iter().flat_map(|change| [&change.old_sha256, &change.new_sha256]).flatten();
    let id = |sha256: &String| {
        let content = set.content(sha256)?;
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", content.len()));
        hash.update(&content);
        Ok((sha256.clone(), HEXLOWER.encode(&hash.finalize())))
    };
    all.collect::<BTreeSet<_>>().into_iter().map(id).collect()
}

/// The tree's files; of one that is too large for an answer, the folders that the change set touches.
async fn list(client: &Client, set: &ChangeSet, tree: &str) -> Result<Listing, GitHubError> {
    let answer: TreeAnswer = client.get(&format!("/git/trees/{tree}?recursive=1")).await?;
    if !answer.truncated {
        let entries = answer.tree.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        return Ok(Listing { entries, is_whole: true });
    }
    let mut listing = Listing::default();
    // Parents come before what is in them.
    for folder in folders(set) {
        let id = if folder.is_empty() { Some(tree) } else { listing.tree_at(folder) };
        let Some(id) = id else { continue };
        let answer: TreeAnswer = client.get(&format!("/git/trees/{id}")).await?;
        for mut entry in answer.tree {
            if !folder.is_empty() {
                entry.path = format!("{folder}/{}", entry.path);
            }
            listing.entries.insert(entry.path.clone(), entry);
        }
    }
    Ok(listing)
}

impl Listing {
    fn tree_at(&self, folder: &str) -> Option<&str> {
        let entry = self.entries.get(folder)?;
        (entry.kind == "tree").then_some(entry.sha.as_str())
    }
}

/// The folders of all paths that the change set names, the root as an empty name.
fn folders(set: &ChangeSet) -> BTreeSet<&str> {
    let mut folders = BTreeSet::from([""]);
    for change in &set.changes {
        let from = match &change.kind {
            Kind::Renamed { from } => Some(from),
            Kind::Added | Kind::Modified | Kind::Deleted => None,
        };
        for path in std::iter::once(&change.path).chain(from) {
            folders.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
        }
    }
    folders
}

/// A step as GitHub takes it. A text goes along with the tree; what is none must be stored before.
async fn line(
    client: &Client,
    set: &ChangeSet,
    stored: &BTreeSet<&str>,
    step: &Step,
) -> Result<NewEntry, GitHubError> {
    let (path, mode, content) = match step {
        Step::Remove { path, mode } => (path, *mode, NewContent::Sha(None)),
        Step::Put { path, mode, sha256, id } => {
            let content = if stored.contains(id.as_str()) {
                NewContent::Sha(Some(id.clone()))
            } else {
                content(client, set.content(sha256)?, id).await?
            };
            (path, *mode, content)
        }
    };
    Ok(NewEntry { path: path.clone(), mode: mode_name(mode), kind: "blob", content })
}

async fn content(client: &Client, bytes: Vec<u8>, id: &str) -> Result<NewContent, GitHubError> {
    let text = if bytes.len() <= TEXT_BYTES_MAX && !bytes.contains(&0) {
        String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
    } else {
        Err(bytes)
    };
    match text {
        Ok(text) => Ok(NewContent::Content(text)),
        Err(bytes) => {
            let blob = NewBlob { content: BASE64.encode(&bytes), encoding: "base64" };
            let stored: Id = client.post("/git/blobs", &blob).await?;
            if stored.sha != id {
                let wrong = anyhow!("a content became {} and not {id}", stored.sha);
                return Err(GitHubError::Unavailable(wrong));
            }
            Ok(NewContent::Sha(Some(stored.sha)))
        }
    }
}

/// Lines that wait to be sent.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<NewEntry>,
    bytes: usize,
}

impl Lines {
    fn is_full(&self, next: &NewEntry) -> bool {
        self.waiting.len() >= LINES_MAX
            || (!self.waiting.is_empty() && self.bytes + text_bytes(next) > TEXT_BYTES_MAX)
    }

    fn add(&mut self, line: NewEntry) {
        self.bytes += text_bytes(&line);
        self.waiting.push(line);
    }

    async fn send(&mut self, client: &Client, base: &str) -> Result<String, GitHubError> {
        let made: TreeAnswer =
            client.post("/git/trees", &NewTree { base_tree: base, tree: &self.waiting }).await?;
        *self = Self::default();
        Ok(made.sha)
    }
}

fn text_bytes(line: &NewEntry) -> usize {
    match &line.content {
        NewContent::Content(text) => text.len(),
        NewContent::Sha(_) => 0,
    }
}
