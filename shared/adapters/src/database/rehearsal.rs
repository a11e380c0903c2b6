//! Proving a backup by restoring it, while nothing depends on it yet.

use anyhow::Context;

use super::fingerprint::{ascending, fix_settings};
use super::name::{derived, prefix};
use super::record::Rung;
use super::session::Session;
use super::snapshot::drop_database;
use super::{Database, DatabaseError, Dump, Fingerprint};

const ROLE: &str = "rehearsal";

impl Database {
    /// Restores the backup into a database of its own beside the production database, compares that with what
    /// was backed up, removes it again, and records that the backup was rehearsed. Production is not touched,
    /// and other moves on it are not held up.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if the backup is not what it should be: final. Everything else may help again.
    ///
    /// # Idempotency
    /// What interrupted rehearsals left is removed and made anew.
    ///
    /// # Cancel safety
    /// Dropped in the middle it leaves the scratch database, which a repeat and [`Database::drop_rehearsals`]
    /// remove.
    pub async fn rehearse(&self, promotion: &str, dump: &Dump) -> Result<(), DatabaseError> {
        let session = self.holding_rehearsals().await?;
        let scratch = self.rehearsal_name(promotion);
        // Somebody may have given up an earlier one.
        let rehearsed = match self.drop_scratch(&session).await {
            Ok(()) => self.rehearse_as(&session, &scratch, dump).await,
            Err(error) => Err(error),
        };
        let dropped = drop_database(&session, &scratch).await;
        session.close().await;
        rehearsed.and(dropped)?;
        dump.mark(Rung::Rehearsed)
    }

    /// Removes what interrupted calls of [`Database::rehearse`] left, if there is anything.
    pub async fn drop_rehearsals(&self) -> Result<(), DatabaseError> {
        let session = self.holding_rehearsals().await?;
        let dropped = self.drop_scratch(&session).await;
        session.close().await;
        dropped
    }

    /// Nobody rehearses while the session holds that, so all there are were left behind.
    async fn drop_scratch(&self, session: &Session) -> Result<(), DatabaseError> {
        let rows = session
            .query(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)",
                &[&prefix(self.name(), ROLE)],
            )
            .await
            .context("look for databases of rehearsals")?;
        for row in rows {
            drop_database(session, row.get(0)).await?;
        }
        Ok(())
    }

    fn rehearsal_name(&self, promotion: &str) -> String {
        derived(self.name(), ROLE, promotion)
    }

    async fn rehearse_as(&self, session: &Session, scratch: &str, dump: &Dump) -> Result<(), DatabaseError> {
        self.rebuild_as(session, scratch, dump).await?;
        let inside = self.enter(scratch).await?;
        let begun = inside.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        begun.context("begin a transaction in the rehearsal's database")?;
        fix_settings(&inside).await?;
        let ascending = ascending(&inside).await?;
        let restored = Fingerprint::read(&inside, scratch, Some(dump.fingerprint.row_form)).await?;
        inside.close().await;

        let mut differences = dump.fingerprint.differences_in_rows(&restored);
        differences.extend(dump.fingerprint.differences_in_definitions(&restored));
        differences.extend(dump.fingerprint.sequences_lost(&restored, &ascending));
        if differences.is_empty() {
            return Ok(());
        }
        let reason =
            format!("restored in a rehearsal, it is not what was backed up: {}", differences.join(" "));
        Err(DatabaseError::Damaged { path: dump.path.clone(), reason })
    }

    /// A maintenance connection that is the only one to rehearse a backup of this database.
    async fn holding_rehearsals(&self) -> Result<Session, DatabaseError> {
        self.holding("slipway rehearsal ").await
    }
}
