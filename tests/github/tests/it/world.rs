//! A feature, the repository that it is proposed to, and what to ask.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adapters::change_set::{ChangeSet, Limits, Sandbox, take};
use adapters::github::{
    Address, GitHubError, Opening, Patience, Proposal, Pseudonym, PullRequest, Redaction, Repository,
    Sharing, Squash, Token, Tokens,
};
use github::{REPOSITORY, Server, TOKEN};
use tempfile::TempDir;

/// The branch that proposals make.
pub(crate) const BRANCH: &str = "slipway/FB-0123ABCD";

/// A sandbox with a feature of every kind of change, sealed, and a server with the sandbox's baseline as `main`.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) set: ChangeSet,
    sharing: Sharing,
    scratch: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[], edit).await
    }

    /// With an installation that contributes to others, in whose repository it may not write.
    pub(crate) async fn contributing() -> Self {
        let world = Self { sharing: Sharing::Contributing, ..Self::new().await };
        let mut state = world.server.state();
        (state.visibility, state.may_push, state.may_label) = ("public", false, false);
        drop(state);
        world
    }

    /// With more files in the baseline, and another feature.
    pub(crate) async fn with(more: &[(&str, &[u8])], edit: fn(&Path)) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let tree = scratch.path().join("tree");
        fs::create_dir(&tree).unwrap();
        git(&tree, &["init", "--quiet", "--template=", "-b", "main"]);
        let long = b"a long enough text\nto be recognized\nafter a move\n";
        let files: &[(&str, &[u8])] = &[
            ("kept.txt", b"kept\n"),
            ("edited.txt", b"one\ntwo\nthree\n"),
            ("dir/gone.txt", b"gone\n"),
            ("dir/old name.txt", long),
            ("tool.sh", b"#!/bin/sh\n"),
            ("crlf.txt", b"one\r\ntwo\r\n"),
            ("becomes/a/file.txt", b"in a folder\n"),
        ];
        for (path, content) in files.iter().chain(more) {
            write(&tree, path, content);
        }
        git(&tree, &["add", "--all"]);
        git(&tree, &["commit", "--quiet", "-m", "base"]);
        let server = Server::start(&tree).await;
        edit(&tree);
        let sealed = scratch.path().join("sealed");
        let set = take(&Sandbox::Directory(tree), None, &Limits::default(), &sealed).await.unwrap();
        Self { server, set, sharing: Sharing::Private, scratch }
    }

    /// The feature as its sandbox has it.
    pub(crate) fn tree(&self) -> PathBuf {
        self.scratch.path().join("tree")
    }

    pub(crate) fn repository(&self) -> Repository {
        self.repository_with(patience())
    }

    pub(crate) fn repository_with(&self, patience: Patience) -> Repository {
        self.repository_of(self.sharing, patience)
    }

    pub(crate) fn repository_of(&self, sharing: Sharing, patience: Patience) -> Repository {
        let address = Address::new(&self.server.api(), REPOSITORY).unwrap();
        let tokens = Tokens { contribution: Token::new(TOKEN), own: Token::new(TOKEN) };
        Repository::new(&address, sharing, &tokens, Redaction::default(), patience).unwrap()
    }

    pub(crate) fn proposal(&self) -> Proposal<'_> {
        Proposal {
            changes: &self.set,
            base: None,
            branch: BRANCH.to_owned(),
            title: "Loyalty points".to_owned(),
            body: "Built by ada@example.com on DESKTOP-4F7QK2L.".to_owned(),
            labels: vec!["build-studio".to_owned(), "automated".to_owned()],
            author: author(),
            sealed_at: "2026-11-23T12:00:00.5Z".parse().unwrap(),
            secret_open: false,
        }
    }

    pub(crate) async fn open(&self) -> Result<Opening, GitHubError> {
        self.repository().open(&self.proposal()).await
    }

    /// Opens a pull request that nothing keeps from being opened.
    pub(crate) async fn opened(&self) -> PullRequest {
        let opening = self.open().await.unwrap();
        let Opening::Open { pull, .. } = opening else { panic!("{opening:?}") };
        pull
    }

    /// What git says in the server's repository.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.server.state().git(arguments)
    }

    /// What git says in the repository that has the feature's branch.
    pub(crate) fn home(&self, arguments: &[&str]) -> String {
        let state = self.server.state();
        match state.forks.iter().find(|it| it.parent == REPOSITORY) {
            Some(fork) => fork.git(arguments),
            None => state.git(arguments),
        }
    }

    /// Fails if anything that was said does not fit GitHub's description.
    pub(crate) fn check_words(&self) {
        assert_eq!(self.server.problems(), Vec::<String>::new());
    }

    /// Fails unless there is exactly one pull request, of one commit with exactly the feature.
    pub(crate) fn check_proposed(&self, pull: &PullRequest) {
        let main = self.git(&["rev-parse", "main"]);
        assert_eq!(self.home(&["rev-parse", BRANCH]), pull.head);
        assert_eq!(self.home(&["rev-list", "--count", &format!("{main}..{BRANCH}")]), "1");
        self.check_tree(&pull.head);
        let state = self.server.state();
        let [found] = state.pulls.as_slice() else { panic!("{:?}", state.pulls) };
        let labels: Vec<_> = found.labels.iter().map(String::as_str).collect();
        let expected = if state.may_label { vec!["automated", "build-studio"] } else { vec![] };
        assert_eq!((found.head.as_str(), found.base.as_str()), (BRANCH, "main"));
        assert_eq!((found.is_open, labels), (true, expected));
    }

    /// Fails unless the commit holds what git itself makes of the sandbox: modes, links and contents.
    pub(crate) fn check_tree(&self, commit: &str) {
        let tree = self.tree();
        git(&tree, &["add", "--all"]);
        let expected = git(&tree, &["write-tree"]);
        assert_eq!(self.git(&["rev-parse", &format!("{commit}^{{tree}}")]), expected);
    }
}

