//! The errand that a run waits for, and what is held meanwhile.

use domain::{Event, Job, Phase, Run, Turn};

use crate::state::{Row, State, Try};
use crate::step::Step;

/// What may happen to the errand. Its own tries are left out: it may end at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// It is done, and leaves nothing.
    IsDone,
    /// It was told to stop, and did; what it had begun may be left.
    Stops,
    /// It failed; what it had begun may be left.
    Fails,
    /// The supervisor tells it to stop, as nobody waits for it any more.
    IsUnwanted,
}

impl State {
    /// `engine::advance::is_its_turn`, and what the supervisor finds when the errand is over.
    pub(crate) fn turn(&self, job: Job) -> Turn {
        self.errand.as_ref().map_or(Turn::Now, |errand| job.turn(errand))
    }

    /// `engine::errand::begin`, by the dump's report.
    pub(crate) fn order_errand(&mut self) {
        if self.rehearses {
            self.errand = Some(Run::errand(Job::RehearseBackup).run);
            // It may act from now on.
            self.world.left.insert(Job::RehearseBackup);
        }
    }

    /// `engine::start::release`.
    pub(crate) fn release(&mut self, which: Try) {
        self.rows.insert(which, Row::QUEUED);
        self.announce(which);
    }

    /// What the errand and the supervisor who looks at it do without a fault.
    pub(crate) fn push_of_errand(&self, steps: &mut Vec<Step>) {
        for (&which, row) in &self.rows {
            if row.is_held && !row.stop_requested {
                match self.turn(which.0) {
                    Turn::Now => steps.push(Step::Release(which)),
                    Turn::Later => {}
                    Turn::Never(_) => steps.push(Step::FailHeld(which)),
                }
            }
        }
        match self.errand.as_ref().map(|errand| &errand.phase) {
            Some(Phase::Forward { .. }) => {
                steps.push(Step::Errand(Errand::IsDone));
                if !self.run.wants_errand() {
                    steps.push(Step::Errand(Errand::IsUnwanted));
                }
            }
            Some(Phase::Draining { .. }) => steps.push(Step::Errand(Errand::Stops)),
            Some(
                Phase::Asking { .. }
                | Phase::Compensating { .. }
                | Phase::NeedsAttention { .. }
                | Phase::Finished(_),
            )
            | None => {}
        }
    }

    pub(crate) fn errand_steps(&mut self, step: Errand) {
        let (job, attempt) = (Job::RehearseBackup, 1);
        let event = match step {
            Errand::IsDone => {
                self.world.left.remove(&job);
                Event::Succeeded { job, attempt }
            }
            Errand::Stops | Errand::Fails => {
                Event::Failed { job, attempt, reason: "It broke.".into(), retry: false }
            }
            Errand::IsUnwanted => {
                Event::CancelRequested { by: "Slipway".into(), reason: "Nobody waits.".into() }
            }
        };
        let next = self.errand.as_ref().and_then(|errand| errand.apply(&event).ok());
        if let Some(next) = next {
            self.errand = Some(next.run);
        }
    }
}
