//! Slipway's own records in Postgres: the truth.
//!
//! Functions are grouped by noun and take an open transaction, so that they compose: whoever
//! changes a run writes its row, its jobs, its events and its outbox together. Only this crate
//! speaks SQL to Slipway's database.
//!
//! Times are the database's: leases and deadlines are set, compared and measured by its clock alone
//! (the function `slipway_now`), and leave this crate as spans still left, never as instants. Deployment
//! windows are wall-clock times: they come with what that clock shows.

mod error;

pub mod answers;
pub mod approvals;
pub mod audit;
pub mod backups;
pub mod clock;
pub mod dead_letters;
pub mod inbox;
pub mod installations;
pub mod inventory;
pub mod jobs;
pub mod leadership;
pub mod log;
pub mod nudges;
pub mod outbox;
pub mod progress;
pub mod promotions;
pub mod queue;
pub mod rollbacks;
pub mod runs;
pub mod tokens;
pub mod waits;
pub mod windows;

use std::time::Duration;

pub use error::StoreError;
pub use nudges::Nudges;
use sha2::{Digest, Sha256};
use sqlx::migrate::{Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

/// What every function of this crate answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The migrations, in order; forward only.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Who may do what in the database.
const GRANTS: &str = include_str!("../../../deploy/grants.sql");

/// How long a statement may wait for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take to show that it lives: half of [`ACQUIRE_TIMEOUT`] is left for a new one.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// How long the database may take for one thing. It answers in milliseconds; seconds of silence mean
/// that the network swallows what is sent, and another connection may do better.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What the server does about clients that are gone without a word: nothing of theirs runs longer than
/// [`ANSWER_LIMIT`] or holds a lock for more than seconds, and their connections end soon after.
const SERVER_SETTINGS: [(&str, &str); 6] = [
    ("statement_timeout", "8s"),
    ("idle_in_transaction_session_timeout", "2s"),
    ("tcp_user_timeout", "15s"),
    ("tcp_keepalives_idle", "10s"),
    ("tcp_keepalives_interval", "3s"),
    ("tcp_keepalives_count", "3"),
];

/// Waits for the database, but not for ever.
///
/// # Errors
/// Those of the call, and [`StoreError::Unavailable`] when it takes too long: what was asked may have
/// been done.
pub async fn answered<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    // In a box: a whole transaction is a large future, and whoever waits for several would carry them all.
    timeout(ANSWER_LIMIT, Box::pin(call)).await.unwrap_or_else(|_| Err(silence().into()))
}

/// A pool of connections to Slipway's database. Cheap to clone.
///
/// A connection that the network swallows takes nothing with it: it is found out when it is taken from the
/// pool and when it is given back, within two seconds, and replaced. So is one to a server that takes no
/// writes any more, because another one does.
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
            // The pool's own tests wait as long as TCP does, and hold the connection's place meanwhile.
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(promptly(takes_writes(connection))))
            .after_release(|connection, _| Box::pin(promptly(is_alive(connection))))
            .connect_with(options.application_name("slipway").options(SERVER_SETTINGS))
            .await?;
        Ok(Self { pool })
    }

    /// Brings the schema up to what this program knows. Safe to call from several processes at once. Where
    /// nothing is to be done, it needs no right but to look.
    ///
    /// # Errors
    /// - [`StoreError::Schema`] when the database was made by a newer program
    /// - [`StoreError::Statement`] when something is to be done and this user does not own the tables
    pub async fn migrate(&self) -> Result<()> {
        let mut connection = self.pool.acquire().await?;
        if is_up_to_date(&mut connection).await? {
            return if takes_writes(&mut connection).await? { Ok(()) } else { Err(StoreError::ReadOnly) };
        }
        // Another process may be at it, and large tables take their time.
        sqlx::query!("set statement_timeout = 0").execute(&mut *connection).await?;
        MIGRATOR.run(&mut *connection).await?;
        Ok(connection.close().await?)
    }

    /// Gives the users of each kind of process their rights, and takes all others from them (`deploy/grants.sql`).
    /// Only the owner of the tables may.
    ///
    /// # Errors
    /// [`StoreError::Statement`] when the kinds of users are not there yet (`deploy/roles.sql` makes them)
    ///
    /// # Idempotency
    /// A second call changes nothing.
    pub async fn grant(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::raw_sql(GRANTS).execute(&mut *tx.0).await?;
        tx.commit().await
    }

    /// Opens a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx(self.pool.begin().await?))
    }

    /// Opens a transaction of somebody who looks after many things: it waits for none that somebody else
    /// holds, and when the network swallows its client, nobody waits long for what it holds.
    ///
    /// # Errors
    /// What is done in it answers [`StoreError::Busy`] when another one holds a row for a quarter of a second.
    pub async fn begin_brief(&self) -> Result<Tx> {
        let mut tx = self.begin().await?;
        sqlx::query!(
            "select set_config('lock_timeout', '250ms', true) as wait,
                    set_config('idle_in_transaction_session_timeout', '1s', true) as hold"
        )
        .fetch_one(&mut *tx.0)
        .await?;
        Ok(tx)
    }

    /// Proves that the database answers and takes writes; returns its version.
    pub async fn ping(&self) -> Result<String> {
        let row = sqlx::query!(
            r#"select current_setting('server_version') as "version!",
                      current_setting('transaction_read_only')::boolean as "read_only!""#
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

    /// Closes all connections, as far as the network lets them be closed.
    pub async fn close(&self) {
        if timeout(ACQUIRE_TIMEOUT, self.pool.close()).await.is_err() {
            tracing::debug!("connections to the database end with the process");
        }
    }
}

impl Tx {
    /// Makes all of it so, or fails and leaves nothing.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

/// Whether all is done already that this program would do to the schema.
async fn is_up_to_date(connection: &mut PgConnection) -> Result<bool> {
    // No such table, or no right to look: whoever migrates is told.
    let Ok(done) = connection.list_applied_migrations(&MIGRATOR.table_name).await else { return Ok(false) };
    if let Some(newer) = done.iter().find(|it| !MIGRATOR.version_exists(it.version)) {
        return Err(StoreError::Schema(MigrateError::VersionMissing(newer.version)));
    }
    let is_done = |known: &sqlx::migrate::Migration| {
        done.iter().any(|it| it.version == known.version && it.checksum == known.checksum)
    };
    Ok(MIGRATOR.iter().all(is_done))
}

/// A server that was switched to reading, or replaced by another one, keeps its connections.
async fn takes_writes(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(r#"select not current_setting('transaction_read_only')::boolean as "it!""#)
        .fetch_one(connection)
        .await
}

/// Ends what was cut short, too: a statement that nobody waits for, an open transaction.
async fn is_alive(connection: &mut PgConnection) -> sqlx::Result<bool> {
    connection.ping().await?;
    Ok(true)
}

async fn promptly<T>(probe: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(PROBE_LIMIT, probe).await.unwrap_or_else(|_| Err(silence()))
}

/// The hash of a text, in hexadecimal digits.
fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn silence() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}
