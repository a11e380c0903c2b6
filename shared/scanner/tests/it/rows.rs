//! What the scanners of the existing platform are meant to find, what they miss, and what they flag wrongly: each row
//! of that study as a case. Where Slipway judges otherwise on purpose, the row says why.

mod destructive;
mod gates;
mod parser;
mod security;

use scanner::finding::{Category, Finding, Verdict};

use super::{file, report};

/// What is open in a file that is new.
fn open_in(path: &str, text: &str) -> Vec<Finding> {
    report(vec![file(path, None, Some(text))]).open().cloned().collect()
}

/// Looks at every row of a table before it fails, with all that went wrong.
#[derive(Default)]
struct Rows {
    wrong: Vec<String>,
}

impl Rows {
    /// A row that must be found: with this category and this verdict, or a stricter one.
    fn finds(&mut self, row: &str, path: &str, text: &str, category: Category, verdict: Verdict) {
        let found = open_in(path, text);
        if !found.iter().any(|it| it.category == category && it.verdict >= verdict) {
            self.add(row, path, text, &found);
        }
    }

    /// A row that must be silent: nobody is asked to look.
    fn is_silent(&mut self, row: &str, path: &str, text: &str) {
        let found = open_in(path, text);
        if !found.is_empty() {
            self.add(row, path, text, &found);
        }
    }

    fn add(&mut self, row: &str, path: &str, text: &str, found: &[Finding]) {
        self.wrong.push(format!("{row}\n   in {path}: {text}\n   found: {}", told(found)));
    }

    #[track_caller]
    fn end(self) {
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
    }
}

fn told(found: &[Finding]) -> String {
    let each = found.iter().map(|it| format!("{} {:?} {:?}", it.rule, it.category, it.verdict));
    each.collect::<Vec<_>>().join(", ")
}
