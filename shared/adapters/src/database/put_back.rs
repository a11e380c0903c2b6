//! Putting a backup in the place of the production database because somebody wants it, and taking that back.
//!
//! ```text
//! make_ready: backup ─▶ __ready_<promotion>              while the application serves
//! put_back:   production ─▶ __replaced_<promotion>       __ready_… ─▶ production
//! take_back:  production ─▶ __failed_<promotion>         __replaced_… ─▶ production
//! ```
//!
//! The replaced database is the state at the stop itself, not a copy of it: nobody writes to it any more, and
//! taking it back loses nothing. Names are swapped in one transaction, as a restore does. What each name says is
//! true at every moment: a database is called ready only once it is whole.

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::fence::fence;
use super::name::{derived, identifier};
use super::session::Session;
use super::snapshot::drop_database;
use super::{Database, DatabaseError, Dump};

/// The production database bears its name again, in the backup's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// The production database's name.
    pub database: String,
    /// Where everything is kept as it was at that moment, closed to everybody.
    pub replaced_database: String,
}

impl Database {
    /// Restores the backup beside the production database and compares it with what was backed up. The
    /// production database is not touched; [`Database::put_back`] then takes a moment only.
    ///
    /// # Errors
    /// [`DatabaseError::Damaged`] is final.
    ///
    /// # Idempotency
    /// What is ready is left alone; what an interrupted try left half-filled is removed and made anew.
    pub async fn make_ready(&self, promotion: &str, dump: &Dump) -> Result<(), DatabaseError> {
        let session = self.exclusive().await?;
        let ready = self.ready(&session, promotion, dump).await;
        session.close().await;
        ready.map(drop)
    }

    /// Removes what [`Database::make_ready`] made, finished or not.
    pub async fn drop_ready(&self, promotion: &str) -> Result<(), DatabaseError> {
        let session = self.exclusive().await?;
        let dropped = self.drop_ready_once(&session, promotion).await;
        session.close().await;
        dropped
    }

    /// Puts the backup in the place of the production database and keeps the present one as
    /// `replaced_database`.
    ///
    /// # Errors
    /// As [`Database::restore`]: the production database is untouched.
    ///
    /// # Idempotency, cancel safety
    /// As [`Database::restore`].
    pub async fn put_back(&self, promotion: &str, dump: &Dump) -> Result<PutBack, DatabaseError> {
        let session = self.exclusive().await?;
        let replaced = self.replaced_name(promotion);
        let swapped = self.put_back_once(&session, promotion, dump, &replaced).await;
        session.close().await;
        match swapped {
            Ok(()) => Ok(PutBack { database: self.name().to_owned(), replaced_database: replaced }),
            Err(error) => Err(self.not_restored(error).await),
        }
    }

    /// Undoes [`Database::put_back`], as far as it came: the database that it replaced bears its name again.
    /// Returns the name under which everything is kept that was done since; `None` when nothing was put back.
    ///
    /// # Errors
    /// [`DatabaseError::NotRestored`]: the names are as they were.
    ///
    /// # Idempotency
    /// A repeat after completion changes nothing and returns the same.
    pub async fn take_back(&self, promotion: &str) -> Result<Option<String>, DatabaseError> {
        let session = self.exclusive().await?;
        let taken = self.take_back_once(&session, promotion).await;
        session.close().await;
        match taken {
            Ok(()) => self.kept(promotion).await,
            Err(error) => Err(self.not_restored(error).await),
        }
    }

    async fn put_back_once(
        &self,
        session: &Session,
        promotion: &str,
        dump: &Dump,
        replaced: &str,
    ) -> Result<(), DatabaseError> {
        // The replaced one comes into being only by the swap, so it proves that the swap is done.
        if self.exists(replaced).await? {
            return Ok(());
        }
        let ready = self.ready(session, promotion, dump).await?;
        fence(session, self.name()).await?;
        self.swap(session, &ready, replaced).await
    }

    async fn take_back_once(&self, session: &Session, promotion: &str) -> Result<(), DatabaseError> {
        self.drop_ready_once(session, promotion).await?;
        let replaced = self.replaced_name(promotion);
        if !self.exists(&replaced).await? {
            return self.unfence().await;
        }
        // Somebody may have opened it to look inside.
        fence(session, &replaced).await?;
        fence(session, self.name()).await?;
        self.swap(session, &replaced, &self.failed_name(promotion)).await
    }

    /// The name of the restored backup, which is made if it is not there; nobody can get into it.
    async fn ready(&self, session: &Session, promotion: &str, dump: &Dump) -> Result<String, DatabaseError> {
        let ready = self.ready_name(promotion);
        if !self.exists(&ready).await? {
            let whole = self.rebuild(session, promotion, dump).await?;
            fence(session, &whole).await?;
            session
                .batch_execute(&format!(
                    "ALTER DATABASE {} RENAME TO {}",
                    identifier(&whole),
                    identifier(&ready)
                ))
                .await
                .context("give the restored database its name")?;
        }
        Ok(ready)
    }

    async fn drop_ready_once(&self, session: &Session, promotion: &str) -> Result<(), DatabaseError> {
        drop_database(session, &derived(self.name(), "restore", promotion)).await?;
        drop_database(session, &self.ready_name(promotion)).await
    }

    fn ready_name(&self, promotion: &str) -> String {
        derived(self.name(), "ready", promotion)
    }

    fn replaced_name(&self, promotion: &str) -> String {
        derived(self.name(), "replaced", promotion)
    }
}
