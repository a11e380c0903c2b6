//! What Slipway decides, and nothing of what it does.
//!
//! A promotion is a *run* of the plan in [`job`]: eleven steps, each one or more jobs, each job
//! with the job that undoes it. What comes before anybody is asked to approve it is another one, and an errand is a run of one job. [`run::Run::apply`] takes a run and an event and answers the next
//! phase and the effects to carry out; the store carries them out in the same transaction.
//!
//! Absent on purpose: I/O, clocks, randomness, serialization. Whoever calls brings the time and
//! the ids; rows and messages are translated at the edge.
#![no_std]

extern crate alloc;

pub mod access;
pub mod id;
pub mod job;
pub mod named;
pub mod promotion;
pub mod question;
pub mod run;
pub mod turn;

pub use access::{Permission, Role};
pub use id::{BuildId, ChangeRequestId, PromotionId};
pub use job::{Direction, Job, Plan, Step, Worker};
pub use promotion::{ChangeType, Risk, Status};
pub use question::{Answer, Topic};
pub use run::{Cause, Effect, Event, Ignored, Outcome, Phase, Run, Transition};
pub use turn::Turn;
