//! How long nobody was served: from the first question that was not answered well to the first good answer
//! of the version that stays.
//!
//! Several jobs on several machines see a part of it each. What they share is the records' clock: all moments
//! are told in milliseconds since the stop of the old version was first begun.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::watch::{Seen, Service};

/// What one job saw of the outage, in milliseconds since the stop was first begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// When the first question was asked that was not answered well.
    #[serde(default)]
    pub refused_ms: Option<u64>,
    /// When the first of the good answers came that did not break off any more.
    #[serde(default)]
    pub answered_ms: Option<u64>,
}

/// The time since the stop was first begun, as the records told it at one moment of this machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SinceStop {
    told_at: Instant,
    was: Duration,
}

impl SinceStop {
    /// At `told_at` it was so long ago.
    pub fn new(told_at: Instant, was: Duration) -> Self {
        Self { told_at, was }
    }

    /// How long ago it was at this moment, in milliseconds.
    pub fn at(self, moment: Instant) -> u64 {
        let since = (self.was + moment.saturating_duration_since(self.told_at))
            .saturating_sub(self.told_at.saturating_duration_since(moment));
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Sight {
    /// What the watch saw of a stop that ended at `stopped`. `is_repeat`: an earlier try may have stopped it.
    pub fn of_stop(seen: Seen, stopped: Instant, is_repeat: bool, clock: SinceStop) -> Self {
        let refused = match seen.service {
            // It was down before anybody looked: since the earlier try, then.
            Some(Service::Refused { .. }) if is_repeat && !seen.has_answered => 0,
            Some(Service::Refused { since }) => clock.at(since),
            // Whoever waits for an answer now will not get one.
            Some(Service::Answering { .. }) | None => clock.at(seen.waiting_since.unwrap_or(stopped)),
        };
        Self { refused_ms: Some(refused), answered_ms: None }
    }

    /// What the watch saw of a move from one running version to another: it holds the whole outage.
    pub fn of_move(seen: Seen, clock: SinceStop) -> Self {
        let answered = match seen.service {
            Some(Service::Answering { since }) => Some(clock.at(since)),
            Some(Service::Refused { .. }) | None => None,
        };
        Self { refused_ms: seen.refused_first.map(|since| clock.at(since)), answered_ms: answered }
    }

    /// What the watch saw of a start.
    pub fn of_start(seen: Seen, clock: SinceStop) -> Self {
        match seen.service {
            Some(Service::Refused { since }) => Self { refused_ms: Some(clock.at(since)), answered_ms: None },
            Some(Service::Answering { since }) => {
                Self { refused_ms: None, answered_ms: Some(clock.at(since)) }
            }
            None => Self::default(),
        }
    }
}

/// How long nobody was served, from what the stop, the start of the version that stays, and its health check saw;
/// the first two are `None` where they left no word.
pub fn downtime(stop: Option<Sight>, start: Option<Sight>, check: Sight) -> Duration {
    let later = start.and_then(|it| it.refused_ms).or(check.refused_ms);
    let from = match stop {
        Some(stop) => stop.refused_ms.or(later),
        // Nobody knows when it went; that it was there all the time would have been seen.
        None if start.is_some() && later.is_none() => None,
        None => Some(0),
    };
    let seen_at_start = start.and_then(|it| it.answered_ms).filter(|_| check.refused_ms.is_none());
    let until = seen_at_start.or(check.answered_ms);
    match (from, until) {
        (Some(from), Some(until)) => Duration::from_millis(until.saturating_sub(from)),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(ms: u64) -> Sight {
        Sight { refused_ms: Some(ms), answered_ms: None }
    }

    fn answered(ms: u64) -> Sight {
        Sight { refused_ms: None, answered_ms: Some(ms) }
    }

    #[test]
    fn the_outage_ends_with_the_first_good_answer_whoever_sees_it() {
        let both = |from, until| Sight { refused_ms: Some(from), answered_ms: Some(until) };
        let cases = [
            ("the start saw it", Some(refused(40)), Some(answered(340)), answered(500), 300),
            ("the check saw it", Some(refused(40)), Some(refused(200)), both(1500, 2540), 2500),
            ("it broke off again", Some(refused(40)), Some(answered(340)), both(600, 1040), 1000),
            ("the start left no word", Some(refused(40)), None, answered(540), 500),
            ("the stop left no word", None, Some(refused(200)), answered(900), 900),
            ("the stop did not come to pass", None, Some(answered(900)), answered(950), 0),
            ("neither left a word", None, None, answered(700), 700),
            ("it never went", Some(Sight::default()), Some(answered(300)), answered(400), 0),
            ("it went later", Some(Sight::default()), Some(refused(100)), answered(400), 300),
            ("a move", Some(Sight::default()), Some(both(100, 240)), answered(400), 140),
            ("a move that broke off", Some(Sight::default()), Some(both(100, 240)), both(500, 700), 600),
            ("a move forth and back", Some(both(100, 240)), Some(both(900, 1000)), answered(1100), 900),
            ("back from nowhere", None, Some(answered(900)), answered(950), 0),
        ];
        for (name, stop, start, check, expected) in cases {
            assert_eq!(downtime(stop, start, check), Duration::from_millis(expected), "{name}");
        }
    }

    #[test]
    fn a_move_tells_all_of_the_outage() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let clock = SinceStop::new(begun, Duration::from_secs(1));
        let seen = |service, refused: Option<u64>| Seen {
            service: Some(service),
            has_answered: true,
            waiting_since: None,
            refused_first: refused.map(at),
        };
        let both = |refused_ms, answered_ms| Sight { refused_ms, answered_ms };
        let there = Service::Answering { since: at(140) };
        let gone = Service::Refused { since: at(60) };
        for (name, seen, expected) in [
            ("there and back", seen(there, Some(20)), both(Some(1_020), Some(1_140))),
            ("nobody noticed", seen(there, None), both(None, Some(1_140))),
            ("not back", seen(gone, Some(20)), both(Some(1_020), None)),
            ("nobody asked", Seen::default(), both(None, None)),
        ] {
            assert_eq!(Sight::of_move(seen, clock), expected, "{name}");
        }
    }

    #[test]
    fn a_stop_tells_when_it_was_felt() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let seen = |service, has_answered, waiting: Option<u64>| Seen {
            service: Some(service),
            has_answered,
            waiting_since: waiting.map(at),
            refused_first: None,
        };
        let gone = Service::Refused { since: at(30) };
        let there = Service::Answering { since: at(2) };
        let cases = [
            ("seen", seen(gone, true, None), false, 35),
            ("seen by a repeat", seen(gone, true, None), true, 35),
            ("down before the repeat", seen(gone, false, None), true, 0),
            ("down before the first try", seen(gone, false, None), false, 35),
            ("somebody waits", seen(there, true, Some(60)), false, 65),
            ("nobody waits", seen(there, true, None), false, 105),
            ("nobody asked", Seen::default(), false, 105),
        ];
        let clock = SinceStop::new(at(10), Duration::from_millis(15));
        for (name, seen, is_repeat, expected) in cases {
            assert_eq!(Sight::of_stop(seen, at(100), is_repeat, clock), refused(expected), "{name}");
        }
    }
}
