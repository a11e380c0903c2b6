//! Bodies of the HTTP API about deployment windows.
//!
//! What a window or a blackout may say stands in the profile's JSON Schema; here it is carried as it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The organization's time zone and its windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// An IANA name.
    pub zone: String,
    /// The first made first; none at all: any time is fine.
    pub windows: Vec<Window>,
}

/// A weekly time at which changes may be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What people call it beside its name.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The days on which it opens: `mon` to `sun`.
    pub days: Vec<String>,
    /// When it opens, `HH:MM` in the organization's zone.
    pub start: String,
    /// When it closes, up to `24:00`; not after `start` it is the next day.
    pub end: String,
    /// Types of changes that it admits.
    pub change_types: Vec<String>,
    /// Risks that it admits.
    pub risks: Vec<String>,
    /// How many promotions may be under way at once in it, at all installations together.
    pub max_concurrent: Option<u32>,
    /// `enforced` or `advisory`.
    pub enforcement: String,
    /// Whether a promotion may start that might not end before it closes.
    pub allow_overrun: bool,
    /// Who made it.
    pub created_by: String,
}

/// Adds a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWindow {
    /// The person.
    pub by: String,
    /// The window, as in the profile's schema.
    pub window: Value,
}

/// Sets the organization's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewZone {
    /// The person.
    #[serde(default)]
    pub by: String,
    /// An IANA name.
    pub zone: String,
}

/// A time at which nothing is deployed but emergencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// What people call it beside its reason.
    pub id: i64,
    /// Why.
    pub reason: String,
    /// Its first moment.
    pub start: Timestamp,
    /// Its last moment.
    pub end: Timestamp,
    /// Types of changes that it does not hold up.
    pub exempt: Vec<String>,
    /// Who made it.
    pub created_by: String,
}

/// Adds a blackout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBlackout {
    /// The person.
    pub by: String,
    /// The blackout, as in the profile's schema.
    pub blackout: Value,
}

/// Adds the blackouts of an iCalendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlackoutFeed {
    /// The person.
    pub by: String,
    /// The iCalendar's text.
    pub ics: String,
}

/// What came of an iCalendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlackoutsImported {
    /// Blackouts that were not on record.
    pub added: usize,
    /// Those that were.
    pub known: usize,
}

/// What the windows say about a change at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowDecision {
    /// `open`, `closed`, `refused`, `bypassed`.
    pub verdict: String,
    /// What that rests on.
    pub reasons: Vec<String>,
    /// When the present opening ends.
    pub closes_at: Option<Timestamp>,
    /// When the next one begins.
    pub next_opening: Option<Timestamp>,
    /// All of it for people.
    pub sentence: String,
}
