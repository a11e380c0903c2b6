//! The scheduler: takes ship messages in, starts approved promotions when their turn comes, keeps
//! the outbox moving, and does the steps that touch only our own records.

mod intake;
mod starter;
mod steps;

use anyhow::Result;
use domain::Worker;
use engine::{Engine, relay, worker};

/// Runs until the process drains. Several may run at once.
pub async fn run(engine: &Engine) -> Result<()> {
    tokio::try_join!(
        intake::run(engine),
        async {
            tokio::join!(starter::run(engine), relay::run(engine));
            Ok(())
        },
        worker::run(engine, Worker::Scheduler, steps::Steps),
    )?;
    Ok(())
}
