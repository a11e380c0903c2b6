//! What may happen next.

use domain::{Event, Phase};
use stateright::Model;

use crate::record::Reporter;
use crate::state::{Deed, State, Token, Try, Worker};
use crate::{Guard, Protocol, property};

/// How many jobs are worked on at once.
const WORKERS: usize = 2;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A worker receives a message and tries to claim (`engine::worker::claim_and_run`).
    Deliver(Try),
    /// A worker begins to act (`engine::worker::execute`).
    Begin(Token),
    /// What was begun takes effect.
    Land(Token),
    /// The worker reports (`engine::worker::report_until_heard`) and acknowledges.
    Report(Token, Ending),
    /// The worker drops what it does: its lease is over or no longer its own (`engine::heartbeat`).
    LetGo(Token),
    /// A lease that nobody renews ends.
    LeaseEnds(Token),
    /// The supervisor declares a try lost.
    DeclareLost(Try),
    /// The supervisor announces again what nobody took (`engine::start::remind`).
    Remind(Try),

    /// The supervisor finds the deadline passed.
    Deadline,
    /// A person stops the run.
    Cancel,
    /// A person has the undo go on.
    Resume,
    /// A person takes over.
    GiveUp,

    /// A worker dies, before, during or after its deed.
    Crash(Token),
    /// A worker dies after its report was heard, before it acknowledged.
    ReportAndCrash(Token),
    /// A worker is held up or cut off: from now on it renews nothing.
    Cut(Token),
    /// The broker has a message once more.
    Double(Try),
    /// The broker forgets a message.
    Lose(Try),
    /// The broker gives a message up, and the supervisor hears of it (`advance::dead_letter_event`).
    DeadLetter(Try),
}

/// What a worker says of its try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done.
    Success,
    /// It was told to stop, and did.
    Stopped,
    /// Another try may help.
    Failure,
    /// Another try gives the same.
    FinalFailure,
    /// It looked and did not begin.
    Refusal,
    /// It must end and hands the job back.
    Release,
}

impl Step {
    fn is_fault(self) -> bool {
        match self {
            Step::Report(_, ending) => !matches!(ending, Ending::Success | Ending::Stopped),
            Step::Crash(_)
            | Step::ReportAndCrash(_)
            | Step::Cut(_)
            | Step::Double(_)
            | Step::Lose(_)
            | Step::DeadLetter(_) => true,
            Step::Deliver(_)
            | Step::Begin(_)
            | Step::Land(_)
            | Step::LetGo(_)
            | Step::LeaseEnds(_)
            | Step::DeclareLost(_)
            | Step::Remind(_)
            | Step::Deadline
            | Step::Cancel
            | Step::Resume
            | Step::GiveUp => false,
        }
    }
}

impl Protocol {
    /// What the system does by itself.
    pub(crate) fn ordinary(self, state: &State, steps: &mut Vec<Step>) {
        if state.claims.values().filter(|claim| claim.worker.is_some()).count() < WORKERS {
            steps.extend(state.messages.keys().map(|which| Step::Deliver(*which)));
        }
        for (&token, claim) in &state.claims {
            let row = state.rows.get(&claim.which).filter(|row| row.token == Some(token));
            let may_act = claim.lasts || !self.has(Guard::LeaseEnd);
            let is_renewed = claim.worker == Some(Worker::Well) && row.is_some();
            if claim.worker.is_some() {
                match claim.deed {
                    Deed::None if may_act => steps.push(Step::Begin(token)),
                    Deed::Landed => steps.push(Step::Report(token, Ending::Success)),
                    Deed::None | Deed::UnderWay => {}
                }
                if is_renewed && row.is_some_and(|row| row.stop_requested) {
                    steps.push(Step::Report(token, Ending::Stopped));
                }
                if !claim.lasts || row.is_none() {
                    steps.push(Step::LetGo(token));
                }
            }
            if claim.deed == Deed::UnderWay && may_act {
                steps.push(Step::Land(token));
            }
            if claim.lasts && !is_renewed {
                steps.push(Step::LeaseEnds(token));
            }
        }
        for &which in state.rows.keys() {
            if state.is_lost(which) {
                steps.push(Step::DeclareLost(which));
            }
            if state.is_forgotten(which) {
                steps.push(Step::Remind(which));
            }
        }
    }

    fn wishes(state: &State, steps: &mut Vec<Step>) {
        // Elsewhere the run does not listen to these.
        match state.run.phase {
            Phase::Forward { .. } => steps.extend([Step::Deadline, Step::Cancel]),
            Phase::NeedsAttention { .. } => steps.extend([Step::Resume, Step::GiveUp]),
            Phase::Draining { .. } | Phase::Compensating { .. } | Phase::Finished(_) => {}
        }
    }

