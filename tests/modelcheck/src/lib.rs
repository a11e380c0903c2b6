//! A model of how Slipway runs a promotion, for a checker that tries every order of things.
//!
//! What decides is not modelled: it is [`domain::Run::apply`] itself, over the whole plan. Around it:
//! - the record (Postgres): the run, the rows of its tries, leases and fencing tokens. [`record`]
//!   mirrors `engine::advance` and `store::jobs`.
//! - the broker: a bag. Any message may be delivered next, be lost, doubled or dead-lettered.
//! - two workers, which claim, act and report, and may crash or be cut off anywhere.
//! - the supervisor and a person, who may speak whenever they may speak.
//! - the world: what forward jobs have left and undo jobs have not removed yet.
//!
//! Time is not counted. A deadline may pass whenever there is one; a lease ends once nobody renews it.
//! What a worker began may land at any moment up to the lease's end and not later, nor once the worker
//! dropped it: that is the handlers' duty, the model takes it as given. A job that was retried acts
//! again on what is there.
//!
//! Faults (a crash, a cut, a failure, what the broker does to a message) are bounded by a budget per
//! run; a deadline and a cancellation are free. Nothing else bounds the search: it is exhaustive.
//!
//! Left out: two runs at once (one per installation is a unique index), who runs which kind of job,
//! back-off, the time limit of a single try (a failure to the run), and jobs' outputs.
//!
//! The same model without one of its [`Guard`]s must fail: otherwise it could not have shown anything.

mod property;
mod record;
mod state;
mod step;

pub use property::name;
pub use state::State;
pub use step::Step;

/// The protocol, and how hard it is pressed.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// How many faults may strike one run.
    pub faults: u8,
    /// The guards that it has to do without.
    pub missing: &'static [Guard],
}

/// What keeps a promotion from being doubled or half undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Deadline and cancel wait for the worker's report or its lease's end before anything is undone.
    Drain,
    /// Nothing that a worker began lands after its lease.
    LeaseEnd,
    /// A report counts only with the token of a lease that lasts.
    Token,
    /// A try is claimed once, however often it is announced.
    Inbox,
}

impl Protocol {
    fn has(self, guard: Guard) -> bool {
        !self.missing.contains(&guard)
    }
}
