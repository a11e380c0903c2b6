//! The calendar as others subscribe to it.

use std::collections::BTreeSet;

use calendar::{Blackout, Profile};
use jiff::{SignedDuration, Timestamp};

use crate::sample::{at, profile};

const NOW: &str = "2026-03-20T12:00:00Z";

fn sample() -> Profile {
    let freeze = ["2026-04-01T00:00:00Z/2026-04-03T23:59:59Z", "2026-04-01T00:00:00Z/2026-04-03T23:59:59Z"];
    let mut sample = profile("Europe/Berlin", &["daily 22:00-04:00", "sun 01:30-02:30"], &freeze);
    sample.windows[0].name =
        String::from("Nächte, „lang“; \\ und sehr, sehr viel länger als in eine einzige Zeile passt");
    sample.windows[0].max_concurrent = Some(2);
    sample.blackouts[0].exempt = vec![calendar::ChangeType::Standard];
    sample
}

/// What a reader of iCalendar finds in it.
fn read_back(text: &str) -> Vec<Blackout> {
    let (from, until) = (Timestamp::UNIX_EPOCH, at("2050-01-01T00:00:00Z"));
    Blackout::from_ics(text, &calendar::Zone::UTC, from, until).unwrap()
}

#[test]
fn lines_are_as_the_standard_wants_them() {
    let text = sample().export_ics("Slipway, shop", at(NOW));
    assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"));
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    for line in text.split_terminator("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line}");
    }
    let unfolded = text.replace("\r\n ", "");
    let of = |name: &str| unfolded.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
    assert_eq!(of("X-WR-CALNAME:"), ["Slipway\\, shop"]);
    let (uids, events) = (of("UID:"), of("BEGIN:VEVENT"));
    assert_eq!(uids.len(), events.len());
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), uids.len(), "every event has a UID of its own");
    assert!(of("DTSTAMP:").iter().all(|stamp| *stamp == "20260320T120000Z"));
    assert_eq!(of("DTSTAMP:").len(), events.len());
}

#[test]
fn what_is_read_back_is_what_was_told() {
    let told = read_back(&sample().export_ics("shop", at(NOW)));
    let spans = |reason: &str| -> Vec<(Timestamp, Timestamp)> {
        let relevant = told.iter().filter(|it| it.reason == reason);
        relevant.map(|it| (it.start, it.end + SignedDuration::from_micros(1))).collect()
    };
    let window = sample().windows[0].name.clone();
    let nights = spans(&format!("Window: {window}"));
    assert_eq!(nights.len(), 31 + 400, "a month back, 400 days ahead");
    // The night in which clocks are put forward is an hour shorter.
    assert!(nights.contains(&(at("2026-03-27T21:00:00Z"), at("2026-03-28T03:00:00Z"))));
    assert!(nights.contains(&(at("2026-03-28T21:00:00Z"), at("2026-03-29T02:00:00Z"))));
    // The hour that comes twice is told once, from its first begin to its last end.
    assert!(
        spans("Window: sun 01:30-02:30").contains(&(at("2026-10-24T23:30:00Z"), at("2026-10-25T01:30:00Z")))
    );
    assert_eq!(spans("Blackout: freeze"), [(at("2026-04-01T00:00:00Z"), at("2026-04-04T00:00:00Z"))]);
}

#[test]
fn what_stays_the_same_keeps_its_uid() {
    let uids = |now: &str| -> BTreeSet<String> {
        let text = sample().export_ics("shop", at(now)).replace("\r\n ", "");
        text.lines().filter_map(|line| line.strip_prefix("UID:")).map(str::to_owned).collect()
    };
    let (today, tomorrow) = (uids(NOW), uids("2026-03-21T12:00:00Z"));
    assert!(today.intersection(&tomorrow).count() > 400, "all but the first and the last");
}
