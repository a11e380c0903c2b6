//! How Slipway runs a promotion, as a model for a checker that tries every order of things.
//!
//! What decides is not modelled: it is [`domain::Run::apply`] itself, over the whole plan. Around it:
//! - the record (Postgres): the run, the rows of its tries, leases, tokens. It mirrors
//!   `engine::advance` and `store::jobs`; each function names the one that it stands for.
//! - the broker: a bag. Any message may come next, get lost, come twice or end as a dead letter.
//! - two workers, which claim, act and report, and may die or be cut off anywhere in between.
//! - the supervisor and a person, who may speak at any moment at which the record lets them.
//! - the world: what forward jobs have left there and undo jobs have not removed yet.
//!
//! Time is not counted: a deadline may pass, and a lease that nobody renews end, at any moment. What a
//! worker began takes effect at any moment up to the lease's end, or never; not later, nor after the
//! worker dropped it. That is what handlers owe, and taken as given: the model shows that it is enough.
//! Also given: a job done twice is a job done once (it looks at what is there), and the database's clock
//! runs as fast as the workers'.
//!
//! Faults are bounded per run; deadline, cancellation and what a person decides are free. Nothing else
//! bounds the search. Left out: two runs at once (an index allows one per installation), which worker does which
//! job, pauses between tries, jobs' outputs, which supervisor leads. Of errands (one job, whose tries go as those of
//! Validate do) there is the rehearsal that a run waits for, as one thing that may end well or badly at any moment.
//!
//! Without one of its [`Guard`]s the model must fail, or its success would mean nothing.

mod property;
mod record;
mod rehearsal;
mod start;
mod state;
mod step;

pub use property::name;
pub use rehearsal::Errand;
pub use start::Start;
pub use state::State;
pub use step::{Ending, Step};

/// The protocol, and how hard it is pressed.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// Where runs begin.
    pub start: Start,
    /// How many faults may strike a run.
    pub faults: u8,
    /// The guards that it has to do without.
    pub missing: &'static [Guard],
}

/// What keeps a promotion from being doubled or half undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Deadline and cancellation wait for the worker's report or its lease's end before anything is
    /// undone.
    Drain,
    /// Nothing that a worker began takes effect after its lease.
    LeaseEnd,
    /// A report counts only with the token that the try was claimed with.
    Token,
    /// A try is claimed once, however often it is announced.
    Inbox,
    /// What touches the old version is not begun before the rehearsal went well, nor the undo of the dump before it
    /// has ended.
    Hold,
    /// A claim is on disk before anybody acts on it: a database that dies does not forget it.
    Durability,
}

impl Protocol {
    fn has(self, guard: Guard) -> bool {
        !self.missing.contains(&guard)
    }
}
