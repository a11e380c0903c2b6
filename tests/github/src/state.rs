//! What the server holds.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::git::Git;
use crate::{Fault, What};

/// The repository, and what people see beside it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a test sets the one that it is about")]
pub struct State {
    /// `public`, `private` or `internal`.
    pub visibility: &'static str,
    /// Whether the token may write to it.
    pub may_push: bool,
    /// Whether it takes nothing any more.
    pub is_archived: bool,
    /// Whether it may be forked.
    pub allow_forking: bool,
    /// What the token's owner has.
    pub forks: Vec<Fork>,
    /// How many looks it takes until a new fork is there.
    pub fork_looks: usize,
    /// Whether forks see what the repository gets after they were made.
    pub forks_see: bool,
    /// Its pull requests; their numbers count from 1.
    pub pulls: Vec<Pull>,
    /// All comments; their ids count from 1.
    pub comments: Vec<Comment>,
    /// All statuses, the latest last.
    pub statuses: Vec<Status>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Most items on one page.
    pub page_max: usize,
    /// Most lines of a tree in one answer.
    pub tree_max: usize,
    /// Whether a review is asked for before something is merged.
    pub is_protected: bool,
    /// Whether the token may label.
    pub may_label: bool,
    /// Whether it is known already what can be merged.
    pub is_mergeability_known: bool,
    /// What was asked, in order.
    pub asked: Vec<String>,
    /// All that was sent.
    pub bodies: Vec<Value>,
    pub(crate) problems: Vec<String>,
    pub(crate) git: Git,
}

/// A repository of the token's owner.
#[derive(Debug)]
pub struct Fork {
    /// Its name, without the owner's.
    pub name: String,
    /// What it is a fork of; empty if of none.
    pub parent: &'static str,
    /// `public`, `private` or `internal`.
    pub visibility: &'static str,
    /// How many more looks it takes until it is there: all but the last find nothing, the last finds it empty.
    pub looks: usize,
    pub(crate) git: Git,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are GitHub's")]
pub struct Pull {
    pub title: String,
    pub body: String,
    pub head: String,
    /// Whether the branch is in the fork.
    pub is_from_fork: bool,
    pub base: String,
    pub is_open: bool,
    pub labels: BTreeSet<String>,
    /// The branch's last commit when it was merged, and the commit that came of it.
    pub merged: Option<(String, String)>,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Under which pull request.
    pub pull: usize,
    /// What it says.
    pub body: String,
    /// Whether the token's owner wrote it, and so may change it.
    pub is_own: bool,
}

/// What a commit is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are GitHub's")]
pub struct Status {
    pub repository: String,
    pub commit: String,
    pub context: String,
    pub state: String,
    pub description: String,
}

impl Fork {
    /// What git prints there.
    ///
    /// # Panics
    /// If it refuses.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git.run(arguments).unwrap_or_else(|| panic!("git refuses {arguments:?}"))
    }

    /// Puts one more commit on a branch, as [`State::push`] does in the upstream.
    ///
    /// # Panics
    /// If git refuses.
    pub fn push(&mut self, branch: &str, path: &str, content: &str) -> String {
        self.git.push(branch, path, content)
    }
}

impl State {
    pub(crate) fn new(from: &Path) -> Self {
        Self {
            visibility: "private",
            may_push: true,
            is_archived: false,
            allow_forking: true,
            forks: Vec::new(),
            fork_looks: 0,
            forks_see: true,
            pulls: Vec::new(),
            comments: Vec::new(),
            statuses: Vec::new(),
            faults: Vec::new(),
            page_max: 100,
            tree_max: usize::MAX,
            is_protected: false,
            may_label: true,
            is_mergeability_known: true,
            asked: Vec::new(),
            bodies: Vec::new(),
            problems: Vec::new(),
            git: Git::clone(from),
        }
    }

    /// The folder of the bare repository, for git.
    pub fn folder(&self) -> &Path {
        self.git.folder()
    }

    /// What git prints there.
    ///
    /// # Panics
    /// If it refuses.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git.run(arguments).unwrap_or_else(|| panic!("git refuses {arguments:?}"))
    }

    /// Puts one more commit on a branch, with this file in it; makes the branch out of `main` if need be.
    ///
    /// # Panics
    /// If git refuses.
    pub fn push(&mut self, branch: &str, path: &str, content: &str) -> String {
        self.git.push(branch, path, content)
    }

    /// Gives the token's owner a repository with what the upstream has now.
    ///
    /// # Panics
    /// If git refuses.
    pub fn fork(&mut self, name: &str, parent: &'static str) -> &mut Fork {
        let git = Git::clone(self.git.folder());
        if self.forks_see {
            git.see(&self.git);
        }
        let (name, visibility) = (name.to_owned(), self.visibility);
        self.forks.push(Fork { name, parent, visibility, looks: 0, git });
        self.forks.last_mut().expect("it was added")
    }

    /// What goes wrong with this question.
    pub(crate) fn fault(&mut self, operation: &str) -> Option<What> {
        for fault in &mut self.faults {
            if fault.operation.is_some_and(|it| it != operation) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.what.clone());
            }
        }
        None
    }
}
