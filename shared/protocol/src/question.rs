//! What a ship run asks a person.

use domain::Topic;
use serde::{Deserialize, Serialize};

/// A question, kept with the try that asked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// `contribution`, `destructive`, `secret`, `pull_request`.
    pub topic: String,
    /// One or two plain sentences: what it is about, and what follows from each answer.
    pub sentence: String,
    /// More about it, a sentence each.
    #[serde(default)]
    pub details: Vec<String>,
    /// What can be answered: `share`, `keep`, …
    pub answers: Vec<String>,
    /// Fingerprints of the statements that it is about.
    #[serde(default)]
    pub fingerprints: Vec<String>,
}

impl Question {
    /// A question about the topic, with all its answers and without details.
    pub fn about(topic: Topic, sentence: String) -> Self {
        Self {
            topic: topic.to_string(),
            sentence,
            details: Vec::new(),
            answers: topic.answers().iter().map(ToString::to_string).collect(),
            fingerprints: Vec::new(),
        }
    }
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAnswer {
    /// Who decides.
    pub by: String,
    /// One of the question's answers.
    pub answer: String,
    /// Why; needed by whoever acknowledges or releases something.
    #[serde(default)]
    pub reason: Option<String>,
    /// Fingerprints of the statements that are acknowledged.
    #[serde(default)]
    pub fingerprints: Vec<String>,
}
