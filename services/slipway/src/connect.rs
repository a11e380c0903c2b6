//! From settings to an engine that works, or to a sentence that says what to mend.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use backon::{ConstantBuilder, Retryable};
use engine::config::Config;
use engine::{Engine, Shutdown};
use store::{Store, StoreError};
use transport::{Broker, ConnectError, Names, TopologyError};

/// Connections to Slipway's database for one process: its jobs, their heartbeats, relay and console.
const CONNECTIONS_MAX: u32 = 12;

/// How long to wait at the start for servers that are starting, too.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often to try meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Connects to the database and the broker; brings the schema up to date.
///
/// # Errors
/// A sentence for the operator, when a server does not answer for half a minute or refuses us.
pub(crate) async fn engine(config: Config, role: &str) -> Result<Engine> {
    let store = database(&config).await?;
    let broker = broker(&config, role).await?;
    Ok(Engine {
        config: Arc::new(config),
        store,
        broker,
        shutdown: Shutdown::default(),
        // The process id tells people whom to look at; it alone is not unique across machines.
        owner: format!("{role}-{}-{}", std::process::id(), uuid::Uuid::new_v4()).into(),
    })
}

/// Slipway's own database, its tables as this program knows them.
pub(crate) async fn database(config: &Config) -> Result<Store> {
    let connect = || Store::connect(&config.database_url, CONNECTIONS_MAX);
    let store = connect
        .retry(patience())
        .await
        .context("Slipway's own database does not let us in. Start it, or correct SLIPWAY_DATABASE_URL")?;
    let migrate = || store.migrate();
    let migrated = migrate.retry(patience()).when(StoreError::is_passing).await;
    migrated.context(
        "the tables of Slipway's own database could not be brought up to date; where this user does not own them, \
         their owner does it by `slipway database apply`",
    )?;
    Ok(store)
}

/// The broker of the settings, its queues not looked at yet; one inside this process where none is named.
pub(crate) async fn broker(config: &Config, role: &str) -> Result<Broker> {
    let Some(url) = config.amqp_url.as_deref() else { return Ok(Broker::local()) };
    let connect = || Broker::amqp(url, role, Names::new(&config.broker_prefix));
    connect
        .retry(patience())
        .when(|error| matches!(error, ConnectError::Unavailable { .. }))
        .await
        .map_err(|error| anyhow!(error).context("the message broker does not let us in (SLIPWAY_AMQP_URL)"))
}

/// Refuses to start with queues missing: messages would have nowhere to go. Waits for a broker that starts, too.
pub(crate) async fn check_topology(broker: &Broker) -> Result<()> {
    let check = || broker.topology_check();
    let missing = check
        .retry(patience())
        .when(|error| matches!(error, TopologyError::Unavailable(_)))
        .await
        .context("look for the queues on the message broker")?;
    if !missing.is_empty() {
        bail!("{}", missing.join("\n"));
    }
    Ok(())
}

fn patience() -> ConstantBuilder {
    let tries = PATIENCE.as_millis() / TRY_EVERY.as_millis();
    ConstantBuilder::default()
        .with_delay(TRY_EVERY)
        .with_max_times(usize::try_from(tries).unwrap_or(usize::MAX))
}
