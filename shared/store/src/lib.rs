//! Slipway's own records in Postgres: the truth.
//!
//! Functions are grouped by noun and take an open transaction, so that they compose: whoever
//! changes a run writes its row, its jobs, its events and its outbox together. Only this crate
//! speaks SQL to Slipway's database.
//!
//! Times are the database's: leases and deadlines are set, compared and measured by its clock alone
//! (the function `slipway_now`), and leave this crate as spans still left, never as instants.

mod error;

pub mod backups;
pub mod clock;
pub mod inbox;
pub mod installations;
pub mod jobs;
pub mod leadership;
pub mod log;
pub mod outbox;
pub mod progress;
pub mod promotions;
pub mod runs;

use std::time::Duration;

pub use error::StoreError;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

/// What every function of this crate answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The migrations, in order; forward only.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Everybody who waits for something to do listens here; a payload is never needed.
const NUDGES: &str = "slipway_nudge";

/// How long a statement may wait for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of connections to Slipway's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

/// An open transaction; dropped without [`Tx::commit`] it leaves nothing.
#[derive(Debug)]
pub struct Tx(sqlx::Transaction<'static, sqlx::Postgres>);

impl Store {
    /// Connects with at most `connections_max` connections.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server does not answer or refuses the name or password.
    pub async fn connect(url: &str, connections_max: u32) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.application_name("slipway"))
            .await?;
        Ok(Self { pool })
    }

    /// Brings the schema up to what this program knows. Safe to call from several processes at once.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database was made by a newer program.
    pub async fn migrate(&self) -> Result<()> {
        Ok(MIGRATOR.run(&self.pool).await?)
    }

    /// Opens a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx(self.pool.begin().await?))
    }

    /// Proves that the database answers and takes writes; returns its version.
    pub async fn ping(&self) -> Result<String> {
        let row = sqlx::query!(
            r#"select current_setting('server_version') as "version!", pg_is_in_recovery() as "read_only!""#
        )
        .fetch_one(&self.pool)
        .await?;
        if row.read_only { Err(StoreError::ReadOnly) } else { Ok(row.version) }
    }

    /// How far this machine's clock is ahead of the database's, in milliseconds.
    pub async fn clock_ahead_ms(&self) -> Result<i64> {
        let at = sqlx::query_scalar!(r#"select clock_timestamp() as "at!: jiff_sqlx::Timestamp""#)
            .fetch_one(&self.pool)
            .await?;
        Ok(jiff::Timestamp::now().duration_since(at.to_jiff()).as_millis().try_into().unwrap_or(i64::MAX))
    }

    /// Listens for nudges on a connection of its own.
    pub async fn nudges(&self) -> Result<Nudges> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(NUDGES).await?;
        Ok(Nudges(listener))
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Tx {
    /// Makes all of it so, or fails and leaves nothing.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }

    /// Wakes whoever waits for something to do, when this transaction commits.
    pub async fn nudge(&mut self) -> Result<()> {
        sqlx::query!("select pg_notify($1, '')", NUDGES).execute(&mut *self.0).await?;
        Ok(())
    }
}

/// Wakes when somebody committed something to do. A nudge may be missed: poll as well.
#[derive(Debug)]
pub struct Nudges(PgListener);

impl Nudges {
    /// Waits for the next nudge.
    ///
    /// # Cancel safety
    /// Cancel safe: a nudge is at worst not noticed.
    pub async fn next(&mut self) -> Result<()> {
        self.0.recv().await?;
        Ok(())
    }
}
