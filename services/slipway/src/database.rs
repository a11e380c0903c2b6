//! `slipway database`: the tables of Slipway's own database, and who may do what with them.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use cli::Exit;
use engine::config::Config;

use crate::connect;

/// What to do with the database.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Action {
    /// Bring the tables up to date, and give the users of the processes their rights
    Apply,
}

pub(crate) async fn run(config: &Config, action: Action) -> ExitCode {
    let Action::Apply = action;
    match apply(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            Exit::Failed.into()
        }
    }
}

async fn apply(config: &Config) -> Result<()> {
    let store = connect::database(config).await?;
    store.grant().await.context(
        "the users of the database could not be given their rights; only its owner can, after an administrator \
         has run deploy/roles.sql",
    )?;
    store.close().await;
    println!("The tables are up to date, and each user has the rights that it needs.");
    Ok(())
}
