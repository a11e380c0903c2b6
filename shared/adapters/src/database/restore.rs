//! Putting an earlier state back without ever risking the present one.
//!
//! 1. The earlier state is made ready under another name: a snapshot is, a backup file is
//!    restored and compared with what was backed up.
//! 2. Both databases are fenced.
//! 3. One transaction swaps the names and opens the restored database.
//!
//! Before 3 the production database is untouched; after it, all is done. There is no between.

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::fence::{allow_statement, fence};
use super::name::{derived, identifier};
use super::program::Sink;
use super::properties::Properties;
use super::session::Session;
use super::snapshot::drop_database;
use super::tools::connection_string;
use super::{Database, DatabaseError, Dump};

/// Restores several tables at once, as far as it can look around in the archive; more gains little on the
/// machines that this runs on.
const RESTORE_JOBS: &[&str] = &["--jobs=2"];

/// What to restore from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// The promotion's own [`Database::snapshot`]; it is used up.
    Snapshot,
    /// A backup file; it stays.
    Dump(&'a Dump),
}

/// The production database bears its name again, in its earlier state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The production database's name.
    pub database: String,
    /// Where everything that the failed release did and wrote is kept, closed to everybody.
    pub failed_database: String,
}

impl Database {
    /// Puts the earlier state in the place of the production database and keeps the present one
    /// as `failed_database`.
    ///
    /// # Errors
    /// [`DatabaseError::NotRestored`] holds the reason: the production database is untouched and open.
    /// [`DatabaseError::LeftClosed`] is the same, except that it could not be opened.
    ///
    /// # Idempotency
    /// A repeat after completion changes nothing. What an interrupted try left half-filled is
    /// removed and made anew.
    ///
    /// # Cancel safety
    /// As [`Database::snapshot`].
    pub async fn restore(&self, promotion: &str, source: Source<'_>) -> Result<Restored, DatabaseError> {
        let session = self.exclusive().await?;
        let failed = self.failed_name(promotion);
        let swapped = self.restore_once(&session, promotion, source, &failed).await;
        session.close().await;
        match swapped {
            Ok(()) => Ok(Restored { database: self.name().to_owned(), failed_database: failed }),
            Err(error) => Err(self.not_restored(error).await),
        }
    }

    /// Removes what [`Database::restore`] kept of the promotion's failed release, if it is there.
    pub async fn drop_failed(&self, promotion: &str) -> Result<(), DatabaseError> {
        let session = self.exclusive().await?;
        let dropped = drop_database(&session, &self.failed_name(promotion)).await;
        session.close().await;
        dropped
    }

    /// The database that a restore of this promotion kept aside, if there was one and it is still there.
    pub async fn kept(&self, promotion: &str) -> Result<Option<String>, DatabaseError> {
        let name = self.failed_name(promotion);
        Ok(self.exists(&name).await?.then_some(name))
    }

    pub(super) fn failed_name(&self, promotion: &str) -> String {
        derived(self.name(), "failed", promotion)
    }

    async fn restore_once(
        &self,
        session: &Session,
        promotion: &str,
        source: Source<'_>,
        failed: &str,
    ) -> Result<(), DatabaseError> {
        // The failed copy comes into being only by the swap, so it proves that the swap is done.
        if self.exists(failed).await? {
            return Ok(());
        }
        let earlier = match source {
            Source::Snapshot => {
                let snapshot = self.snapshot_name(promotion);
                if !self.exists(&snapshot).await? {
                    return Err(DatabaseError::Missing { database: snapshot });
                }
                snapshot
            }
            Source::Dump(dump) => self.rebuild(session, promotion, dump).await?,
        };
        fence(session, &earlier).await?;
        fence(session, self.name()).await?;
        self.swap(session, &earlier, failed).await
    }

    /// Makes a database from the backup file; returns its name.
    pub(super) async fn rebuild(
        &self,
        session: &Session,
        promotion: &str,
        dump: &Dump,
    ) -> Result<String, DatabaseError> {
        let copy = derived(self.name(), "restore", promotion);
        self.rebuild_as(session, &copy, dump).await?;
        self.analyze(&copy).await?;
        Ok(copy)
    }

    /// Makes the database `copy` from the backup file, with the rows that were backed up.
    pub(super) async fn rebuild_as(
        &self,
        session: &Session,
        copy: &str,
        dump: &Dump,
    ) -> Result<(), DatabaseError> {
        if dump.database != self.name() {
            return Err(anyhow!("the backup is of the database {:?}", dump.database).into());
        }
        let properties = dump.properties()?;
        self.verify(dump).await?;
        drop_database(session, copy).await?;
        session
            .batch_execute(&properties.create_statement(copy))
            .await
            .context("make an empty database for the backup")?;
        let filled = self.fill(session, copy, dump, &properties).await;
        if filled.is_err()
            && let Err(error) = drop_database(session, copy).await
        {
            warn!(%error, "a half-restored database was left behind");
        }
        filled
    }

    async fn fill(
        &self,
        session: &Session,
        copy: &str,
        dump: &Dump,
        properties: &Properties,
    ) -> Result<(), DatabaseError> {
        let pg_restore = self.tools().await?.pg_restore;
        self.program_at_server(&pg_restore, &format!("restore {copy}"))
            .args(["--exit-on-error", "--dbname", &connection_string(copy)])
            .archive(&dump.path, RESTORE_JOBS)
            .verdict(Sink::Nothing)
            .await?
            .context("restore the backup")?;

        let restored = self.fingerprint_like(copy, &dump.fingerprint).await?;
        let differences = dump.fingerprint.differences_in_rows(&restored);
        if !differences.is_empty() {
            let reason = format!("the restored data is not what was backed up: {}", differences.join(" "));
            return Err(DatabaseError::Damaged { path: dump.path.clone(), reason });
        }
        session
            .batch_execute(&properties.apply_statements(copy))
            .await
            .context("give the restored database its settings")?;
        Ok(())
    }

    /// A restored database has no statistics, without which its first queries may take for ever.
    async fn analyze(&self, database: &str) -> Result<(), DatabaseError> {
        let inside = self.enter(database).await?;
        let analyzed = inside.batch_execute("ANALYZE").await;
        inside.close().await;
        Ok(analyzed.context("collect the restored database's statistics")?)
    }

    pub(super) async fn swap(
        &self,
        session: &Session,
        earlier: &str,
        failed: &str,
    ) -> Result<(), DatabaseError> {
        let (production, earlier, failed) =
            (identifier(self.name()), identifier(earlier), identifier(failed));
        session
            .batch_execute(&format!(
                "BEGIN;
                 ALTER DATABASE {production} RENAME TO {failed};
                 ALTER DATABASE {earlier} RENAME TO {production};
                 ALTER DATABASE {production} WITH ALLOW_CONNECTIONS true;
                 COMMIT"
            ))
            .await
            .context("swap the names of the two databases")?;
        Ok(())
    }

    /// Opens the production database again and says how things stand.
    pub(super) async fn not_restored(&self, error: DatabaseError) -> DatabaseError {
        let database = self.name().to_owned();
        let source = Box::new(error);
        match self.unfence().await {
            Ok(()) => DatabaseError::NotRestored { database, source },
            Err(error) => {
                warn!(%error, "the production database could not be opened again");
                DatabaseError::LeftClosed { remedy: allow_statement(&database), database, source }
            }
        }
    }
}
