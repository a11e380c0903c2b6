//! `slipway serve`: runs roles until the process is asked to end.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use cli::Exit;
use engine::config::Config;
use engine::{Engine, Shutdown};
use telemetry::Telemetry;
use tokio::task::JoinSet;

use crate::connect;

/// A part of the running system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Every part, in this process
    All,
    /// Takes ship messages, starts promotions, keeps the outbox moving
    Scheduler,
    /// Deadlines, dead leases, lost messages
    Supervisor,
    /// Dumps, snapshots and restores the production database
    Backup,
    /// Takes finished features out of the place where they were built
    Ship,
    /// Builds images
    Build,
    /// Stops and starts the application
    Swap,
    /// Asks the application how it is
    Health,
    /// Removes what is no longer needed
    Cleanup,
    /// The HTTP API
    Console,
}

const EVERY_ROLE: [Role; 9] = [
    Role::Scheduler,
    Role::Supervisor,
    Role::Ship,
    Role::Backup,
    Role::Build,
    Role::Swap,
    Role::Health,
    Role::Cleanup,
    Role::Console,
];

/// Runs the roles; the exit code is 0 after a shutdown that was asked for.
pub(crate) async fn run(config: Config, roles: &[Role]) -> (ExitCode, Option<Telemetry>) {
    let name = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join("+");
    let settings = telemetry::Settings {
        log: config.log.clone(),
        json: config.log_json,
        otlp_endpoint: config.otlp_endpoint.clone(),
        service: name.clone(),
    };
    let telemetry = match telemetry::init(&settings) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("{error:#}");
            return (Exit::Usage.into(), None);
        }
    };
    let exit = match serve(config, roles, &name).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            Exit::Failed.into()
        }
    };
    (exit, Some(telemetry))
}

async fn serve(config: Config, roles: &[Role], name: &str) -> Result<()> {
    let roles: BTreeSet<Role> =
        if roles.contains(&Role::All) { EVERY_ROLE.into() } else { roles.iter().copied().collect() };
    if config.amqp_url.is_none() && roles.len() < EVERY_ROLE.len() {
        bail!(
            "Without a message broker (SLIPWAY_AMQP_URL) all roles must run in one process: `slipway serve all`."
        );
    }
    // First of all: whoever waits for its servers must end when asked, too.
    let shutdown = Shutdown::default();
    shutdown.follow_signals(Duration::from_secs(config.grace_seconds))?;
    tracing::info!("starting");
    let engine = tokio::select! {
        connected = connect(config, name) => Engine { shutdown, ..connected? },
        () = shutdown.draining().cancelled_owned() => return Ok(()),
    };
    run_roles(&engine, &roles).await
}

async fn connect(config: Config, name: &str) -> Result<Engine> {
    let engine = connect::engine(config, name).await?;
    connect::check_topology(&engine.broker).await?;
    Ok(engine)
}

/// Runs the roles until the process drains; one that fails, or a broker that denies what they need, takes
/// the others with it.
pub(crate) async fn run_roles(engine: &Engine, roles: &BTreeSet<Role>) -> Result<()> {
    let mut running = JoinSet::new();
    for role in roles.iter().copied() {
        let engine = engine.clone();
        running
            .spawn(async move { role.run(&engine).await.with_context(|| format!("{} failed", role.name())) });
    }
    let mut outcome = Ok(());
    loop {
        let ended = tokio::select! {
            ended = running.join_next() => match ended {
                Some(ended) => ended.context("a role panicked").and_then(|ended| ended),
                None => break,
            },
            sentence = engine.broker.refused(), if outcome.is_ok() => Err(anyhow!(sentence)),
        };
        if ended.is_err() {
            engine.shutdown.drain();
            outcome = outcome.and(ended);
        }
    }
    engine.broker.close().await;
    engine.store.close().await;
    outcome
}

/// Every role of the system.
pub(crate) fn every_role() -> BTreeSet<Role> {
    EVERY_ROLE.into()
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::All => "all",
            Role::Scheduler => "scheduler",
            Role::Supervisor => "supervisor",
            Role::Ship => "ship",
            Role::Backup => "backup",
            Role::Build => "build",
            Role::Swap => "swap",
            Role::Health => "health",
            Role::Cleanup => "cleanup",
            Role::Console => "console",
        }
    }

    async fn run(self, engine: &Engine) -> Result<()> {
        match self {
            Role::All => Ok(()),
            Role::Scheduler => scheduler::run(engine).await,
            Role::Supervisor => supervisor::run(engine).await,
            Role::Ship => ship::run(engine).await,
            Role::Backup => backup::run(engine).await,
            Role::Build => build::run(engine).await,
            Role::Swap => swap::run(engine).await,
            Role::Health => health::run(engine).await,
            Role::Cleanup => cleanup::run(engine).await,
            Role::Console => console::run(engine).await,
        }
    }
}
