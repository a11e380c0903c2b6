//! The record: what `engine::advance` and `store::jobs` do in one transaction each.
//!
//! Matches are exhaustive, so an event or effect that the domain gains has to find its place here.

use std::collections::btree_map::Entry;

use domain::{Effect, Event, Job, Outcome, Phase, Run, Status, Transition};

use crate::state::{Claim, Deed, Row, State, Token, Try, Worker, World, Wrong};
use crate::{Guard, Protocol};

/// `engine::Reporter`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reporter {
    Worker(Token),
    Supervisor,
    Person,
}

/// `store::jobs::Holder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    Worker(Token),
    Gone,
    Ended,
}

impl State {
    /// `engine::start::start_next`: the run, its first job and its message.
    pub(crate) fn start(faults: u8) -> Self {
        let first = Run::start();
        let mut state = State {
            run: first.run.clone(),
            status: Status::Approved,
            rows: [].into(),
            messages: [].into(),
            claims: [].into(),
            world: World::default(),
            faults_left: faults,
            was_resumed: false,
            wrong: None,
        };
        state.carry_out(&first);
        state
    }

    /// `store::jobs::holder`.
    pub(crate) fn holder(&self, which: Try) -> Holder {
        match self.rows.get(&which) {
            Some(Row { token: None, .. }) => Holder::Nobody,
            Some(Row { token: Some(token), .. }) if self.lasts(*token) => Holder::Worker(*token),
            Some(_) => Holder::Gone,
            None => Holder::Ended,
        }
    }

    pub(crate) fn lasts(&self, token: Token) -> bool {
        self.claims.get(&token).is_some_and(|claim| claim.lasts)
    }

    /// `store::jobs::lost_tries`. What it answers stays so until somebody is told: an ended lease is
    /// not renewed and a stopped row not claimed. So it makes one step with telling.
    pub(crate) fn is_lost(&self, which: Try) -> bool {
        match self.holder(which) {
            Holder::Nobody => self.rows[&which].stop_requested,
            Holder::Gone => true,
            Holder::Worker(_) | Holder::Ended => false,
        }
    }

    /// `store::jobs::take_forgotten`, of what no message names. (Another message of what has one is a
    /// doubled message.)
    pub(crate) fn is_forgotten(&self, which: Try) -> bool {
        self.holder(which) == Holder::Nobody
            && !self.rows[&which].stop_requested
            && !self.messages.contains_key(&which)
    }

    pub(crate) fn announce(&mut self, which: Try) {
        *self.messages.entry(which).or_default() += 1;
    }

    /// Takes one message of the try out of the bag.
    pub(crate) fn take_message(&mut self, which: Try) {
        if let Entry::Occupied(mut count) = self.messages.entry(which) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// `engine::advance::carry_out`, `settle` and `runs::update`.
    fn carry_out(&mut self, next: &Transition) {
        self.run = next.run.clone();
        for effect in &next.effects {
            match effect {
                Effect::Enqueue { job, attempt, .. } => {
                    self.rows.insert((*job, *attempt), Row { token: None, stop_requested: false });
                    self.announce((*job, *attempt));
                }
                Effect::Stop { job, attempt } => {
                    if let Some(row) = self.rows.get_mut(&(*job, *attempt)) {
                        row.stop_requested = true;
                    }
                }
                Effect::Settle(status) if self.status.may_become(*status) => self.status = *status,
                Effect::Settle(_) => self.wrong = Some(Wrong::IllegalMove),
            }
        }
    }

    fn free_token(&self) -> Token {
        let is_used = |token| {
            self.claims.contains_key(&token) || self.rows.values().any(|row| row.token == Some(token))
        };
        (0..Token::MAX).find(|token| !is_used(*token)).unwrap_or(Token::MAX)
    }
}

impl Protocol {
    /// `store::jobs::claim`, when a worker received a message of the try.
    pub(crate) fn claim(self, state: &mut State, which: Try) {
        state.take_message(which);
        let is_free = matches!(state.rows.get(&which), Some(Row { token: None, stop_requested: false }));
        if !is_free && self.has(Guard::Inbox) {
            return;
        }
        let token = state.free_token();
        state.rows.entry(which).or_insert(Row { token: None, stop_requested: false }).token = Some(token);
        let claim = Claim { which, lasts: true, worker: Some(Worker::Well), deed: Deed::None };
        state.claims.insert(token, claim);
    }

    /// `engine::advance`.
    pub(crate) fn advance(self, state: &mut State, event: &Event, reporter: Reporter) {
        if !self.may_speak(state, event, reporter) {
            return;
        }
        let was_over = matches!(state.run.phase, Phase::Finished(_));
        let Ok(next) = state.run.apply(event) else { return };
        if was_over {
            state.wrong = Some(Wrong::FinishedRunMoved);
        }
        // `end_try`
        if let Some(which) = event.report() {
            state.rows.remove(&which);
        }
        state.carry_out(&next);
        if let Phase::Draining { job, attempt, .. } = state.run.phase
            && !self.has(Guard::Drain)
            && let Ok(next) = state.run.apply(&Event::Lost { job, attempt })
        {
            state.rows.remove(&(job, attempt));
            state.carry_out(&next);
        }
    }

    /// `engine::advance::may_speak`.
    fn may_speak(self, state: &State, event: &Event, reporter: Reporter) -> bool {
        let Some(which) = event.report() else { return true };
        let holder = state.holder(which);
        match reporter {
            Reporter::Worker(token) if self.has(Guard::Token) => holder == Holder::Worker(token),
            Reporter::Worker(_) => holder != Holder::Ended,
            Reporter::Supervisor => match event {
                Event::Lost { .. } => matches!(holder, Holder::Gone | Holder::Nobody),
                Event::Failed { .. } => matches!(holder, Holder::Nobody),
                Event::Succeeded { .. }
                | Event::Refused { .. }
                | Event::Released { .. }
                | Event::DeadlinePassed
                | Event::CancelRequested { .. }
                | Event::ResumeRequested { .. }
                | Event::GiveUpRequested { .. } => false,
            },
            Reporter::Person => false,
        }
    }
}

/// What people must be told when the run stands there.
pub(crate) fn is_truthful(run: &Run, status: Status) -> bool {
    match &run.phase {
        Phase::Forward { job: Job::Finish, .. } | Phase::Finished(Outcome::Deployed { .. }) => {
            status == Status::Deployed
        }
        Phase::Forward { .. } | Phase::Draining { .. } => status == Status::Deploying,
        Phase::Compensating { .. } => status == Status::RollingBack,
        Phase::NeedsAttention { .. } | Phase::Finished(Outcome::GivenUp { .. }) => {
            status == Status::NeedsAttention
        }
        Phase::Finished(Outcome::RolledBack(_)) => status == Status::RolledBack,
        Phase::Finished(Outcome::Refused(_)) => matches!(status, Status::Approved | Status::Cancelled),
    }
}
