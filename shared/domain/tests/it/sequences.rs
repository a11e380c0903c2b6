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
        if let Phase::NeedsAttention { .. } = next.run.phase {
            next = next.run.apply(&give_up()).unwrap();
            continue;
        }
        let (job, attempt) = next.run.current().unwrap();
        let event = strike(job, attempt)
            .filter(|_| !matches!(next.run.phase, Phase::Draining { .. }))
            .unwrap_or(Event::Succeeded { job, attempt });
        next = next.run.apply(&event).unwrap();
    }
}

fn give_up() -> Event {
    Event::GiveUpRequested { by: "Ada".into(), reason: "I mend it.".into() }
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
    assert!(matches!(outcome, Outcome::GivenUp { undo: Job::Restore, .. }), "{outcome:?}");
    assert_eq!(statuses.last(), Some(&Status::NeedsAttention));
}

#[test]
fn an_undo_goes_on_where_it_stopped_when_a_person_resumes() {
    let cause = Cause::Deadline { job: Job::CheckNew };
    let waiting = Run {
        phase: Phase::NeedsAttention {
            from: Job::CheckNew,
            job: Job::Restore,
            attempt: 6,
            cause: cause.clone(),
            reason: "The disk is full.".into(),
        },
    };
    let mut next = waiting.apply(&Event::ResumeRequested { by: "Ada".into() }).unwrap();
    assert_eq!(next.effects[0], Effect::Settle(Status::RollingBack));
    let mut undone = Vec::new();
    while let Some((job, attempt)) = next.run.current() {
        undone.push((job, attempt));
        next = next.run.apply(&Event::Succeeded { job, attempt }).unwrap();
    }
    assert_eq!(undone[..2], [(Job::Restore, 7), (Job::StartOld, 1)]);
    assert_eq!(next.run.phase, Phase::Finished(Outcome::RolledBack(cause)));
}

#[test]
fn what_certainly_did_nothing_is_not_undone() {
    for refused in domain::job::PLAN.into_iter().filter(|job| *job != Job::Finish) {
        let refuse = |job, attempt| Event::Refused { job, attempt, reason: "The disk is too small.".into() };
        let (jobs, _, _) = play(|job, attempt| (job == refused).then(|| refuse(job, attempt)));
        let own = refused.undo().map(Job::as_str);
        assert!(own.is_none_or(|own| !jobs.contains(&own)), "{refused}: {jobs:?}");

        let (jobs, _, _) = play(|job, attempt| match attempt {
            1 if job == refused => Some(Event::Lost { job, attempt }),
            _ => (job == refused).then(|| refuse(job, attempt)),
        });
        assert!(own.is_none_or(|own| jobs.contains(&own)), "an earlier try of {refused} may have acted");
    }
}

#[test]
fn workers_that_are_restarted_again_and_again_fail_nothing() {
    for (phase, outcome) in [(Job::Dump, "deployed"), (Job::CheckOld, "rolled back")] {
        let (_, _, ended) = play(|job, attempt| match job {
            Job::CheckNew if phase == Job::CheckOld => Some(fail(job, attempt, false)),
            _ => (job == phase && attempt < 50).then_some(Event::Released { job, attempt }),
        });
        match ended {
            Outcome::Deployed { .. } => assert_eq!(outcome, "deployed"),
            Outcome::RolledBack(_) => assert_eq!(outcome, "rolled back"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_errand_ends_with_its_job_and_settles_nothing() {
    for &job in domain::job::ERRANDS {
        let begun = Run::errand(job);
        assert_eq!(begun.run.current(), Some((job, 1)));
        let done = begun.run.apply(&Event::Succeeded { job, attempt: 1 }).unwrap();
        assert_eq!((done.run.phase, done.effects), (Phase::Finished(Outcome::Done), vec![]), "{job}");
        let failed = begun.run.apply(&fail(job, 1, false)).unwrap();
        let cause = Cause::Failed { job, reason: "It broke.".into() };
        assert_eq!(
            (failed.run.phase, failed.effects),
            (Phase::Finished(Outcome::Failed(cause)), vec![]),
            "{job}"
        );
    }
}
