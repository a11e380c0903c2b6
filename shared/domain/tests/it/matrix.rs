//! The whole phase × event matrix as one snapshot: a reviewer sees every legal move.

use std::fmt::Write;
use std::time::Duration;

use domain::run::{Cause, Effect, Event, Outcome, Phase, Run};
use domain::{Direction, Job};

fn phases() -> Vec<Phase> {
    let cause = |job| Cause::Deadline { job };
    let forward = domain::job::PLAN.into_iter().flat_map(|job| {
        [1, job.attempts_max()].map(|attempt| Phase::Forward { job, attempt, strikes: attempt - 1 })
    });
    let draining = domain::job::PLAN
        .into_iter()
        .take_while(|job| *job != Job::Finish)
        .map(|job| Phase::Draining { job, attempt: 1, cause: cause(job) });
    let undo = Job::ALL.iter().copied().filter(|job| job.direction() == Direction::Undo);
    let compensating = undo.flat_map(|job| {
        [1, job.attempts_max()].map(|attempt| Phase::Compensating {
            from: Job::CheckNew,
            job,
            attempt,
            strikes: attempt - 1,
            cause: cause(Job::CheckNew),
        })
    });
    let waiting = Phase::NeedsAttention {
        from: Job::CheckNew,
        job: Job::Restore,
        attempt: 6,
        cause: cause(Job::CheckNew),
        reason: "It broke.".into(),
    };
    let finished =
        [Outcome::Deployed { warning: None }, Outcome::RolledBack(cause(Job::Image))].map(Phase::Finished);
    let others = domain::job::SHIP.iter().chain(domain::job::ERRANDS).flat_map(|&job| {
        let last = job.attempts_max();
        [
            Phase::Forward { job, attempt: 1, strikes: 0 },
            Phase::Forward { job, attempt: last, strikes: last - 1 },
            Phase::Draining { job, attempt: 1, cause: cause(job) },
        ]
    });
    let asking = domain::job::SHIP.map(|job| Phase::Asking { job, attempt: 2, question: "Shall it?".into() });

    forward
        .chain(draining)
        .chain(compensating)
        .chain([waiting])
        .chain(finished)
        .chain(others)
        .chain(asking)
        .collect()
}

fn events(run: &Run) -> Vec<(&'static str, Event)> {
    let (job, attempt) = run.current().unwrap_or((Job::Validate, 1));
    let failed = |retry| Event::Failed { job, attempt, reason: "It broke.".into(), retry };
    vec![
        ("succeeded", Event::Succeeded { job, attempt }),
        ("failed, retry", failed(true)),
        ("failed", failed(false)),
        ("refused", Event::Refused { job, attempt, reason: "Not now.".into() }),
        ("released", Event::Released { job, attempt }),
        ("lost", Event::Lost { job, attempt }),
        ("asked", Event::Asked { job, attempt, question: "Shall it?".into() }),
        ("postponed", Event::Postponed { job, attempt, pause: Duration::from_secs(90) }),
        ("stale report", Event::Succeeded { job, attempt: attempt + 7 }),
        ("deadline", Event::DeadlinePassed),
        ("answered", Event::Answered { by: "Ada".into() }),
        ("cancel", Event::CancelRequested { by: "Ada".into(), reason: "Not today.".into() }),
        ("resume", Event::ResumeRequested { by: "Ada".into() }),
        ("give up", Event::GiveUpRequested { by: "Ada".into(), reason: "I mend it.".into() }),
    ]
}

fn phase_text(phase: &Phase) -> String {
    match phase {
        Phase::Forward { job, attempt, strikes } => format!("forward {job}#{attempt}, {strikes} struck"),
        Phase::Asking { job, attempt, .. } => format!("asking at {job}#{attempt}"),
        Phase::Draining { job, attempt, .. } => format!("draining {job}#{attempt}"),
        Phase::Compensating { job, attempt, strikes, .. } => {
            format!("compensating {job}#{attempt}, {strikes} struck")
        }
        Phase::NeedsAttention { job, attempt, .. } => format!("needs attention at {job}#{attempt}"),
        Phase::Finished(outcome) => match outcome {
            Outcome::Deployed { warning: None } => "deployed".into(),
            Outcome::Deployed { warning: Some(_) } => "deployed with a warning".into(),
            Outcome::Refused(_) => "refused".into(),
            Outcome::RolledBack(_) => "rolled back".into(),
            Outcome::GivenUp { .. } => "given up".into(),
            Outcome::Done => "done".into(),
            Outcome::Failed(_) => "failed".into(),
        },
    }
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::Enqueue { job, attempt, delay } => format!("enqueue {job}#{attempt} in {}s", delay.as_secs()),
        Effect::Stop { job, attempt } => format!("stop {job}#{attempt}"),
        Effect::Settle(status) => format!("settle {status}"),
    }
}

#[test]
fn every_event_in_every_phase() {
    let mut table = String::new();
    for phase in phases() {
        writeln!(table, "{}", phase_text(&phase)).unwrap();
        let run = Run { phase };
        for (name, event) in events(&run) {
            let answer = match run.apply(&event) {
                Err(ignored) => format!("– ({ignored})"),
                Ok(next) => {
                    let effects: Vec<_> = next.effects.iter().map(effect_text).collect();
                    format!("{} [{}]", phase_text(&next.run.phase), effects.join(", "))
                }
            };
            writeln!(table, "    {name:<14} → {answer}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
