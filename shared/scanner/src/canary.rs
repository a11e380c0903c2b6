//! The self-check: one bad sample of every kind, and each must be found.

use crate::change::{ChangeSet, ChangedFile, Content, Origin};
use crate::finding::Category;
use crate::policy::Policy;
use crate::report::SelfCheck;

/// One sample: what must be found in it, where it lies, what it says.
type Sample = (Category, &'static str, fn() -> String);

/// Written in pieces, so that nobody's scanner stumbles over this file, this one's included.
const SAMPLES: &[Sample] = &[
    (Category::Token, "src/canary-token.ts", || {
        format!("const t = \"ghp_{}\";\n", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W")
    }),
    (Category::Secret, "deploy/canary.env", || format!("DATABASE_PASSWORD={}\n", "q7!Vd2#mZp9xLw")),
    (Category::Obfuscated, "src/canary-text.ts", || {
        format!("if (role !== \"user{}// admin\") {{ }}\n", '\u{202e}')
    }),
];

/// Looks at the samples; with a failing engine fewer are found than there are.
pub(crate) fn check(policy: &Policy) -> SelfCheck {
    let found =
        SAMPLES.iter().filter(|(category, path, text)| is_found(*category, path, text(), policy)).count();
    SelfCheck { found, of: SAMPLES.len() }
}

fn is_found(category: Category, path: &str, text: String, policy: &Policy) -> bool {
    let after = Some(Content { mode: 0o100_644, bytes: text.into_bytes() });
    let file = ChangedFile { path: path.to_owned(), moved_from: None, before: None, after };
    let change = ChangeSet::of(Origin::Trees, vec![file]);
    let alone = change.files.iter().flat_map(|file| crate::scan_file(file, change.origin, policy).findings);
    alone.chain(crate::across(&change, policy)).any(|it| it.category == category && it.is_open())
}
