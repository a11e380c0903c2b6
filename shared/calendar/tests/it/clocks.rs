//! Decisions and openings against a scan of every minute, where clocks are put forward and back.

use std::time::Duration;

use calendar::{Blackout, ClockTime, Profile, Verdict, Weekdays, Window};
use jiff::{SignedDuration, Timestamp, Unit};
use proptest::prelude::*;
use proptest::sample::select;

use crate::sample::{NORMAL, at, profile, window};
use crate::scan::Scan;

/// Zones, and an instant shortly before each puts its clock forward or back, or leaves out a day; some never do.
const CLOCKS: &[(&str, &str)] = &[
    ("UTC", "2026-02-26T12:00:00Z"),
    ("Europe/Berlin", "2026-03-28T12:00:00Z"),
    ("Europe/Berlin", "2026-10-24T12:00:00Z"),
    ("America/New_York", "2026-03-07T12:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("America/St_Johns", "2026-03-07T12:00:00Z"),
    ("America/Sao_Paulo", "2018-02-17T12:00:00Z"),
    ("America/Sao_Paulo", "2018-11-03T12:00:00Z"),
    ("America/Santiago", "2026-04-04T12:00:00Z"),
    ("America/Santiago", "2026-09-05T12:00:00Z"),
    ("America/Havana", "2026-03-07T12:00:00Z"),
    ("America/Nuuk", "2026-03-28T12:00:00Z"),
    ("Africa/Cairo", "2026-04-23T12:00:00Z"),
    ("Africa/Cairo", "2026-10-29T12:00:00Z"),
    ("Africa/Casablanca", "2026-02-14T12:00:00Z"),
    ("Africa/Casablanca", "2026-03-21T12:00:00Z"),
    ("Asia/Kathmandu", "2026-03-28T12:00:00Z"),
    ("Asia/Gaza", "2026-03-27T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T06:00:00Z"),
    ("Antarctica/Troll", "2026-03-28T12:00:00Z"),
    ("Pacific/Chatham", "2026-04-04T06:00:00Z"),
    ("Pacific/Apia", "2011-12-29T12:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-20T00:00:00Z"),
];

#[track_caller]
fn check_minute(profile: &Profile, scan: &Scan, minute: Timestamp, estimate: Duration) {
    let decision = profile.decide(minute, NORMAL, estimate);
    if let Some(may_start) = scan.may_start(minute, estimate) {
        assert_eq!(
            decision.verdict == Verdict::Open,
            may_start,
            "{minute} {estimate:?}: {decision:?} {profile:#?}"
        );
    }
}

/// The first whole minute from `minute` on at which it may start.
fn next_minute(profile: &Profile, mut minute: Timestamp, estimate: Duration) -> Option<Timestamp> {
    loop {
        let next = profile.next_opening(minute, NORMAL, estimate)?;
        assert!(
            profile.decide(next, NORMAL, estimate).may_start(),
            "{minute}: not open at its next opening {next}"
        );
        let begun = next
            .round(jiff::TimestampRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Ceil))
            .unwrap();
        if begun == next {
            return Some(next);
        }
        minute = begun;
    }
}

#[track_caller]
fn check_next(profile: &Profile, scan: &Scan, minute: Timestamp, estimate: Duration) {
    if let Ok(Some(expected)) = scan.next(minute, estimate) {
        let next = next_minute(profile, minute, estimate);
        assert_eq!(next, Some(expected), "{minute} {estimate:?}: {profile:#?}");
    }
}

#[test]
fn row_11_every_minute_is_as_a_scan_finds_it_where_the_clock_changes() {
    let hours = [
        "22:00-06:00",
        "02:00-04:00",
        "02:15-02:45",
        "01:30-02:30",
        "00:00-24:00",
        "23:30-00:30",
        "00:00-00:15",
    ];
    for (zone, begin) in CLOCKS {
        for hours in hours {
            let profile = profile(zone, &[&format!("daily {hours}")], &[]);
            let scan = Scan::new(&profile, NORMAL, at(begin), 2);
            for minute in scan.minutes() {
                check_minute(&profile, &scan, minute, Duration::ZERO);
            }
            for minute in scan.edges() {
                check_next(&profile, &scan, minute, Duration::ZERO);
            }
        }
    }
}

fn clock_time(minutes: u16) -> ClockTime {
    format!("{:02}:{:02}", minutes / 60, minutes % 60).parse().unwrap()
}

fn any_window() -> impl Strategy<Value = Window> {
    // Round times meet each other and the changes of clocks more often.
    let minutes = |least: u16, most: u16| {
        prop_oneof![least..=most, (least.div_ceil(30)..=most / 30).prop_map(|it| it * 30)]
    };
    let hours = (minutes(0, 1439), minutes(1, 1440)).prop_filter("no length", |(start, end)| start != end);
    (proptest::collection::vec(select(calendar::Day::ALL), 1..=7), hours).prop_map(|(days, (start, end))| {
        Window {
            days: days.into_iter().collect::<Weekdays>(),
            start: clock_time(start),
            end: clock_time(end),
            ..window("daily 00:00-24:00")
        }
    })
}

/// Within some days from `begin` on; its end lies on a minute, or just before.
fn any_blackout(begin: Timestamp, days: i64) -> impl Strategy<Value = Blackout> {
    (0..days * 1440, 1..days * 720, any::<bool>()).prop_map(move |(start, length, is_inclusive)| {
        let start = begin + SignedDuration::from_mins(start);
        let end = start + SignedDuration::from_mins(length);
        let end = if is_inclusive { end } else { end - SignedDuration::from_micros(1) };
        Blackout { reason: "freeze".to_owned(), start, end, exempt: Vec::new() }
    })
}

/// A profile, and an instant at which to begin looking at it.
fn any_profile(blackout_days: i64) -> impl Strategy<Value = (Profile, Timestamp)> {
    (select(CLOCKS), 0..4_i64).prop_flat_map(move |((zone, change), days_before)| {
        let begin = at(change) - SignedDuration::from_hours(24 * days_before);
        let windows = proptest::collection::vec(any_window(), 0..=3);
        let blackouts = proptest::collection::vec(any_blackout(begin, blackout_days), 0..=2);
        (windows, blackouts).prop_map(move |(windows, blackouts)| {
            (Profile { zone: zone.parse().unwrap(), windows, blackouts }, begin)
        })
    })
}

fn any_estimate() -> impl Strategy<Value = Duration> {
    select(&[0_u64, 10, 90, 600][..]).prop_map(|minutes| Duration::from_secs(minutes * 60))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_decision_is_what_a_scan_of_every_minute_finds(
        (profile, begin) in any_profile(6),
        estimate in any_estimate(),
        others in proptest::collection::vec(0..7 * 1440_i64, 40),
    ) {
        let scan = Scan::new(&profile, NORMAL, begin, 9);
        let others = others.into_iter().map(|minutes| begin + SignedDuration::from_mins(minutes));
        for minute in scan.edges().into_iter().chain(others) {
            check_minute(&profile, &scan, minute, Duration::ZERO);
            check_minute(&profile, &scan, minute, estimate);
            check_next(&profile, &scan, minute, estimate);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_opening_is_the_first_minute_that_a_scan_of_400_days_finds(
        (profile, begin) in any_profile(500),
        estimate in any_estimate(),
    ) {
        let scan = Scan::new(&profile, NORMAL, begin, 402);
        match scan.next(begin, estimate) {
            Ok(Some(next)) if next <= begin + calendar::HORIZON => check_next(&profile, &scan, begin, estimate),
            _ => prop_assert_eq!(profile.next_opening(begin, NORMAL, estimate), None),
        }
    }
}
