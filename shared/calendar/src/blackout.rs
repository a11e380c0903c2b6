//! Blackouts: times at which nothing goes into production.

use domain::ChangeType;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decision::Change;
use crate::names;
use crate::timeline::Span;

/// The shortest time that Slipway tells apart: the tick of its database's clock.
pub(crate) const TICK: SignedDuration = SignedDuration::from_micros(1);

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

impl Blackout {
    /// Whether it holds this change back.
    pub fn binds(&self, change: Change) -> bool {
        !self.exempt.contains(&change.change_type)
    }

    /// With its last instant, which lasts for one tick.
    pub(crate) fn span(&self) -> Span {
        Span { start: self.start, end: self.end.checked_add(TICK).unwrap_or(Timestamp::MAX) }
    }
}
