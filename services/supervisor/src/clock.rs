//! Notices that the database's clock was set.
//!
//! Leases and deadlines are compared by the database's clock. Between two looks at it as much time
//! should pass there as here, by this machine's monotonic clock; if it does not, somebody set it.

use std::time::Duration;

use engine::store::clock::Jump;
use tokio::time::Instant;

/// Clocks that are slowly adjusted stay below it; so do readings that took long (those are not judged).
const JUMP_MIN: Duration = Duration::from_secs(2);

/// The database's clock, as it was last read.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Reading>,
}

/// What the database's clock showed, at some moment between question and answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) shown: Duration,
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
}

impl Clock {
    /// Whether the clock was set since the last reading.
    pub(crate) fn jump(&mut self, now: Reading) -> Option<Jump> {
        let last = self.last.replace(now)?;
        let passed_there = now.shown.as_secs_f64() - last.shown.as_secs_f64();
        let at_least = now.asked.saturating_duration_since(last.answered).as_secs_f64();
        let at_most = now.answered.saturating_duration_since(last.asked).as_secs_f64();
        let seconds = passed_there - passed_there.clamp(at_least, at_most);
        let since = now.shown.saturating_sub(now.answered.saturating_duration_since(last.asked));
        (seconds.abs() > JUMP_MIN.as_secs_f64()).then_some(Jump { seconds, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_set_counts_as_a_jump() {
        let start = Instant::now();
        let at = |shown: f64, asked: f64, answered: f64| Reading {
            shown: Duration::from_secs_f64(10_000.0 + shown),
            asked: start + Duration::from_secs_f64(asked),
            answered: start + Duration::from_secs_f64(answered),
        };
        let cases = [
            ("as it should be", at(0.0, 0.0, 0.1), at(0.5, 0.5, 0.6), None),
            ("a database that was away", at(0.0, 0.0, 0.1), at(40.0, 30.0, 40.0), None),
            ("an answer that took long", at(9.0, 0.0, 10.0), at(10.5, 10.5, 10.6), None),
            ("slowly adjusted", at(0.0, 0.0, 0.1), at(1.5, 0.5, 0.6), None),
            ("an hour ahead", at(0.0, 0.0, 0.0), at(3600.5, 0.5, 0.5), Some(3600.0)),
            ("an hour back", at(0.0, 0.0, 0.0), at(-3599.5, 0.5, 0.5), Some(-3600.0)),
        ];
        for (name, first, second, expected) in cases {
            let mut clock = Clock::default();
            assert_eq!(clock.jump(first), None, "{name}: nothing to compare with");
            let jump = clock.jump(second);
            assert_eq!(jump.map(|jump| jump.seconds.round()), expected, "{name}");
        }
    }
}
