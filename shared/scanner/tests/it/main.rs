//! The scanner by what it says of changes.

mod changes;
mod output;
mod rows;
mod statements;

use scanner::change::{ChangeSet, ChangedFile, Content, Origin};
use scanner::policy::Policy;
use scanner::{Report, scan};

/// One file of a change.
fn file(path: &str, before: Option<&str>, after: Option<&str>) -> ChangedFile {
    let content = |text: &str| Content { mode: 0o100_644, bytes: text.as_bytes().to_vec() };
    ChangedFile {
        path: path.to_owned(),
        moved_from: None,
        before: before.map(content),
        after: after.map(content),
    }
}

/// What is found in a change of these files.
fn report(files: Vec<ChangedFile>) -> Report {
    let change = ChangeSet::of(Origin::Trees, files);
    scan(&change, &Policy::default())
}

/// The rules and lines of what is open.
fn open(report: &Report) -> Vec<(&str, usize)> {
    report.open().map(|it| (it.rule.as_str(), it.line)).collect()
}

/// A line with a token, made for these tests.
fn token(name: &str) -> String {
    format!("const {name} = \"{}{}\";\n", "ghp_", "x7Kq2mV9bT4nR8wL1pZ6cY3dF5hJ0sAgEu2W")
}
