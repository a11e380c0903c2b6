//! When changes may go into production: pure, without a clock, input or output.
//!
//! A [`Profile`] has a time zone, weekly [`Window`]s and [`Blackout`]s. [`Profile::decide`] answers for one
//! change at one instant.

mod blackout;
mod decision;
mod feed;
mod names;
mod profile;
mod window;
mod zone;

pub use blackout::Blackout;
pub use decision::{Change, Decision, Reason, Verdict};
pub use domain::{ChangeType, Risk};
pub use feed::InvalidFeed;
pub use profile::{BLACKOUTS_MAX, Invalid, Profile, WINDOWS_MAX};
pub use window::{ClockTime, Day, Enforcement, InvalidTime, Weekdays, Window};
pub use zone::{UnknownZone, Zone};
