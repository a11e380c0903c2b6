//! A source tree in a folder of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::run;

pub(crate) struct Tree(TempDir);

impl Tree {
    /// Unpacks the base tree.
    pub(crate) fn base() -> Self {
        let dir = TempDir::new().expect("make a folder");
        let (code, output) = run(portal().arg("unpack").arg(dir.path()));
        assert_eq!(code, Some(0), "{output}");
        Self(dir)
    }

    /// Unpacks the base tree and applies a feature.
    pub(crate) fn with(feature: &str) -> Self {
        let tree = Self::base();
        tree.apply(feature);
        tree
    }

    pub(crate) fn apply(&self, feature: &str) {
        let (code, output) = run(portal().args(["feature", feature]).arg(self.path()));
        assert_eq!(code, Some(0), "{output}");
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.path().join(path), text).expect("write a file");
    }

    /// The tree's own copy of the program, as a container or the process runtime would start it.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(self.path().join("bin/portal"));
        command.current_dir(self.path()).env_clear();
        command
    }

    /// Runs git in the tree and answers what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
        let (code, output) = run(Command::new("git").current_dir(self.path()).args(identity).args(arguments));
        assert_eq!(code, Some(0), "{output}");
        output
    }
}

pub(crate) fn portal() -> Command {
    Command::new(env!("CARGO_BIN_EXE_portal"))
}
