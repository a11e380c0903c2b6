//! Blackouts from an iCalendar feed or file (RFC 5545).
//!
//! ```text
//! text ─▶ lines (unfolded, with their numbers) ─▶ events ─▶ occurrences from … until ─▶ blackouts
//! ```
//!
//! - Every event is a blackout, whatever it says about being free or busy; cancelled ones are none.
//! - Recurring events come one by one: `RRULE` and `RDATE`, less `EXDATE`, with what `RECURRENCE-ID` replaces.
//! - Whole days, and times without a zone, are those of the profile's zone.
//! - What is not understood is refused with its line: a blackout that is left out in silence would let changes pass.
//! - A feed costs a bounded amount of time and memory, whoever wrote it.
//!
//! Left out on purpose: zones that a feed defines itself (their names must be those of the IANA database), and events
//! that recur more often than daily.

mod event;
mod line;
mod rule;
mod time;

use std::collections::HashMap;

use jiff::Timestamp;

use crate::blackout::Blackout;
use crate::profile::BLACKOUTS_MAX;
use crate::zone::Zone;

use self::event::Event;
use self::line::Line;
use self::time::Exceptions;

/// The largest feed that is read, in bytes: thousands of events.
pub const FEED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many days all rules of one feed may look at: seconds of work at worst, far more than honest feeds need.
const DAYS_MAX: u32 = 20_000_000;

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
    /// The blackouts that the events of an iCalendar mean, as far as they touch the time from `from` to `until`, by
    /// their start. They end a microsecond before the event does: its end does not belong to it.
    ///
    /// # Errors
    /// The first line that cannot be understood; then nothing of it counts.
    pub fn from_ics(
        text: &str,
        zone: &Zone,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Self>, InvalidFeed> {
        if text.len() > FEED_BYTES_MAX {
            return Err(Line::START.wrong(format!("is too large; {FEED_BYTES_MAX} bytes are read at most")));
        }
        let lines = line::all(text)?;
        let events = event::all(&lines, zone)?;
        let replaced = replaced(&events);
        let nothing = Exceptions::default();
        let mut days_left = DAYS_MAX;
        let mut blackouts = Vec::new();
        for event in events.iter().filter(|event| !event.is_cancelled) {
            // One that replaces an occurrence is not replaced by itself.
            let elsewhere = replaced.get(event.uid.as_str()).filter(|_| event.replaces.is_none());
            let elsewhere = elsewhere.unwrap_or(&nothing);
            blackouts.extend(event.blackouts(from, until, elsewhere, &mut days_left)?);
            if blackouts.len() > BLACKOUTS_MAX {
                return Err(event
                    .begin
                    .wrong(format!("with it there are more than {BLACKOUTS_MAX} blackouts")));
            }
        }
        blackouts.sort_by_key(|blackout| (blackout.start, blackout.end));
        blackouts.dedup();
        Ok(blackouts)
    }
}

/// The occurrences that have an event of their own, by the UID of the recurring one.
fn replaced<'a>(events: &'a [Event<'a>]) -> HashMap<&'a str, Exceptions> {
    let mut replaced: HashMap<&str, Exceptions> = HashMap::new();
    for event in events {
        if let Some(occurrence) = &event.replaces {
            replaced.entry(event.uid.as_str()).or_default().extend([occurrence]);
        }
    }
    replaced
}
