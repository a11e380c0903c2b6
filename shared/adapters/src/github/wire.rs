//! What is read of GitHub's answers, and what it is sent.

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryAnswer {
    pub(super) private: bool,
    pub(super) visibility: Option<String>,
    pub(super) default_branch: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RefAnswer {
    pub(super) object: Id,
}

/// Something in git's store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Id {
    pub(super) sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommitAnswer {
    pub(super) sha: String,
    pub(super) tree: Id,
    pub(super) parents: Vec<Id>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ComparisonAnswer {
    pub(super) status: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TreeAnswer {
    pub(super) sha: String,
    pub(super) tree: Vec<Entry>,
    #[serde(default)]
    pub(super) truncated: bool,
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullAnswer {
    pub(super) number: u64,
    pub(super) html_url: String,
    pub(super) state: String,
    pub(super) merged_at: Option<String>,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) head: Side,
    pub(super) base: Side,
    #[serde(default)]
    pub(super) mergeable: Option<bool>,
    #[serde(default)]
    pub(super) mergeable_state: Option<String>,
}

/// One of a pull request's two branches.
#[derive(Debug, Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) branch: String,
    pub(super) sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct MergeAnswer {
    pub(super) sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommentAnswer {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) body: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusesAnswer {
    pub(super) statuses: Vec<StatusAnswer>,
    pub(super) total_count: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusAnswer {
    pub(super) context: String,
    pub(super) state: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct NewBlob {
    pub(super) content: String,
    pub(super) encoding: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewTree<'a> {
    pub(super) base_tree: &'a str,
    pub(super) tree: &'a [NewEntry],
}

/// A line that a tree is to have, or to lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NewEntry {
    pub(super) path: String,
    pub(super) mode: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) content: NewContent,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NewContent {
    /// Something that the repository has; nothing at all if absent.
    Sha(Option<String>),
    /// A text.
    Content(String),
}

#[derive(Debug, Serialize)]
pub(super) struct NewCommit<'a> {
    pub(super) message: &'a str,
    pub(super) tree: &'a str,
    pub(super) parents: [&'a str; 1],
    pub(super) author: Signature<'a>,
    pub(super) committer: Signature<'a>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Signature<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) date: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewRef<'a> {
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) sha: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewPull<'a> {
    pub(super) title: &'a str,
    pub(super) head: &'a str,
    pub(super) base: &'a str,
    pub(super) body: &'a str,
    pub(super) maintainer_can_modify: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct NewState {
    pub(super) state: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewMerge<'a> {
    pub(super) commit_title: &'a str,
    pub(super) commit_message: &'a str,
    pub(super) sha: &'a str,
    pub(super) merge_method: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewLabels<'a> {
    pub(super) labels: &'a [String],
}

#[derive(Debug, Serialize)]
pub(super) struct NewComment<'a> {
    pub(super) body: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewStatus<'a> {
    pub(super) state: &'static str,
    pub(super) context: &'a str,
    pub(super) description: &'a str,
}
