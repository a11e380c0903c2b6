//! When changes may go into production: pure, without a clock, input or output.
//!
//! A [`Profile`] has a time zone, weekly [`Window`]s and [`Blackout`]s. [`Profile::decide`] answers for one
//! change at one instant:
//!
//! 1. An emergency is [bypassed](Verdict::Bypassed): it may start, and the answer says what it goes past.
//! 2. Without windows the time is always right. Where there are some and none admits the change, it is
//!    [refused](Verdict::Refused).
//! 3. Windows become spans of instants, day by day, in the profile's zone; spans that touch are one; blackouts are cut
//!    out of them. The change may start inside of one, if it would be done before its end.
//! 4. Windows that are all advisory hold nothing back but are told as a warning.
//!
//! A window begins at the first instant at which the clock shows its start and ends at the last one at which it shows
//! its end; where the clock leaps over one of them, at the leap.

mod blackout;
mod decision;
mod export;
mod feed;
mod names;
mod profile;
mod reason;
mod sentence;
mod timeline;
mod wall;
mod window;
mod zone;

pub use blackout::Blackout;
pub use decision::{Change, Decision, HORIZON, Verdict};
pub use domain::{ChangeType, Risk};
pub use feed::{FEED_BYTES_MAX, InvalidFeed};
pub use profile::{BLACKOUTS_MAX, Invalid, Profile, WINDOWS_MAX};
pub use reason::Reason;
pub use sentence::Answer;
pub use window::{ClockTime, Day, Enforcement, InvalidTime, Weekdays, Window};
pub use zone::{UnknownZone, Zone};

/// The published JSON Schema of a profile.
pub const SCHEMA: &str = include_str!("../schemas/profile.v1.json");
