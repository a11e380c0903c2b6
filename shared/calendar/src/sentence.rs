//! What the calendar says, in words and as JSON.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, HORIZON, Verdict};
use crate::zone::Zone;

/// A decision as it crosses process boundaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// `open`, `closed`, `refused` or `bypassed`.
    pub verdict: String,
    /// What it rests on, for people; warnings too.
    pub reasons: Vec<String>,
    /// When the present opening ends, in whole milliseconds; `null` where there is none, or no end within 400 days.
    pub closes_at: Option<Timestamp>,
    /// When it may start, in whole milliseconds; `null` where it may now, or never within 400 days.
    pub next_opening: Option<Timestamp>,
    /// All of it, for people.
    pub sentence: String,
}

impl Decision {
    /// What the calendar says, for people of `zone`, in whole sentences.
    pub fn sentence(&self, zone: &Zone, now: Timestamp) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(|reason| reason.text(zone, now)).collect();
        let because = reasons.join("; ");
        let moment = |at: Timestamp| zone.moment(at, now);
        match (self.verdict, self.closes_at, self.next_opening) {
            (Verdict::Open, Some(closes_at), _) => {
                format!("Open: {because}. Closes {}.", moment(closes_at))
            }
            (Verdict::Open, None, _) => format!("Open: {because}."),
            (Verdict::Closed, _, Some(next)) => format!("Closed: {because}. Next opening: {}.", moment(next)),
            (Verdict::Closed, _, None) => {
                let days = HORIZON.as_hours() / 24;
                format!("Closed: {because}. There is no opening within {days} days.")
            }
            (Verdict::Refused, ..) => format!("Refused: {because}."),
            (Verdict::Bypassed, ..) => format!("Allowed: {because}."),
        }
    }

    /// The decision as it crosses process boundaries.
    pub fn answer(&self, zone: &Zone, now: Timestamp) -> Answer {
        Answer {
            verdict: self.verdict.to_string(),
            reasons: self.reasons.iter().map(|reason| reason.text(zone, now)).collect(),
            closes_at: self.closes_at.map(whole_milliseconds),
            next_opening: self.next_opening.map(whole_milliseconds),
            sentence: self.sentence(zone, now),
        }
    }
}

impl Zone {
    /// An instant as people of this zone say it: `Tuesday 24 November, 22:00 (Europe/Berlin), in 2 days`. The year is
    /// told where it is not the present one.
    pub fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        let (then, today) = (self.rules().to_datetime(at), self.rules().to_datetime(now));
        let day = if then.year() == today.year() { "%A %-d %B" } else { "%A %-d %B %Y" };
        let clock = then.strftime("%H:%M");
        let days = then.date().duration_since(today.date()).as_hours() / 24;
        let minutes = at.duration_since(now).as_mins();
        let distance = match minutes {
            _ if at < now => String::new(),
            ..1 => ", in less than a minute".to_owned(),
            1..60 => format!(", in {}", counted(minutes, "minute")),
            60..1440 => format!(", in {}", counted(minutes / 60, "hour")),
            1440.. => format!(", in {}", counted(days, "day")),
        };
        format!("{}, {clock} ({self}){distance}", then.strftime(day))
    }
}

/// A span of time, rounded down: `10 minutes`, `45 seconds`, `2 hours 5 minutes`.
pub(crate) fn lasting(span: Duration) -> String {
    let (seconds, minutes) = (span.as_secs().cast_signed(), span.as_secs().cast_signed() / 60);
    match minutes {
        0 => counted(seconds, "second"),
        1..60 => counted(minutes, "minute"),
        _ if minutes % 60 == 0 => counted(minutes / 60, "hour"),
        _ => format!("{} {}", counted(minutes / 60, "hour"), counted(minutes % 60, "minute")),
    }
}

fn counted(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: Display>(items: &[T]) -> String {
    let texts: Vec<_> = items.iter().map(ToString::to_string).collect();
    match texts.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
