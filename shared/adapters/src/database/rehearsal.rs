//! Proving a backup by restoring it, while nothing depends on it yet.

use anyhow::Context;

use super::fingerprint::{ascending, fix_settings};
use super::name::derived;
use super::record::Rung;
use super::session::Session;
use super::snapshot::drop_database;
use super::{Database, DatabaseError, Dump, Fingerprint};

impl Database {
    /// Restores the backup into a database of its own beside the production database, compares that with what
    /// was backed up, removes it again, and records that the backup was rehearsed. Production is not touched,
    /// and other moves on it are not held up.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] if the backup is not what it should be: final. Everything else may help again.
    ///
    /// # Idempotency
    /// What an interrupted rehearsal left is removed and made anew.
    ///
    /// # Cancel safety
    /// Dropped in the middle it leaves the scratch database, which a repeat and [`Database::drop_rehearsal`]
    /// remove.
    pub async fn rehearse(&self, promotion: &str, dump: &Dump) -> Result<(), DatabaseError> {
        let session = self.holding_rehearsals().await?;
        let scratch = self.rehearsal_name(promotion);
        let rehearsed = self.rehearse_as(&session, &scratch, dump).await;
        let dropped = drop_database(&session, &scratch).await;
        session.close().await;
        rehearsed.and(dropped)?;
        dump.mark(Rung::Rehearsed)
    }

    /// Removes what an interrupted [`Database::rehearse`] left, if there is anything.
    pub async fn drop_rehearsal(&self, promotion: &str) -> Result<(), DatabaseError> {
        let session = self.holding_rehearsals().await?;
        let dropped = drop_database(&session, &self.rehearsal_name(promotion)).await;
        session.close().await;
        dropped
    }

    fn rehearsal_name(&self, promotion: &str) -> String {
        derived(self.name(), "rehearsal", promotion)
    }

    async fn rehearse_as(&self, session: &Session, scratch: &str, dump: &Dump) -> Result<(), DatabaseError> {
        self.rebuild_as(session, scratch, dump).await?;
        let inside = self.enter(scratch).await?;
        let begun = inside.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        begun.context("begin a transaction in the rehearsal's database")?;
        fix_settings(&inside).await?;
        let ascending = ascending(&inside).await?;
        let restored = Fingerprint::read(&inside, scratch).await?;
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
