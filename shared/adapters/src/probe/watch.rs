//! Watches an application while something is done to it: when it stops answering, and when it answers again.
//!
//! Questions follow each other closely and do not wait for one another, as those of many visitors: one that
//! hangs does not hide that the next one is answered well.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Answer, Probe};

/// How exactly an outage is measured.
const ASK_EVERY: Duration = Duration::from_millis(15);

/// Questions that wait for their answers at the same time; a silent application is not drowned in them.
const WAITING_MAX: usize = 16;

/// Asks while something else goes on.
#[derive(Debug)]
pub struct Watch<'a> {
    probe: &'a Probe,
    expected: Option<&'a str>,
    seen: watch::Sender<Seen>,
}

/// What a watch has seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// How it is now.
    pub service: Option<Service>,
    /// Whether a question was answered well at any time.
    pub has_answered: bool,
    /// When the oldest question was asked that waits for its answer still.
    pub waiting_since: Option<Instant>,
    /// When the first question was asked that was not answered well, whatever came after it.
    pub refused_first: Option<Instant>,
}

/// Whether visitors are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// No question asked since then was answered well.
    Refused {
        /// When the first of them was asked.
        since: Instant,
    },
    /// Questions asked since then are answered well.
    Answering {
        /// When the first good answer came.
        since: Instant,
    },
}

impl<'a> Watch<'a> {
    /// Gets ready; where a build is expected and the rule says where it stands, only answers of that build
    /// are good.
    pub fn new(probe: &'a Probe, expected: Option<&'a str>) -> Self {
        Self { probe, expected, seen: watch::Sender::default() }
    }

    /// Does the deed and watches until it is done.
    ///
    /// # Cancel safety
    /// Dropping it ends the deed and all questions.
    pub async fn during<T>(&self, deed: impl Future<Output = T>) -> (T, Seen) {
        let mut deed = pin!(deed);
        let mut questions = FuturesUnordered::new();
        let mut waiting: Vec<Instant> = Vec::new();
        let mut next = interval(ASK_EVERY);
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut deed => {
                    let seen = *self.seen.borrow();
                    return (done, Seen { waiting_since: waiting.iter().min().copied(), ..seen });
                }
                _ = next.tick(), if waiting.len() < WAITING_MAX => {
                    let asked = Instant::now();
                    waiting.push(asked);
                    questions.push(async move { (asked, self.is_answered_well().await) });
                }
                Some((asked, is_good)) = questions.next() => {
                    waiting.retain(|it| *it != asked);
                    self.seen.send_modify(|seen| seen.take(asked, Instant::now(), is_good));
                }
            }
        }
    }

    /// Returns as soon as the application answers well; only while [`Self::during`] runs.
    pub fn answered(&self) -> impl Future<Output = ()> + use<> {
        let mut seen = self.seen.subscribe();
        async move {
            let is_answering = |it: &Seen| matches!(it.service, Some(Service::Answering { .. }));
            if seen.wait_for(is_answering).await.is_err() {
                // Nobody watches any more, so nobody will ever know.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn is_answered_well(&self) -> bool {
        match self.probe.ask().await {
            Answer::Good { build } => self.probe.is_expected(build.as_deref(), self.expected),
            Answer::Bad(_) | Answer::Silent(_) => false,
        }
    }
}

impl Seen {
    /// Takes one answer; they may come in another order than they were asked for.
    fn take(&mut self, asked: Instant, answered: Instant, is_good: bool) {
        self.has_answered |= is_good;
        if !is_good {
            self.refused_first = Some(self.refused_first.map_or(asked, |first| first.min(asked)));
        }
        self.service = Some(match (self.service, is_good) {
            (Some(Service::Refused { since }), true) if asked < since => Service::Refused { since },
            (Some(Service::Answering { since }), true) => Service::Answering { since },
            (_, true) => Service::Answering { since: answered },
            (Some(Service::Refused { since }), false) => Service::Refused { since: since.min(asked) },
            (Some(Service::Answering { since }), false) if asked < since => Service::Answering { since },
            (_, false) => Service::Refused { since: asked },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked, answered, good.
    type AnswerAt = (u64, u64, bool);

    #[test]
    fn answers_tell_since_when_it_is_as_it_is() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let cases: [(&str, &[AnswerAt], Service); 7] = [
            ("well all the time", &[(0, 2, true), (10, 12, true)], Service::Answering { since: at(2) }),
            ("gone", &[(0, 2, true), (10, 11, false), (20, 21, false)], Service::Refused { since: at(10) }),
            ("back", &[(0, 1, false), (10, 12, true), (20, 22, true)], Service::Answering { since: at(12) }),
            ("never there", &[(0, 1, false), (10, 11, false)], Service::Refused { since: at(0) }),
            (
                "one that was asked before the end is answered late",
                &[(10, 11, false), (0, 15, true)],
                Service::Refused { since: at(10) },
            ),
            (
                "one that hung is given up after the return",
                &[(0, 1, false), (30, 32, true), (10, 40, false)],
                Service::Answering { since: at(32) },
            ),
            (
                "one that hung is given up while it is gone",
                &[(0, 1, true), (20, 21, false), (10, 40, false)],
                Service::Refused { since: at(10) },
            ),
        ];
        for (name, answers, expected) in cases {
            let mut seen = Seen::default();
            for (asked, answered, is_good) in answers {
                seen.take(at(*asked), at(*answered), *is_good);
            }
            assert_eq!(seen.service, Some(expected), "{name}");
            assert_eq!(seen.has_answered, answers.iter().any(|it| it.2), "{name}");
            let first = answers.iter().filter(|it| !it.2).map(|it| at(it.0)).min();
            assert_eq!(seen.refused_first, first, "{name}");
        }
    }
}