pub(crate) fn author() -> Pseudonym {
    Pseudonym::of(b"key", "shop")
}

pub(crate) fn squash() -> Squash {
    Squash {
        title: "Loyalty points (#1)".to_owned(),
        body: "By ada@example.com.".to_owned(),
        author: author(),
    }
}

/// Short enough for tests, and long enough for a busy machine.
pub(crate) fn patience() -> Patience {
    Patience {
        tries_max: 3,
        pause: Duration::from_millis(1),
        pause_max: Duration::from_secs(1),
        answer_max: Duration::from_mins(1),
    }
}

/// Every kind of change, half of it only in the work tree.
fn edit(tree: &Path) {
    write(tree, "edited.txt", b"one\nTWO\nthree\n");
    git(tree, &["commit", "--quiet", "--all", "-m", "half of it"]);
    git(tree, &["reset", "--quiet", "--soft", "HEAD~"]);
    write(tree, "crlf.txt", b"one\r\n2\r\n");
    write(tree, "image.bin", &[0, 255, 13, 10, 0]);
    write(tree, "latin.txt", b"caf\xe9\n");
    write(tree, "empty", b"");
    write(tree, "deep/er/späte \"quoted\".txt", "ü\u{1f980}\n".as_bytes());
    fs::remove_file(tree.join("dir/gone.txt")).unwrap();
    fs::create_dir(tree.join("moved")).unwrap();
    fs::rename(tree.join("dir/old name.txt"), tree.join("moved/new name.txt")).unwrap();
    fs::set_permissions(tree.join("tool.sh"), Permissions::from_mode(0o755)).unwrap();
    symlink("kept.txt", tree.join("ref")).unwrap();
    fs::remove_dir_all(tree.join("becomes")).unwrap();
    write(tree, "becomes", b"a file\n");
}

pub(crate) fn write(tree: &Path, path: &str, content: &[u8]) {
    let path = tree.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.com");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
