//! A change as the scanner sees it: files as they were and as they would be.

use std::collections::BTreeMap;

/// How large a file may be to be analysed, in bytes; a larger one is a finding itself.
pub const FILE_MAX: usize = 4 * 1024 * 1024;

/// A change of a whole tree.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    /// The files that the change touches, by path.
    pub files: Vec<ChangedFile>,
    /// Paths of all files of the tree that the change starts from. None when that tree is not known: then nothing
    /// is said about what is new to it.
    pub base_paths: Vec<String>,
    /// Texts of the files that the change does not touch and that say how the tree fits together, by path: those
    /// for which [`describes_tree`] holds.
    pub context: BTreeMap<String, String>,
    /// What is known of packages from outside: answers of a registry, and a file of advisories.
    pub facts: Facts,
}

/// What is known of packages from outside.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Licence expressions, by `name@version`.
    pub licences: BTreeMap<String, String>,
    /// Minutes since a version was published, by `name@version`.
    pub ages_minutes: BTreeMap<String, u64>,
    /// Advisories: a JSON array of records in the format of OSV.
    pub advisories: Option<String>,
}

/// Whether the layout and supply engines need a file even if the change does not touch it.
pub fn describes_tree(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if path.split('/').any(|it| it == "node_modules") {
        return false;
    }
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    matches!(
        name,
        "package.json"
            | "pnpm-lock.yaml"
            | "package-lock.json"
            | "npm-shrinkwrap.json"
            | "yarn.lock"
            | "jsconfig.json"
    ) || stem == "tsconfig" && ending.rsplit('.').next() == Some("json")
}

/// One file of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Where it lies afterwards, or lay if it is removed: from the root, with `/`.
    pub path: String,
    /// Where it lay before, if it was moved.
    pub moved_from: Option<String>,
    /// What was there before.
    pub before: Option<Content>,
    /// What would be there.
    pub after: Option<Content>,
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How git calls its kind and permissions: `0o100644`, `0o100755`, `0o120000` (a link), `0o160000` (a submodule).
    pub mode: u32,
    /// The bytes; of a link its target.
    pub bytes: Vec<u8>,
}

/// One text file at one moment, as the engines read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Where it lies.
    pub(crate) path: &'a str,
    /// What it says.
    pub(crate) text: &'a str,
}
