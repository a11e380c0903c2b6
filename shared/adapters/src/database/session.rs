//! A connection of its own to one database, and the lock that moves hold.

use std::ops::Deref;

use anyhow::Context;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::error::connect_error;
use super::{Database, DatabaseError};

/// An open connection; dropped, it is closed at once.
pub(super) struct Session {
    client: Client,
    connection: AbortOnDropHandle<()>,
}

impl Session {
    pub(super) async fn open(config: &Config) -> Result<Self, DatabaseError> {
        let (client, connection) =
            config.connect(NoTls).await.map_err(|error| connect_error(config, error))?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection to the production database's server broke");
            }
        });
        Ok(Self { client, connection: AbortOnDropHandle::new(connection) })
    }

    /// Says goodbye to the server instead of just hanging up.
    pub(super) async fn close(self) {
        drop(self.client);
        if let Err(error) = self.connection.await {
            debug!(%error, "a connection to the production database's server ended badly");
        }
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Database {
    /// A maintenance connection that holds this production database's lock until it is closed.
    ///
    /// The server ends a statement even if its client vanished and keeps the lock that long; so
    /// whoever gets the lock finds no half-done copy still growing.
    pub(super) async fn exclusive(&self) -> Result<Session, DatabaseError> {
        self.holding("slipway ").await
    }

    /// As [`Database::exclusive`], for moves of one kind that may run beside all others.
    pub(super) async fn holding(&self, kind: &str) -> Result<Session, DatabaseError> {
        let session = Session::open(&self.config).await?;
        session
            .batch_execute("SET lock_timeout = '60s'; SET statement_timeout = 0")
            .await
            .context("set up a connection")?;
        let locked = session
            .execute("SELECT pg_advisory_lock(hashtextextended($1 || $2, 0))", &[&kind, &self.name()])
            .await;
        match locked {
            Ok(_) => Ok(session),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(DatabaseError::Busy { database: self.name().to_owned() })
            }
            Err(error) => Err(anyhow::Error::new(error).context("take the database's lock"))?,
        }
    }
}
