//! The slow way to the same answers: look at every minute.
//!
//! Nothing here knows of gaps and folds. A window from S to E is open at an instant when the clock has shown S or more
//! at it or before, and will show E later, or less than E at it or later.

use std::time::Duration;

use calendar::{Change, Profile, Window};
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The minutes of a stretch of time, each open or not.
pub(crate) struct Scan {
    begin: Timestamp,
    open: Vec<bool>,
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// More than any clock is ever put back at once.
const MARGIN_MINUTES: usize = 2 * 24 * 60;

impl Scan {
    /// Looks at `days` days from `begin` on, a whole minute.
    pub(crate) fn new(profile: &Profile, change: Change, begin: Timestamp, days: usize) -> Self {
        let count = days * 24 * 60;
        let early = begin - MINUTE * i32::try_from(MARGIN_MINUTES).unwrap();
        let clock_minutes = count + 2 * MARGIN_MINUTES;
        let clock: Vec<_> = minutes(early)
            .take(clock_minutes)
            .map(|minute| profile.zone.rules().to_datetime(minute))
            .collect();
        let mut shown = clock.clone();
        for at in 1..shown.len() {
            shown[at] = shown[at].max(shown[at - 1]);
        }
        let mut to_come = clock;
        for at in (1..to_come.len()).rev() {
            to_come[at - 1] = to_come[at - 1].min(to_come[at]);
        }
        let mut open = vec![profile.windows.is_empty(); clock_minutes];
        let first = shown[0].date() - 2.days();
        for day in first.series(1.day()).take_while(|day| *day <= shown[clock_minutes - 1].date()) {
            let windows = profile.windows.iter().filter(|window| window.admits(change));
            for window in windows.filter(|window| window.days.contains(day.weekday().into())) {
                let (start, end) = bounds(window, day);
                let opens = shown.partition_point(|it| *it < start);
                let is_over = to_come.partition_point(|it| *it < end);
                let is_over_for_good = to_come.partition_point(|it| *it <= end).saturating_sub(1);
                let closes = is_over.max(is_over_for_good);
                open[opens.min(closes)..closes].fill(true);
            }
        }
        let mut open: Vec<bool> = open.into_iter().skip(MARGIN_MINUTES).take(count).collect();
        for (is_open, minute) in open.iter_mut().zip(minutes(begin)) {
            *is_open &= !profile.blackouts.iter().any(|it| it.start <= minute && minute <= it.end);
        }
        Scan { begin, open }
    }

    pub(crate) fn minutes(&self) -> impl Iterator<Item = Timestamp> {
        minutes(self.begin).take(self.open.len())
    }

    /// Whether what takes so long can start and be done before the opening ends; `None` if the scan ends before.
    pub(crate) fn may_start(&self, minute: Timestamp, estimate: Duration) -> Option<bool> {
        let rest = &self.open[self.index(minute)..];
        let needed = usize::try_from(estimate.as_secs() / 60).unwrap().max(1);
        match rest.iter().take(needed).position(|is_open| !is_open) {
            Some(_) => Some(false),
            None => (rest.len() >= needed).then_some(true),
        }
    }

    /// The first minute from this one on at which it may start, if the scan has one; `Err` if it ends undecided.
    pub(crate) fn next(&self, from: Timestamp, estimate: Duration) -> Result<Option<Timestamp>, ()> {
        for minute in minutes(from).take(self.open.len() - self.index(from)) {
            if self.may_start(minute, estimate).ok_or(())? {
                return Ok(Some(minute));
            }
        }
        Ok(None)
    }

    /// The minutes at which something changes, and those before.
    pub(crate) fn edges(&self) -> Vec<Timestamp> {
        let changes = self.open.windows(2).map(|pair| pair[0] != pair[1]);
        let minutes =
            self.minutes().zip(changes).filter(|(_, is_change)| *is_change).map(|(minute, _)| minute);
        minutes.flat_map(|minute| [minute, minute + MINUTE]).collect()
    }

    fn index(&self, minute: Timestamp) -> usize {
        usize::try_from(minute.duration_since(self.begin).as_mins()).unwrap()
    }
}

fn minutes(begin: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(Some(begin), |minute| Some(*minute + MINUTE))
}

/// What the clock shows at both ends of the window that starts on `day`.
fn bounds(window: &Window, day: Date) -> (DateTime, DateTime) {
    let midnight = day.at(0, 0, 0, 0);
    let length = (i64::from(window.end.minutes()) - i64::from(window.start.minutes())).rem_euclid(1440);
    let length = if length == 0 { 1440 } else { length };
    let start = midnight + i64::from(window.start.minutes()).minutes();
    (start, start + length.minutes())
}
