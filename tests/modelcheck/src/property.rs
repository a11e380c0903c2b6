//! What must always hold, what must be possible, and where every run must come to.

use domain::{Cause, Direction, Outcome, Phase};
use stateright::Property;

use crate::record::is_truthful;
use crate::state::{Claim, Deed, State};
use crate::{Guard, Protocol};

/// The properties that a missing guard breaks, by name.
pub mod name {
    /// Safety.
    pub const UNDO_WAITS: &str = "nothing is undone while a forward job may still act";
    /// Safety.
    pub const NO_STRAY: &str = "only the run's current try touches the world";
    /// Safety.
    pub const ONE_HAND: &str = "no try is in two hands";
    /// Safety.
    pub const ONE_SERVES: &str = "at most one version serves";
    /// Safety.
    pub const NOTHING_LEFT: &str = "a run that was undone or refused leaves nothing behind";
    /// Safety.
    pub const NEW_SERVES: &str = "deployed means that the new version serves, alone";
    /// Safety.
    pub const OLD_SERVES: &str = "rolled back means that the old version serves, alone";
    /// Safety.
    pub const TRUTHFUL: &str = "the status says where the run stands";
    /// Safety.
    pub const RECORD_IN_ORDER: &str = "no finished run moves and no status moves where it may not";
    /// Liveness, told as a state: steps do not go round in circles, so a run that can always go on ends.
    pub const NEVER_STUCK: &str = "a run goes on by itself until it is over or waits for a person";
    /// Liveness.
    pub const ENDS: &str = "every run ends or waits for a person";
}

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let mut all = safety();
    all.extend(reachable());
    all.push(Property::eventually(name::ENDS, |_, state: &State| rests(state)));
    all
}

fn safety() -> Vec<Property<Protocol>> {
    vec![
        Property::always(name::UNDO_WAITS, |protocol, state: &State| {
            let is_undoing = matches!(
                state.run.phase,
                Phase::Compensating { .. }
                    | Phase::NeedsAttention { .. }
                    | Phase::Finished(Outcome::RolledBack(_) | Outcome::Refused(_) | Outcome::GivenUp { .. })
            );
            !is_undoing || acting(protocol, state).all(|it| it.which.0.direction() == Direction::Undo)
        }),
        Property::always(name::NO_STRAY, |protocol, state: &State| {
            acting(protocol, state).all(|it| state.run.current() == Some(it.which))
        }),
        Property::always(name::ONE_HAND, |protocol, state: &State| {
            let mut hands: Vec<_> = acting(protocol, state).map(|it| it.which).collect();
            let all = hands.len();
            hands.sort_unstable();
            hands.dedup();
            hands.len() == all
        }),
        Property::always(name::ONE_SERVES, |_, state: &State| {
            !(state.world.old_serves() && state.world.new_serves())
        }),
        Property::always(name::NOTHING_LEFT, |_, state: &State| match &state.run.phase {
            Phase::Finished(Outcome::RolledBack(_) | Outcome::Refused(_)) => state.world.is_as_before(),
            _ => true,
        }),
        Property::always(name::NEW_SERVES, |_, state: &State| match &state.run.phase {
            Phase::Finished(Outcome::Deployed { .. }) => {
                state.world.new_serves() && !state.world.old_serves()
            }
            _ => true,
        }),
        Property::always(name::OLD_SERVES, |_, state: &State| match &state.run.phase {
            Phase::Finished(Outcome::RolledBack(_)) => {
                state.world.old_serves() && !state.world.new_serves()
            }
            _ => true,
        }),
        Property::always(name::TRUTHFUL, |_, state: &State| is_truthful(&state.run, state.status)),
        Property::always(name::RECORD_IN_ORDER, |_, state: &State| state.wrong.is_none()),
        Property::always(name::NEVER_STUCK, |protocol, state: &State| {
            let mut steps = Vec::new();
            if !rests(state) {
                protocol.ordinary(state, &mut steps);
            }
            rests(state) || !steps.is_empty()
        }),
    ]
}

fn reachable() -> Vec<Property<Protocol>> {
    fn outcome(state: &State) -> Option<&Outcome> {
        match &state.run.phase {
            Phase::Finished(outcome) => Some(outcome),
            _ => None,
        }
    }
    fn undone(state: &State) -> Option<&Cause> {
        match outcome(state) {
            Some(Outcome::RolledBack(cause)) => Some(cause),
            _ => None,
        }
    }
    vec![
        Property::sometimes("deployed", |_, state: &State| {
            matches!(outcome(state), Some(Outcome::Deployed { warning: None }))
        }),
        Property::sometimes("deployed with a warning", |_, state: &State| {
            matches!(outcome(state), Some(Outcome::Deployed { warning: Some(_) }))
        }),
        Property::sometimes("refused", |_, state: &State| matches!(outcome(state), Some(Outcome::Refused(_)))),
        Property::sometimes("rolled back after a failure", |_, state: &State| {
            matches!(undone(state), Some(Cause::Failed { .. }))
        }),
        Property::sometimes("rolled back after losses", |_, state: &State| {
            matches!(undone(state), Some(Cause::Lost { .. }))
        }),
        Property::sometimes("rolled back after the deadline", |_, state: &State| {
            matches!(undone(state), Some(Cause::Deadline { .. }))
        }),
        Property::sometimes("rolled back after a cancellation", |_, state: &State| {
            matches!(undone(state), Some(Cause::Cancelled { .. }))
        }),
        Property::sometimes("waiting for a person", |_, state: &State| {
            matches!(state.run.phase, Phase::NeedsAttention { .. })
        }),
        Property::sometimes("given up", |_, state: &State| matches!(outcome(state), Some(Outcome::GivenUp { .. }))),
        Property::sometimes("resumed and rolled back", |_, state: &State| {
            state.was_resumed && undone(state).is_some()
        }),
    ]
}

/// The claims from which an effect may still come.
fn acting<'a>(protocol: &Protocol, state: &'a State) -> impl Iterator<Item = &'a Claim> {
    let ends_with_lease = protocol.has(Guard::LeaseEnd);
    state.claims.values().filter(move |claim| {
        (claim.lasts || !ends_with_lease) && (claim.worker.is_some() || claim.deed == Deed::UnderWay)
    })
}

/// Over, or a person's turn.
fn rests(state: &State) -> bool {
    matches!(state.run.phase, Phase::Finished(_) | Phase::NeedsAttention { .. })
}
