//! The repository that the server keeps: a real one, bare, in a temporary folder.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A bare repository.
#[derive(Debug)]
pub(crate) struct Git(TempDir);

/// One line of a tree: mode, kind, id, path.
pub(crate) type Line = (String, String, String, String);

/// What a commit says.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: [String; 3],
    pub(crate) committer: [String; 3],
    pub(crate) message: String,
}

impl Git {
    /// One with the branches of the repository in that folder.
    pub(crate) fn clone(from: &Path) -> Self {
        let git = Self(tempfile::tempdir().expect("a temporary folder"));
        let folder = git.folder().to_str().expect("a readable name");
        let from = from.to_str().expect("a readable name");
        git.run(&["clone", "--quiet", "--bare", "--no-local", from, folder]).expect("git clones");
        git
    }

    /// From now on sees what the other one has, as forks mostly do.
    pub(crate) fn see(&self, other: &Self) {
        let theirs = format!("{}\n", other.folder().join("objects").display());
        std::fs::write(self.folder().join("objects/info/alternates"), theirs).expect("a file of git's");
    }

    /// Takes over what the other one's branch has.
    pub(crate) fn fetch(&self, other: &Self, branch: &str) {
        let folder = other.folder().to_str().expect("a readable name");
        self.run(&["fetch", "--quiet", "--no-tags", folder, &format!("refs/heads/{branch}")]);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "GitHub")
                .env(format!("GIT_{who}_EMAIL"), "noreply@github.com");
        }
        command
    }

    /// What git prints, or `None` if it refuses.
    pub(crate) fn run(&self, arguments: &[&str]) -> Option<String> {
        finish(self.command(arguments), b"")
    }

    fn feed(&self, arguments: &[&str], input: &[u8]) -> Option<String> {
        finish(self.command(arguments), input)
    }

    pub(crate) fn branch(&self, name: &str) -> Option<String> {
        self.run(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{name}")])
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.run(&["cat-file", "-e", id]).is_some()
    }

    pub(crate) fn set_branch(&self, name: &str, commit: &str) {
        self.run(&["update-ref", &format!("refs/heads/{name}"), commit]).expect("git sets a branch");
    }

    pub(crate) fn blob(&self, content: &[u8]) -> String {
        self.feed(&["hash-object", "-w", "--stdin"], content).expect("git stores a content")
    }

    pub(crate) fn tree(&self, id: &str, is_deep: bool) -> Option<Vec<Line>> {
        let deep: &[&str] = if is_deep { &["-r", "-t"] } else { &[] };
        let listed = self.run(&[&["ls-tree", "-z"], deep, &[id]].concat())?;
        let line = |text: &str| {
            let (about, path) = text.split_once('\t')?;
            let [mode, kind, id] = about.split(' ').collect::<Vec<_>>().try_into().ok()?;
            Some((mode.to_owned(), kind.to_owned(), id.to_owned(), path.to_owned()))
        };
        Some(listed.split('\0').filter_map(line).collect())
    }

    /// The tree with these lines changed: mode, id or nothing, path.
    pub(crate) fn change_tree(
        &self,
        base: &str,
        lines: &[(String, Option<String>, String)],
    ) -> Option<String> {
        let index = tempfile::tempdir().expect("a temporary folder");
        let with_index = |arguments: &[&str], input: &[u8]| {
            let mut command = self.command(arguments);
            command.env("GIT_INDEX_FILE", index.path().join("index"));
            finish(command, input)
        };
        with_index(&["read-tree", base], b"")?;
        let there = with_index(&["ls-files", "-z"], b"")?;
        let mut input = String::new();
        for (mode, id, path) in lines {
            let line = match id {
                Some(id) => format!("{mode} {id}\t{path}\0"),
                // What is not there cannot be taken away.
                None if !there.split('\0').any(|it| it == path) => return None,
                None => format!("0 {}\t{path}\0", "0".repeat(40)),
            };
            input.push_str(&line);
        }
        with_index(&["update-index", "-z", "--index-info"], input.as_bytes())?;
        with_index(&["write-tree"], b"")
    }

    pub(crate) fn commit(&self, commit: &Commit) -> String {
        let parents = commit.parents.iter().flat_map(|it| ["-p", it.as_str()]);
        let arguments: Vec<_> = ["commit-tree", &commit.tree].into_iter().chain(parents).collect();
        let mut command = self.command(&arguments);
        for (who, [name, email, date]) in [("AUTHOR", &commit.author), ("COMMITTER", &commit.committer)] {
            command.env(format!("GIT_{who}_NAME"), name).env(format!("GIT_{who}_EMAIL"), email);
            command.env(format!("GIT_{who}_DATE"), date);
        }
        finish(command, commit.message.as_bytes()).expect("git makes a commit")
    }

    /// Puts one more commit on a branch; makes the branch out of `main` if need be.
    pub(crate) fn push(&self, branch: &str, path: &str, content: &str) -> String {
        let parent = self.branch(branch).or_else(|| self.branch("main")).expect("a branch");
        let blob = self.blob(content.as_bytes());
        let mut commit = self.read_commit(&parent).expect("a commit");
        let line = ("100644".to_owned(), Some(blob), path.to_owned());
        commit.tree = self.change_tree(&commit.tree, &[line]).expect("a tree");
        commit.parents = vec![parent];
        commit.message = format!("push {path}");
        let made = self.commit(&commit);
        self.set_branch(branch, &made);
        made
    }

    pub(crate) fn read_commit(&self, id: &str) -> Option<Commit> {
        let format = "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B";
        let shown = self.run(&["show", "--no-patch", format, id])?;
        let fields: Vec<_> = shown.split('\0').map(str::to_owned).collect();
        let [tree, parents, name, email, date, c_name, c_email, c_date, message] = fields.try_into().ok()?;
        Some(Commit {
            tree,
            parents: parents.split_whitespace().map(str::to_owned).collect(),
            author: [name, email, date],
            committer: [c_name, c_email, c_date],
            message,
        })
    }

    pub(crate) fn is_ancestor(&self, old: &str, new: &str) -> bool {
        self.run(&["merge-base", "--is-ancestor", old, new]).is_some()
    }

    /// The tree of both merged, unless they conflict.
    pub(crate) fn merge(&self, base: &str, head: &str) -> Option<String> {
        self.run(&["merge-tree", "--write-tree", base, head])
    }
}

fn finish(mut command: Command, input: &[u8]) -> Option<String> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("git starts");
    // Git may refuse before it has read all.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("git ends");
    let text = String::from_utf8(output.stdout).expect("readable text");
    output.status.success().then(|| text.trim_end_matches('\n').to_owned())
}
