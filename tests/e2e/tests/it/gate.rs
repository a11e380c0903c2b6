//! A build that a test holds up.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Builds wait while it is closed; at first it is open.
pub(crate) struct Gate {
    folder: TempDir,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("closed")
    }

    /// The change of a shop's description.
    pub(crate) fn build(&self) -> Value {
        let script = r#"while test -e "$0"; do sleep 0.05; done; exec ./bin/portal build"#;
        json!({ "application": { "process": { "build": ["sh", "-c", script, self.path()] } } })
    }

    pub(crate) fn close(&self) {
        std::fs::write(self.path(), "").unwrap();
    }

    pub(crate) fn open(&self) {
        std::fs::remove_file(self.path()).unwrap();
    }
}
