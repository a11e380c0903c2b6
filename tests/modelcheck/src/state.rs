//! Everything that exists at one moment.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Direction, Job, Run, Status};

/// A job and which try of it.
pub(crate) type Try = (Job, u32);

/// What a claim grants. Only equality counts, so one that nothing refers to any more is granted again:
/// fewer states, and nobody can tell.
pub(crate) type Token = u8;

/// One moment of one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) run: Run,
    pub(crate) status: Status,
    /// The tries that have not ended. Nothing tells an ended one from one that never was.
    pub(crate) rows: BTreeMap<Try, Row>,
    /// What the broker has, or the outbox for it, and how often.
    pub(crate) messages: BTreeMap<Try, u8>,
    /// The claims of which something may still come.
    pub(crate) claims: BTreeMap<Token, Claim>,
    pub(crate) world: World,
    /// The installation has its backups rehearsed.
    pub(crate) rehearses: bool,
    /// The rehearsal, once it was ordered: an errand, whose own tries go as any.
    pub(crate) errand: Option<Run>,
    pub(crate) faults_left: u8,
    /// A person had the undo go on.
    pub(crate) was_resumed: bool,
    /// What the record did and never should.
    pub(crate) wrong: Option<Wrong>,
}

/// A row of the table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    /// What it was claimed with, if it was.
    pub(crate) token: Option<Token>,
    pub(crate) stop_requested: bool,
    /// Nobody may begin it before the errand is over.
    pub(crate) is_held: bool,
}

impl Row {
    pub(crate) const QUEUED: Row = Row { token: None, stop_requested: false, is_held: false };
    pub(crate) const HELD: Row = Row { is_held: true, ..Row::QUEUED };
}

/// What goes by one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) which: Try,
    /// The lease lasts, by the database's clock.
    pub(crate) lasts: bool,
    /// The worker that claimed, while it is busy with it.
    pub(crate) worker: Option<Worker>,
    pub(crate) deed: Deed,
}

/// A busy worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    /// It renews its lease.
    Well,
    /// It is slow or cut off: it renews nothing more, and what it says may come late.
    Cut,
}

/// How far the worker's work in the world has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// Not begun, or dropped: nothing comes of it.
    None,
    /// Begun: it may take effect at any moment.
    UnderWay,
    /// It took effect.
    Done,
}

/// What must never happen in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A run moved after its end.
    FinishedRunMoved,
    /// A promotion was to move where it may not.
    IllegalMove,
}

/// Production, as far as the plan touches it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// The forward jobs whose effect is there; of a rehearsal, its database.
    pub(crate) left: BTreeSet<Job>,
    /// The database is not as it was at the stop.
    pub(crate) data_changed: bool,
}

impl Claim {
    /// Whether anything may still come of it.
    pub(crate) fn matters(self) -> bool {
        self.lasts || self.worker.is_some() || self.deed == Deed::UnderWay
    }
}

impl World {
    /// The job takes effect, whether it is its turn or not.
    pub(crate) fn take(&mut self, job: Job) {
        let leaves_something = job.undo().is_some() || job == Job::Finish;
        match job.direction() {
            Direction::Forward if leaves_something => {
                self.left.insert(job);
            }
            Direction::Forward => {}
            Direction::Undo => self.left.retain(|done| {
                let goes_with_the_dump = *done == Job::RehearseBackup && job == Job::DiscardPartial;
                done.undo() != Some(job) && !goes_with_the_dump
            }),
        }
        if job == Job::StartNew {
            self.data_changed = true;
        } else if job == Job::Restore {
            self.data_changed = self.new_serves();
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
