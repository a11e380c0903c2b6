//! Comments that silence a check for one statement: `slipway-allow <rule>: <reason>`.

use std::ops::Range;

use crate::finding::{Finding, Verdict};
use crate::lines::{Added, Lines};
use crate::sighting::Sighting;
use crate::tripwire;

const MARK: &str = "slipway-allow ";

/// How many letters a reason needs to be one.
const REASON_MIN: usize = 10;

/// How many of a file are heeded: nobody writes as many, and each is compared with every finding.
const ALLOWANCES_MAX: usize = 1_000;

/// A comment that silences one rule for the statement after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    place: Range<usize>,
    rule: String,
    reason: String,
    /// The lines that it speaks for, from 1.
    lines: Range<usize>,
}

/// The comments of a text that give a reason, at most [`ALLOWANCES_MAX`].
pub(crate) fn all(text: &str) -> Vec<Allowance> {
    let mut found = Vec::new();
    if !text.contains(MARK) {
        return found;
    }
    let lines = Lines::of(text);
    // Comments that follow each other speak for the same statement, which is looked for once.
    let mut next = 0..0;
    for (at, _) in text.match_indices(MARK) {
        let line = lines.position(text, at).line;
        let said = &text[at + MARK.len()..lines.range(text, line - 1).end.max(at + MARK.len())];
        let Some((rule, reason)) = said.split_once(':') else { continue };
        let reason = reason.trim().trim_end_matches(['*', '/', '-', '>', '}', ' ']).to_owned();
        let is_name =
            !rule.is_empty() && rule.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        if is_name && reason.chars().count() >= REASON_MIN {
            if next.start <= line {
                next = statement(text, &lines, line);
            }
            let place = at..at + MARK.len();
            found.push(Allowance { place, rule: rule.to_owned(), reason, lines: next.clone() });
            if found.len() == ALLOWANCES_MAX {
                break;
            }
        }
    }
    found
}

/// The lines of the statement after a line: the first one with code, and those that are indented deeper.
fn statement(text: &str, lines: &Lines, comment: usize) -> Range<usize> {
    let line = |number: usize| &text[lines.range(text, number)];
    let depth = |line: &str| line.len() - line.trim_start().len();
    let is_code = |line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !["//", "/*", "*", "#", "--", "<!--", "{/*"].iter().any(|it| line.starts_with(it))
    };
    let count = lines.count(text);
    let Some(first) = (comment..count).find(|number| is_code(line(*number))) else {
        return count + 1..count + 1;
    };
    let own = depth(line(first));
    let end = (first + 1..count).find(|number| depth(line(*number)) <= own).unwrap_or(count);
    first + 1..end + 1
}

impl Allowance {
    /// The finding about it, if the change that is checked brought it.
    pub(crate) fn planted(&self, added: Option<&Added>) -> Option<Sighting> {
        added
            .is_some_and(|added| added.touches(&self.place))
            .then(|| tripwire::planted_allowance(self.place.clone(), &self.rule))
    }

    /// Accepts the findings that it speaks of; never one that blocks.
    pub(crate) fn apply(&self, findings: &mut [Finding]) {
        let own = findings.iter_mut().filter(|it| it.rule == self.rule && self.lines.contains(&it.line));
        for finding in own.filter(|it| it.verdict == Verdict::Review) {
            finding.accepted = Some(self.reason.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_speaks_for_the_next_statement_only() {
        let text = "a();\n// slipway-allow xss.html: the text is our own, see #12\n\nb(\n  c,\n);\nd();\n";
        let found = all(text);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule.as_str(), found[0].lines.clone()), ("xss.html", 4..6));
        assert_eq!(found[0].reason, "the text is our own, see #12");
    }

    #[test]
    fn without_a_reason_it_is_none() {
        for text in [
            "// slipway-allow xss.html",
            "// slipway-allow xss.html: ok",
            "// slipway-allow : because of that",
        ] {
            assert_eq!(all(text), [], "{text}");
        }
    }
}
