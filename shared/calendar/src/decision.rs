//! Whether a change may go into production now.

use std::time::Duration;

use domain::named::named;
use domain::{ChangeType, Risk};
use jiff::{SignedDuration, Timestamp};

use crate::profile::Profile;
use crate::reason::Reason;
use crate::timeline::{Opening, horizon};
use crate::window::{Enforcement, Window};

/// How far ahead an opening is looked for: a yearly freeze is never longer.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What the calendar needs to know of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its kind.
    pub change_type: ChangeType,
    /// How much it could hurt.
    pub risk: Risk,
}

named!(
    /// Whether a change may go into production now.
    Verdict, "open, closed, refused, bypassed" {
        /// It may start.
        Open = "open",
        /// Not now; later, if there is a next opening.
        Closed = "closed",
        /// Not at any time: windows are set, and none admits it.
        Refused = "refused",
        /// It is an emergency: it may start whatever the calendar says, with a reason on record.
        Bypassed = "bypassed",
    }
);

/// What the calendar says about one change at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may start.
    pub verdict: Verdict,
    /// What that rests on; also warnings, where it may start all the same. Never empty.
    pub reasons: Vec<Reason>,
    /// When the present opening ends; `None` where there is none, or no end within 400 days.
    pub closes_at: Option<Timestamp>,
    /// The first instant at which it may start; `None` where it may now, or never within 400 days. After a blackout
    /// it is one microsecond later than the blackout's end, which still belongs to it.
    pub next_opening: Option<Timestamp>,
    /// How many promotions may be under way in the open window, the strictest one if there are several; `None` for
    /// no limit.
    pub max_concurrent: Option<u32>,
}

impl Decision {
    fn new(verdict: Verdict, reasons: Vec<Reason>) -> Self {
        Decision { verdict, reasons, closes_at: None, next_opening: None, max_concurrent: None }
    }

    /// Whether the change may start.
    pub fn may_start(&self) -> bool {
        match self.verdict {
            Verdict::Open | Verdict::Bypassed => true,
            Verdict::Closed | Verdict::Refused => false,
        }
    }
}

impl Profile {
    /// Whether `change`, which takes `estimate`, may start at `now`. An estimate of zero asks for the time alone.
    pub fn decide(&self, now: Timestamp, change: Change, estimate: Duration) -> Decision {
        if change.change_type == ChangeType::Emergency {
            return Decision::new(Verdict::Bypassed, self.bypassed(now, change));
        }
        let admitting: Vec<&Window> = self.windows.iter().filter(|window| window.admits(change)).collect();
        if admitting.is_empty() && !self.windows.is_empty() {
            return Decision::new(Verdict::Refused, vec![Reason::not_admitted(change, &self.windows)]);
        }
        let is_advice = !admitting.is_empty()
            && admitting.iter().all(|window| window.enforcement == Enforcement::Advisory);
        let by_windows = self.decide_within(&admitting, now, change, estimate);
        if by_windows.verdict == Verdict::Open || !is_advice {
            return by_windows;
        }
        // Advice does not hold anything back; blackouts do.
        let mut by_blackouts = self.decide_within(&[], now, change, estimate);
        if by_blackouts.verdict == Verdict::Open {
            by_blackouts.reasons = by_windows.reasons;
            by_blackouts.reasons.push(Reason::OnlyAdvice);
        }
        by_blackouts
    }

    /// The first instant from `from` on at which `change` may start; `None` if there is none within 400 days.
    pub fn next_opening(&self, from: Timestamp, change: Change, estimate: Duration) -> Option<Timestamp> {
        let decision = self.decide(from, change, estimate);
        if decision.may_start() { Some(from) } else { decision.next_opening }
    }

    /// Decides by these windows, which all admit the change, or by blackouts alone where there is none.
    fn decide_within(
        &self,
        windows: &[&Window],
        now: Timestamp,
        change: Change,
        estimate: Duration,
    ) -> Decision {
        let mut openings = self.openings(windows.to_owned(), change, now).peekable();
        let present = openings.next_if(|opening| opening.span.start <= now);
        if let Some(present) = present.filter(|present| present.has_room(now, estimate)) {
            return self.open(windows, present, now);
        }
        let reason = match present {
            Some(present) => Reason::WouldNotFinish { by: present.done_by, needs: estimate },
            None => self.shut(windows, now, change),
        };
        let next = openings.find(|opening| opening.has_room(opening.span.start, estimate));
        let next_opening = next.map(|opening| opening.span.start).filter(|start| *start <= horizon(now));
        Decision { next_opening, ..Decision::new(Verdict::Closed, vec![reason]) }
    }

    fn open(&self, windows: &[&Window], present: Opening, now: Timestamp) -> Decision {
        let open: Vec<_> = windows.iter().filter(|window| window.is_open(now, &self.zone)).collect();
        let mut reasons: Vec<_> =
            open.iter().map(|window| Reason::InWindow { name: window.name.clone() }).collect();
        if reasons.is_empty() {
            reasons.push(Reason::Unrestricted);
        }
        let closes_at = Some(present.span.end).filter(|end| *end <= horizon(now));
        let max_concurrent = open.iter().filter_map(|window| window.max_concurrent).min();
        Decision { closes_at, max_concurrent, ..Decision::new(Verdict::Open, reasons) }
    }

    /// Why nothing may start now: a blackout, of several the one that ends last, else the windows.
    fn shut(&self, windows: &[&Window], now: Timestamp, change: Change) -> Reason {
        let active = self.blackouts.iter().filter(|it| it.binds(change) && it.span().contains(now));
        match active.max_by_key(|blackout| blackout.end) {
            Some(blackout) => Reason::InBlackout { reason: blackout.reason.clone(), until: blackout.end },
            None => {
                Reason::OutsideWindows { names: windows.iter().map(|window| window.name.clone()).collect() }
            }
        }
    }

    /// What an emergency goes past.
    fn bypassed(&self, now: Timestamp, change: Change) -> Vec<Reason> {
        let mut reasons = vec![Reason::Emergency];
        let is_open = self.windows.iter().any(|window| window.is_open(now, &self.zone));
        let in_blackout = self.blackouts.iter().any(|it| it.binds(change) && it.span().contains(now));
        if in_blackout || (!is_open && !self.windows.is_empty()) {
            let windows: Vec<&Window> = self.windows.iter().collect();
            reasons.push(self.shut(&windows, now, change));
        }
        reasons
    }
}

impl Opening {
    /// Whether a change that starts at `at` would be done in time.
    fn has_room(&self, at: Timestamp, estimate: Duration) -> bool {
        let done = SignedDuration::try_from(estimate).ok().and_then(|takes| at.checked_add(takes).ok());
        done.unwrap_or(Timestamp::MAX) <= self.done_by
    }
}
