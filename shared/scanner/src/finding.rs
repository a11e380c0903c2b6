//! What a gate found, as people and programs see it.

use serde::Serialize;

/// One of the four gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// What lets strangers in, or data out.
    Security,
    /// What loses data.
    Destructive,
    /// What lies or reaches where it must not.
    Architecture,
    /// What others wrote.
    Dependencies,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A database query that a stranger can bend.
    Sqli,
    /// Markup that a stranger can write.
    Xss,
    /// A command line that a stranger can bend.
    Cmdi,
    /// A password or private key.
    Secret,
    /// A provider's access token.
    Token,
    /// Code that is made while it runs.
    Eval,
    /// Text that reads otherwise than it runs.
    Obfuscated,
    /// A connection to somewhere that nobody allowed.
    Network,
    /// Data that leaves.
    Exfil,
    /// A way in that nobody should know of.
    Backdoor,
    /// A statement that loses data.
    Destructive,
    /// A place or import that the architecture forbids.
    Architecture,
    /// A package from outside.
    Dependency,
}

/// How bad it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Harm in unlucky circumstances.
    Medium,
    /// Harm.
    High,
    /// Harm that nothing makes good.
    Critical,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It may be harmless.
    Low,
    /// Where the value comes from is not known.
    Medium,
    /// It was seen whole.
    High,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing; it is said.
    Note,
    /// A person must look at it.
    Review,
    /// The change must not pass.
    Block,
}

/// Something that a gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The gate that found it.
    pub gate: Gate,
    /// The rule's name, for policies and suppressions.
    pub rule: String,
    /// What kind of trouble it is.
    pub category: Category,
    /// How bad it would be.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// The file's path; empty if it is about the change as a whole.
    pub file: String,
    /// The first line, from 1.
    pub line: usize,
    /// The last line.
    pub end_line: usize,
    /// The first character in the first line, from 1.
    pub column: usize,
    /// What it is and why it matters, in plain words; never a secret.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// What it is recognised by when lines move.
    pub fingerprint: String,
    /// What follows from it.
    #[serde(skip_serializing)]
    pub verdict: Verdict,
    /// Why it does not count, if a person or a comment said so.
    #[serde(skip_serializing)]
    pub accepted: Option<String>,
}

/// What was not looked at may be trouble of any kind.
const UNCHECKED: [&str; 4] =
    ["change.not-checked", "change.not-read", "change.oversized", "change.self-check"];

impl Finding {
    /// Whether the gate has to do with it: it found it, or could not look.
    pub fn concerns(&self, gate: Gate) -> bool {
        self.gate == gate || UNCHECKED.contains(&self.rule.as_str())
    }

    /// Whether somebody has to act: it blocks or asks for a look, and nobody accepted it.
    pub fn is_open(&self) -> bool {
        self.verdict > Verdict::Note && self.accepted.is_none()
    }

    /// The order of reports: by place.
    pub(crate) fn order(&self) -> (&str, usize, usize, &str, &str) {
        (&self.file, self.line, self.column, &self.rule, &self.fingerprint)
    }
}
