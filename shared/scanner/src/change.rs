//! A change as the scanner sees it: files as they were and as they would be.

use std::collections::BTreeMap;

/// How large a file may be to be analysed, in bytes; a larger one is a finding itself.
pub const FILE_MAX: usize = 4 * 1024 * 1024;

/// A change of a whole tree.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    /// How much of the files is known, and whether anything is known of what was there before.
    pub origin: Origin,
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

impl ChangeSet {
    /// A change of these files, of whose tree nothing else is known.
    pub fn of(origin: Origin, files: Vec<ChangedFile>) -> Self {
        Self { origin, files, ..Self::default() }
    }
}

/// How a change came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Whole files, as they were and as they would be.
    #[default]
    Trees,
    /// One whole tree, read as if all of it were added; that a file is there at all is no news.
    Tree,
    /// The lines that a text diff shows; what lies between them is blank.
    Hunks,
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

impl Content {
    /// Whether it is a file at all, not a link or a submodule.
    pub(crate) fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000 || self.mode & 0o170_000 == 0
    }
}

/// The endings of files that something runs or compiles.
const CODE: &[&str] = &[
    "ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "vue", "svelte", "astro", "html", "htm", "sql",
    "prisma", "sh", "bash", "zsh", "ps1", "bat", "cmd", "py", "rb", "php", "pl", "lua", "go", "rs", "java",
    "kt", "kts", "scala", "groovy", "gradle", "c", "h", "cc", "cpp", "hpp", "cs", "swift", "m", "dart", "ex",
    "exs", "erl", "hs", "clj", "r", "sol", "tf", "graphql", "gql",
];

/// The end of a file's name after its last dot, in small letters.
pub(crate) fn ending(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// Whether something runs or compiles files of this name.
pub(crate) fn is_code(path: &str) -> bool {
    CODE.contains(&ending(path).as_str())
}

/// One text file at one moment, as the engines read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Where it lies.
    pub(crate) path: &'a str,
    /// What it says.
    pub(crate) text: &'a str,
}
