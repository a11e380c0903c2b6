//! Events, and the blackouts that they mean.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::InvalidFeed;
use super::line::Line;
use super::rule::Rule;
use super::time::{self, Exceptions, Length, When};
use crate::blackout::{Blackout, TICK};
use crate::zone::Zone;

/// One event of a feed.
#[derive(Debug)]
pub(super) struct Event<'a> {
    /// Its `BEGIN` line.
    pub(super) begin: &'a Line,
    pub(super) uid: String,
    pub(super) is_cancelled: bool,
    /// The occurrence of the event with the same UID that it replaces.
    pub(super) replaces: Option<When>,
    summary: String,
    start: When,
    length: Length,
    rule: Option<(&'a Line, Rule)>,
    added: Vec<When>,
    excepted: Exceptions,
}

/// How deep components may lie in each other; three levels have a meaning.
const DEPTH_MAX: usize = 8;

/// The events of a calendar; what else it has, such as alarms and zones, is passed over.
pub(super) fn all<'a>(lines: &'a [Line], zone: &Zone) -> Result<Vec<Event<'a>>, InvalidFeed> {
    let mut events = Vec::new();
    let mut open: Vec<&Line> = Vec::new();
    let mut properties: Vec<&Line> = Vec::new();
    for line in lines {
        let is_in_event = open.last().is_some_and(|begin| begin.is("BEGIN", "VEVENT"));
        match line.name.as_str() {
            "BEGIN" if open.len() == DEPTH_MAX => return Err(line.wrong("lies too deep in other parts")),
            "BEGIN" => open.push(line),
            "END" => {
                let Some(begin) = open.pop().filter(|begin| begin.value.eq_ignore_ascii_case(&line.value))
                else {
                    return Err(line.wrong(format!("ends a {} that did not begin", line.value)));
                };
                if is_in_event {
                    events.push(Event::new(begin, &properties, zone)?);
                    properties.clear();
                }
            }
            _ if is_in_event => properties.push(line),
            _ => {}
        }
    }
    match open.last() {
        Some(begin) => Err(begin.wrong(format!("{} never ends", begin.value))),
        None => Ok(events),
    }
}

impl<'a> Event<'a> {
    fn new(begin: &'a Line, properties: &[&'a Line], zone: &Zone) -> Result<Self, InvalidFeed> {
        let all = |name: &'static str| properties.iter().copied().filter(move |line| line.name == name);
        let one = |name| match all(name).nth(1) {
            Some(second) => Err(second.wrong("is there twice")),
            None => Ok(all(name).next()),
        };
        let Some(start_line) = one("DTSTART")? else {
            return Err(begin.lacks("DTSTART", "is missing: nobody can know when the event is"));
        };
        if let Some(line) = all("EXRULE").next() {
            return Err(line.wrong("is not understood; list the exceptions as EXDATE"));
        }
        let rule_line = one("RRULE")?;
        let rule = rule_line.map(|line| Rule::parse(&line.value).map_err(|problem| line.wrong(problem)));
        let replaces = one("RECURRENCE-ID")?;
        if let Some(line) = replaces.filter(|line| line.parameter("RANGE").is_some()) {
            return Err(line.wrong("is understood for single occurrences only, not for a RANGE"));
        }
        let start = time::when(start_line, zone)?;
        let lists = |name| -> Result<Vec<When>, InvalidFeed> {
            let each = all(name).map(|line| time::list(line, zone)).collect::<Result<Vec<_>, _>>()?;
            Ok(each.concat())
        };
        let mut excepted = Exceptions::default();
        excepted.extend(&lists("EXDATE")?);
        Ok(Self {
            begin,
            uid: one("UID")?.map(|line| line.value.clone()).unwrap_or_default(),
            is_cancelled: one("STATUS")?.is_some_and(|line| line.is("STATUS", "CANCELLED")),
            replaces: replaces.map(|line| time::when(line, zone)).transpose()?,
            summary: summary(one("SUMMARY")?),
            length: length(&start, one("DTEND")?, one("DURATION")?, zone)?,
            start,
            rule: rule.transpose()?.zip(rule_line).map(|(rule, line)| (line, rule)),
            added: lists("RDATE")?,
            excepted,
        })
    }

    /// What it means from `from` to `until`, less the occurrences that have an event of their own `elsewhere`.
    pub(super) fn blackouts(
        &self,
        from: Timestamp,
        until: Timestamp,
        elsewhere: &Exceptions,
        days_left: &mut u32,
    ) -> Result<Vec<Blackout>, InvalidFeed> {
        let mut occurrences = self.occurrences(from, until, days_left)?;
        occurrences.retain(|it| !self.excepted.mean(it) && !elsewhere.mean(it));
        let blackouts = occurrences.iter().filter_map(|it| self.blackout(it));
        let mut blackouts: Vec<_> = blackouts.filter(|it| it.end >= from && it.start <= until).collect();
        // The start is named twice where the rule names it, too.
        blackouts.sort_by_key(|it| it.start);
        blackouts.dedup();
        Ok(blackouts)
    }

    /// Its start, what its rule makes of it, and what is added, without order; a few more than asked for.
    fn occurrences(
        &self,
        from: Timestamp,
        until: Timestamp,
        days_left: &mut u32,
    ) -> Result<Vec<When>, InvalidFeed> {
        let mut occurrences = vec![self.start.clone()];
        occurrences.extend(self.added.iter().cloned());
        if let Some((line, rule)) = &self.rule {
            let day = |at| self.start.zone.to_datetime(at).date();
            let first = day(from).checked_sub(self.length.days_touched().days()).unwrap_or(Date::MIN);
            let last = day(until).saturating_add(1.day());
            let days = rule.days(&self.start, first, last, days_left);
            let days = days
                .ok_or_else(|| line.wrong("asks for too many days; begin it later, or give it no COUNT"))?;
            let on =
                |day: Date| When { civil: day.to_datetime(self.start.civil.time()), ..self.start.clone() };
            occurrences.extend(days.into_iter().map(on));
        }
        Ok(occurrences)
    }

    /// `None` where it takes no time.
    fn blackout(&self, occurrence: &When) -> Option<Blackout> {
        let (start, end) = (occurrence.instant()?, self.length.end_of(occurrence)?);
        let last = end.checked_sub(TICK).ok()?;
        let reason = self.summary.clone();
        (start <= last).then_some(Blackout { reason, start, end: last, exempt: Vec::new() })
    }
}

fn summary(line: Option<&Line>) -> String {
    let text = line.map(Line::text).unwrap_or_default();
    if text.trim().is_empty() { "an event without a title".to_owned() } else { text }
}

/// From its end or its duration; a day without either lasts that day, a time takes no time.
fn length(
    start: &When,
    end: Option<&Line>,
    duration: Option<&Line>,
    zone: &Zone,
) -> Result<Length, InvalidFeed> {
    match (end, duration) {
        (Some(line), Some(_)) => Err(line.wrong("and DURATION exclude each other")),
        (Some(line), None) => {
            let end = time::when(line, zone)?;
            Length::between(start, &end)
                .ok_or_else(|| line.wrong("must be after DTSTART, by a hundred years at most"))
        }
        (None, Some(line)) => Length::parse(&line.value)
            .ok_or_else(|| line.wrong(format!("`{}` must be a duration such as P1D or PT8H30M", line.value))),
        (None, None) if start.is_day => Ok(Length::DAY),
        (None, None) => Ok(Length::NONE),
    }
}
