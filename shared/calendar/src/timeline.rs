//! When windows are open, as instants, and what blackouts leave of it.

use std::cmp::Ordering;
use std::iter;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};

use crate::blackout::Blackout;
use crate::decision::{Change, HORIZON};
use crate::profile::Profile;
use crate::wall;
use crate::window::{ClockTime, Window};
use crate::zone::Zone;

/// A time without a break, from its start up to its end, which does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Span {
    pub(crate) const ALWAYS: Span = Span { start: Timestamp::MIN, end: Timestamp::MAX };

    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// A time without a break in which a change may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) span: Span,
    /// When a change that starts in it has to be done: its end, or later where the window allows overrun.
    pub(crate) done_by: Timestamp,
}

impl Window {
    /// When it is open, having started on `date`; `None` if it does not start then, or the clock leaps over all of it.
    pub(crate) fn on(&self, date: Date, zone: &Zone) -> Option<Span> {
        if !self.days.contains(date.weekday().into()) {
            return None;
        }
        let ends_on = if self.end <= self.start { date.tomorrow().ok()? } else { date };
        let start = wall::first(at(date, self.start)?, zone.rules())?;
        let end = wall::last(at(ends_on, self.end)?, zone.rules())?;
        (start < end).then_some(Span { start, end })
    }

    /// Whether it is open at `now`.
    pub(crate) fn is_open(&self, now: Timestamp, zone: &Zone) -> bool {
        dates(now, now, zone).any(|date| self.on(date, zone).is_some_and(|span| span.contains(now)))
    }
}

/// What a clock shows at a time of a day; 24:00 is the beginning of the next one.
fn at(date: Date, time: ClockTime) -> Option<DateTime> {
    if time == ClockTime::MIDNIGHT {
        return date.tomorrow().ok().map(|next| next.at(0, 0, 0, 0));
    }
    let [hour, minute] = [time.minutes() / 60, time.minutes() % 60].map(i8::try_from);
    Some(date.at(hour.ok()?, minute.ok()?, 0, 0))
}

/// The days on which a window may start that is open at some time from `from` to `until`. Two days before are enough
/// also where a zone has a day twice.
pub(crate) fn dates(from: Timestamp, until: Timestamp, zone: &Zone) -> impl Iterator<Item = Date> {
    let day = |at| zone.rules().to_datetime(at).date();
    let (first, last) = (day(from).saturating_sub(2.days()), day(until).saturating_add(1.day()));
    iter::successors(Some(first), |date| date.tomorrow().ok()).take_while(move |date| *date <= last)
}

impl Profile {
    /// The times from `now` on for 400 days at which `change` may start, in order: when one of `windows` is open (always,
    /// if there is none), less the blackouts. Times that touch are one.
    pub(crate) fn openings<'a>(
        &'a self,
        windows: Vec<&'a Window>,
        change: Change,
        now: Timestamp,
    ) -> impl Iterator<Item = Opening> + 'a {
        let blackouts = self.blackouts_after(now, change);
        merged(self.open_spans(windows, now))
            .flat_map(move |(span, overruns)| without(span, overruns, &blackouts))
            .filter(move |opening| opening.span.end > now)
    }

    /// When single windows are open, by their start, and whether they allow overrun.
    fn open_spans<'a>(
        &'a self,
        mut windows: Vec<&'a Window>,
        now: Timestamp,
    ) -> impl Iterator<Item = (Span, bool)> + 'a {
        let always = windows.is_empty().then_some((Span::ALWAYS, false));
        windows.sort_by_key(|window| window.start);
        let days = dates(now, horizon(now), &self.zone);
        always.into_iter().chain(days.flat_map(move |date| {
            let on = |window: &&Window| Some((window.on(date, &self.zone)?, window.allow_overrun));
            windows.iter().filter_map(on).collect::<Vec<_>>()
        }))
    }

    /// The blackouts that do not end before `now` and mean this change, by their start; those that overlap are one.
    fn blackouts_after(&self, now: Timestamp, change: Change) -> Vec<Span> {
        let relevant = self.blackouts.iter().filter(|it| it.binds(change)).map(Blackout::span);
        let mut spans: Vec<Span> = relevant.filter(|span| span.end > now).collect();
        spans.sort_unstable_by_key(|span| span.start);
        merged(spans.into_iter().map(|span| (span, false))).map(|(span, _)| span).collect()
    }
}

/// The last instant that anybody asks about.
pub(crate) fn horizon(now: Timestamp) -> Timestamp {
    now.checked_add(HORIZON).unwrap_or(Timestamp::MAX)
}

/// Spans that overlap or touch as one, with the mark of the one that ends last. They must come by their start.
fn merged(spans: impl Iterator<Item = (Span, bool)>) -> impl Iterator<Item = (Span, bool)> {
    let mut spans = spans.peekable();
    iter::from_fn(move || {
        let (mut whole, mut mark) = spans.next()?;
        while let Some((next, its_mark)) = spans.next_if(|(next, _)| next.start <= whole.end) {
            mark = match next.end.cmp(&whole.end) {
                Ordering::Less => mark,
                Ordering::Equal => mark || its_mark,
                Ordering::Greater => its_mark,
            };
            whole.end = whole.end.max(next.end);
        }
        Some((whole, mark))
    })
}

/// What blackouts leave of a span. A change that may overrun its window may not overrun into a blackout.
fn without(whole: Span, overruns: bool, blackouts: &[Span]) -> Vec<Opening> {
    let relevant = &blackouts[blackouts.partition_point(|blackout| blackout.end <= whole.start)..];
    let mut openings = Vec::new();
    let mut start = whole.start;
    for blackout in relevant.iter().take_while(|blackout| blackout.start < whole.end) {
        openings.push(Opening { span: Span { start, end: blackout.start }, done_by: blackout.start });
        start = blackout.end;
    }
    let following = relevant.iter().map(|blackout| blackout.start).find(|start| *start >= whole.end);
    let done_by = if overruns { following.unwrap_or(Timestamp::MAX) } else { whole.end };
    openings.push(Opening { span: Span { start, end: whole.end }, done_by });
    openings.retain(|opening| opening.span.start < opening.span.end);
    openings
}
