//! What the gates found in a sealed change set: left by their job, and shown over HTTP.

use serde::{Deserialize, Serialize};

/// Left by the gates: what they found in the sealed change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gated {
    /// How many files were read.
    pub files: usize,
    /// How many lines they have.
    pub lines: usize,
    /// How many of the built-in samples were found, as in `12 of 12`.
    pub self_check: String,
    /// What each gate said.
    pub gates: Vec<GateVerdict>,
    /// What somebody has to act on; the first of them, where there are many.
    pub findings: Vec<Finding>,
}

impl Gated {
    /// What is left when statements that lose data, and are meant, are taken off. Nothing else can be acknowledged.
    #[must_use]
    pub fn without(mut self, acknowledged: &[String]) -> Self {
        let is_meant = |it: &Finding| it.is_destructive() && acknowledged.contains(&it.fingerprint);
        let before = self.findings.len();
        self.findings.retain(|finding| !is_meant(finding));
        let meant = before - self.findings.len();
        for verdict in self.gates.iter_mut().filter(|verdict| verdict.gate == "destructive") {
            verdict.open = verdict.open.saturating_sub(meant);
        }
        self
    }
}

impl Finding {
    /// Whether it is a statement that loses data.
    pub fn is_destructive(&self) -> bool {
        self.category == "destructive"
    }
}

/// What one gate said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateVerdict {
    /// `security`, `destructive`, `architecture`, `dependencies`.
    pub gate: String,
    /// How many findings somebody has to act on.
    pub open: usize,
}

/// Something that a gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The gate that found it.
    pub gate: String,
    /// The rule's name.
    pub rule: String,
    /// What kind of trouble it is.
    pub category: String,
    /// How bad it would be: `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// How sure it is: `low`, `medium`, `high`.
    pub confidence: String,
    /// The file's path; empty if it is about the change as a whole.
    pub file: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line.
    pub end_line: usize,
    /// The first character in the first line, from 1.
    pub column: usize,
    /// What it is and why it matters; never a secret.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// What it is recognised by when lines move.
    pub fingerprint: String,
}

/// What the gates found in a promotion's sealed change set, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What the gates said; absent before they were asked.
    pub report: Option<Gated>,
    /// Statements that lose data, and that somebody has acknowledged.
    pub acknowledged: Vec<Acknowledged>,
}

/// A statement that loses data, and is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// What it is recognised by.
    pub fingerprint: String,
    /// Who said so.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}
