//! What went wrong in a run, for its report.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Fault;
use crate::records::Try;

/// A process that was killed while it held jobs.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    /// When, by the database's clock, in seconds since 1970.
    pub(crate) at: f64,
    /// What it held just before.
    pub(crate) held: Vec<Try>,
}

/// What went wrong in a run.
#[derive(Default)]
pub(crate) struct Happened {
    counts: Mutex<BTreeMap<Fault, usize>>,
    kills: Mutex<Vec<Kill>>,
    /// When something other than one process was disturbed, by the database's clock: from and to.
    outages: Mutex<Vec<(f64, f64)>>,
    ended_by_themselves: Mutex<usize>,
    /// How often the engine was taken away while a swap was under way.
    in_swaps: Mutex<usize>,
    /// Containers that a killed engine had left half started.
    half_started: Mutex<usize>,
}

impl Happened {
    pub(super) fn note(&self, fault: Fault) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
    }

    pub(super) fn note_kill(&self, kill: Kill) {
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).push(kill);
    }

    pub(super) fn note_outage(&self, span: (f64, f64)) {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    pub(super) fn note_end(&self) {
        *self.ended_by_themselves.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(super) fn note_swap(&self) {
        *self.in_swaps.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<Fault, usize> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn total(&self) -> usize {
        self.counts().values().sum()
    }

    pub(crate) fn kills(&self) -> Vec<Kill> {
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn outages(&self) -> Vec<(f64, f64)> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn ended_by_themselves(&self) -> usize {
        *self.ended_by_themselves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_half_started(&self, count: usize) {
        *self.half_started.lock().unwrap_or_else(PoisonError::into_inner) += count;
    }

    pub(crate) fn half_started(&self) -> usize {
        *self.half_started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_swaps(&self) -> usize {
        *self.in_swaps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
