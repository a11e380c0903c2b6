//! A change as the scanner sees it: files as they were and as they would be.

/// How large a file may be to be analysed, in bytes; a larger one is a finding itself.
pub const FILE_MAX: usize = 4 * 1024 * 1024;

/// A change of a whole tree.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    /// The files that the change touches, by path.
    pub files: Vec<ChangedFile>,
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
