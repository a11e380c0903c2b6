//! What went wrong in a run, and when, by the database's clock in seconds since 1970.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Fault;
use crate::records::Try;

/// A process that was killed while it held jobs.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    pub(crate) at: f64,
    /// Its name, as in `backup-2`.
    pub(crate) process: String,
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

    /// Whether, from the kill until then, nobody was disturbed whom the recovery needs: no server, no
    /// supervisor, no other process of the kind that goes on.
    pub(crate) fn nothing_else_happened(&self, kill: &Kill, kind: &str, until: f64) -> bool {
        let is_needed = |process: &str| {
            let its_kind = process.rsplit_once('-').map_or(process, |(its_kind, _)| its_kind);
            process != kill.process && (its_kind == kind || its_kind == "supervisor")
        };
        !lock(&self.disturbances)
            .iter()
            .any(|it| it.touches(kill.at, until) && it.process.as_deref().is_none_or(is_needed))
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_counts_alone_only_when_nothing_else_that_it_needs_was_disturbed() {
        let cases = [
            ("nothing else", None, true),
            ("another process of the kind", Some((Some("backup-1"), 101.0, 104.0)), false),
            ("the killed process itself comes back", Some((Some("backup-2"), 100.0, 104.0)), true),
            ("a supervisor", Some((Some("supervisor-1"), 99.0, 100.5)), false),
            ("a process of another kind", Some((Some("swap-1"), 101.0, 104.0)), true),
            ("a server", Some((None, 101.0, 102.0)), false),
            ("a server, earlier", Some((None, 90.0, 99.0)), true),
            ("a server, later", Some((None, 103.5, 110.0)), true),
        ];
        for (name, disturbance, is_alone) in cases {
            let happened = Happened::default();
            if let Some((process, from, to)) = disturbance {
                let process = process.map(str::to_owned);
                happened.note_disturbance(Disturbance { process, from, to });
            }
            let kill = Kill { at: 100.0, process: "backup-2".to_owned(), held: Vec::new() };
            assert_eq!(happened.nothing_else_happened(&kill, "backup", 103.0), is_alone, "{name}");
        }
    }
}
