//! What is read of GitHub's answers, and what it is sent.

use serde::{Deserialize, Serialize};

use super::Visibility;

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryAnswer {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) private: bool,
    pub(super) visibility: Option<String>,
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) allow_forking: Option<bool>,
    /// What the token's owner may do.
    pub(super) permissions: Option<Permissions>,
    /// What it is a fork of.
    pub(super) parent: Option<Parent>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    pub(super) push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Parent {
    pub(super) id: u64,
}

impl RepositoryAnswer {
    pub(super) fn visibility(&self) -> Visibility {
        Visibility::of(self.private, self.visibility.as_deref())
    }

    /// Where GitHub does not say it, trying will tell.
    pub(super) fn may_push(&self) -> bool {
        self.permissions.as_ref().is_none_or(|it| it.push)
    }

    pub(super) fn is_fork_of(&self, other: &Self) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.id == other.id)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct UserAnswer {
    pub(super) login: String,
}

/// An answer of which only matters that it is a good one.
#[derive(Debug, Deserialize)]
pub(super) struct Ignored {}

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
    /// Absent once it is gone.
    pub(super) repo: Option<RepositoryName>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct RepositoryName {
    pub(super) full_name: String,
}

impl PullAnswer {
    /// Whether its branch is in another repository than the pull request.
    pub(super) fn is_from_fork(&self) -> bool {
        self.head.repo != self.base.repo
    }
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
pub(super) struct NewFork {
    pub(super) default_branch_only: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct NewSync<'a> {
    pub(super) branch: &'a str,
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
