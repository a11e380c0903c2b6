//! What is said of a feature where it is proposed, and whether it may be merged by itself. Pure.

use std::fmt::Write;

use adapters::github::{Review, Verdict, VerdictState};
use domain::PromotionId;
use protocol::Verification;
use protocol::gates::{Finding, GateVerdict, Gated};

/// What the gates and the build's own checks say, with what people have acknowledged taken off.
#[derive(Debug)]
pub(crate) struct Case {
    gated: Gated,
    missing: Vec<String>,
}

impl Case {
    /// `acknowledged` are fingerprints of statements that are meant.
    pub(crate) fn new(gated: Gated, verification: Option<Verification>, acknowledged: &[String]) -> Self {
        Self { gated: gated.without(acknowledged), missing: verification.unwrap_or_default().missing() }
    }

    /// Statements that lose data, and that nobody has acknowledged.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &Finding> {
        self.gated.findings.iter().filter(|finding| finding.is_destructive())
    }

    /// Whether something looks like a secret.
    pub(crate) fn has_secret(&self) -> bool {
        self.gated.findings.iter().any(|it| matches!(it.category.as_str(), "secret" | "token"))
    }

    /// What keeps it from being merged by itself, a sentence each; nothing where it may be.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let open = self.gated.gates.iter().filter(|verdict| verdict.open > 0).map(found);
        open.chain(self.missing.iter().cloned()).collect()
    }

    /// The pull request's text. Who chose to share it, and what in it looked private to them, is not for everybody.
    pub(crate) fn body(&self, promotion: &PromotionId, change_set: &str) -> String {
        let mut body = format!(
            "Proposed by Slipway as {promotion}. This branch holds one commit, made from the sealed change set \
             `{change_set}`: what the gates read is what is here.\n\n"
        );
        list(&mut body, "What the gates say", self.gated.gates.iter().map(summary));
        let checks = if self.missing.is_empty() {
            vec!["The type check passed, all tests passed, and every acceptance criterion is met.".to_owned()]
        } else {
            self.missing.clone()
        };
        list(&mut body, "What the build's own checks say", checks);
        body
    }

    /// What is shown at the pull request. The comment is written where there is something to say, and again when that
    /// has changed.
    pub(crate) fn review(&self) -> Review {
        let verdict = |it: &GateVerdict| Verdict {
            gate: format!("slipway/{}", it.gate),
            state: if it.open == 0 { VerdictState::Passed } else { VerdictState::Open },
            summary: summary(it),
        };
        Review { verdicts: self.gated.gates.iter().map(verdict).collect(), findings: Some(self.comment()) }
    }

    /// One paragraph a finding, folded. What comes from the feature stands in blocks of code, in which nothing is
    /// markup, a mention or a link.
    fn comment(&self) -> String {
        let obstacles = self.obstacles();
        if obstacles.is_empty() {
            return "All four gates let this feature pass, and its build is verified.".to_owned();
        }
        let mut text = "This pull request waits for a person:\n\n".to_owned();
        for it in &obstacles {
            line(&mut text, it);
        }
        if !self.gated.findings.is_empty() {
            let count = self.gated.findings.len();
            let _ = write!(text, "\n<details><summary>What the gates found ({count})</summary>\n\n");
            for finding in &self.gated.findings {
                text.push_str(&quoted(&paragraph(finding)));
            }
            text.push_str("</details>\n");
        }
        text
    }
}

fn found(verdict: &GateVerdict) -> String {
    match verdict.open {
        1 => format!("The {} gate found 1 thing that somebody has to look at.", verdict.gate),
        open => format!("The {} gate found {open} things that somebody has to look at.", verdict.gate),
    }
}

fn summary(verdict: &GateVerdict) -> String {
    if verdict.open == 0 { format!("The {} gate lets it pass.", verdict.gate) } else { found(verdict) }
}

