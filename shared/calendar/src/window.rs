//! Weekly windows: when which changes may go into production.

use std::fmt;
use std::str::FromStr;

use domain::named::named;
use domain::{ChangeType, Risk};
use jiff::civil::Weekday;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::decision::Change;
use crate::names;

/// A time of the week at which changes may go into production. It belongs to the day that it starts on:
/// Tuesday 22:00–06:00 ends on Wednesday. The start is inclusive, the end exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What people call it; unique in its profile.
    pub name: String,
    /// The days on which it starts.
    pub days: Weekdays,
    /// The wall-clock time at which it opens; before 24:00.
    pub start: ClockTime,
    /// The wall-clock time at which it closes; on the next day where it is not after `start`.
    pub end: ClockTime,
    /// The change types it admits; standard and normal unless said.
    #[serde(default = "usual_change_types", with = "names")]
    pub change_types: Vec<ChangeType>,
    /// The risks it admits; low and medium unless said.
    #[serde(default = "usual_risks", with = "names")]
    pub risks: Vec<Risk>,
    /// How many promotions may be under way in it at a time; as many as there are unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// Whether a change outside of it is held back.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Whether a change may start in it that would not be done before it closes.
    #[serde(default)]
    pub allow_overrun: bool,
}

impl Window {
    /// Whether it is meant for this change, at whatever time.
    pub fn admits(&self, change: Change) -> bool {
        self.change_types.contains(&change.change_type) && self.risks.contains(&change.risk)
    }

    /// Whether some change is admitted by both.
    pub(crate) fn shares_changes(&self, other: &Window) -> bool {
        self.change_types.iter().any(|it| other.change_types.contains(it))
            && self.risks.iter().any(|it| other.risks.contains(it))
    }

    /// Whether both are open at some time of a week without changes of the clock.
    pub(crate) fn overlaps(&self, other: &Window) -> bool {
        let is_within = |at: i32, start: i32, length: i32| (at - start).rem_euclid(7 * DAY_MINUTES) < length;
        let (length, its_length) = (self.length_minutes(), other.length_minutes());
        self.starts_minutes().any(|start| {
            let meets = |its: i32| is_within(its, start, length) || is_within(start, its, its_length);
            other.starts_minutes().any(meets)
        })
    }

    /// When it opens, in minutes since the week began.
    fn starts_minutes(&self) -> impl Iterator<Item = i32> {
        self.days.iter().map(|day| day as i32 * DAY_MINUTES + i32::from(self.start.minutes))
    }

    fn length_minutes(&self) -> i32 {
        match (i32::from(self.end.minutes) - i32::from(self.start.minutes)).rem_euclid(DAY_MINUTES) {
            0 => DAY_MINUTES,
            minutes => minutes,
        }
    }
}

const DAY_MINUTES: i32 = 24 * 60;

fn usual_change_types() -> Vec<ChangeType> {
    vec![ChangeType::Standard, ChangeType::Normal]
}

fn usual_risks() -> Vec<Risk> {
    vec![Risk::Low, Risk::Medium]
}

/// What happens to a change outside a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// It is held back.
    #[default]
    Enforced,
    /// It goes on, with a warning on record.
    Advisory,
}

named!(
    /// A day of the week.
    Day, "mon, tue, wed, thu, fri, sat, sun" {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
);

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Monday => Day::Monday,
            Weekday::Tuesday => Day::Tuesday,
            Weekday::Wednesday => Day::Wednesday,
            Weekday::Thursday => Day::Thursday,
            Weekday::Friday => Day::Friday,
            Weekday::Saturday => Day::Saturday,
            Weekday::Sunday => Day::Sunday,
        }
    }
}

/// A set of days of the week; as JSON `["mon", "tue"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weekdays(u8);

impl Weekdays {
    /// All seven.
    pub const DAILY: Weekdays = Weekdays(0b111_1111);

    /// Whether `day` is one of them.
    pub fn contains(self, day: Day) -> bool {
        self.0 & (1 << day as u8) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The days, from Monday on.
    pub fn iter(self) -> impl Iterator<Item = Day> {
        Day::ALL.iter().copied().filter(move |&day| self.contains(day))
    }
}

impl FromIterator<Day> for Weekdays {
    fn from_iter<I: IntoIterator<Item = Day>>(days: I) -> Self {
        Weekdays(days.into_iter().fold(0, |set, day| set | 1 << day as u8))
    }
}

impl Serialize for Weekdays {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Day::as_str))
    }
}

impl<'de> Deserialize<'de> for Weekdays {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let days: Vec<Day> = names::deserialize(from)?;
        Ok(days.into_iter().collect())
    }
}

/// A wall-clock time of a day, to the minute: 00:00 to 24:00, the end of the day; as JSON `"22:00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockTime {
    minutes: u16,
}

/// A text that is no time of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time from 00:00 to 24:00, written HH:MM")]
pub struct InvalidTime;

impl ClockTime {
    /// The end of the day.
    pub const MIDNIGHT: ClockTime = ClockTime { minutes: 24 * 60 };

    /// Minutes since the day began, 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.minutes
    }
}

impl FromStr for ClockTime {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(InvalidTime) };
        let digits = [h1, h2, m1, m2];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(InvalidTime);
        }
        let [h1, h2, m1, m2] = digits.map(|digit| u16::from(digit - b'0'));
        let (hour, minute) = (h1 * 10 + h2, m1 * 10 + m2);
        let time = ClockTime { minutes: hour * 60 + minute };
        if minute > 59 || time > Self::MIDNIGHT { Err(InvalidTime) } else { Ok(time) }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
