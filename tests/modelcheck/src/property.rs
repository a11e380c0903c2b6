//! What must always hold, what must be possible, and what every run must come to.

use domain::{Cause, Direction, Job, Outcome, Phase, Plan, Run, Status};
use stateright::{Model, Property};

use crate::state::{Claim, Deed, State};
use crate::{Guard, Protocol};

/// What each property says; the checker calls it by this.
pub mod name {
    /// Why draining is there.
    pub const UNDO_WAITS: &str = "nothing is undone while a forward job may still act";
    /// Why leases end what was begun.
    pub const CURRENT_ACTS: &str = "only the run's current try touches the world";
    /// Why a try is claimed once.
    pub const ONE_HAND: &str = "no try is in two hands";
    /// Why jobs are held.
    pub const PROVEN_FIRST: &str = "nothing touches the old version before the backup is proven";
    /// Why jobs are held.
    pub const REHEARSAL_ENDS: &str = "a run that is over has no rehearsal under way";
    /// Production, at every moment.
    pub const ONE_SERVES: &str = "at most one version serves";
    /// Production, after the end.
    pub const NOTHING_LEFT: &str = "a run that was undone or refused leaves nothing behind";
    /// Production, after the end.
    pub const NEW_SERVES: &str = "deployed means that the new version serves, alone";
    /// Production, after the end.
    pub const OLD_SERVES: &str = "rolled back means that the old version serves, alone";
    /// What people are told.
    pub const TRUTHFUL: &str = "the status says where the run stands";
    /// The record.
    pub const IN_ORDER: &str = "no finished run moves and no status moves where it may not";
    /// Liveness, told of one moment: as steps do not go round in circles, such a run comes to its end.
    pub const GOES_ON: &str = "a run goes on by itself until it is over or a person's turn";
    /// Liveness. The checker may overlook a failure of this kind, hence the one above.
    pub const ENDS: &str = "every run comes to be over or a person's turn";
}

type Condition = fn(&Protocol, &State) -> bool;

const ALWAYS: &[(&str, Condition)] = &[
    (name::UNDO_WAITS, |protocol, state| {
        !is_undoing(&state.run) || acting(protocol, state).all(|it| it.which.0.direction() == Direction::Undo)
    }),
    (name::CURRENT_ACTS, |protocol, state| {
        acting(protocol, state).all(|it| state.run.current() == Some(it.which))
    }),
    (name::ONE_HAND, |protocol, state| {
        let others = |it: &Claim| acting(protocol, state).filter(|other| other.which == it.which).count() - 1;
        acting(protocol, state).all(|it| others(it) == 0)
    }),
    (name::PROVEN_FIRST, |protocol, state| {
        let is_proven = matches!(errand_outcome(state), Some(Outcome::Done));
        let is_late = |job: Job| job.plan() == Plan::Promotion && job.position() >= Job::Prepare.position();
        !state.rehearses || is_proven || !acting(protocol, state).any(|it| is_late(it.which.0))
    }),
    (name::REHEARSAL_ENDS, |_, state| match outcome(state) {
        Some(Outcome::RolledBack(_) | Outcome::Refused(_) | Outcome::Deployed { .. }) => {
            state.errand.is_none() || errand_outcome(state).is_some()
        }
        Some(Outcome::GivenUp { .. } | Outcome::Done | Outcome::Failed(_)) | None => true,
    }),
    (name::ONE_SERVES, |_, state| !(state.world.old_serves() && state.world.new_serves())),
    (name::NOTHING_LEFT, |_, state| match outcome(state) {
        Some(Outcome::RolledBack(_) | Outcome::Refused(_)) => state.world.is_as_before(),
        Some(Outcome::Deployed { .. } | Outcome::GivenUp { .. } | Outcome::Done | Outcome::Failed(_))
        | None => true,
    }),
    (name::NEW_SERVES, |_, state| {
        state.status != Status::Deployed || (state.world.new_serves() && !state.world.old_serves())
    }),
    (name::OLD_SERVES, |_, state| {
        state.status != Status::RolledBack || (state.world.old_serves() && !state.world.new_serves())
    }),
    (name::TRUTHFUL, |_, state| is_truthful(&state.run, state.status)),
    (name::IN_ORDER, |_, state| state.wrong.is_none()),
    (name::GOES_ON, |protocol, state| {
        let mut steps = Vec::new();
        protocol.push_ordinary(state, &mut steps);
        rests(&state.run) || steps.into_iter().any(|step| protocol.next_state(state, step).is_some())
    }),
];

