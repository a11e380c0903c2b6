//! The application's connection to its database.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls, Transaction};

use crate::resolver::Resolver;

/// One connection, kept open and made anew when it is lost.
///
/// Its users take turns. A sample application has few of them, and one connection that stays open is enough to show
/// Slipway what a restore has to cope with.
pub(crate) struct Database {
    config: Config,
    held: Mutex<Option<Client>>,
}

/// How long a start waits for a database that does not answer yet.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY_EVERY: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long whoever asks the portal waits for a database that hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

impl Database {
    /// Remembers where the database is; connects later.
    pub(crate) fn new(mut config: Config) -> Self {
        config.application_name("portal").connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(ANSWER_TIMEOUT);
        Self { config, held: Mutex::new(None) }
    }

    /// Waits, for at most half a minute, until the database accepts a connection.
    ///
    /// # Errors
    /// The reason of the last refusal.
    pub(crate) async fn wait(&self) -> anyhow::Result<()> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            match self.client().await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= give_up_at => return Err(error),
                Err(error) => eprintln!("portal: trying again: {error:#}"),
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// The connection, for one user at a time, made anew if it was lost.
    pub(crate) async fn client(&self) -> anyhow::Result<MappedMutexGuard<'_, Client>> {
        let mut held = self.held.lock().await;
        let client = match held.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.connect().await.context("connect to the database")?,
        };
        Ok(MutexGuard::map(held, |held| held.insert(client)))
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let mut config = self.config.clone();
        if config.get_hostaddrs().is_empty() {
            let resolver = Resolver::of_system()?;
            for host in self.config.get_hosts() {
                // A socket's path needs no address; the addresses would no longer match the hosts one to one.
                let Host::Tcp(name) = host else { break };
                config.hostaddr(resolver.lookup(name).await?);
            }
        }
        let (client, connection) = timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("portal: lost the database: {:#}", anyhow::Error::from(error));
            }
        });
        Ok(client)
    }
}

/// Does `work` with the database, but gives up on one that hangs.
pub(crate) async fn bounded<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(ANSWER_TIMEOUT, work).await.context("the database takes too long to answer")?
}

/// A transaction that can only read, and not for long.
pub(crate) async fn read(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    transaction.batch_execute("set local statement_timeout = '5s'").await?;
    Ok(transaction)
}
