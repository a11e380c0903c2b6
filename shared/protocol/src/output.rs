//! What a job leaves in the records for later jobs of the same run, which other workers do, or for the plan that people approve.

use serde::{Deserialize, Serialize};

/// Left by the seal of a ship run: what the feature is, in numbers of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Hash of the sealed change set, hex.
    pub change_set: String,
    /// New files.
    pub added: usize,
    /// Files with another content or mode.
    pub modified: usize,
    /// Files that were moved, and perhaps edited.
    pub renamed: usize,
    /// Files that are gone.
    pub deleted: usize,
    /// Whether it changes how the database is built, as far as the names of the files tell.
    pub changes_schema: bool,
    /// What of it would lose data in production, for people: a sentence each. The first of them, where there are many.
    #[serde(default)]
    pub risks: Vec<String>,
    /// How many such things there are in all.
    #[serde(default)]
    pub risks_total: usize,
}

/// Left by the contribution assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessed {
    /// Whether the feature goes to where features are proposed.
    pub is_shared: bool,
    /// Why, and what was found, a sentence each.
    pub reasons: Vec<String>,
}

/// Left by the proposal: what became of the pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// Where people look at it; absent where none was made.
    #[serde(default)]
    pub url: Option<String>,
    /// Its number.
    #[serde(default)]
    pub number: Option<u64>,
    /// The commit of the base branch that it became, if it was merged.
    #[serde(default)]
    pub merged: Option<String>,
    /// What people should know of it, a sentence each: why it is open, or why there is none.
    pub notes: Vec<String>,
}

/// Left by Validate: how the running version was before anything was done. A rollback is judged by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Whether it met the health rule.
    pub healthy: bool,
    /// The build that answered, where the rule says where it stands.
    pub build: Option<String>,
    /// What was wrong, for people.
    pub problem: Option<String>,
}

/// Left by Source extraction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// Hash of the sealed change set, hex.
    pub change_set: String,
    /// Hash of everything that goes into the image, hex.
    pub source_hash: String,
    /// Whether the change set changes how the database is built; absent where nobody looked.
    #[serde(default)]
    pub changes_schema: Option<bool>,
}

/// Left by Image build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// The image, by id.
    pub image: String,
}

/// What an errand about a backup is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutBackup {
    /// The backup's file, as it stands in the records.
    pub backup: String,
}
