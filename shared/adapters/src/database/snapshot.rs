//! The quick copy made while nothing writes.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;

use super::fence::fence;
use super::name::{derived, identifier};
use super::properties::Properties;
use super::session::Session;
use super::{Database, DatabaseError, Fingerprint};

/// A copy of the production database on the same server, closed to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name.
    pub database: String,
    /// What it takes on the server's disk.
    pub size_bytes: u64,
}

impl Database {
    /// Copies the production database as it is now, for [`Database::restore`]. Ends every session in it;
    /// it is open again when this returns, with or without an error.
    ///
    /// # Errors
    /// [`DatabaseError::NoCopy`] if this user may not make one or there is no room; another try gives the same.
    ///
    /// # Idempotency
    /// A copy of the same promotion is taken as it is. There are no halves: the server shows a
    /// copy only once it is whole.
    ///
    /// # Cancel safety
    /// Dropped in the middle it may leave the production database closed; repeating it,
    /// [`Database::drop_snapshot`] and [`Database::unfence`] open it.
    pub async fn snapshot(&self, promotion: &str) -> Result<Snapshot, DatabaseError> {
        let session = self.exclusive().await?;
        let copy = self.snapshot_name(promotion);
        let copied = self.copy(&session, &copy).await;
        let opened = self.unfence().await;
        session.close().await;
        copied.map_err(|error| self.no_copy(error)).and(opened)?;
        Ok(Snapshot { size_bytes: self.size_of(&copy).await?, database: copy })
    }

    /// Removes the promotion's snapshot, if there is one, and opens the production database in
    /// case an interrupted snapshot left it closed.
    pub async fn drop_snapshot(&self, promotion: &str) -> Result<(), DatabaseError> {
        let session = self.exclusive().await?;
        let dropped = drop_database(&session, &self.snapshot_name(promotion)).await;
        session.close().await;
        dropped.and(self.unfence().await)
    }

    /// The exact contents of the promotion's snapshot: the production database as it was at the stop. Nobody
    /// but us uses the copy, though it can be entered while it is read.
    pub async fn snapshot_fingerprint(&self, promotion: &str) -> Result<Fingerprint, DatabaseError> {
        let copy = self.snapshot_name(promotion);
        self.read_closed(&copy, self.fingerprint(&copy)).await
    }

    fn no_copy(&self, error: DatabaseError) -> DatabaseError {
        let impossible = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::DISK_FULL];
        if error.server_code().is_some_and(|code| impossible.contains(code)) {
            return DatabaseError::NoCopy { database: self.name().to_owned(), source: Box::new(error) };
        }
        error
    }

    /// The name of the promotion's snapshot, whether it is there or not.
    pub fn snapshot_name(&self, promotion: &str) -> String {
        derived(self.name(), "pre", promotion)
    }

    async fn copy(&self, session: &Session, copy: &str) -> Result<(), DatabaseError> {
        if !self.exists(copy).await? {
            fence(session, self.name()).await?;
            // Copying files beats copying through the log for all but tiny databases; older
            // servers know no other way.
            let strategy = match self.server_version().await?.major {
                ..15 => "",
                15.. => "STRATEGY file_copy",
            };
            session
                .batch_execute(&format!(
                    "CREATE DATABASE {} TEMPLATE {} {strategy} ALLOW_CONNECTIONS false",
                    identifier(copy),
                    identifier(self.name()),
                ))
                .await
                .context("copy the production database")?;
        }
        // The server copies contents, not the properties of the database itself.
        let properties = Properties::read(session, self.name()).await?;
        session
            .batch_execute(&properties.apply_statements(copy))
            .await
            .context("give the copy the production database's settings")?;
        Ok(())
    }
}

/// Removes a database and whoever is in it; one that is not there is fine.
pub(super) async fn drop_database(session: &Session, database: &str) -> Result<(), DatabaseError> {
    session
        .batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(database)))
        .await
        .with_context(|| format!("remove the database {database}"))?;
    Ok(())
}
