//! From the clock on the wall to instants, where the clock is put forward or back.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The first instant at which the clock shows `at` or more: the end of the gap where the clock leaps over it, the
/// first time where it shows it twice. `None` beyond the years that can be told.
pub(crate) fn first(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(at).ok()
        }
        AmbiguousOffset::Gap { after, .. } => leap(after.to_timestamp(at).ok()?, zone),
    }
}

/// The instant after which the clock shows `at` or more for good: the end of the gap where the clock leaps over it,
/// the last time where it shows it twice. `None` beyond the years that can be told.
pub(crate) fn last(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { after: offset, .. } => {
            offset.to_timestamp(at).ok()
        }
        AmbiguousOffset::Gap { after, .. } => leap(after.to_timestamp(at).ok()?, zone),
    }
}

/// When the clock leaps, told from an instant shortly before.
fn leap(before: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    zone.following(before).next().map(|transition| transition.timestamp())
}
