//! Everything that exists at one moment.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Direction, Job, Run, Status};

/// A job and which try of it.
pub(crate) type Try = (Job, u32);

/// What a claim grants. Only equality counts, so a token that nothing refers to any more is granted
/// again: fewer states, and nobody can tell.
pub(crate) type Token = u8;

/// One moment of one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) run: Run,
    pub(crate) status: Status,
    /// Rows of tries that have not ended. One that has ended is treated as one that never was.
    pub(crate) rows: BTreeMap<Try, Row>,
    /// What the broker has, or the outbox for it, and how many times.
    pub(crate) messages: BTreeMap<Try, u8>,
    /// What still follows from claims.
    pub(crate) claims: BTreeMap<Token, Claim>,
    pub(crate) world: World,
    pub(crate) faults_left: u8,
    /// A person has resumed the undo.
    pub(crate) was_resumed: bool,
    /// The record did something that it never should.
    pub(crate) wrong: Option<Wrong>,
}

/// A row of the table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    /// The token it was claimed with, if it was.
    pub(crate) token: Option<Token>,
    pub(crate) stop_requested: bool,
}

/// What goes by one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) which: Try,
    /// The lease lasts.
    pub(crate) lasts: bool,
    /// The worker that made it, while it is busy with it.
    pub(crate) worker: Option<Worker>,
    pub(crate) deed: Deed,
}

/// A worker that is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    /// Renews its lease.
    Well,
    /// Slow or cut off: renews nothing more; what it says may come late.
    Cut,
}

/// How far what a worker does in the world has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// Not begun, or dropped: nothing will come of it.
    None,
    /// Begun: it may have its effect at any moment.
    UnderWay,
    /// Done.
    Landed,
}

/// What must never happen in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A run moved after its end.
    FinishedRunMoved,
    /// A promotion was told to move where it may not.
    IllegalMove,
}

/// Production, as far as the plan touches it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Forward jobs whose effect is there.
    pub(crate) left: BTreeSet<Job>,
    /// The database is not as it was when the old version was stopped.
    pub(crate) data_changed: bool,
}

impl Claim {
    /// Whether anything may still come of it.
    pub(crate) fn matters(self) -> bool {
        self.lasts || self.worker.is_some() || self.deed == Deed::UnderWay
    }
}

impl World {
    /// The job takes effect. Twice is the same as once: jobs look at what is there.
    pub(crate) fn take(&mut self, job: Job) {
        match job.direction() {
            Direction::Forward if job.undo().is_some() || job == Job::Finish => {
                self.left.insert(job);
            }
            Direction::Forward => {}
            Direction::Undo => self.left.retain(|done| done.undo() != Some(job)),
        }
        match job {
            Job::StartNew => self.data_changed = true,
            Job::Restore => self.data_changed = self.new_serves(),
            _ => {}
        }
    }

    pub(crate) fn old_serves(&self) -> bool {
        !self.left.contains(&Job::StopOld)
    }

    pub(crate) fn new_serves(&self) -> bool {
        self.left.contains(&Job::StartNew)
    }

    pub(crate) fn is_as_before(&self) -> bool {
        self.left.is_empty() && !self.data_changed
    }
}
