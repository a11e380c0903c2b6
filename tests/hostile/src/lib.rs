//! What must hold of the scanner, whatever it is given to read.
//!
//! ```text
//! seeds/, words/ ─┬─▶ tests/it  changes them by chance, always the same way ─┐
//!                 └─▶ fuzz/     changes them by what the code did with them  ├─▶ Target::look ─▶ input ─▶ promises
//!                               (libFuzzer, a nightly compiler)              ┘
//! ```
//!
//! A broken promise is a panic, with what was broken as its text.

mod input;
mod panics;
mod promises;

use std::panic::resume_unwind;
use std::thread;

use scanner::change::ChangeSet;

pub use input::SECRETS;

/// What a text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A text diff.
    Diff,
    /// TypeScript, JavaScript and what they lie in.
    Script,
    /// Migrations.
    Sql,
    /// Manifests and lock files of packages.
    Packages,
    /// Several files at once.
    Change,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Diff, Self::Script, Self::Sql, Self::Packages, Self::Change];

    /// Its name: of its program, its seeds and its words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Diff => "diff",
            Self::Script => "script",
            Self::Sql => "sql",
            Self::Packages => "packages",
            Self::Change => "change",
        }
    }

    /// The change that the bytes stand for; none for a diff that cannot be read.
    pub fn read(self, bytes: &[u8]) -> Option<ChangeSet> {
        match self {
            Self::Diff => input::diff(bytes),
            Self::Script => Some(input::files("src/a.ts", bytes)),
            Self::Sql => Some(input::files("migrations/0001_a.sql", bytes)),
            Self::Packages => Some(input::files("package.json", bytes)),
            Self::Change => Some(input::files("src/a.txt", bytes)),
        }
    }

    /// Looks at what the bytes stand for.
    ///
    /// # Panics
    ///
    /// The scanner broke a promise; the text says which.
    pub fn look(self, bytes: &[u8]) {
        let _turn = panics::turn();
        let panics = panics::count();
        thread::scope(|scope| {
            let look = || self.read(bytes).iter().for_each(promises::hold);
            let thread = thread::Builder::new().stack_size(scanner::STACK_BYTES).spawn_scoped(scope, look);
            // The text of the panic says which promise was broken.
            thread.expect("a thread starts").join().unwrap_or_else(|broken| resume_unwind(broken));
        });
        assert_eq!(panics::count(), panics, "a part of the scanner failed, and another one hid it");
    }
}
