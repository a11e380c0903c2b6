//! The window cases that every implementation must agree with, by their numbers.

use std::time::Duration;

use calendar::{Change, Enforcement, Profile, Reason, Verdict};
use jiff::Timestamp;
use serde_json::json;

use crate::sample::{EMERGENCY, NORMAL, NORMAL_HIGH, STANDARD, at, blackout, profile};

/// Windows or blackouts, in short.
type Texts = &'static [&'static str];

const MINUTES_10: Duration = Duration::from_mins(10);

/// What is expected at an instant.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Open,
    /// Closed until then.
    Until(&'static str),
    Closed,
}
use Expected::{Closed, Open, Until};

#[track_caller]
fn check(row: &str, profile: &Profile, now: Timestamp, change: Change, expected: Expected) {
    let decision = profile.decide(now, change, Duration::ZERO);
    let answer = decision.answer(&profile.zone, now);
    match expected {
        Open => assert_eq!(decision.verdict, Verdict::Open, "row {row} at {now}: {decision:?}"),
        Closed => assert_eq!(decision.verdict, Verdict::Closed, "row {row} at {now}: {decision:?}"),
        Until(next) => {
            assert_eq!(decision.verdict, Verdict::Closed, "row {row} at {now}: {decision:?}");
            assert_eq!(answer.next_opening, Some(at(next)), "row {row} at {now}: {decision:?}");
        }
    }
}

const CHRISTMAS: &[&str] = &["2026-12-24T00:00:00Z/2026-12-26T23:59:59Z"];

