//! What went wrong in a run, and when, by the database's clock in seconds since 1970.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Fault;
use crate::records::Try;
use crate::role::ROLES;

/// A process that was killed while it held jobs.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    pub(crate) at: f64,
    /// What it held just before.
    pub(crate) held: Vec<Try>,
}

/// A while in which somebody could not work as usual.
#[derive(Debug, Clone)]
pub(crate) struct Disturbance {
    /// A process, as in `backup-2`; everybody where a server was away.
    pub(crate) process: Option<String>,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Disturbance {
    fn touches(&self, from: f64, to: f64) -> bool {
        self.from < to && from < self.to
    }
}

/// All of it.
#[derive(Default)]
pub(crate) struct Happened {
    counts: Mutex<BTreeMap<Fault, usize>>,
    kills: Mutex<Vec<Kill>>,
    disturbances: Mutex<Vec<Disturbance>>,
    ended_by_themselves: Mutex<usize>,
    /// How often the engine was taken away while a swap was under way.
    in_swaps: Mutex<usize>,
    /// Containers that a killed engine had left half started.
    half_started: Mutex<usize>,
}

impl Happened {
    pub(crate) fn counts(&self) -> BTreeMap<Fault, usize> {
        lock(&self.counts).clone()
    }

    pub(crate) fn total(&self) -> usize {
        self.counts().values().sum()
    }

    pub(crate) fn kills(&self) -> Vec<Kill> {
        lock(&self.kills).clone()
    }

    pub(crate) fn ended_by_themselves(&self) -> usize {
        *lock(&self.ended_by_themselves)
    }

    pub(super) fn note(&self, fault: Fault) {
        *lock(&self.counts).entry(fault).or_default() += 1;
    }

    pub(super) fn note_end(&self) {
        *lock(&self.ended_by_themselves) += 1;
    }

    pub(super) fn note_swap(&self) {
        *lock(&self.in_swaps) += 1;
    }

    pub(crate) fn in_swaps(&self) -> usize {
        *lock(&self.in_swaps)
    }

    pub(super) fn note_half_started(&self, count: usize) {
        *lock(&self.half_started) += count;
    }

    pub(crate) fn half_started(&self) -> usize {
        *lock(&self.half_started)
    }

    pub(super) fn note_kill(&self, kill: Kill) {
        lock(&self.kills).push(kill);
    }

    pub(super) fn note_disturbance(&self, disturbance: Disturbance) {
        lock(&self.disturbances).push(disturbance);
    }

    /// Whether no server was away in this while.
    pub(crate) fn servers_were_there(&self, from: f64, to: f64) -> bool {
        !lock(&self.disturbances).iter().any(|it| it.process.is_none() && it.touches(from, to))
    }

    /// Whether all that time every server was there, and somebody of each part that the recovery needs: a
    /// supervisor, and a worker of the kind that goes on.
    pub(crate) fn somebody_was_there(&self, from: f64, to: f64, kind: &str) -> bool {
        let disturbances = lock(&self.disturbances);
        let in_the_way: Vec<_> = disturbances.iter().filter(|it| it.touches(from, to)).collect();
        in_the_way.iter().all(|it| it.process.is_some())
            && [kind, "supervisor"].iter().all(|part| !is_gone_at_once(part, &in_the_way, from))
    }
}

/// Whether every process of the part is disturbed at the same moment, from then on.
fn is_gone_at_once(part: &str, disturbances: &[&Disturbance], from: f64) -> bool {
    let count = ROLES.iter().find(|(role, _)| *role == part).map_or(1, |(_, count)| *count);
    let of_part = |it: &&&Disturbance| {
        it.process.as_deref().and_then(|name| name.rsplit_once('-')).is_some_and(|(kind, _)| kind == part)
    };
    let of_part: Vec<_> = disturbances.iter().filter(of_part).collect();
    of_part.iter().map(|it| it.from.max(from)).any(|moment| {
        let now = of_part.iter().filter(|it| it.from <= moment && moment < it.to);
        now.map(|it| &it.process).collect::<BTreeSet<_>>().len() >= count
    })
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_counts_only_while_somebody_could_see_to_it() {
        // Who was disturbed, from when to when; the job of backup-2 is lost at 100 and goes on at 104.
        let cases = [
            ("nothing else", "", true),
            ("the other one later", "backup-1 103 105", true),
            ("the other one meanwhile", "backup-1 101 102", false),
            ("the other one since before", "backup-1 90 100.5", false),
            ("one supervisor", "supervisor-1 99 104.5", true),
            ("both supervisors", "supervisor-1 99 102, supervisor-2 101 103", false),
            ("one supervisor after the other", "supervisor-1 99 101, supervisor-2 101 103", true),
            ("both of another kind", "swap-1 99 104, swap-2 99 104", true),
            ("a server", "everybody 101 102", false),
        ];
        for (name, others, counts) in cases {
            let happened = Happened::default();
            for one in ["backup-2 100 103"].into_iter().chain(others.split_terminator(", ")) {
                let [process, from, to] = one.split(' ').collect::<Vec<_>>()[..] else { panic!("{one}") };
                happened.note_disturbance(Disturbance {
                    process: (process != "everybody").then(|| process.to_owned()),
                    from: from.parse().expect("a number"),
                    to: to.parse().expect("a number"),
                });
            }
            assert_eq!(happened.somebody_was_there(100.0, 104.0, "backup"), counts, "{name}");
        }
    }
}
