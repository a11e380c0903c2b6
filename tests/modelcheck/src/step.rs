//! What may happen next, and what it does.

use domain::{Event, Phase};
use stateright::{Model, Property};

use crate::record::{Holder, Reporter};
use crate::rehearsal::Errand;
use crate::state::{Claim, Deed, Row, State, Token, Try, Worker};
use crate::{Guard, Protocol, property};

/// How many jobs are worked on at once.
const WORKERS: usize = 2;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A worker receives a message of the try and claims it, if it can (`engine::worker::claim_and_run`).
    Deliver(Try),
    /// The worker begins to act (`engine::worker::execute`).
    Begin(Token),
    /// What was begun takes effect.
    TakeEffect(Token),
    /// The worker has stopped acting, reports (`engine::worker::report_until_heard`) and acknowledges.
    Report(Token, Ending),
    /// The worker drops the job in silence: its lease cannot be kept (`engine::heartbeat::keep`).
    LetGo(Token),
    /// A lease that nobody renews ends.
    LeaseEnds(Token),
    /// The supervisor declares the try lost.
    DeclareLost(Try),
    /// Something happens to the errand that the run waits for.
    Errand(Errand),
    /// The supervisor queues a held try, as its errand is over.
    Release(Try),
    /// The supervisor fails a held try, as its errand failed.
    FailHeld(Try),
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

    /// The worker dies, before, during or after its deed.
    Crash(Token),
    /// The worker dies when its report was heard and its message not acknowledged.
    ReportAndCrash(Token),
    /// The worker is slow or cut off from now on.
    Cut(Token),
    /// The broker has a message once more.
    Double(Try),
    /// The broker forgets a message.
    Lose(Try),
    /// The broker gives a message up (`advance::dead_letter_event`).
    DeadLetter(Try),
    /// Nobody takes the try for so long that the supervisor fails it.
    Starve(Try),
    /// The database dies and comes back without the claim; not with [`Guard::Durability`].
    Forget(Try),
}

