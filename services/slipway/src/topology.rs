//! `slipway topology`: the queues on the message broker.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use cli::Exit;
use engine::config::Config;

use crate::connect;

/// What to do with the queues.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Action {
    /// Declare what is missing
    Apply,
    /// Say what is missing
    Check,
}

pub(crate) async fn run(config: &Config, action: Action) -> ExitCode {
    if config.amqp_url.is_none() {
        eprintln!(
            "No message broker is configured (SLIPWAY_AMQP_URL), so there are no queues to look after."
        );
        return Exit::Usage.into();
    }
    match perform(config, action).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            Exit::Failed.into()
        }
    }
}

async fn perform(config: &Config, action: Action) -> Result<()> {
    let broker = connect::broker(config, "topology").await?;
    if matches!(action, Action::Apply) {
        broker.topology_apply().await.context("declare the queues")?;
    }
    connect::check_topology(&broker).await?;
    println!("All queues are there.");
    broker.close().await;
    Ok(())
}
