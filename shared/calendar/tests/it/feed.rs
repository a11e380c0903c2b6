//! Blackouts from iCalendar feeds.

use calendar::{Blackout, FEED_BYTES_MAX, InvalidFeed, Zone};
use proptest::prelude::*;

use crate::sample::at;

/// The blackouts of 2026 that events mean, in Berlin: `start/end reason`.
fn read(events: &str) -> Result<Vec<String>, InvalidFeed> {
    let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"));
    let zone: Zone = "Europe/Berlin".parse().unwrap();
    let blackouts = Blackout::from_ics(&text, &zone, at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:59Z"))?;
    Ok(blackouts.iter().map(|it| format!("{}/{} {}", it.start, it.end, it.reason)).collect())
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:1@test\n{lines}\nEND:VEVENT\n")
}

#[test]
fn events_are_blackouts_up_to_their_end() {
    let table: &[(&str, &[&str])] = &[
        // UTC, another zone, none; folded and escaped text.
        (
            "DTSTART:20260105T100000Z\nDTEND:20260105T120000Z\nSUMMARY:Quarter\\, en\n d\\nof it",
            &["2026-01-05T10:00:00Z/2026-01-05T11:59:59.999999Z Quarter, end of it"],
        ),
        (
            "DTSTART;TZID=America/New_York:20260105T100000\nDURATION:PT2H30M\nSUMMARY:New York",
            &["2026-01-05T15:00:00Z/2026-01-05T17:29:59.999999Z New York"],
        ),
        (
            "DTSTART;TZID=/vendor/of/calendars/America/New_York:20260105T100000\nDURATION:PT1H\nSUMMARY:path",
            &["2026-01-05T15:00:00Z/2026-01-05T15:59:59.999999Z path"],
        ),
        (
            "DTSTART:20260105T100000\nDTEND;TZID=\"Europe/London\":20260105T100000\nSUMMARY:floating",
            &["2026-01-05T09:00:00Z/2026-01-05T09:59:59.999999Z floating"],
        ),
        // Whole days are as long as they are in Berlin; without an end it is one.
        (
            "DTSTART;VALUE=DATE:20260328\nDTEND;VALUE=DATE:20260330\nSUMMARY:short weekend",
            &["2026-03-27T23:00:00Z/2026-03-29T21:59:59.999999Z short weekend"],
        ),
        (
            "DTSTART;VALUE=DATE:20261025",
            &["2026-10-24T22:00:00Z/2026-10-25T22:59:59.999999Z an event without a title"],
        ),
        (
            "DTSTART;VALUE=DATE:20261224\nDURATION:P1W\nSUMMARY:week",
            &["2026-12-23T23:00:00Z/2026-12-30T22:59:59.999999Z week"],
        ),
        // Free, and out of reach; cancelled, without length, out of the year.
        (
            "DTSTART;VALUE=DATE:20260101\nTRANSP:TRANSPARENT\nSUMMARY:New Year",
            &["2025-12-31T23:00:00Z/2026-01-01T22:59:59.999999Z New Year"],
        ),
        ("DTSTART;VALUE=DATE:20260101\nSTATUS:CANCELLED", &[]),
        ("DTSTART:20260105T100000Z", &[]),
        ("DTSTART;VALUE=DATE:20270105", &[]),
        ("DTSTART;VALUE=DATE:20251230", &[]),
        // Gaps are told from their end on, hours that come twice are held to the last.
        (
            "DTSTART:20260329T021500\nDURATION:PT1H\nSUMMARY:gap",
            &["2026-03-29T01:00:00Z/2026-03-29T01:59:59.999999Z gap"],
        ),
        (
            "DTSTART:20261024T023000\nDURATION:P1D\nSUMMARY:fold",
            &["2026-10-24T00:30:00Z/2026-10-25T01:29:59.999999Z fold"],
        ),
        // Alarms within events are passed over.
        (
            "BEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT5M\nEND:VALARM\nDTSTART:20260105T100000Z\nDURATION:PT1H\nSUMMARY:alarm",
            &["2026-01-05T10:00:00Z/2026-01-05T10:59:59.999999Z alarm"],
        ),
    ];
    for (lines, expected) in table {
        assert_eq!(read(&event(lines)).unwrap(), *expected, "{lines}");
    }
}

#[test]
fn recurring_events_come_one_by_one() {
    let nightly = "DTSTART;TZID=Europe/Berlin:20260327T220000\nDTEND;TZID=Europe/Berlin:20260328T040000\n\
        RRULE:FREQ=DAILY;UNTIL=20260330T200000Z\nSUMMARY:night";
    let nights = [
        "2026-03-27T21:00:00Z/2026-03-28T02:59:59.999999Z night",
        "2026-03-28T21:00:00Z/2026-03-29T02:59:59.999999Z night",
        "2026-03-29T20:00:00Z/2026-03-30T01:59:59.999999Z night",
        "2026-03-30T20:00:00Z/2026-03-31T01:59:59.999999Z night",
    ];
    let moved = "BEGIN:VEVENT\nUID:1@test\nRECURRENCE-ID:20260328T210000Z\nDTSTART:20260328T120000Z\nDURATION:PT1H\n\
        SUMMARY:moved\nEND:VEVENT\n";
    let dropped = "BEGIN:VEVENT\nUID:1@test\nRECURRENCE-ID:20260328T210000Z\nDTSTART:20260328T210000Z\n\
        STATUS:CANCELLED\nEND:VEVENT\n";
    let of_another = "BEGIN:VEVENT\nUID:2@test\nRECURRENCE-ID:20260328T210000Z\nDTSTART:20260328T210000Z\n\
        STATUS:CANCELLED\nEND:VEVENT\n";
    let without_second = vec![nights[0], nights[2], nights[3]];
    let table = [
        (event(nightly), nights.to_vec()),
        (event(&format!("{nightly}\nEXDATE:20260328T210000Z")), without_second.clone()),
        (event(&format!("{nightly}\nEXDATE;TZID=Europe/Berlin:20260328T220000")), without_second.clone()),
        (event(&format!("{nightly}\nEXDATE;VALUE=DATE:20260328,20260330")), vec![nights[0], nights[2]]),
        (
            event(&format!(
                "{nightly}\nEXDATE:20260327T210000Z\nEXDATE:20260329T200000Z\nRDATE:20260327T210000Z"
            )),
            vec![nights[1], nights[3]],
        ),
        (
            event(&format!("{nightly}\nRDATE:20260401T200000Z")),
            [&nights[..], &["2026-04-01T20:00:00Z/2026-04-02T01:59:59.999999Z night"]].concat(),
        ),
        (event(nightly) + dropped, without_second),
        (
            moved.to_owned() + &event(nightly),
            vec![nights[0], "2026-03-28T12:00:00Z/2026-03-28T12:59:59.999999Z moved", nights[2], nights[3]],
        ),
        (event(nightly) + of_another, nights.to_vec()),
        // One that began before the year and reaches into it.
        (
            event(
                "DTSTART:20251001T120000Z\nDURATION:P40D\nRRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=2\nSUMMARY:long",
            ),
            vec!["2025-12-01T12:00:00Z/2026-01-10T11:59:59.999999Z long"],
        ),
        (
            event("DTSTART;VALUE=DATE:20240704\nRRULE:FREQ=YEARLY\nEXDATE:20250704T000000Z\nSUMMARY:yearly"),
            vec!["2026-07-03T22:00:00Z/2026-07-04T21:59:59.999999Z yearly"],
        ),
    ];
    for (events, expected) in table {
        assert_eq!(read(&events).unwrap(), expected, "{events}");
    }
}

/// Lines of an event; the line, the property and what is wrong.
const WRONG: &[(&str, usize, &str, &str)] = &[
    ("SUMMARY:when?", 3, "DTSTART", "is missing: nobody can know when the event is"),
    (
        "DTSTART:20261301",
        5,
        "DTSTART",
        "`20261301` must be a day such as 20261224 or a time such as 20261224T180000Z",
    ),
    (
        "DTSTART:20260105T250000Z",
        5,
        "DTSTART",
        "`20260105T250000Z` must be a day such as 20261224 or a time such as 20261224T180000Z",
    ),
    (
        "DTSTART;TZID=W. Europe Standard Time:20260105T100000",
        5,
        "DTSTART",
        "there is no time zone `W. Europe Standard Time`; only names of the IANA database such as Europe/Berlin are known",
    ),
    (
        "DTSTART:20260105T100000Z\nDTEND:20260105T090000Z",
        6,
        "DTEND",
        "must be after DTSTART, by a hundred years at most",
    ),
    (
        "DTSTART:20260105T100000Z\nDTEND:99990105T090000Z",
        6,
        "DTEND",
        "must be after DTSTART, by a hundred years at most",
    ),
    (
        "DTSTART:20260105T100000Z\nDURATION:1H",
        6,
        "DURATION",
        "`1H` must be a duration such as P1D or PT8H30M",
    ),
    ("DTSTART:20260105T100000Z\nDURATION:P", 6, "DURATION", "`P` must be a duration such as P1D or PT8H30M"),
    (
        "DTSTART:20260105T100000Z\nDURATION:-PT1H",
        6,
        "DURATION",
        "`-PT1H` must be a duration such as P1D or PT8H30M",
    ),
    (
        "DTSTART:20260105T100000Z\nDTEND:20260105T110000Z\nDURATION:PT1H",
        6,
        "DTEND",
        "and DURATION exclude each other",
    ),
    ("DTSTART:20260105T100000Z\nDTSTART:20260105T110000Z", 6, "DTSTART", "is there twice"),
    (
        "DTSTART:20260105T100000Z\nEXRULE:FREQ=DAILY",
        6,
        "EXRULE",
        "is not understood; list the exceptions as EXDATE",
    ),
    (
        "DTSTART:20260105T100000Z\nRDATE;VALUE=PERIOD:20260105T100000Z/PT1H",
        6,
        "RDATE",
        "periods are not understood; give the occurrences as times",
    ),
    (
        "DTSTART:20260105T100000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260105T100000Z",
        6,
        "RECURRENCE-ID",
        "is understood for single occurrences only, not for a RANGE",
    ),
    ("DTSTART:20260105T100000Z\nnot a line", 6, "VCALENDAR", "the line must be NAME:value"),
    ("DTSTART;TZID:20260105T100000Z", 5, "DTSTART", "the parameter `TZID` must be NAME=value"),
    ("DTSTART;TZID=UTC", 5, "DTSTART", "the colon before the value is missing"),
    (
        "DTSTART:00010101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=4294967295\nEND:VEVENT\nBEGIN:VEVENT",
        8,
        "DTSTART",
        "is missing: nobody can know when the event is",
    ),
    ("END:VCALENDAR", 5, "END", "ends a VCALENDAR that did not begin"),
];

#[test]
fn what_is_not_understood_is_refused_with_line_and_property() {
    for &(lines, line, property, problem) in WRONG {
        let wrong = read(&event(lines)).expect_err(lines);
        assert_eq!(
            (wrong.line, wrong.property.as_str(), wrong.problem.as_str()),
            (line, property, problem),
            "{lines}"
        );
    }
}

#[test]
fn only_whole_calendars_count() {
    let whole = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR", event("DTSTART;VALUE=DATE:20260105"));
    let (zone, from, until) = (Zone::UTC, at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z"));
    for text in [whole.clone(), format!("\u{feff}{whole}\n\n")] {
        assert_eq!(Blackout::from_ics(&text, &zone, from, until).unwrap().len(), 1);
    }
    let nested = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR", "BEGIN:X-PART\n".repeat(20));
    let large = "x".repeat(FEED_BYTES_MAX + 1);
    let texts =
        ["", "<html>", "BEGIN:VEVENT\nEND:VEVENT", &whole[..whole.len() - 4], &whole[..40], &nested, &large];
    for text in texts {
        let short: String = text.chars().take(60).collect();
        assert!(Blackout::from_ics(text, &zone, from, until).is_err(), "{short}");
    }
}

#[test]
fn a_feed_may_not_ask_for_endless_work() {
    let rule = "DTSTART:00010101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=4294967295";
    let many = event(rule).repeat(40);
    let wrong = read(&many).unwrap_err();
    assert_eq!(
        (wrong.property.as_str(), wrong.problem.as_str()),
        ("RRULE", "asks for too many days; begin it later, or give it no COUNT")
    );
    let many = event("DTSTART:20260101\nRRULE:FREQ=DAILY").repeat(40);
    let wrong = read(&many).unwrap_err();
    assert_eq!(
        (wrong.property.as_str(), wrong.problem.as_str()),
        ("BEGIN", "with it there are more than 10000 blackouts")
    );
}

#[test]
fn what_others_wrote_is_not_quoted_at_length() {
    let long = "x".repeat(1_000_000);
    for lines in [
        format!("DTSTART:{long}"),
        format!("DTSTART;TZID={long}:20260105T100000"),
        format!("{long}:1\n{long}"),
    ] {
        let wrong = read(&event(&lines)).unwrap_err();
        assert!(wrong.to_string().len() < 1_000, "{}", wrong.line);
    }
}

const PIECES: &[&str] = &[
    "BEGIN:VCALENDAR\n",
    "END:VCALENDAR\n",
    "BEGIN:VEVENT\n",
    "END:VEVENT\n",
    "BEGIN:VALARM\n",
    "END:VALARM\n",
    "DTSTART:",
    "DTEND:",
    "DTSTART;VALUE=DATE:",
    "DTSTART;TZID=Europe/Berlin:",
    "RDATE:",
    "EXDATE:",
    "DURATION:",
    "RECURRENCE-ID:",
    "UID:a\n",
    "RRULE:FREQ=DAILY",
    "RRULE:FREQ=YEARLY",
    "RRULE:FREQ=MONTHLY",
    "RRULE:FREQ=WEEKLY",
    ";COUNT=",
    ";UNTIL=",
    ";INTERVAL=",
    ";BYDAY=MO",
    ";BYDAY=-5FR",
    ";BYSETPOS=-1",
    ";BYWEEKNO=53",
    ";BYMONTHDAY=-31",
    "20260101",
    "20260329T021500",
    "T000000Z",
    "00010101",
    "99991231T235959",
    "P1W",
    "PT1H",
    "P99999999999D",
    "\n",
    "\n ",
    ";",
    ":",
    ",",
    "\"",
    "=",
    "\\",
    "9999999999",
    "-",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_feed_says_it_is_read_or_refused(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
        noise in any::<String>(),
    ) {
        let events = format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", pieces.concat());
        for text in [events, pieces.concat(), noise] {
            if let Err(wrong) = read(&text) {
                prop_assert!(wrong.line >= 1 && !wrong.property.is_empty() && !wrong.problem.is_empty());
            }
        }
    }
}
