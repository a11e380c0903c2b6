//! How long users were without the application, as its visitors saw it.

use std::time::Duration;

/// A visitor who waits longer than this calls it down.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// What one visitor met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A good answer, from this version.
    Good(String),
    /// The connection was refused, or closed without an answer.
    Refused,
    /// Another answer, or none within the prober's own limit.
    Bad,
}

/// One visit over a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// When it began, since the prober did.
    pub(crate) begun: Duration,
    /// How long it took, connection included.
    pub(crate) took: Duration,
    pub(crate) answer: Answer,
}

impl Visit {
    fn is_refused(&self) -> bool {
        self.answer == Answer::Refused
    }

    /// Answered well, as soon as a visitor wants it.
    pub(crate) fn is_well(&self) -> bool {
        matches!(self.answer, Answer::Good(_)) && self.took <= PATIENCE
    }
}

/// What a swap cost its visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The longest stretch in which every visitor was refused: from the beginning of the first of these visits to the
    /// beginning of the next one that was not refused, however late its answer came.
    pub(crate) refused: Duration,
    /// The longest stretch in which no visitor was answered well within [`PATIENCE`]: from the beginning of the first of
    /// these visits to the beginning of the next one that was.
    pub(crate) unanswered: Duration,
    /// The longest time between the beginnings of two visits: what is shorter than this was not seen.
    pub(crate) unseen: Duration,
}

impl Gap {
    /// What these visits say; they must stand in the order of their beginnings.
    pub(crate) fn of(visits: &[Visit]) -> Self {
        let pauses = visits.windows(2).map(|pair| pair[1].begun.saturating_sub(pair[0].begun));
        Self {
            refused: longest(visits, Visit::is_refused),
            unanswered: longest(visits, |visit| !visit.is_well()),
            unseen: pauses.max().unwrap_or_default(),
        }
    }
}

/// The longest time from the first visit of a run of these to the first one after the run.
fn longest(visits: &[Visit], is_in: impl Fn(&Visit) -> bool) -> Duration {
    let (mut longest, mut run) = (Duration::ZERO, None);
    for visit in visits {
        if is_in(visit) {
            run.get_or_insert(visit.begun);
        }
        if let Some(begun) = run {
            longest = longest.max(visit.begun.saturating_sub(begun));
        }
        if !is_in(visit) {
            run = None;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits every 5 ms: `g` good, `s` good but slow, `r` refused, `b` bad.
    fn visits(text: &str) -> Vec<Visit> {
        let visit = |(number, kind): (u64, char)| {
            let (answer, took) = match kind {
                'g' => (Answer::Good("one".to_owned()), 1),
                's' => (Answer::Good("one".to_owned()), 1_050),
                'r' => (Answer::Refused, 1),
                _ => (Answer::Bad, 5_000),
            };
            Visit { begun: Duration::from_millis(5 * number), took: Duration::from_millis(took), answer }
        };
        (0..).zip(text.chars()).map(visit).collect()
    }

    #[test]
    fn the_longest_stretch_counts() {
        // What the visitors met; refused and unanswered, in milliseconds.
        let cases = [
            ("", 0, 0),
            ("gggg", 0, 0),
            ("grgg", 5, 5),
            ("grrrg", 15, 15),
            ("grgrrgg", 10, 10),
            ("gsrrrg", 15, 20),
            ("grrrssg", 15, 25),
            ("grrsrrrg", 15, 30),
            ("gbbg", 0, 10),
            // It never came back: as far as it was seen.
            ("grrr", 10, 10),
        ];
        for (text, refused, unanswered) in cases {
            let gap = Gap::of(&visits(text));
            let expected = (Duration::from_millis(refused), Duration::from_millis(unanswered));
            assert_eq!((gap.refused, gap.unanswered), expected, "{text}");
        }
    }

    #[test]
    fn a_prober_that_was_held_up_says_so() {
        let mut late = visits("ggg");
        late[2].begun = Duration::from_millis(40);
        assert_eq!(Gap::of(&late).unseen, Duration::from_millis(35));
    }
}
