//! Amounts as people read them.

use jiff::Timestamp;

/// A span of time: `0.3 s`, `42 s`, `1 min 12 s`, `2 h 5 min`.
pub(crate) fn span(milliseconds: i64) -> String {
    let milliseconds = milliseconds.max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0..10 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The span of time between two instants of the same clock.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> String {
    span(end.as_millisecond() - start.as_millisecond())
}

/// A size: `812 bytes`, `4.2 MB`, `1.3 GB`; thousands, as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit / (unit / 10));
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

/// An instant: `2026-11-24 22:00 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_change_unit_at_their_limits() {
        for (milliseconds, text) in [
            (-5, "0.0 s"),
            (0, "0.0 s"),
            (1_260, "1.2 s"),
            (9_999, "9.9 s"),
            (10_000, "10 s"),
            (59_999, "59 s"),
            (72_000, "1 min 12 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(span(milliseconds), text, "{milliseconds}");
        }
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (4_289_000, "4.2 MB"),
            (u64::MAX, "18446744073.7 GB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
