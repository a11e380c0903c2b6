//! What a person does when an undo job could not be done.

use domain::Job;
use domain::run::{Phase, Run};

/// What is left to put back on the installation, in order, for a person to do by hand; the first is
/// what stopped. Empty unless the run waits for a person.
pub fn to_do(run: &Run, installation: &str) -> Vec<String> {
    let Phase::NeedsAttention { from, job: stuck, .. } = &run.phase else { return Vec::new() };
    from.unwinding()
        .skip_while(|job| job != stuck)
        .filter_map(by_hand)
        .map(|sentence| sentence.replace("{installation}", installation))
        .collect()
}

/// `None` for what does no harm if it stays: the next deployment removes it.
fn by_hand(undo: Job) -> Option<&'static str> {
    match undo {
        Job::StopNew => Some(
            "Stop the new version of {installation} and make sure that it does not start again by itself.",
        ),
        Job::Restore => Some(
            "See whether the database of {installation} holds what it should. If not, put it back from the \
             backup named above, as the instructions below say.",
        ),
        Job::StartOld => {
            Some("Start the old version of {installation} again, under its usual name and address.")
        }
        Job::CheckOld => Some("Open {installation} and check that it works."),
        Job::Validate
        | Job::CheckWindow
        | Job::Dump
        | Job::Extract
        | Job::Image
        | Job::Prepare
        | Job::StopOld
        | Job::Snapshot
        | Job::StartNew
        | Job::CheckNew
        | Job::Record
        | Job::Finish
        | Job::Seal
        | Job::Register
        | Job::Epic
        | Job::Assess
        | Job::Gates
        | Job::Propose
        | Job::Deploy
        | Job::RehearseBackup
        | Job::VerifyBackup
        | Job::PruneBackups
        | Job::Unprepare
        | Job::DiscardImage
        | Job::DiscardContext
        | Job::DiscardPartial => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::run::Cause;

    use super::*;

    #[test]
    fn what_is_left_is_told_in_order() {
        let stuck = |job| Run {
            phase: Phase::NeedsAttention {
                from: Job::CheckNew,
                job,
                attempt: 6,
                cause: Cause::Deadline { job: Job::CheckNew },
                reason: "It broke.".into(),
            },
        };
        let lengths = [(Job::StopNew, 4), (Job::Restore, 3), (Job::StartOld, 2), (Job::DiscardImage, 1)];
        for (job, length) in lengths {
            let to_do = to_do(&stuck(job), "shop");
            assert_eq!(to_do.len(), length, "{job}");
            assert_eq!(to_do.last().map(String::as_str), Some("Open shop and check that it works."));
        }
        assert!(to_do(&Run::start().run, "shop").is_empty());
    }
}
