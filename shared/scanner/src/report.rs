//! What came of a scan, for programs and for people.

use std::fmt::Write;

use serde_json::Value;

use crate::baseline::Baseline;
use crate::finding::{Finding, Gate, Verdict};
use crate::policy::Policy;
use crate::{outline, sarif, tripwire};

/// What came of a scan.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was found, by file and line; also what is accepted, and notes.
    pub findings: Vec<Finding>,
    /// How many files were read.
    pub files: usize,
    /// How many lines they have.
    pub lines: usize,
    /// Whether the scanner found what it must find.
    pub self_check: SelfCheck,
}

/// How many of the built-in samples were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelfCheck {
    /// Found.
    pub found: usize,
    /// There are.
    pub of: usize,
}

impl SelfCheck {
    /// The finding about a failed one.
    pub(crate) fn finding(self, policy: &Policy) -> Option<Finding> {
        let missing = format!("{} of {} kinds of trouble", self.of - self.found, self.of);
        (self.found < self.of).then(|| outline::of_change(&tripwire::failed_self_check(&missing), policy))
    }
}

impl Report {
    /// What somebody has to act on: findings that block or ask for a look, and that nobody accepted.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.is_open())
    }

    /// Whether a gate lets the change through: nothing in it is open.
    pub fn passes(&self, gate: Gate) -> bool {
        !self.open().any(|it| it.concerns(gate))
    }

    /// Whether any open finding blocks.
    pub fn blocks(&self) -> bool {
        self.open().any(|it| it.verdict == Verdict::Block)
    }

    /// Leaves what concerns these gates only.
    pub fn only(&mut self, gates: &[Gate]) {
        self.findings.retain(|it| gates.iter().any(|gate| it.concerns(*gate)));
    }

    /// Accepts what the baseline names.
    pub fn accept(&mut self, baseline: &Baseline) {
        for finding in &mut self.findings {
            if let Some(accepted) = baseline.reason(&finding.fingerprint) {
                finding.accepted = Some(accepted.to_owned());
            }
        }
    }

    /// The open findings as a JSON array.
    pub fn json(&self) -> Value {
        let open: Vec<_> = self.open().collect();
        serde_json::to_value(open).unwrap_or_default()
    }

    /// All findings as SARIF 2.1.0; what is accepted stands in it as suppressed.
    pub fn sarif(&self) -> Value {
        sarif::log(self)
    }

    /// The open findings for people: one paragraph each, then what was read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in self.open() {
            text.push_str(&paragraph(finding));
            text.push_str("\n\n");
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let count = |verdict| self.open().filter(|it| it.verdict == verdict).count();
        let (blocks, reviews) = (count(Verdict::Block), count(Verdict::Review));
        let said = match (blocks, reviews) {
            (0, 0) => "Nothing was found".to_owned(),
            (0, reviews) => format!("A person must look at {}", findings(reviews)),
            (blocks, 0) => format!("{} must be mended", findings(blocks)),
            (blocks, reviews) => {
                format!("{} must be mended, and a person must look at {reviews} more", findings(blocks))
            }
        };
        let accepted = self.findings.iter().filter(|it| it.accepted.is_some()).count();
        let accepted = if accepted == 0 { String::new() } else { format!(", {accepted} accepted") };
        let SelfCheck { found, of } = self.self_check;
        format!(
            "{said}{accepted}: {} and {} read; self-check {found} of {of}.",
            counted(self.files, "file"),
            counted(self.lines, "line")
        )
    }
}

fn findings(count: usize) -> String {
    counted(count, "finding")
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A path that cannot turn, hide or steer what stands around it.
fn shown(path: &str) -> String {
    let is_plain = |letter: char| !letter.is_control() && (letter.is_alphanumeric() || letter.is_ascii());
    path.chars()
        .map(|it| if is_plain(it) { it.to_string() } else { it.escape_unicode().to_string() })
        .collect()
}

/// One finding for people: where, what it is, what to do.
fn paragraph(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Block => "must be mended",
        Verdict::Review => "a person must look",
        Verdict::Note => "for your information",
    };
    let mut text = String::new();
    if !finding.file.is_empty() {
        let Finding { file, line, column, .. } = finding;
        text = format!("{}:{line}:{column}\n", shown(file));
    }
    let Finding { rule, message, remedy, fingerprint, .. } = finding;
    // Writing to a string cannot fail.
    let _ =
        write!(text, "  {verdict} [{rule}]\n  {message}\n  To do: {remedy}\n  Fingerprint: {fingerprint}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_check_that_misses_something_closes_every_gate() {
        let policy = Policy::default();
        assert!(SelfCheck { found: 13, of: 13 }.finding(&policy).is_none());
        let findings = SelfCheck { found: 12, of: 13 }.finding(&policy).into_iter().collect();
        let report = Report { findings, ..Report::default() };
        assert!(report.blocks());
        for gate in [Gate::Security, Gate::Destructive, Gate::Architecture, Gate::Dependencies] {
            assert!(!report.passes(gate), "{gate:?}");
        }
    }
}
