//! Keeping everybody out of a database while it is copied or renamed.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::name::identifier;
use super::session::Session;
use super::{Database, DatabaseError};

/// How long sessions may take to end once told to. A backend looks for the request between two
/// steps of its work, so this is a matter of milliseconds unless the machine is overloaded.
const SESSIONS_END_WITHIN: Duration = Duration::from_secs(10);

impl Database {
    /// Lets sessions into the production database again, whatever an interrupted move left.
    ///
    /// # Idempotency
    /// Opening an open database changes nothing.
    pub async fn unfence(&self) -> Result<(), DatabaseError> {
        let client = self.client().await?;
        client
            .batch_execute(&allow_statement(self.name()))
            .await
            .context("let connections into the production database again")?;
        Ok(())
    }

    /// Opens a database that is closed to everybody for as long as `read` takes.
    pub(super) async fn read_closed<T>(
        &self,
        database: &str,
        read: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let client = self.client().await?;
        let open = client.batch_execute(&allow_statement(database)).await;
        open.context("open a copy of the production database to read it")?;
        let read = read.await;
        let closed = client.batch_execute(&close_statement(database)).await;
        if let Err(error) = closed {
            warn!(%error, database, "a copy of the production database was left open");
        }
        read
    }
}

/// The statement that opens a database.
pub(super) fn allow_statement(database: &str) -> String {
    format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", identifier(database))
}

fn close_statement(database: &str) -> String {
    format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", identifier(database))
}

/// Refuses new sessions, ends the present ones and waits until they are gone.
///
/// # Errors
/// [`DatabaseError::InUse`] if something cannot be ended. The fence stays up in any case.
pub(super) async fn fence(session: &Session, database: &str) -> Result<(), DatabaseError> {
    session
        .batch_execute(&close_statement(database))
        .await
        .context("keep new connections out of a database")?;
    let deadline = Instant::now() + SESSIONS_END_WITHIN;
    loop {
        let left = end_sessions(session, database).await?;
        if left == 0 {
            return refuse_prepared(session, database).await;
        }
        if Instant::now() >= deadline {
            return Err(DatabaseError::InUse {
                database: database.to_owned(),
                who: format!("{left} connections would not end"),
            });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Tells the database's sessions to end; returns how many there still were.
async fn end_sessions(session: &Session, database: &str) -> Result<i64, DatabaseError> {
    // What belongs to nobody is the server's own: autovacuum gives way to a rename or a copy by itself, and only a
    // superuser may end it. What the session of somebody else is may be hidden from us, but not whose it is.
    let row = session
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE pg_terminate_backend(pid))
             FROM pg_stat_activity
             WHERE datname = $1 AND usesysid IS NOT NULL",
            &[&database],
        )
        .await
        .context("end the sessions of a database")?;
    Ok(row.get(0))
}

/// A prepared transaction outlives its session and would block copy and rename.
async fn refuse_prepared(session: &Session, database: &str) -> Result<(), DatabaseError> {
    let row = session
        .query_one("SELECT string_agg(gid, ', ') FROM pg_prepared_xacts WHERE database = $1", &[&database])
        .await
        .context("look for prepared transactions")?;
    match row.get::<_, Option<String>>(0) {
        None => Ok(()),
        Some(gids) => Err(DatabaseError::InUse {
            database: database.to_owned(),
            who: format!("transactions prepared and never ended: {gids}"),
        }),
    }
}
