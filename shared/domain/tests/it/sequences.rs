//! Every way through the plan, told as the jobs that it queues.

use domain::run::{Effect, Event, Outcome, Phase, Run};
use domain::{Cause, Job, Status};

/// Plays a run in which every report is a success, except what `strike` answers for a job; returns
/// the jobs queued, the statuses settled, and the outcome.
fn play(strike: impl Fn(Job, u32) -> Option<Event>) -> (Vec<&'static str>, Vec<Status>, Outcome) {
    let mut jobs = Vec::new();
    let mut statuses = Vec::new();
    let mut next = Run::start();
    loop {
        for effect in &next.effects {
            match effect {
                Effect::Enqueue { job, .. } => jobs.push(job.as_str()),
                Effect::Settle(status) => statuses.push(*status),
                Effect::Stop { .. } => {}
            }
        }
        if let Phase::Finished(outcome) = next.run.phase {
            return (jobs, statuses, outcome);
        }
        let (job, attempt) = next.run.current().unwrap();
        let event = strike(job, attempt)
            .filter(|_| !matches!(next.run.phase, Phase::Draining { .. }))
            .unwrap_or(Event::Succeeded { job, attempt });
        next = next.run.apply(&event).unwrap();
    }
}

fn fail(job: Job, attempt: u32, retry: bool) -> Event {
    Event::Failed { job, attempt, reason: "It broke.".into(), retry }
}

#[test]
fn a_good_feature_goes_through_all_jobs() {
    let (jobs, statuses, outcome) = play(|_, _| None);
    assert_eq!(jobs, domain::job::PLAN.map(Job::as_str));
    assert_eq!(statuses, [Status::Deploying, Status::Deployed]);
    assert_eq!(outcome, Outcome::Deployed { warning: None });
}

#[test]
fn a_failed_job_is_undone_with_all_before_it_in_reverse() {
    for failing in domain::job::PLAN {
        let (jobs, _, outcome) = play(|job, attempt| (job == failing).then(|| fail(job, attempt, false)));
        let done = failing.position().unwrap() + 1;
        let undo: Vec<_> = failing.unwinding().map(Job::as_str).collect();
        match failing {
            Job::Finish => assert_eq!(outcome, Outcome::Deployed { warning: Some("It broke.".into()) }),
            Job::Validate | Job::CheckWindow => assert!(matches!(outcome, Outcome::Refused(_)), "{failing}"),
            _ => {
                assert!(matches!(outcome, Outcome::RolledBack(_)), "{failing}");
                assert_eq!(jobs[done..], undo, "{failing}");
            }
        }
    }
}

#[test]
fn a_retry_that_works_leaves_no_trace_in_the_outcome() {
    for failing in domain::job::PLAN {
        let (jobs, _, outcome) =
            play(|job, attempt| (job == failing && attempt == 1).then(|| fail(job, attempt, true)));
        assert_eq!(outcome, Outcome::Deployed { warning: None }, "{failing}");
        assert_eq!(jobs.len(), domain::job::PLAN.len() + 1, "{failing}");
    }
}

#[test]
fn a_job_lost_too_often_is_undone_too() {
    let (jobs, _, outcome) =
        play(|job, attempt| (job == Job::StartNew).then_some(Event::Lost { job, attempt }));
    assert_eq!(outcome, Outcome::RolledBack(Cause::Lost { job: Job::StartNew }));
    assert_eq!(jobs.iter().filter(|job| **job == "swap.start_new").count(), 3);
    assert!(jobs.contains(&"swap.stop_new"), "what was lost may have acted");
}

#[test]
fn the_deadline_drains_first_and_undoes_even_a_success() {
    for struck in domain::job::PLAN {
        let (_, statuses, outcome) =
            play(|job, _| (job == struck && struck != Job::Finish).then_some(Event::DeadlinePassed));
        let expected = match struck {
            Job::Finish => Outcome::Deployed { warning: None },
            Job::Validate | Job::CheckWindow => Outcome::Refused(Cause::Deadline { job: struck }),
            _ => Outcome::RolledBack(Cause::Deadline { job: struck }),
        };
        assert_eq!(outcome, expected, "{struck}");
        if struck == Job::Record {
            assert!(!statuses.contains(&Status::Deployed), "a record that comes late does not count");
        }
    }
}

#[test]
fn an_undo_that_cannot_be_done_calls_a_person() {
    let (_, statuses, outcome) = play(|job, attempt| match job {
        Job::CheckNew => Some(fail(job, attempt, false)),
        Job::Restore => Some(fail(job, attempt, true)),
        _ => None,
    });
    assert!(matches!(outcome, Outcome::NeedsAttention { undo: Job::Restore, .. }), "{outcome:?}");
    assert_eq!(statuses.last(), Some(&Status::NeedsAttention));
}