const SOMETIMES: &[(&str, Condition)] = &[
    ("deployed", |_, state| matches!(outcome(state), Some(Outcome::Deployed { warning: None }))),
    ("deployed with a warning", |_, state| {
        matches!(outcome(state), Some(Outcome::Deployed { warning: Some(_) }))
    }),
    ("refused", |_, state| matches!(outcome(state), Some(Outcome::Refused(_)))),
    ("rolled back after a failure", |_, state| matches!(undone(state), Some(Cause::Failed { .. }))),
    ("rolled back after losses", |_, state| matches!(undone(state), Some(Cause::Lost { .. }))),
    ("rolled back after the deadline", |_, state| matches!(undone(state), Some(Cause::Deadline { .. }))),
    ("rolled back after a cancellation", |_, state| matches!(undone(state), Some(Cause::Cancelled { .. }))),
    ("a person's turn", |_, state| matches!(state.run.phase, Phase::NeedsAttention { .. })),
    ("given up", |_, state| matches!(outcome(state), Some(Outcome::GivenUp { .. }))),
    ("resumed and rolled back", |_, state| state.was_resumed && undone(state).is_some()),
];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let always = ALWAYS.iter().map(|(name, condition)| Property::always(name, *condition));
    let sometimes = SOMETIMES.iter().map(|(name, condition)| Property::sometimes(name, *condition));
    let ends = Property::eventually(name::ENDS, |_, state: &State| rests(&state.run));
    always.chain(sometimes).chain([ends]).collect()
}

/// The claims of which an effect may still come.
fn acting<'a>(protocol: &Protocol, state: &'a State) -> impl Iterator<Item = &'a Claim> {
    let is_bound = protocol.has(Guard::LeaseEnd);
    state.claims.values().filter(move |claim| {
        (claim.lasts || !is_bound) && (claim.worker.is_some() || claim.deed == Deed::UnderWay)
    })
}

fn outcome(state: &State) -> Option<&Outcome> {
    state.run.outcome()
}

fn errand_outcome(state: &State) -> Option<&Outcome> {
    state.errand.as_ref()?.outcome()
}

/// Why the run was undone, if it was, to the end.
fn undone(state: &State) -> Option<&Cause> {
    match outcome(state)? {
        Outcome::RolledBack(cause) => Some(cause),
        Outcome::Deployed { .. }
        | Outcome::Refused(_)
        | Outcome::GivenUp { .. }
        | Outcome::Done
        | Outcome::Failed(_) => None,
    }
}

fn is_undoing(run: &Run) -> bool {
    match &run.phase {
        Phase::Forward { .. }
        | Phase::Asking { .. }
        | Phase::Draining { .. }
        | Phase::Finished(Outcome::Deployed { .. }) => false,
        Phase::Compensating { .. } | Phase::NeedsAttention { .. } | Phase::Finished(_) => true,
    }
}

/// Over, or a person's turn.
fn rests(run: &Run) -> bool {
    run.current().is_none()
}

fn is_truthful(run: &Run, status: Status) -> bool {
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
        Phase::Finished(Outcome::Refused(Cause::Cancelled { .. })) => status == Status::Cancelled,
        Phase::Finished(Outcome::Refused(_)) => status == Status::Approved,
        // How errands end, and what only ship runs do, of which there are none here.
        Phase::Asking { .. } | Phase::Finished(Outcome::Done | Outcome::Failed(_)) => false,
    }
}
