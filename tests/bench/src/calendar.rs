//! How long the calendar takes to decide, also where it has to look through all of its 400 days.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::calendar::{Change, ChangeType, HORIZON, Profile, Risk};
use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::figures::{Figures, micros};
use crate::machine;
use crate::report::{cells, table};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const CHANGE: Change = Change { change_type: ChangeType::Normal, risk: Risk::Low };

/// One profile that is asked again and again.
struct Case {
    name: &'static str,
    profile: Profile,
    estimate: Duration,
}

/// Asks each profile so many times, at instants all over a year; returns the report's section.
pub(crate) fn run(rounds: usize) -> Result<String> {
    let begin: Timestamp = "2026-01-05T12:00:00Z".parse()?;
    let mut rows = Vec::new();
    for case in cases(begin)? {
        let mut verdict = "";
        let mut took = Vec::with_capacity(rounds);
        for round in 0..rounds {
            // A step that meets all times of day and both sides of the clock's changes.
            let now = begin + SignedDuration::from_mins(i64::try_from(round)? * 263 % (365 * 24 * 60));
            let start = Instant::now();
            let decision = black_box(&case.profile).decide(black_box(now), CHANGE, case.estimate);
            took.push(start.elapsed());
            verdict = black_box(decision).verdict.as_str();
        }
        let took: Figures = took.into_iter().collect();
        let (median, max) = (micros(took.median()), micros(took.max()));
        rows.push(vec![case.name.to_owned(), verdict.to_owned(), median, max]);
    }
    let head = cells(["in µs", "the last verdict", "median", "max"]);
    Ok(format!(
        "## Calendar: how long a decision takes\n\n\
         `cargo xtask bench calendar --rounds {rounds}`, {}.\n\n\
         Each profile is asked {rounds} times, one question after the other, at instants all over the year 2026. An answer holds\n\
         the verdict, the end of the present opening and the next opening within {} days.\n\n{}",
        machine::description(),
        HORIZON.as_hours() / 24,
        table(&head, &rows),
    ))
}

fn cases(begin: Timestamp) -> Result<Vec<Case>> {
    let window = |name: &str, start: &str, end: &str| json!({ "name": name, "days": DAYS, "start": start, "end": end });
    let hourly: Vec<Value> = (0..12)
        .map(|at| window(&format!("{at}"), &format!("{:02}:00", at * 2), &format!("{:02}:30", at * 2)))
        .collect();
    let freezes = |count: i64, hours: i64| -> Vec<Value> {
        let freeze = |index: i64| {
            let start = begin + SignedDuration::from_hours(index * 24);
            json!({ "reason": "freeze", "start": start, "end": start + SignedDuration::from_hours(hours) })
        };
        (0..count).map(freeze).collect()
    };
    let (nightly, always) = (window("nightly", "22:00", "06:00"), window("always", "00:00", "24:00"));
    let frozen = freezes(800, 24);
    [
        ("one window each night", json!([&nightly]), json!([]), 600),
        ("one window each night, frozen on 1,000 days", json!([&nightly]), json!(freezes(1_000, 11)), 600),
        ("open on all days from 00:00 to 24:00", json!([&always]), json!([]), 600),
        ("one window each night, all of 800 days frozen", json!([&nightly]), json!(frozen), 600),
        ("twelve windows a day, none of them long enough", json!(hourly), json!([]), 3_600),
    ]
    .into_iter()
    .map(|(name, windows, blackouts, seconds)| {
        let profile = json!({ "zone": "Europe/Berlin", "windows": windows, "blackouts": blackouts });
        let profile = Profile::parse(&profile).context(name)?;
        Ok(Case { name, profile, estimate: Duration::from_secs(seconds) })
    })
    .collect()
}
