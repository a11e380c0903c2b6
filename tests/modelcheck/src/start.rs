//! Where runs begin.

use domain::job::PLAN;
use domain::{Event, Job, Phase, Run, Status};

use crate::state::{State, World};

/// Where the runs begin that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first job.
    First,
    /// At the first job, where backups are rehearsed.
    Rehearsing,
    /// At each job of the plan and of its undo in turn, when all its tries but one have been lost; what
    /// was lost has taken effect. Saves the faults that the way there would cost.
    LastTries,
}

impl Start {
    pub(crate) fn states(self, faults: u8) -> Vec<State> {
        match self {
            Start::First => vec![first(faults)],
            Start::Rehearsing => vec![State { rehearses: true, ..first(faults) }],
            Start::LastTries => Job::ALL.iter().map(|job| last_try(*job, faults)).collect(),
        }
    }
}

/// `engine::start::start_next`: the run, its first job and its message.
fn first(faults: u8) -> State {
    let start = Run::start();
    let mut state = State {
        run: start.run.clone(),
        status: Status::Approved,
        rows: [].into(),
        messages: [].into(),
        claims: [].into(),
        world: World::default(),
        rehearses: false,
        errand: None,
        faults_left: faults,
        was_resumed: false,
        wrong: None,
    };
    state.carry_out(&start, true);
    state
}

/// All goes well up to `last`, which is lost until one more loss would be too many. An undo job comes
/// into it because the health check fails.
fn last_try(last: Job, faults: u8) -> State {
    let mut state = first(faults);
    while let Some((job, attempt)) = state.run.current() {
        if job == last && strikes(&state.run) + 1 == job.attempts_max() {
            break;
        }
        state.world.take(job);
        let turns = job == Job::CheckNew && !PLAN.contains(&last);
        happens(
            &mut state,
            &match job {
                job if job == last => Event::Lost { job, attempt },
                job if turns => Event::Failed { job, attempt, reason: "It broke.".into(), retry: false },
                job => Event::Succeeded { job, attempt },
            },
        );
    }
    state
}

fn strikes(run: &Run) -> u32 {
    match run.phase {
        Phase::Forward { strikes, .. } | Phase::Compensating { strikes, .. } => strikes,
        Phase::Asking { .. } | Phase::Draining { .. } | Phase::NeedsAttention { .. } | Phase::Finished(_) => {
            0
        }
    }
}

/// The current try ends this way, and nothing of it stays on the way.
fn happens(state: &mut State, event: &Event) {
    if let Ok(next) = state.run.apply(event) {
        state.rows.clear();
        state.messages.clear();
        state.carry_out(&next, true);
    }
}
