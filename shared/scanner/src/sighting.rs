//! What an engine saw at a place in a file, before anybody asks whether the change brought it.

use std::ops::Range;

use crate::finding::{Category, Confidence, Gate, Severity, Verdict};

/// Something that an engine saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The gate that it concerns.
    pub(crate) gate: Gate,
    /// The rule's name, as in `sqli.raw-query`: stable, for policies and suppressions.
    pub(crate) rule: &'static str,
    pub(crate) category: Category,
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    /// Where, in bytes of the file.
    pub(crate) place: Range<usize>,
    /// Further places on the way of the data, such as where it enters; a change of any of them counts.
    pub(crate) via: Vec<Range<usize>>,
    /// What it is and why it matters, in plain words; never a secret.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
    /// What it is recognised by when lines move: its normalised tokens. It is only hashed, never shown.
    pub(crate) identity: String,
}
