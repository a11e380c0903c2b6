//! Recurrence rules: `FREQ=MONTHLY;BYDAY=-1FR`.
//!
//! A rule is a question asked of each day in turn, period by period: the days of a year, a month or a week that match
//! all of its parts, of these the positions that it wants.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, ToSpan};

use super::time::{When, day, day_and_time};

/// How often the periods come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// When it is over.
#[derive(Debug, Clone, Copy)]
enum Until {
    Day(Date),
    Local(DateTime),
    Instant(Timestamp),
}

/// A rule; lists are empty where it says nothing. Numbers below zero count from the end.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: i32,
    count: Option<u32>,
    until: Option<Until>,
    months: Vec<i16>,
    weeks: Vec<i16>,
    year_days: Vec<i16>,
    month_days: Vec<i16>,
    /// With the number that a weekday has within the month or year, or 0 for every one.
    weekdays: Vec<(i16, Weekday)>,
    positions: Vec<i16>,
    week_start: Weekday,
}

/// Longer lists say nothing new.
const LIST_MAX: usize = 400;

impl Rule {
    /// Understands a rule; the error says what it must be.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut frequency = None;
        let mut rule = Rule {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        for part in text.trim_end_matches(';').split(';') {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` must be PART=value"))?;
            let wrong = || format!("{key} cannot be `{value}`");
            match key.to_ascii_uppercase().as_str() {
                "FREQ" => frequency = Some(frequency_of(value)?),
                "INTERVAL" => {
                    rule.interval =
                        value.parse().ok().filter(|it| (1..=10_000).contains(it)).ok_or_else(wrong)?;
                }
                "COUNT" => rule.count = Some(value.parse().ok().filter(|it| *it > 0).ok_or_else(wrong)?),
                "UNTIL" => rule.until = Some(until(value).ok_or_else(wrong)?),
                "BYMONTH" => rule.months = numbers(value, 1, 12).ok_or_else(wrong)?,
                "BYWEEKNO" => rule.weeks = numbers(value, -53, 53).ok_or_else(wrong)?,
                "BYYEARDAY" => rule.year_days = numbers(value, -366, 366).ok_or_else(wrong)?,
                "BYMONTHDAY" => rule.month_days = numbers(value, -31, 31).ok_or_else(wrong)?,
                "BYDAY" => rule.weekdays = weekdays(value).ok_or_else(wrong)?,
                "BYSETPOS" => rule.positions = numbers(value, -366, 366).ok_or_else(wrong)?,
                "WKST" => rule.week_start = weekday(value).ok_or_else(wrong)?,
                _ => {
                    return Err(format!(
                        "{key} is not understood; blackouts recur by day, week, month or year"
                    ));
                }
            }
        }
        rule.frequency = frequency.ok_or("FREQ is missing")?;
        rule.check()?;
        Ok(rule)
    }

    /// The combinations that RFC 5545 forbids.
    fn check(&self) -> Result<(), String> {
        let is_yearly = self.frequency == Frequency::Yearly;
        let is_monthly = self.frequency == Frequency::Monthly;
        let is_numbered = self.weekdays.iter().any(|(number, _)| *number != 0);
        let forbidden = [
            (self.count.is_some() && self.until.is_some(), "COUNT and UNTIL exclude each other"),
            (!self.weeks.is_empty() && !is_yearly, "BYWEEKNO needs FREQ=YEARLY"),
            (!self.year_days.is_empty() && !is_yearly, "BYYEARDAY needs FREQ=YEARLY"),
            (
                !self.month_days.is_empty() && self.frequency == Frequency::Weekly,
                "BYMONTHDAY forbids FREQ=WEEKLY",
            ),
            (is_numbered && !is_yearly && !is_monthly, "numbers in BYDAY need FREQ=MONTHLY or FREQ=YEARLY"),
            (is_numbered && !self.weeks.is_empty(), "numbers in BYDAY exclude BYWEEKNO"),
        ];
        match forbidden.iter().find(|(is_so, _)| *is_so) {
            Some((_, why)) => Err((*why).to_owned()),
            None => Ok(()),
        }
    }

    /// The days of the event that starts at `start`, from about `first` to `last`, in order; its own first day only
    /// if it matches. `None` when looking for them used up `days_left`.
    pub(super) fn days(
        &self,
        start: &When,
        first: Date,
        last: Date,
        days_left: &mut u32,
    ) -> Option<Vec<Date>> {
        let rule = self.completed(start.civil.date());
        let mut found = Vec::new();
        let mut counted = 0;
        let mut index = if self.count.is_some() { 0 } else { rule.index_before(start.civil.date(), first) };
        while let Some((begin, end)) = rule.period(start.civil.date(), index) {
            if begin > last {
                break;
            }
            let days = u32::try_from(end.duration_since(begin).as_hours() / 24 + 1).ok()?;
            *days_left = days_left.checked_sub(days)?;
            for date in rule.chosen(begin, end) {
                if date < start.civil.date() {
                    continue;
                }
                if rule.is_over(date, start) || rule.count.is_some_and(|count| counted >= count) {
                    return Some(found);
                }
                counted += 1;
                if first <= date && date <= last {
                    found.push(date);
                }
            }
            index += 1;
        }
        Some(found)
    }

    /// What the rule leaves open is as in the event's start.
    fn completed(&self, start: Date) -> Self {
        let mut rule = self.clone();
        if !(self.month_days.is_empty() && self.year_days.is_empty() && self.weekdays.is_empty()) {
            return rule;
        }
        match self.frequency {
            Frequency::Daily => {}
            Frequency::Weekly => rule.weekdays = vec![(0, start.weekday())],
            Frequency::Yearly if !self.weeks.is_empty() => rule.weekdays = vec![(0, start.weekday())],
            Frequency::Monthly => rule.month_days = vec![i16::from(start.day())],
            Frequency::Yearly => {
                rule.month_days = vec![i16::from(start.day())];
                if self.months.is_empty() {
                    rule.months = vec![i16::from(start.month())];
                }
            }
        }
        rule
    }

    /// The number of a period that lies before `date`, or of the first one.
    fn index_before(&self, start: Date, date: Date) -> i32 {
        let longest = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => 31,
            Frequency::Yearly => 366,
        };
        let days = i32::try_from(date.duration_since(start).as_hours() / 24).unwrap_or(0);
        (days / longest / self.interval - 1).max(0)
    }

    /// The first and last day of a period, counted from the one in which `start` lies.
    fn period(&self, start: Date, index: i32) -> Option<(Date, Date)> {
        let step = self.interval.checked_mul(index)?;
        match self.frequency {
            Frequency::Daily => {
                let day = start.checked_add(step.days()).ok()?;
                Some((day, day))
            }
            Frequency::Weekly => {
                let monday = i32::from(start.weekday().since(self.week_start));
                let begin = start.checked_add(step.checked_mul(7)?.checked_sub(monday)?.days()).ok()?;
                Some((begin, begin.checked_add(6.days()).ok()?))
            }
            Frequency::Monthly => {
                let begin = start.first_of_month().checked_add(step.months()).ok()?;
                Some((begin, begin.last_of_month()))
            }
            Frequency::Yearly => {
                let begin = start.first_of_year().checked_add(step.years()).ok()?;
                Some((begin, begin.last_of_year()))
            }
        }
    }

    /// The days of a period that match, at the positions that are wanted.
    fn chosen(&self, begin: Date, end: Date) -> Vec<Date> {
        let days =
            std::iter::successors(Some(begin), |day| day.tomorrow().ok()).take_while(|day| *day <= end);
        let matching: Vec<Date> = days.filter(|day| self.matches(*day)).collect();
        if self.positions.is_empty() {
            return matching;
        }
        let length = i16::try_from(matching.len()).unwrap_or(i16::MAX);
        let numbered = (1..).zip(matching);
        numbered.filter(|&(number, _)| counts(&self.positions, number, length)).map(|(_, day)| day).collect()
    }

    fn matches(&self, day: Date) -> bool {
        let says = |list: &[i16]| !list.is_empty();
        let month_ok = !says(&self.months) || self.months.contains(&i16::from(day.month()));
        month_ok
            && (!says(&self.month_days)
                || counts(&self.month_days, i16::from(day.day()), i16::from(day.days_in_month())))
            && (self.weekdays.is_empty() || self.matches_weekday(day))
            && (!says(&self.year_days) || counts(&self.year_days, day.day_of_year(), day.days_in_year()))
            && (!says(&self.weeks) || self.matches_week(day))
    }

    fn matches_weekday(&self, day: Date) -> bool {
        let in_month = self.frequency == Frequency::Monthly || !self.months.is_empty();
        let (at, length) = if in_month {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        } else {
            (day.day_of_year(), day.days_in_year())
        };
        let (from_begin, from_end) = ((at - 1) / 7 + 1, -((length - at) / 7 + 1));
        let is_number = |number: i16| number == 0 || number == from_begin || number == from_end;
        self.weekdays.iter().any(|&(number, weekday)| weekday == day.weekday() && is_number(number))
    }

    /// The first week of a year is the one that has four days of it at least.
    fn matches_week(&self, day: Date) -> bool {
        let middle = day
            .saturating_sub(i32::from(day.weekday().since(self.week_start)).days())
            .saturating_add(3.days());
        let week = (middle.day_of_year() - 1) / 7 + 1;
        let weeks_after = (middle.days_in_year() - middle.day_of_year()) / 7;
        counts(&self.weeks, week, week + weeks_after)
    }

    fn is_over(&self, date: Date, start: &When) -> bool {
        let civil = date.to_datetime(start.civil.time());
        match self.until {
            None => false,
            Some(Until::Day(last)) => date > last,
            Some(Until::Local(last)) => civil > last,
            Some(Until::Instant(last)) if start.is_day => date > start.zone.to_datetime(last).date(),
            Some(Until::Instant(last)) => {
                When { civil, ..start.clone() }.instant().is_none_or(|instant| instant > last)
            }
        }
    }
}

/// Whether a list means the one at `number` of `length`, counted from the begin or the end.
fn counts(list: &[i16], number: i16, length: i16) -> bool {
    list.contains(&number) || list.contains(&(number - length - 1))
}

fn frequency_of(value: &str) -> Result<Frequency, String> {
    match value.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => Err(format!("FREQ cannot be `{value}`; blackouts recur DAILY, WEEKLY, MONTHLY or YEARLY")),
    }
}

fn until(value: &str) -> Option<Until> {
    if let Some(date) = day(value) {
        return Some(Until::Day(date));
    }
    match value.strip_suffix('Z') {
        Some(utc) => jiff::tz::Offset::UTC.to_timestamp(day_and_time(utc)?).ok().map(Until::Instant),
        None => day_and_time(value).map(Until::Local),
    }
}

/// A list of whole numbers from `least` to `most`; zero counts nothing.
fn numbers(value: &str, least: i16, most: i16) -> Option<Vec<i16>> {
    let number = |text: &str| text.parse().ok().filter(|it| *it != 0 && (least..=most).contains(it));
    let list: Vec<i16> = value.split(',').take(LIST_MAX + 1).map(number).collect::<Option<_>>()?;
    (list.len() <= LIST_MAX).then_some(list)
}

fn weekdays(value: &str) -> Option<Vec<(i16, Weekday)>> {
    let one = |text: &str| {
        let (number, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let number = if number.is_empty() { 0 } else { *numbers(number, -53, 53)?.first()? };
        Some((number, weekday(name)?))
    };
    let list: Vec<_> = value.split(',').take(LIST_MAX + 1).map(one).collect::<Option<_>>()?;
    (list.len() <= LIST_MAX).then_some(list)
}

fn weekday(name: &str) -> Option<Weekday> {
    match name.to_ascii_uppercase().as_str() {
        "MO" => Some(Weekday::Monday),
        "TU" => Some(Weekday::Tuesday),
        "WE" => Some(Weekday::Wednesday),
        "TH" => Some(Weekday::Thursday),
        "FR" => Some(Weekday::Friday),
        "SA" => Some(Weekday::Saturday),
        "SU" => Some(Weekday::Sunday),
        _ => None,
    }
}
