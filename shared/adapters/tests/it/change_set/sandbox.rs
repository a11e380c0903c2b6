//! A git work tree to play the sandbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use adapters::change_set::{Change, ChangeSet, Limits, Sandbox, TakeError, take};
use tempfile::TempDir;

/// A repository in a temporary folder, and the place where its feature gets sealed.
pub(super) struct GitSandbox {
    scratch: TempDir,
}

impl GitSandbox {
    /// A repository with one commit of these files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        Self::with_format("sha1", files)
    }

    /// The same with the given object format.
    pub(super) fn with_format(format: &str, files: &[(&str, &str)]) -> Self {
        let sandbox = Self { scratch: tempfile::tempdir().unwrap() };
        fs::create_dir(sandbox.path("")).unwrap();
        sandbox.git(&["init", "--quiet", "--template=", "-b", "main", &format!("--object-format={format}")]);
        for (path, content) in files {
            sandbox.write(path, content);
        }
        sandbox.commit("base");
        sandbox
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.scratch.path().join("tree").join(path)
    }

    /// A place of its own beside the work tree.
    pub(super) fn outside(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    pub(super) fn sealed(&self) -> PathBuf {
        self.scratch.path().join("out/sealed")
    }

    pub(super) fn beside_sealed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.scratch.path().join("out")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(super) fn write(&self, path: &str, content: &str) -> &Self {
        self.write_bytes(path, content.as_bytes())
    }

    pub(super) fn write_bytes(&self, path: &str, content: &[u8]) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(super) fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.path(path)).unwrap();
        self
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> &Self {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(self.path(from), to).unwrap();
        self
    }

    pub(super) fn link(&self, path: &str, target: impl AsRef<Path>) -> &Self {
        symlink(target, self.path(path)).unwrap();
        self
    }

    pub(super) fn make_executable(&self, path: &str) -> &Self {
        fs::set_permissions(self.path(path), Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(super) fn commit(&self, message: &str) -> &Self {
        self.git(&["add", "--all"]).git(&["commit", "--quiet", "--allow-empty", "-m", message])
    }

    pub(super) fn git(&self, arguments: &[&str]) -> &Self {
        self.git_output(arguments);
        self
    }

    pub(super) fn head(&self) -> String {
        self.git_output(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(super) async fn take(&self, baseline: Option<&str>) -> Result<ChangeSet, TakeError> {
        self.take_within(baseline, &Limits::default()).await
    }

    pub(super) async fn take_within(
        &self,
        baseline: Option<&str>,
        limits: &Limits,
    ) -> Result<ChangeSet, TakeError> {
        take(&Sandbox::Directory(self.path("")), baseline, limits, &self.sealed()).await
    }

    /// What git says.
    pub(super) fn git_output(&self, arguments: &[&str]) -> String {
        self.git_reading(Stdio::null(), arguments)
    }

    /// What git says when it reads a file beside the work tree.
    pub(super) fn git_from(&self, input: &str, arguments: &[&str]) -> String {
        let input = fs::File::open(self.outside(input)).unwrap();
        self.git_reading(input.into(), arguments).trim().to_owned()
    }

    fn git_reading(&self, input: Stdio, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "gc.auto=0"])
            .args(arguments)
            .current_dir(self.path(""))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .stdin(input)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The set's change at that path.
#[track_caller]
pub(super) fn change<'set>(set: &'set ChangeSet, path: &str) -> &'set Change {
    set.changes.iter().find(|change| change.path == path).unwrap()
}
