//! The repository that a shop's features are proposed to, on a GitHub of the test's own.

use std::path::Path;

use github::{Comment, Pull, REPOSITORY, Server, Status, TOKEN};
use serde_json::{Value, json};

use crate::feature::{Feature, git};
use crate::program::portal;
use crate::shop::Shop;

/// What the ship worker reads the token for contributions from.
pub(crate) const CONTRIBUTION_TOKEN: (&str, &str) = ("HIVE_CONTRIBUTION_TOKEN", TOKEN);

/// A repository that begins with what the shop has in production; gone when it is dropped.
pub(crate) struct Upstream {
    pub(crate) server: Server,
}

impl Upstream {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("slipway-e2e-upstream-").tempdir().unwrap();
        let tree = folder.path().join("tree");
        portal(&["unpack"], &tree).await;
        git(&tree, &["init", "--quiet", "--initial-branch", "main"]).await;
        git(&tree, &["add", "--all"]).await;
        let identity = ["-c", "user.name=Dev", "-c", "user.email=dev@example.com"];
        git(&tree, &[&identity[..], &["commit", "--quiet", "--message", "Base"]].concat()).await;
        Self { server: Server::start(&tree).await }
    }

    /// How a shop describes it that contributes in this way.
    pub(crate) fn shared(&self, mode: &str) -> Value {
        json!({ "contribution": { "mode": mode, "upstream": self.address() } })
    }

    /// How a shop describes it that keeps to itself, and has this token for it.
    pub(crate) fn own(&self, shop: &Shop, token: &str) -> Value {
        let file = shop.folder().join("github-token");
        std::fs::write(&file, token).unwrap();
        json!({ "contribution": {
            "mode": "fork_only",
            "upstream": self.address(),
            "token": { "file": file },
        } })
    }

    fn address(&self) -> Value {
        json!({ "repository": REPOSITORY, "api": self.server.api() })
    }

    /// What git says in the repository.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.server.state().git(arguments)
    }

    /// The pull requests of a build, with their numbers.
    pub(crate) fn pulls(&self, build: &str) -> Vec<(usize, Pull)> {
        let begin = format!("slipway/{}-", build.to_lowercase());
        let pulls = self.server.state().pulls.clone();
        let numbered = pulls.into_iter().zip(1..).map(|(pull, number)| (number, pull));
        numbered.filter(|(_, pull)| pull.head.starts_with(&begin)).collect()
    }

    /// The only pull request of a build, with its number.
    pub(crate) fn pull(&self, build: &str) -> (usize, Pull) {
        let [pull] = self.pulls(build).try_into().expect("one pull request");
        pull
    }

    /// The only comment at a pull request.
    pub(crate) fn comment(&self, number: usize) -> Comment {
        let mut all = self.server.state().comments.clone();
        all.retain(|comment| comment.pull == number);
        let [comment] = all.try_into().expect("one comment");
        comment
    }

    /// What each gate last said at the end of a branch.
    pub(crate) fn statuses(&self, branch: &str) -> Vec<Status> {
        let commit = self.git(&["rev-parse", branch]);
        let mut all = self.server.state().statuses.clone();
        all.retain(|status| status.commit == commit);
        all
    }

    /// Whether anything of the build was sent: to see with git, not only as a pull request.
    pub(crate) fn has_anything_of(&self, build: &str) -> bool {
        let branches = self.git(&["for-each-ref", "--format=%(refname)"]);
        branches.contains(&build.to_lowercase()) || !self.pulls(build).is_empty()
    }

    /// Fails unless the commit holds the repository's base with exactly the feature in it.
    pub(crate) async fn check_tree(&self, commit: &str, sandbox: &Path) {
        git(sandbox, &["add", "--all"]).await;
        let expected = git(sandbox, &["write-tree"]).await;
        assert_eq!(self.git(&["rev-parse", &format!("{commit}^{{tree}}")]), expected);
    }

    /// Fails if anything that was said to GitHub does not fit its description.
    pub(crate) fn check_words(&self) {
        assert_eq!(self.server.problems(), Vec::<String>::new());
    }
}

/// Build Studio reports that all is well with the build.
pub(crate) fn verified(feature: &mut Feature) {
    report(feature, json!({}));
}

/// The same but for these changes.
pub(crate) fn report(feature: &mut Feature, changes: Value) {
    let mut verification = json!({
        "typecheck_passed": true,
        "tests": { "passed": 12, "failed": 0 },
        "acceptance": { "met": 3, "total": 3 },
    });
    crate::shop::merge(&mut verification, changes);
    feature.message["data"]["verification"] = verification;
}
