//! What holds for any sequence of events, sensible or not.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::run::{Effect, Event, Phase, Run};
use domain::{Direction, Job};
use proptest::prelude::*;

fn any_event() -> impl Strategy<Value = Event> {
    let job = prop::sample::select(Job::ALL);
    let report = (job, 0u32..8, 0u8..8).prop_map(|(job, attempt, kind)| match kind {
        0 => Event::Succeeded { job, attempt },
        1 => Event::Failed { job, attempt, reason: "It broke.".into(), retry: true },
        2 => Event::Failed { job, attempt, reason: "It broke.".into(), retry: false },
        3 => Event::Refused { job, attempt, reason: "Not now.".into() },
        4 => Event::Released { job, attempt },
        5 => Event::Asked { job, attempt, question: "Shall it?".into() },
        6 => Event::Postponed { job, attempt, pause: Duration::from_mins(1) },
        _ => Event::Lost { job, attempt },
    });
    prop_oneof![
        8 => report,
        1 => Just(Event::DeadlinePassed),
        1 => Just(Event::Answered { by: "Ada".into() }),
        1 => Just(Event::CancelRequested { by: "Ada".into(), reason: "Not today.".into() }),
        1 => Just(Event::ResumeRequested { by: "Ada".into() }),
        1 => Just(Event::GiveUpRequested { by: "Ada".into(), reason: "I mend it.".into() }),
    ]
}

/// Half of the events are made to speak of the current job, or runs would hardly ever move.
fn aimed(event: Event, run: &Run, aim: bool) -> Event {
    let Some((job, attempt)) = run.current().filter(|_| aim) else { return event };
    match event {
        Event::Succeeded { .. } => Event::Succeeded { job, attempt },
        Event::Failed { reason, retry, .. } => Event::Failed { job, attempt, reason, retry },
        Event::Refused { reason, .. } => Event::Refused { job, attempt, reason },
        Event::Released { .. } => Event::Released { job, attempt },
        Event::Lost { .. } => Event::Lost { job, attempt },
        Event::Asked { question, .. } => Event::Asked { job, attempt, question },
        Event::Postponed { pause, .. } => Event::Postponed { job, attempt, pause },
        other @ (Event::DeadlinePassed
        | Event::Answered { .. }
        | Event::CancelRequested { .. }
        | Event::ResumeRequested { .. }
        | Event::GiveUpRequested { .. }) => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_invariants(
        is_promotion in prop::bool::weighted(0.7),
        events in prop::collection::vec((any_event(), prop::bool::weighted(0.8)), 0..80),
    ) {
        let mut run = if is_promotion { Run::start().run } else { Run::ship().run };
        let mut undone: Vec<Job> = Vec::new();
        let mut from = None;
        let mut queued = BTreeSet::new();
        for (event, aim) in events {
            let event = aimed(event, &run, aim);
            let Ok(next) = run.apply(&event) else { continue };
            prop_assert!(
                !(is_promotion && matches!(next.run.phase, Phase::Asking { .. })),
                "a promotion asks nothing"
            );
            prop_assert!(!matches!(run.phase, Phase::Finished(_)), "a finished run never changes");
            if let Phase::Compensating { from: furthest, job, .. } = &next.run.phase {
                prop_assert!(from.is_none_or(|known| known == *furthest), "the furthest job stays");
                from = Some(*furthest);
                if undone.last() != Some(job) {
                    undone.push(*job);
                }
            }
            for effect in &next.effects {
                if let Effect::Enqueue { job, attempt, .. } = effect {
                    prop_assert_eq!(next.run.current(), Some((*job, *attempt)), "only the current job is queued");
                    prop_assert!(queued.insert((*job, *attempt)), "no try is queued twice");
                    let strikes = match next.run.phase {
                        Phase::Forward { strikes, .. } | Phase::Compensating { strikes, .. } => strikes,
                        _ => 0,
                    };
                    prop_assert!(strikes < job.attempts_max());
                    let forward = matches!(next.run.phase, Phase::Forward { .. });
                    prop_assert_eq!(forward, job.direction() == Direction::Forward);
                }
            }
            run = next.run;
        }
        if let Some(from) = from {
            let order: Vec<Job> = from.unwinding().take(undone.len()).collect();
            prop_assert_eq!(undone, order, "undo is the reverse of the plan");
        }
    }

    #[test]
    fn every_run_ends_when_its_jobs_are_reported(kinds in prop::collection::vec(0u8..5, 600)) {
        let mut run = Run::start().run;
        for kind in kinds {
            let Some((job, attempt)) = run.current() else { break };
            let event = match kind {
                0 => Event::Failed { job, attempt, reason: "It broke.".into(), retry: true },
                1 => Event::Lost { job, attempt },
                2 => Event::DeadlinePassed,
                3 => Event::Released { job, attempt },
                _ => Event::Succeeded { job, attempt },
            };
            if let Ok(next) = run.apply(&event) {
                run = next.run;
            }
        }
        prop_assert!(run.current().is_none(), "{run:?}");
    }
}
