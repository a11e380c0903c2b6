//! The scheduler: takes ship messages in, starts approved promotions when their turn comes, keeps
//! the outbox moving, and does the steps that touch only our own records.

mod intake;
mod starter;
mod steps;
mod window;

use anyhow::Result;
use domain::Worker;
use engine::{Engine, relay, worker};

pub use steps::Steps;

/// Runs until the process drains. Several may run at once.
pub async fn run(engine: &Engine) -> Result<()> {
    tokio::try_join!(coordinate(engine), worker::run(engine, Worker::Scheduler, Steps))?;
    Ok(())
}

/// Everything but the scheduler's own jobs: takes ship messages, starts promotions, publishes.
pub async fn coordinate(engine: &Engine) -> Result<()> {
    let (taken, (), ()) = tokio::join!(intake::run(engine), starter::run(engine), relay::run(engine));
    taken?;
    Ok(())
}
