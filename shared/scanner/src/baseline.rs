//! Findings that people looked at and accepted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many letters a reason needs to be one.
const REASON_MIN: usize = 10;

/// Findings that people looked at and accepted, by fingerprint. It comes from the base of a change, never from the
/// change.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    reasons: BTreeMap<String, String>,
}

/// One finding that somebody accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// What it is recognised by.
    pub fingerprint: String,
    /// Why it is no trouble, or is borne.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When, as in `2026-11-24`.
    pub at: String,
}

/// Why a baseline cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseline {
    /// It is not what it should be.
    #[error("is not a baseline, {{\"accepted\": [{{\"fingerprint\", \"reason\", \"by\", \"at\"}}]}}: {0}")]
    Shape(String),
    /// An entry does not say why, or who.
    #[error("the entry {0} needs a reason of at least 10 letters, and says who accepted it and when")]
    Bare(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accepted: Vec<Accepted>,
}

impl Baseline {
    /// Reads a baseline, a JSON file.
    ///
    /// # Errors
    ///
    /// It has another shape, or an entry lacks its reason: correct the file.
    pub fn parse(json: &str) -> Result<Self, InvalidBaseline> {
        let file: File = serde_json::from_str(json).map_err(|it| InvalidBaseline::Shape(it.to_string()))?;
        let mut reasons = BTreeMap::new();
        for Accepted { fingerprint, reason, by, at } in file.accepted {
            if reason.trim().chars().count() < REASON_MIN || by.trim().is_empty() || at.trim().is_empty() {
                return Err(InvalidBaseline::Bare(fingerprint));
            }
            reasons.insert(fingerprint, format!("{} ({by}, {at})", reason.trim()));
        }
        Ok(Self { reasons })
    }

    /// Why the finding with this fingerprint was accepted.
    pub(crate) fn reason(&self, fingerprint: &str) -> Option<&str> {
        self.reasons.get(fingerprint).map(String::as_str)
    }
}
