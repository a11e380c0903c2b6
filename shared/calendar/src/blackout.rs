//! Blackouts: times at which nothing goes into production.

use domain::ChangeType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names;

/// A time at which no change goes into production, whatever the windows say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// Why, as people are told.
    pub reason: String,
    /// Its first instant.
    pub start: Timestamp,
    /// Its last instant: it belongs to the blackout.
    pub end: Timestamp,
    /// The change types that it leaves alone; none unless said.
    #[serde(default, with = "names")]
    pub exempt: Vec<ChangeType>,
}