fn list(text: &mut String, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        let _ = write!(text, "**{title}**\n\n");
        lines.for_each(|it| line(text, &it));
        text.push('\n');
    }
}

fn line(text: &mut String, sentence: &str) {
    let _ = writeln!(text, "- {sentence}");
}

fn paragraph(finding: &Finding) -> String {
    let Finding { file, line, message, remedy, rule, severity, .. } = finding;
    let place = if file.is_empty() { String::new() } else { format!("{file}, line {line}\n") };
    format!("{place}{message}\n{remedy}\n({rule}, {severity})")
}

/// A block of code whose fence is longer than any run of such characters in it.
fn quoted(text: &str) -> String {
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use protocol::verification::{Acceptance, Tests};

    use super::*;

    fn finding(category: &str, fingerprint: &str, message: &str) -> Finding {
        Finding {
            gate: if category == "destructive" { "destructive" } else { "security" }.to_owned(),
            rule: "some.rule".to_owned(),
            category: category.to_owned(),
            severity: "high".to_owned(),
            confidence: "high".to_owned(),
            file: "src/a.ts".to_owned(),
            line: 3,
            end_line: 3,
            column: 1,
            message: message.to_owned(),
            remedy: "Take it out.".to_owned(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    fn gated(findings: Vec<Finding>) -> Gated {
        let open = |gate: &str| findings.iter().filter(|it| it.gate == gate).count();
        let gates = ["security", "destructive", "architecture", "dependencies"]
            .map(|gate| GateVerdict { gate: gate.to_owned(), open: open(gate) });
        Gated { files: 1, lines: 9, self_check: "12 of 12".to_owned(), gates: gates.to_vec(), findings }
    }

    fn verified() -> Verification {
        Verification {
            typecheck_passed: Some(true),
            tests: Some(Tests { passed: 4, failed: 0 }),
            acceptance: Some(Acceptance { met: 2, total: 2 }),
        }
    }

    #[test]
    fn only_a_verified_build_that_passes_all_gates_is_merged() {
        let drop = || finding("destructive", "d1", "would delete the table");
        let table = [
            (gated(vec![]), Some(verified()), vec![], 0),
            (gated(vec![]), None, vec![], 3),
            (gated(vec![finding("sqli", "s1", "open query")]), Some(verified()), vec![], 1),
            // An acknowledgement is for statements that lose data, and for the very ones.
            (gated(vec![finding("sqli", "s1", "open query")]), Some(verified()), vec!["s1".to_owned()], 1),
            (gated(vec![drop()]), Some(verified()), vec!["d2".to_owned()], 1),
            (gated(vec![drop()]), Some(verified()), vec!["d1".to_owned()], 0),
        ];
        for (gated, verification, acknowledged, expected) in table {
            let case = Case::new(gated, verification, &acknowledged);
            assert_eq!(case.obstacles().len(), expected, "{case:?}");
        }
    }

    #[test]
    fn nothing_in_a_finding_acts_in_the_comment() {
        let hostile = "````\n</details> @everyone [here](javascript:alert(1)) <img src=x>";
        let case = Case::new(gated(vec![finding("sqli", "s1", hostile)]), Some(verified()), &[]);
        let comment = case.review().findings.unwrap();
        let fence = "`````";
        let (before, rest) = comment.split_once(&format!("{fence}text\n")).unwrap();
        let (inside, after) = rest.split_once(&format!("\n{fence}\n")).unwrap();
        assert!(inside.contains(hostile));
        assert!(!before.contains('@') && !after.contains('@'), "{comment}");
        assert!(after.trim_end().ends_with("</details>"));
    }

    #[test]
    fn the_comment_says_all_is_well_where_it_is() {
        let review = Case::new(gated(vec![]), Some(verified()), &[]).review();
        assert!(review.findings.unwrap().starts_with("All four gates"));
        assert!(review.verdicts.iter().all(|it| it.state == VerdictState::Passed));
        assert_eq!(review.verdicts.len(), 4);
    }
}
