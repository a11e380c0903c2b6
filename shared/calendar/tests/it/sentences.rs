//! What people read.

use std::time::Duration;

use calendar::{Change, ChangeType, Risk, Zone};
use serde_json::json;

use crate::sample::{EMERGENCY, NORMAL, at, profile};

#[test]
fn an_instant_is_told_with_its_zone_and_distance() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let now = at("2026-11-22T09:00:00Z");
    for (instant, text) in [
        ("2026-11-24T21:00:00Z", "Tuesday 24 November, 22:00 (Europe/Berlin), in 2 days"),
        ("2026-11-23T09:00:00Z", "Monday 23 November, 10:00 (Europe/Berlin), in 1 day"),
        ("2026-11-23T08:59:59Z", "Monday 23 November, 09:59 (Europe/Berlin), in 23 hours"),
        ("2026-11-22T10:59:00Z", "Sunday 22 November, 11:59 (Europe/Berlin), in 1 hour"),
        ("2026-11-22T09:59:59Z", "Sunday 22 November, 10:59 (Europe/Berlin), in 59 minutes"),
        ("2026-11-22T09:01:00Z", "Sunday 22 November, 10:01 (Europe/Berlin), in 1 minute"),
        ("2026-11-22T09:00:30Z", "Sunday 22 November, 10:00 (Europe/Berlin), in less than a minute"),
        ("2026-11-22T08:00:00Z", "Sunday 22 November, 09:00 (Europe/Berlin)"),
        ("2027-01-01T21:00:00Z", "Friday 1 January 2027, 22:00 (Europe/Berlin), in 40 days"),
    ] {
        assert_eq!(berlin.moment(at(instant), now), text);
    }
}

#[test]
fn a_decision_is_told_in_sentences() {
    let usual =
        profile("Europe/Berlin", &["tue,thu 22:00-06:00"], &["2026-11-25T23:00:00Z/2026-11-26T22:59:59Z"]);
    let both = profile("UTC", &["mon 08:00-12:00", "mon 10:00-14:00", "tue 10:00-14:00"], &[]);
    let never = profile("UTC", &[], &[]);
    for (profile, now, change, sentence) in [
        (
            &usual,
            "2026-11-22T09:00:00Z",
            NORMAL,
            "Closed: the window “tue,thu 22:00-06:00” is not open. \
             Next opening: Tuesday 24 November, 22:00 (Europe/Berlin), in 2 days.",
        ),
        (
            &usual,
            "2026-11-24T23:30:00Z",
            NORMAL,
            "Open: the window “tue,thu 22:00-06:00” is open. Closes Wednesday 25 November, 06:00 (Europe/Berlin), in 5 hours.",
        ),
        (
            &usual,
            "2026-11-26T21:30:00Z",
            NORMAL,
            "Closed: the blackout “freeze” lasts until Thursday 26 November, 23:59 (Europe/Berlin), in 1 hour. \
             Next opening: Thursday 26 November, 23:59 (Europe/Berlin), in 1 hour.",
        ),
        (
            &usual,
            "2026-11-26T21:30:00Z",
            EMERGENCY,
            "Allowed: it is an emergency, whose reason goes on record; \
             the blackout “freeze” lasts until Thursday 26 November, 23:59 (Europe/Berlin), in 1 hour.",
        ),
        (
            &usual,
            "2026-11-26T21:30:00Z",
            Change { change_type: ChangeType::Standard, risk: Risk::Critical },
            "Refused: no window admits a standard change of critical risk; \
             admitted are the types standard and normal and the risks low and medium.",
        ),
        (
            &both,
            "2026-11-22T09:00:00Z",
            NORMAL,
            "Closed: none of the windows “mon 08:00-12:00”, “mon 10:00-14:00” and “tue 10:00-14:00” is open. \
             Next opening: Monday 23 November, 08:00 (UTC), in 23 hours.",
        ),
        (&never, "2026-11-22T09:00:00Z", NORMAL, "Open: nothing holds it back."),
    ] {
        let decision = profile.decide(at(now), change, Duration::ZERO);
        assert_eq!(decision.sentence(&profile.zone, at(now)), sentence);
    }
}

#[test]
fn an_answer_has_exactly_these_fields() {
    let profile = profile("UTC", &["mon 08:00-12:00"], &["2026-11-23T09:00:00Z/2026-11-23T10:00:00Z"]);
    let now = at("2026-11-23T09:30:00Z");
    let answer = profile.decide(now, NORMAL, Duration::ZERO).answer(&profile.zone, now);
    let reason = "the blackout “freeze” lasts until Monday 23 November, 10:00 (UTC), in 30 minutes";
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "verdict": "closed",
            "reasons": [reason],
            "closes_at": null,
            "next_opening": "2026-11-23T10:00:00Z",
            "sentence": format!("Closed: {reason}. Next opening: Monday 23 November, 10:00 (UTC), in 30 minutes."),
        })
    );
}
