//! Dates, times and durations as iCalendar writes them.

use std::collections::HashSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::InvalidFeed;
use super::line::Line;
use crate::wall;
use crate::zone::Zone;

/// A whole day, or a time of a day, in some zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    pub(super) civil: DateTime,
    pub(super) zone: TimeZone,
    pub(super) is_day: bool,
}

impl When {
    /// Its first instant; `None` beyond the years that can be told.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        wall::first(self.civil, &self.zone)
    }
}

/// Occurrences that are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Exceptions {
    instants: HashSet<Timestamp>,
    whole_days: HashSet<Date>,
    dates: HashSet<Date>,
}

impl Exceptions {
    /// Whether one of them is the same instant, or the same day where either is a whole day.
    pub(super) fn mean(&self, occurrence: &When) -> bool {
        let date = occurrence.civil.date();
        if occurrence.is_day {
            return self.dates.contains(&date);
        }
        self.whole_days.contains(&date) || occurrence.instant().is_some_and(|at| self.instants.contains(&at))
    }
}

impl<'a> Extend<&'a When> for Exceptions {
    fn extend<I: IntoIterator<Item = &'a When>>(&mut self, exceptions: I) {
        for exception in exceptions {
            let date = exception.civil.date();
            self.dates.insert(date);
            if exception.is_day {
                self.whole_days.insert(date);
            } else {
                self.instants.extend(exception.instant());
            }
        }
    }
}

/// The one time that a line gives.
pub(super) fn when(line: &Line, zone: &Zone) -> Result<When, InvalidFeed> {
    one(line, &line.value, zone)
}

/// The times that a line lists.
pub(super) fn list(line: &Line, zone: &Zone) -> Result<Vec<When>, InvalidFeed> {
    if line.parameter("VALUE").is_some_and(|kind| kind.eq_ignore_ascii_case("PERIOD")) {
        return Err(line.wrong("periods are not understood; give the occurrences as times"));
    }
    line.value.split(',').map(|text| one(line, text, zone)).collect()
}

fn one(line: &Line, text: &str, zone: &Zone) -> Result<When, InvalidFeed> {
    let text = text.trim();
    if let Some(day) = day(text) {
        return Ok(When {
            civil: day.to_datetime(Time::midnight()),
            zone: zone.rules().clone(),
            is_day: true,
        });
    }
    let (local, is_utc) = text.strip_suffix('Z').map_or((text, false), |local| (local, true));
    let Some(civil) = day_and_time(local) else {
        return Err(
            line.wrong(format!("`{text}` must be a day such as 20261224 or a time such as 20261224T180000Z"))
        );
    };
    let zone = match line.parameter("TZID") {
        _ if is_utc => TimeZone::UTC,
        Some(name) => named(line, name)?.rules().clone(),
        None => zone.rules().clone(),
    };
    Ok(When { civil, zone, is_day: false })
}

/// Some programs write a path before the name, with a slash at its front: no name has more than three parts.
fn named(line: &Line, name: &str) -> Result<Zone, InvalidFeed> {
    let path: Vec<&str> = name.rsplitn(4, '/').collect();
    let last_parts = |count: usize| path.iter().take(count).rev().copied().collect::<Vec<_>>().join("/");
    let candidates: Vec<String> = match name.strip_prefix('/') {
        Some(_) => (1..=3).rev().map(last_parts).collect(),
        None => vec![name.to_owned()],
    };
    candidates.iter().find_map(|name| name.parse().ok()).ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        line.wrong(format!(
            "there is no time zone `{shown}`; only names of the IANA database such as Europe/Berlin are known"
        ))
    })
}

/// `20261224`
pub(super) fn day(text: &str) -> Option<Date> {
    let is_day = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let part = |from: usize, to: usize| text[from..to].parse::<i16>().ok();
    let narrow = |number: i16| i8::try_from(number).ok();
    if !is_day {
        return None;
    }
    Date::new(part(0, 4)?, narrow(part(4, 6)?)?, narrow(part(6, 8)?)?).ok()
}

/// `20261224T180000`; a leap second is the one before.
pub(super) fn day_and_time(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once('T')?;
    let is_time = time.len() == 6 && time.bytes().all(|b| b.is_ascii_digit());
    if !is_time {
        return None;
    }
    let part = |from: usize, to: usize| time[from..to].parse::<i8>().ok();
    let second = Some(part(4, 6)?).filter(|second| *second != 60).unwrap_or(59);
    let time = Time::new(part(0, 2)?, part(2, 4)?, second, 0).ok()?;
    Some(day(date)?.to_datetime(time))
}

/// How long an event lasts: days of the calendar, and exact time beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) days: i32,
    pub(super) exact: SignedDuration,
}

/// A hundred years; nobody plans longer.
const DAYS_MAX: i64 = 36_600;

impl Length {
    pub(super) const NONE: Length = Length { days: 0, exact: SignedDuration::ZERO };
    pub(super) const DAY: Length = Length { days: 1, exact: SignedDuration::ZERO };

    /// From one time to another: whole days as days, else exactly, as RFC 5545 has it for recurring events.
    pub(super) fn between(start: &When, end: &When) -> Option<Self> {
        if start.is_day && end.is_day {
            let days = end.civil.date().duration_since(start.civil.date()).as_hours() / 24;
            return Self::checked(days, SignedDuration::ZERO);
        }
        Self::checked(0, end.instant()?.duration_since(start.instant()?))
    }

    /// `P2W`, `P1DT12H`, `PT90M`; also with a `+`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let (mut days, mut seconds) = (0_i64, 0_i64);
        for (count, unit) in counted(date)? {
            days = days.checked_add(count.checked_mul(match unit {
                'W' => 7,
                'D' => 1,
                _ => return None,
            })?)?;
        }
        for (count, unit) in counted(time.unwrap_or_default())? {
            seconds = seconds.checked_add(count.checked_mul(match unit {
                'H' => 3600,
                'M' => 60,
                'S' => 1,
                _ => return None,
            })?)?;
        }
        let is_empty = date.is_empty() && time.is_none_or(str::is_empty);
        if is_empty { None } else { Self::checked(days, SignedDuration::from_secs(seconds)) }
    }

    fn checked(days: i64, exact: SignedDuration) -> Option<Self> {
        let is_sane =
            (0..=DAYS_MAX).contains(&days) && !exact.is_negative() && exact.as_hours() <= DAYS_MAX * 24;
        is_sane.then_some(Length { days: i32::try_from(days).ok()?, exact })
    }

    /// How many days it touches at most, zones included.
    pub(super) fn days_touched(self) -> i64 {
        i64::from(self.days) + self.exact.as_hours() / 24 + 2
    }

    /// When something ends that starts at `start`.
    pub(super) fn end_of(self, start: &When) -> Option<Timestamp> {
        if self.days == 0 {
            return start.instant()?.checked_add(self.exact).ok();
        }
        let civil = start.civil.checked_add(self.days.days()).ok()?;
        wall::last(civil, &start.zone)?.checked_add(self.exact).ok()
    }
}

/// `1H30M` as (1, H), (30, M).
fn counted(mut text: &str) -> Option<Vec<(i64, char)>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count = text[..digits].parse().ok()?;
        let unit = text[digits..].chars().next()?;
        text = &text[digits + unit.len_utf8()..];
        parts.push((count, unit));
    }
    Some(parts)
}