/// What a worker says of its try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done.
    Success,
    /// It was told to stop, and did.
    Stopped,
    /// It could not keep its lease, and stopped (`engine::worker::testify`).
    CutShort,
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
            Step::Report(_, ending) => match ending {
                Ending::Success | Ending::Stopped | Ending::CutShort => false,
                Ending::Failure | Ending::FinalFailure | Ending::Refusal | Ending::Release => true,
            },
            Step::Errand(Errand::Fails)
            | Step::Crash(_)
            | Step::ReportAndCrash(_)
            | Step::Cut(_)
            | Step::Double(_)
            | Step::Lose(_)
            | Step::DeadLetter(_)
            | Step::Starve(_)
            | Step::Forget(_) => true,
            Step::Deliver(_)
            | Step::Begin(_)
            | Step::TakeEffect(_)
            | Step::LetGo(_)
            | Step::LeaseEnds(_)
            | Step::DeclareLost(_)
            | Step::Errand(Errand::IsDone | Errand::Stops | Errand::IsUnwanted)
            | Step::Release(_)
            | Step::FailHeld(_)
            | Step::Remind(_)
            | Step::Deadline
            | Step::Cancel
            | Step::Resume
            | Step::GiveUp => false,
        }
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        self.start.states(self.faults)
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.push_ordinary(state, steps);
        push_wishes(state, steps);
        if state.faults_left > 0 {
            self.push_faults(state, steps);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        if step.is_fault() {
            state.faults_left -= 1;
        }
        self.take(&mut state, step);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

impl Protocol {
    /// What happens without anybody's wish or fault.
    pub(crate) fn push_ordinary(self, state: &State, steps: &mut Vec<Step>) {
        if state.claims.values().filter(|claim| claim.worker.is_some()).count() < WORKERS {
            steps.extend(state.messages.keys().map(|which| Step::Deliver(*which)));
        }
        for (&token, claim) in &state.claims {
            self.push_of_claim(state, token, *claim, steps);
        }
        for (&which, &row) in &state.rows {
            if state.is_lost(which, row) {
                steps.push(Step::DeclareLost(which));
            }
            if state.is_forgotten(which, row) {
                steps.push(Step::Remind(which));
            }
        }
        state.push_of_errand(steps);
    }

    fn push_of_claim(self, state: &State, token: Token, claim: Claim, steps: &mut Vec<Step>) {
        let row = state.rows.get(&claim.which).filter(|row| row.token == Some(token));
        let may_act = claim.lasts || !self.has(Guard::LeaseEnd);
        match (claim.deed, claim.worker) {
            (Deed::None, Some(_)) if may_act => steps.push(Step::Begin(token)),
            (Deed::UnderWay, _) if may_act => steps.push(Step::TakeEffect(token)),
            (Deed::Done, Some(_)) => steps.push(Step::Report(token, Ending::Success)),
            (Deed::None | Deed::UnderWay | Deed::Done, _) => {}
        }
        match (claim.worker, row) {
            (Some(Worker::Well), Some(row)) => {
                if row.stop_requested {
                    steps.push(Step::Report(token, Ending::Stopped));
                }
                return;
            }
            (Some(Worker::Well), None) => steps.push(Step::LetGo(token)),
            (Some(Worker::Cut), _) => {
                steps.extend([Step::LetGo(token), Step::Report(token, Ending::CutShort)]);
            }
            (None, _) => {}
        }
        if claim.lasts {
            steps.push(Step::LeaseEnds(token));
        }
    }

    fn push_faults(self, state: &State, steps: &mut Vec<Step>) {
        for (&token, claim) in &state.claims {
            if claim.worker == Some(Worker::Well) {
                steps.push(Step::Cut(token));
            }
            if claim.worker.is_some() {
                steps.push(Step::Crash(token));
                let endings = [Ending::Failure, Ending::FinalFailure, Ending::Release];
                steps.extend(endings.map(|ending| Step::Report(token, ending)));
                match claim.deed {
                    Deed::None => steps.push(Step::Report(token, Ending::Refusal)),
                    Deed::UnderWay => {}
                    Deed::Done => steps.push(Step::ReportAndCrash(token)),
                }
            }
        }
        if state.errand.as_ref().is_some_and(|errand| errand.outcome().is_none()) {
            steps.push(Step::Errand(Errand::Fails));
        }
        for &which in state.messages.keys() {
            steps.extend([Step::Double(which), Step::Lose(which), Step::DeadLetter(which)]);
        }
        for (&which, row) in &state.rows {
            if *row == Row::QUEUED {
                steps.push(Step::Starve(which));
            }
            if row.token.is_some() && !self.has(Guard::Durability) {
                steps.push(Step::Forget(which));
            }
        }
    }

    fn take(self, state: &mut State, step: Step) {
        match step {
            Step::Deliver(which) => self.claim(state, which),
            Step::Begin(token) => change(state, token, |claim| claim.deed = Deed::UnderWay),
            Step::TakeEffect(token) => {
                let (job, _) = state.claims[&token].which;
                state.world.take(job);
                change(state, token, |claim| claim.deed = Deed::Done);
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
            Step::Errand(step) => state.errand_steps(step),
            Step::Release(which) => state.release(which),
            Step::Remind(which) | Step::Double(which) => state.announce(which),
            Step::Lose(which) => state.take_message(which),
            Step::DeadLetter(which) => {
                state.take_message(which);
                self.fail(state, which, Reporter::Supervisor, false);
            }
            Step::Forget(which) => {
                if let Some(row) = state.rows.get_mut(&which) {
                    row.token = None;
                }
            }
            Step::Starve(which) | Step::FailHeld(which) => {
                self.fail(state, which, Reporter::Supervisor, false);
            }
            Step::Deadline => self.advance(state, &Event::DeadlinePassed, Reporter::Supervisor),
            Step::Cancel => {
                let reason = "Not today.".into();
                self.advance(state, &Event::CancelRequested { by: "Ada".into(), reason }, Reporter::Person);
            }
            Step::Resume => {
                state.was_resumed = true;
                self.advance(state, &Event::ResumeRequested { by: "Ada".into() }, Reporter::Person);
            }
            Step::GiveUp => {
                let reason = "I mend it.".into();
                self.advance(state, &Event::GiveUpRequested { by: "Ada".into(), reason }, Reporter::Person);
            }
            // The broker notices, and delivers once more what was not acknowledged.
            Step::Crash(token) => {
                state.announce(state.claims[&token].which);
                change(state, token, |claim| claim.worker = None);
            }
            Step::Cut(token) => {
                state.announce(state.claims[&token].which);
                change(state, token, |claim| claim.worker = Some(Worker::Cut));
            }
            Step::ReportAndCrash(token) => {
                state.announce(state.claims[&token].which);
                self.report(state, token, Ending::Success);
            }
        }
    }

    fn report(self, state: &mut State, token: Token, ending: Ending) {
        let which = state.claims[&token].which;
        let (job, attempt) = which;
        let reporter = Reporter::Worker(token);
        match ending {
            Ending::Success => self.advance(state, &Event::Succeeded { job, attempt }, reporter),
            Ending::Stopped | Ending::FinalFailure => self.fail(state, which, reporter, false),
            Ending::Failure | Ending::CutShort => self.fail(state, which, reporter, true),
            Ending::Refusal => {
                let event = Event::Refused { job, attempt, reason: "Not now.".into() };
                self.advance(state, &event, reporter);
            }
            Ending::Release => self.advance(state, &Event::Released { job, attempt }, reporter),
        }
        let has_ended = state.holder(which) == Holder::Ended;
        change(state, token, |claim| {
            claim.worker = None;
            claim.deed = Deed::None;
            claim.lasts &= !has_ended;
        });
    }

    fn fail(self, state: &mut State, (job, attempt): Try, reporter: Reporter, retry: bool) {
        let event = Event::Failed { job, attempt, reason: "It broke.".into(), retry };
        self.advance(state, &event, reporter);
    }
}

/// What is asked of the run from outside, where it listens.
fn push_wishes(state: &State, steps: &mut Vec<Step>) {
    match state.run.phase {
        Phase::Forward { .. } => steps.extend([Step::Deadline, Step::Cancel]),
        Phase::NeedsAttention { .. } => steps.extend([Step::Resume, Step::GiveUp]),
        Phase::Asking { .. } | Phase::Draining { .. } | Phase::Compensating { .. } | Phase::Finished(_) => {}
    }
}

/// Changes what goes by the token, and forgets it when nothing more may come of it.
fn change(state: &mut State, token: Token, change: impl FnOnce(&mut Claim)) {
    let Some(claim) = state.claims.get_mut(&token) else { return };
    change(claim);
    if claim.worker.is_none() && claim.deed == Deed::Done {
        // Nobody is left to tell of it.
        claim.deed = Deed::None;
    }
    if !claim.matters() {
        state.claims.remove(&token);
    }
}
