//! Whether a change may go into production now.

use std::time::Duration;

use domain::named::named;
use domain::{ChangeType, Risk};
use jiff::Timestamp;

use crate::profile::Profile;
use crate::zone::Zone;

/// What the calendar needs to know of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its kind.
    pub change_type: ChangeType,
    /// How much it could hurt.
    pub risk: Risk,
}

named!(
    /// Whether a change may go into production now.
    Verdict, "open, closed, refused, bypassed" {
        /// It may start.
        Open = "open",
        /// Not now; later, if there is a next opening.
        Closed = "closed",
        /// Not at any time: no window admits it.
        Refused = "refused",
        /// It is an emergency: it may start whatever the calendar says, with a reason on record.
        Bypassed = "bypassed",
    }
);

/// One thing that a verdict rests on. Shown, it is a plain sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No window that admits the change is open.
    #[error("no window that admits it is open")]
    OutsideWindows,
}

/// What the calendar says about one change at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may start.
    pub verdict: Verdict,
    /// What that rests on; also warnings, where it may start all the same.
    pub reasons: Vec<Reason>,
    /// When the present opening ends; `None` where there is none, or no end within 400 days.
    pub closes_at: Option<Timestamp>,
    /// The first instant from which on it may start; `None` where it may now, or never within 400 days.
    pub next_opening: Option<Timestamp>,
    /// How many promotions may be under way in the open window; `None` for no limit.
    pub max_concurrent: Option<u32>,
}

impl Profile {
    /// Whether `change`, which takes `estimate`, may start at `now`. An estimate of zero asks for the windows only.
    pub fn decide(&self, now: Timestamp, change: Change, estimate: Duration) -> Decision {
        let _ = (now, change, estimate);
        Decision {
            verdict: Verdict::Open,
            reasons: Vec::new(),
            closes_at: None,
            next_opening: None,
            max_concurrent: None,
        }
    }

    /// The first instant from `from` on at which `change` may start; `None` if there is none within 400 days.
    pub fn next_opening(&self, from: Timestamp, change: Change, estimate: Duration) -> Option<Timestamp> {
        let _ = (change, estimate);
        Some(from)
    }

    /// The windows of 400 days from `now` on and all blackouts as an iCalendar that programs can subscribe to.
    pub fn export_ics(&self, title: &str, now: Timestamp) -> String {
        let _ = now;
        title.to_owned()
    }
}

impl Decision {
    /// What the calendar says, for people of `zone`, in whole sentences.
    pub fn sentence(&self, zone: &Zone, now: Timestamp) -> String {
        let _ = (zone, now);
        self.verdict.to_string()
    }
}
