//! The record: what `engine::advance` and `store::jobs` do, one transaction each.
//!
//! Matches are exhaustive: an event or effect that the domain gains has to find its place here.

use std::collections::btree_map::Entry;

use domain::{Effect, Event, Job, Phase, Transition, Turn};

use crate::state::{Claim, Deed, Row, State, Token, Try, Worker, Wrong};
use crate::{Guard, Protocol};

/// `engine::Reporter`. Dead letters speak like the supervisor. Terms are left out: a supervisor that no
/// longer leads is not heard, and the one here may speak at any moment.
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
    Worker { token: Token, lasts: bool },
    Ended,
}

impl State {
    /// `store::jobs::holder`.
    pub(crate) fn holder(&self, which: Try) -> Holder {
        match self.rows.get(&which) {
            Some(Row { token: None, .. }) => Holder::Nobody,
            Some(&Row { token: Some(token), .. }) => {
                let lasts = self.claims.get(&token).is_some_and(|claim| claim.lasts);
                Holder::Worker { token, lasts }
            }
            None => Holder::Ended,
        }
    }

    /// `store::jobs::lost_tries`. Looking and telling are one step here: whoever is told looks again.
    pub(crate) fn is_lost(&self, which: Try, row: Row) -> bool {
        match self.holder(which) {
            Holder::Nobody => row.stop_requested,
            Holder::Worker { lasts, .. } => !lasts,
            Holder::Ended => false,
        }
    }

    /// `store::jobs::take_forgotten`, where no message is left: one more beside another is a doubled
    /// message, which is a fault.
    pub(crate) fn is_forgotten(&self, which: Try, row: Row) -> bool {
        row == Row::QUEUED && !self.messages.contains_key(&which)
    }

    /// One more message of the try is on its way.
    pub(crate) fn announce(&mut self, which: Try) {
        *self.messages.entry(which).or_default() += 1;
    }

    /// One message of the try is gone.
    pub(crate) fn take_message(&mut self, which: Try) {
        if let Entry::Occupied(mut count) = self.messages.entry(which) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// `store::runs::update`, `engine::advance::carry_out` and `settle`.
    pub(crate) fn carry_out(&mut self, next: &Transition, holds: bool) {
        self.run = next.run.clone();
        for effect in &next.effects {
            match effect {
                Effect::Enqueue { job, attempt, .. } if holds && self.turn(*job) != Turn::Now => {
                    self.rows.insert((*job, *attempt), Row::HELD);
                }
                Effect::Enqueue { job, attempt, .. } => {
                    self.rows.insert((*job, *attempt), Row::QUEUED);
                    self.announce((*job, *attempt));
                }
                Effect::Stop { job, attempt } => {
                    if let Some(row) = self.rows.get_mut(&(*job, *attempt)) {
                        row.stop_requested = true;
                    }
                }
                Effect::Settle(status) if self.status == *status || self.status.may_become(*status) => {
                    self.status = *status;
                }
                Effect::Settle(_) => self.wrong = Some(Wrong::IllegalMove),
            }
        }
    }

    /// `nextval('lease_tokens')`.
    fn next_token(&self) -> Token {
        let is_used = |token: &Token| {
            self.claims.contains_key(token) || self.rows.values().any(|row| row.token == Some(*token))
        };
        (0..Token::MAX).find(|token| !is_used(token)).unwrap_or(Token::MAX)
    }
}

impl Protocol {
    /// `store::jobs::claim`, by a worker that received a message of the try.
    pub(crate) fn claim(self, state: &mut State, which: Try) {
        state.take_message(which);
        if self.has(Guard::Inbox) && state.rows.get(&which) != Some(&Row::QUEUED) {
            return;
        }
        let token = state.next_token();
        state.rows.entry(which).or_insert(Row::QUEUED).token = Some(token);
        let claim = Claim { which, lasts: true, worker: Some(Worker::Well), deed: Deed::None };
        state.claims.insert(token, claim);
    }

    /// `engine::advance::record`.
    pub(crate) fn advance(self, state: &mut State, event: &Event, reporter: Reporter) {
        if !self.may_speak(state, event, reporter) {
            return;
        }
        let Ok(next) = state.run.apply(event) else { return };
        if matches!(state.run.phase, Phase::Finished(_)) {
            state.wrong = Some(Wrong::FinishedRunMoved);
        }
        if let Some(which) = event.report() {
            state.rows.remove(&which);
        }
        state.carry_out(&next, self.has(Guard::Hold));
        if matches!(event, Event::Succeeded { job: Job::Dump, .. }) && next.run.wants_errand() {
            state.order_errand();
        }
        if let Phase::Draining { job, attempt, .. } = state.run.phase
            && !self.has(Guard::Drain)
            && let Ok(next) = state.run.apply(&Event::Lost { job, attempt })
        {
            state.rows.remove(&(job, attempt));
            state.carry_out(&next, self.has(Guard::Hold));
        }
    }

    /// `engine::advance::may_speak`.
    fn may_speak(self, state: &State, event: &Event, reporter: Reporter) -> bool {
        let Some(which) = event.report() else { return true };
        match (reporter, state.holder(which)) {
            (Reporter::Worker(token), Holder::Worker { token: current, .. }) => {
                current == token || !self.has(Guard::Token)
            }
            (Reporter::Supervisor, holder) => match event {
                Event::Lost { .. } => matches!(holder, Holder::Worker { lasts: false, .. } | Holder::Nobody),
                Event::Failed { .. } => holder == Holder::Nobody,
                Event::Succeeded { .. }
                | Event::Refused { .. }
                | Event::Asked { .. }
                | Event::Postponed { .. }
                | Event::Answered { .. }
                | Event::Released { .. }
                | Event::DeadlinePassed
                | Event::CancelRequested { .. }
                | Event::ResumeRequested { .. }
                | Event::GiveUpRequested { .. } => false,
            },
            (Reporter::Worker(_), Holder::Nobody | Holder::Ended) | (Reporter::Person, _) => false,
        }
    }
}