    fn faults(state: &State, steps: &mut Vec<Step>) {
        for (&token, claim) in state.claims.iter().filter(|(_, claim)| claim.worker.is_some()) {
            steps.push(Step::Crash(token));
            if claim.worker == Some(Worker::Well) {
                steps.push(Step::Cut(token));
            }
            steps.extend(
                [Ending::Failure, Ending::FinalFailure, Ending::Release]
                    .map(|ending| Step::Report(token, ending)),
            );
            match claim.deed {
                Deed::None => steps.push(Step::Report(token, Ending::Refusal)),
                Deed::Landed => steps.push(Step::ReportAndCrash(token)),
                Deed::UnderWay => {}
            }
        }
        for &which in state.messages.keys() {
            steps.extend([Step::Double(which), Step::Lose(which), Step::DeadLetter(which)]);
        }
    }

    fn take(self, state: &mut State, step: Step) {
        match step {
            Step::Deliver(which) => self.claim(state, which),
            Step::Begin(token) => change(state, token, |claim| claim.deed = Deed::UnderWay),
            Step::Land(token) => {
                state.world.take(state.claims[&token].which.0);
                change(state, token, |claim| claim.deed = Deed::Landed);
            }
            Step::Report(token, ending) => self.report(state, token, ending),
            Step::LetGo(token) => change(state, token, |claim| {
                claim.worker = None;
                claim.deed = Deed::None;
            }),
            Step::LeaseEnds(token) => change(state, token, |claim| {
                claim.lasts = false;
                if claim.deed == Deed::UnderWay && self.has(Guard::LeaseEnd) {
                    claim.deed = Deed::None;
                }
            }),
            Step::DeclareLost((job, attempt)) => {
                self.advance(state, &Event::Lost { job, attempt }, Reporter::Supervisor);
            }
            Step::Remind(which) => state.announce(which),
            Step::Deadline => self.advance(state, &Event::DeadlinePassed, Reporter::Supervisor),
            Step::Cancel => {
                let event = Event::CancelRequested { by: "Ada".into(), reason: "Not today.".into() };
                self.advance(state, &event, Reporter::Person);
            }
            Step::Resume => {
                state.was_resumed = true;
                self.advance(state, &Event::ResumeRequested { by: "Ada".into() }, Reporter::Person);
            }
            Step::GiveUp => {
                let event = Event::GiveUpRequested { by: "Ada".into(), reason: "I mend it.".into() };
                self.advance(state, &event, Reporter::Person);
            }
            Step::Crash(token) => {
                // The broker notices and delivers its message again.
                state.announce(state.claims[&token].which);
                change(state, token, |claim| claim.worker = None);
            }
            Step::ReportAndCrash(token) => {
                state.announce(state.claims[&token].which);
                self.report(state, token, Ending::Success);
            }
            Step::Cut(token) => {
                state.announce(state.claims[&token].which);
                change(state, token, |claim| claim.worker = Some(Worker::Cut));
            }
            Step::Double(which) => state.announce(which),
            Step::Lose(which) => state.take_message(which),
            Step::DeadLetter(which) => {
                state.take_message(which);
                let (job, attempt) = which;
                let event = Event::Failed { job, attempt, reason: "Undeliverable.".into(), retry: false };
                self.advance(state, &event, Reporter::Supervisor);
            }
        }
    }

    /// A worker has stopped acting before it reports.
    fn report(self, state: &mut State, token: Token, ending: Ending) {
        let (job, attempt) = state.claims[&token].which;
        let failed = |retry| Event::Failed { job, attempt, reason: "It broke.".into(), retry };
        let event = match ending {
            Ending::Success => Event::Succeeded { job, attempt },
            Ending::Stopped | Ending::FinalFailure => failed(false),
            Ending::Failure => failed(true),
            Ending::Refusal => Event::Refused { job, attempt, reason: "Not now.".into() },
            Ending::Release => Event::Released { job, attempt },
        };
        self.advance(state, &event, Reporter::Worker(token));
        let has_ended = !state.rows.contains_key(&(job, attempt));
        change(state, token, |claim| {
            claim.worker = None;
            claim.deed = Deed::None;
            // A lease ends with its row.
            claim.lasts &= !has_ended;
        });
    }
}

/// Changes what goes by the token, and forgets it when nothing more can come of it.
fn change(state: &mut State, token: Token, change: impl FnOnce(&mut crate::state::Claim)) {
    if let Some(claim) = state.claims.get_mut(&token) {
        change(claim);
        if claim.worker.is_none() && claim.deed == Deed::Landed {
            // Nobody is left to tell of it.
            claim.deed = Deed::None;
        }
        if !claim.matters() {
            state.claims.remove(&token);
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::start(self.faults)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.ordinary(state, steps);
        Self::wishes(state, steps);
        if state.faults_left > 0 {
            Self::faults(state, steps);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        if step.is_fault() {
            state.faults_left -= 1;
        }
        self.take(&mut state, step);
        Some(state)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        property::all()
    }
}
