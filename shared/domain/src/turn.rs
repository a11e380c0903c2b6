//! Whether a job may begin whose run waits for an errand.
//!
//! ```text
//! backup.dump ─┬─ build.extract ─ build.image ─┬─ swap.prepare ─ …
//!              └─ backup.rehearse (errand) ────┘
//! ```
//! The two ways part with the report of the dump and meet before anything is done to the old version. Nobody waits
//! in a worker: a job whose turn has not come stands on record as *held*. When the errand is over the job is queued,
//! or its run fails. A run that turns back no longer wants its errand; it is stopped, and what undoes the dump waits
//! until it has ended, as that removes what the errand left.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::job::Job;
use crate::run::{Outcome, Phase, Run};

/// What a job's run does about the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It may begin.
    Now,
    /// The errand has not ended.
    Later,
    /// The errand failed, and the run with it, for this reason: plain sentences.
    Never(String),
}

impl Job {
    /// Whether it is an errand that the run which ordered it waits for.
    pub const fn is_awaited(self) -> bool {
        matches!(self, Job::RehearseBackup)
    }

    /// Whether it begins only when the errand that its run waits for, if there is one, has ended.
    pub const fn waits(self) -> bool {
        matches!(self, Job::Prepare | Job::DiscardPartial)
    }

    /// Whether it may begin when the errand that its run waits for has come this far.
    pub fn turn(self, errand: &Run) -> Turn {
        match (self, errand.outcome()) {
            (Job::Prepare | Job::DiscardPartial, None) => Turn::Later,
            (Job::Prepare, Some(Outcome::Failed(cause))) => Turn::Never(format!(
                "The backup could not be proven by restoring it beside the production database, so the current \
                 version keeps serving. {}",
                cause.sentence(Duration::ZERO)
            )),
            _ => Turn::Now,
        }
    }
}

impl Run {
    /// Whether it still wants the errand that it ordered.
    pub fn wants_errand(&self) -> bool {
        matches!(self.phase, Phase::Forward { .. })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::job::PLAN;
    use crate::run::Cause;

    #[test]
    fn what_touches_the_old_version_waits_for_the_errand_and_fails_with_it() {
        let cause = Cause::Failed { job: Job::RehearseBackup, reason: "It is damaged.".into() };
        let under_way = Run::errand(Job::RehearseBackup).run;
        let [done, failed] =
            [Outcome::Done, Outcome::Failed(cause)].map(|outcome| Run { phase: Phase::Finished(outcome) });
        for job in Job::ALL {
            let turns = [&under_way, &done, &failed].map(|errand| job.turn(errand));
            match (job, turns) {
                (Job::Prepare, [Turn::Later, Turn::Now, Turn::Never(why)]) => {
                    assert!(why.ends_with("keeps serving. It is damaged."), "{why}");
                }
                (Job::DiscardPartial, [Turn::Later, Turn::Now, Turn::Now]) => {}
                (_, [Turn::Now, Turn::Now, Turn::Now]) => assert!(!job.waits(), "{job}"),
                (_, turns) => panic!("{job}: {turns:?}"),
            }
        }
    }

    #[test]
    fn the_ways_meet_before_the_old_version_is_touched() {
        let at = |job: Job| PLAN.iter().position(|it| *it == job).unwrap();
        assert!(at(Job::Image) < at(Job::Prepare) && at(Job::Prepare) < at(Job::StopOld));
        assert_eq!(Job::Dump.undo().map(Job::waits), Some(true), "what the errand left goes with the dump");
        assert_eq!(Job::RehearseBackup.to_string(), "backup.rehearse");
    }
}