#[test]
fn windows_open_and_close_on_their_days() {
    type Row = (&'static str, &'static str, Texts, Texts, &'static str, Expected);
    let table: &[Row] = &[
        ("1", "UTC", &["tue,thu 02:00-06:00"], &[], "2026-01-06T02:00:00Z", Open),
        ("2", "UTC", &["tue,thu 02:00-06:00"], &[], "2026-01-06T06:00:00Z", Until("2026-01-08T02:00:00Z")),
        ("3", "UTC", &["tue 22:00-06:00"], &[], "2026-01-07T05:59:00Z", Open),
        ("4", "UTC", &["tue 22:00-06:00"], &[], "2026-01-06T05:00:00Z", Until("2026-01-06T22:00:00Z")),
        ("5", "UTC", &["sat 22:00-06:00"], &[], "2026-01-10T02:00:00Z", Closed),
        ("5", "UTC", &["sat 22:00-06:00"], &[], "2026-01-11T02:00:00Z", Open),
        ("6", "UTC", &["mon 18:00-24:00"], &[], "2026-01-05T23:59:59Z", Open),
        ("6", "UTC", &["mon 18:00-24:00"], &[], "2026-01-06T00:00:00Z", Closed),
        ("7", "America/New_York", &["mon 19:00-20:00"], &[], "2026-01-06T00:30:00Z", Open),
        (
            "8",
            "Europe/Berlin",
            &["daily 02:00-04:00"],
            &[],
            "2026-03-29T00:59:59Z",
            Until("2026-03-29T01:00:00Z"),
        ),
        ("8", "Europe/Berlin", &["daily 02:00-04:00"], &[], "2026-03-29T01:30:00Z", Open),
        ("8", "Europe/Berlin", &["daily 02:00-04:00"], &[], "2026-03-29T02:00:00Z", Closed),
        (
            "9",
            "Europe/Berlin",
            &["daily 02:15-02:45"],
            &[],
            "2026-03-28T23:00:00Z",
            Until("2026-03-30T00:15:00Z"),
        ),
        (
            "10",
            "Europe/Berlin",
            &["daily 01:30-02:30"],
            &[],
            "2026-10-24T23:29:59Z",
            Until("2026-10-24T23:30:00Z"),
        ),
        ("10", "Europe/Berlin", &["daily 01:30-02:30"], &[], "2026-10-25T00:15:00Z", Open),
        ("10", "Europe/Berlin", &["daily 01:30-02:30"], &[], "2026-10-25T00:45:00Z", Open),
        ("10", "Europe/Berlin", &["daily 01:30-02:30"], &[], "2026-10-25T01:15:00Z", Open),
        ("10", "Europe/Berlin", &["daily 01:30-02:30"], &[], "2026-10-25T01:30:00Z", Closed),
        (
            "13",
            "UTC",
            &["daily 22:00-23:00"],
            CHRISTMAS,
            "2026-12-25T22:30:00Z",
            Until("2026-12-27T22:00:00Z"),
        ),
        ("19", "UTC", &[], &[], "2026-12-25T22:30:00Z", Open),
        ("20", "UTC", &[], CHRISTMAS, "2026-12-25T22:30:00Z", Until("2026-12-26T23:59:59Z")),
        ("20", "UTC", &[], CHRISTMAS, "2026-12-26T23:59:59Z", Until("2026-12-26T23:59:59Z")),
        ("20", "UTC", &[], CHRISTMAS, "2026-12-27T00:00:00Z", Open),
        ("24", "UTC", &["daily 00:00-24:00"], &[], "2026-01-05T23:59:59.999999999Z", Open),
        ("24", "UTC", &["daily 00:00-24:00"], &[], "2026-01-06T00:00:00Z", Open),
    ];
    for (row, zone, windows, blackouts, now, expected) in table {
        check(row, &profile(zone, windows, blackouts), at(now), NORMAL, *expected);
    }
}

#[test]
fn an_opening_ends_when_its_last_window_does() {
    type Row = (&'static str, Texts, Texts, &'static str, Option<&'static str>);
    let table: &[Row] = &[
        ("Europe/Berlin", &["daily 02:00-04:00"], &[], "2026-03-29T01:30:00Z", Some("2026-03-29T02:00:00Z")),
        ("Europe/Berlin", &["daily 01:30-02:30"], &[], "2026-10-24T23:30:00Z", Some("2026-10-25T01:30:00Z")),
        (
            "UTC",
            &["mon 20:00-24:00", "tue 00:00-03:00"],
            &[],
            "2026-01-05T21:00:00Z",
            Some("2026-01-06T03:00:00Z"),
        ),
        (
            "UTC",
            &["daily 00:00-24:00"],
            &["2026-02-01T12:00:00Z/2026-02-02T00:00:00Z"],
            "2026-01-05T21:00:00Z",
            Some("2026-02-01T12:00:00Z"),
        ),
        ("UTC", &["daily 00:00-24:00"], &[], "2026-01-05T21:00:00Z", None),
        ("UTC", &[], &[], "2026-01-05T21:00:00Z", None),
    ];
    for (zone, windows, blackouts, now, closes_at) in table {
        let decision = profile(zone, windows, blackouts).decide(at(now), NORMAL, Duration::ZERO);
        assert_eq!(decision.closes_at, closes_at.map(at), "{windows:?} at {now}: {decision:?}");
    }
}

#[test]
fn row_9_a_window_within_a_gap_does_not_open_that_day() {
    let profile = profile("Europe/Berlin", &["daily 02:15-02:45"], &[]);
    let (mut now, end) = (at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"));
    while now < end {
        check("9", &profile, now, NORMAL, Until("2026-03-30T00:15:00Z"));
        now += jiff::SignedDuration::from_mins(1);
    }
}

#[test]
fn row_12_no_window_opens_on_a_day_that_is_missing() {
    // Friday the 30th: from Thursday 24:00, which is 10:00 UTC, it was Saturday.
    let profile = profile("Pacific/Apia", &["fri 09:00-17:00"], &[]);
    let (mut now, end) = (at("2011-12-26T00:00:00Z"), at("2012-01-02T00:00:00Z"));
    while now < end {
        check("12", &profile, now, NORMAL, Until("2012-01-05T19:00:00Z"));
        now += jiff::SignedDuration::from_mins(1);
    }
}

#[test]
fn rows_14_and_15_a_blackout_lasts_to_its_last_instant() {
    let within = profile("UTC", &["daily 10:00-14:00"], &["2026-01-05T11:00:00Z/2026-01-05T12:00:00Z"]);
    check("14", &within, at("2026-01-05T11:30:00Z"), NORMAL, Until("2026-01-05T12:00:00Z"));
    check("14", &within, at("2026-01-05T12:00:00Z"), NORMAL, Until("2026-01-05T12:00:00Z"));
    check("14", &within, at("2026-01-05T12:00:00.001Z"), NORMAL, Open);
    let next = within.next_opening(at("2026-01-05T11:30:00Z"), NORMAL, Duration::ZERO).unwrap();
    check("14", &within, next, NORMAL, Open);

    let touching = profile(
        "UTC",
        &[],
        &["2026-01-05T11:00:00Z/2026-01-05T12:00:00Z", "2026-01-05T12:00:00Z/2026-01-05T13:00:00Z"],
    );
    for now in ["2026-01-05T11:59:59.999Z", "2026-01-05T12:00:00Z", "2026-01-05T12:00:00.001Z"] {
        check("15", &touching, at(now), NORMAL, Until("2026-01-05T13:00:00Z"));
    }
}

#[test]
fn row_16_a_blackout_leaves_the_types_alone_that_it_exempts() {
    let mut profile = profile("UTC", &["daily 10:00-14:00"], &["2026-01-05T00:00:00Z/2026-01-06T00:00:00Z"]);
    profile.blackouts[0].exempt = vec![STANDARD.change_type];
    check("16", &profile, at("2026-01-05T12:00:00Z"), STANDARD, Open);
    check("16", &profile, at("2026-01-05T15:00:00Z"), STANDARD, Until("2026-01-06T10:00:00Z"));
    check("16", &profile, at("2026-01-05T12:00:00Z"), NORMAL, Until("2026-01-06T10:00:00Z"));
}

#[test]
fn row_17_an_emergency_goes_past_and_says_past_what() {
    let now = at("2026-01-05T12:00:00Z");
    let freeze = blackout("2026-01-05T00:00:00Z/2026-01-06T00:00:00Z");
    let in_blackout = Reason::InBlackout { reason: freeze.reason.clone(), until: freeze.end };
    let outside = Reason::OutsideWindows { names: vec!["tue 10:00-14:00".to_owned()] };
    let black: &[&str] = &["2026-01-05T00:00:00Z/2026-01-06T00:00:00Z"];
    let table: &[(&[&str], &[&str], Option<Reason>)] = &[
        (&[], &[], None),
        (&["mon 10:00-14:00"], &[], None),
        (&["tue 10:00-14:00"], &[], Some(outside)),
        (&["mon 10:00-14:00"], black, Some(in_blackout)),
    ];
    for (windows, blackouts, past) in table {
        let decision = profile("UTC", windows, blackouts).decide(now, EMERGENCY, MINUTES_10);
        let reasons: Vec<_> = [Reason::Emergency].into_iter().chain(past.clone()).collect();
        assert_eq!(
            (decision.verdict, decision.reasons),
            (Verdict::Bypassed, reasons),
            "{windows:?} {blackouts:?}"
        );
        assert_eq!((decision.closes_at, decision.next_opening), (None, None));
    }
}

#[test]
fn row_18_what_no_window_admits_is_refused_and_told_what_would_be_admitted() {
    let mut profile = profile("UTC", &["daily 00:00-24:00", "mon 00:00-01:00"], &[]);
    profile.windows[1].change_types = vec![STANDARD.change_type];
    for now in ["2026-01-05T00:30:00Z", "2026-01-05T12:00:00Z"] {
        let decision = profile.decide(at(now), NORMAL_HIGH, Duration::ZERO);
        assert_eq!((decision.verdict, decision.next_opening), (Verdict::Refused, None), "{decision:?}");
        assert_eq!(
            decision.sentence(&profile.zone, at(now)),
            "Refused: no window admits a normal change of high risk; admitted are the types standard and normal \
             and the risks low and medium."
        );
    }
}

#[test]
fn row_21_an_unknown_zone_is_refused_by_its_field() {
    let wrong = Profile::parse(&json!({ "zone": "Mars/Olympus" })).unwrap_err();
    assert_eq!(wrong.field, "zone");
}

#[test]
fn row_22_what_would_not_finish_waits_for_the_next_opening() {
    let mut profile = profile("UTC", &["daily 10:00-14:00"], &[]);
    let late = at("2026-01-05T13:54:00Z");
    let decision = profile.decide(late, NORMAL, MINUTES_10);
    assert_eq!(decision.verdict, Verdict::Closed);
    assert_eq!(decision.next_opening, Some(at("2026-01-06T10:00:00Z")));
    assert_eq!(
        decision.sentence(&profile.zone, late),
        "Closed: it would not finish: it needs 10 minutes, but has only 6 minutes. \
         Next opening: Tuesday 6 January, 10:00 (UTC), in 20 hours."
    );
    let in_time = profile.decide(at("2026-01-05T13:50:00Z"), NORMAL, MINUTES_10);
    assert_eq!(in_time.verdict, Verdict::Open, "ten minutes are enough for ten minutes");

    profile.windows[0].allow_overrun = true;
    assert_eq!(profile.decide(late, NORMAL, MINUTES_10).verdict, Verdict::Open);
    // A window may be overrun, a blackout may not be run into.
    profile.blackouts.push(blackout("2026-01-05T14:02:00Z/2026-01-05T15:00:00Z"));
    let decision = profile.decide(late, NORMAL, MINUTES_10);
    assert_eq!(
        (decision.verdict, decision.next_opening),
        (Verdict::Closed, Some(at("2026-01-06T10:00:00Z")))
    );
}

#[test]
fn row_23_an_advisory_window_warns_and_lets_pass() {
    let black: &[&str] = &["2026-01-06T00:00:00Z/2026-01-06T12:00:00Z"];
    let mut profile = profile("UTC", &["mon 10:00-14:00"], black);
    profile.windows[0].enforcement = Enforcement::Advisory;
    let outside = Reason::OutsideWindows { names: vec!["mon 10:00-14:00".to_owned()] };

    let decision = profile.decide(at("2026-01-05T15:00:00Z"), NORMAL, MINUTES_10);
    assert_eq!(decision.verdict, Verdict::Open);
    assert_eq!(decision.reasons, [outside, Reason::OnlyAdvice]);

    let decision = profile.decide(at("2026-01-05T11:00:00Z"), NORMAL, MINUTES_10);
    assert_eq!(decision.reasons, [Reason::InWindow { name: "mon 10:00-14:00".to_owned() }]);
    assert_eq!(decision.closes_at, Some(at("2026-01-05T14:00:00Z")));

    check("23", &profile, at("2026-01-06T11:00:00Z"), NORMAL, Until("2026-01-06T12:00:00Z"));

    // One window that is enforced is enough to hold the change back.
    profile.windows.push(crate::sample::window("wed 10:00-14:00"));
    check("23", &profile, at("2026-01-05T15:00:00Z"), NORMAL, Until("2026-01-07T10:00:00Z"));
}

#[test]
fn row_25_the_open_window_says_how_many_may_be_under_way() {
    let mut profile = profile("UTC", &["mon 10:00-14:00", "mon 13:00-15:00", "mon 14:00-16:00"], &[]);
    profile.windows[0].max_concurrent = Some(3);
    profile.windows[1].max_concurrent = Some(1);
    for (now, most) in [("10:00", Some(3)), ("13:30", Some(1)), ("15:30", None)] {
        let decision = profile.decide(at(&format!("2026-01-05T{now}:00Z")), NORMAL, MINUTES_10);
        assert_eq!((decision.verdict, decision.max_concurrent), (Verdict::Open, most), "{now}");
    }
}

#[test]
fn there_may_be_no_opening_within_400_days() {
    let now = at("2026-01-05T12:00:00Z");
    let short = profile("UTC", &["daily 10:00-10:05"], &[]);
    let frozen = profile("UTC", &[], &["2026-01-01T00:00:00Z/2028-01-01T00:00:00Z"]);
    for profile in [short, frozen] {
        let decision = profile.decide(now, NORMAL, MINUTES_10);
        assert_eq!((decision.verdict, decision.next_opening), (Verdict::Closed, None), "{decision:?}");
        let sentence = decision.sentence(&profile.zone, now);
        assert!(sentence.ends_with(" There is no opening within 400 days."), "{sentence}");
    }
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let zones = ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/Adak"];
    let all: &[&str] = &["-009999-01-02T01:59:59Z/9999-12-30T22:00:00.999999999Z"];
    for (zone, now) in zones.iter().flat_map(|zone| [(zone, Timestamp::MIN), (zone, Timestamp::MAX)]) {
        for blackouts in [&[][..], all] {
            for windows in [&[][..], &["daily 22:00-06:00"], &["daily 00:00-24:00"]] {
                let profile = profile(zone, windows, blackouts);
                let decision = profile.decide(now, NORMAL, Duration::MAX);
                let sentence = decision.sentence(&profile.zone, now);
                assert!(sentence.ends_with('.'), "{zone} {now} {windows:?}: {sentence}");
            }
        }
    }
}
