//! The production database: backup, snapshot, fingerprint, restore.
//!
//! ```text
//! dump ── snapshot ── (new version runs) ── changed_since? ── restore
//! ```
//!
//! 1. `dump` writes a backup file and reads it back whole before it bears its name.
//! 2. `snapshot` copies the database beside itself while nobody writes.
//! 3. `restore` makes the copy ready under another name and swaps the two names in one
//!    transaction. The replaced database is kept, so nothing is lost whatever fails.
//!
//! Moves that change anything hold one lock per production database, and do so in a connection of
//! their own: a move whose caller vanished still ends on the server before the next one begins.
//! No connection to the production database itself outlives a call, as it would block the swap.
//!
//! The client programs are this machine's, or those of the container that the server runs in.
//!
//! What it does not cover: roles and tablespaces belong to the whole server and are not restored. People are told
//! so for each backup, with the server's other databases by name.

mod catalog;
mod container;
mod coverage;
mod dump;
mod error;
mod fence;
mod fingerprint;
mod hash;
mod instructions;
mod kept;
mod name;
mod partial;
mod program;
mod properties;
mod put_back;
mod readback;
mod record;
mod rehearsal;
mod restore;
mod room;
mod session;
mod snapshot;
mod surplus;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, time::Duration};

use anyhow::{Context, anyhow};
use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Config, NoTls, config::Host};

pub use container::DatabaseContainer;
pub use error::{Bytes, DatabaseError};
pub use fingerprint::{Contents, Fingerprint, RowForm, SequencePosition};
pub use kept::FailedCopy;
pub use put_back::PutBack;
pub use record::{Dump, Rung, at_stop, discard, discard_partial, dump_name};
pub use restore::{Restored, Source};
pub use room::Room;
pub use snapshot::Snapshot;
pub use surplus::Surplus;
pub use tools::{Tool, ToolsReport};

use error::connect_error;
use session::Session;
use tools::Inside;

/// Databases are created, renamed and dropped from here, never from inside themselves.
const MAINTENANCE: &str = "postgres";

/// The oldest server that all statements here are known to.
const OLDEST_MAJOR: u32 = 14;

/// Where the production database is and which client tools to use for it.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host:port/name`; holds a secret. A socket folder goes into
    /// the query: `postgres://user@/name?host=/run/postgresql`.
    pub url: String,
    /// Folder of `pg_dump` and `pg_restore`; found by themselves if not given.
    pub tools: Option<PathBuf>,
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings").field("tools", &self.tools).finish_non_exhaustive()
    }
}

/// A version of the server or of a client tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The number that decides what works with what.
    pub major: u32,
    /// As the program writes it.
    pub text: String,
}

/// One production database and the server it lives on. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// Leads to the maintenance database; never printed, as it holds the password.
    config: Arc<Config>,
    name: Arc<str>,
    tools_folder: Option<Arc<Path>>,
    /// The container whose programs are used instead of this machine's.
    inside: Option<Arc<Inside>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("name", &self.name)
            .field("address", &address(&self.config))
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the way to the database, proven by asking the server.
    ///
    /// # Errors
    /// [`DatabaseError::Unreachable`] is worth another try; [`DatabaseError::Refused`],
    /// [`DatabaseError::Missing`] and [`DatabaseError::Unsupported`] need a person.
    pub async fn connect(settings: DatabaseSettings) -> Result<Self, DatabaseError> {
        let (config, name) = parse(&settings.url)?;
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let manager = Manager::from_config(config.clone(), NoTls, manager);
        let pool = Pool::builder(manager)
            .max_size(4)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(30)))
            .build()
            .context("build the connection pool")?;
        let database = Self {
            pool,
            config: Arc::new(config),
            name: name.into(),
            tools_folder: settings.tools.map(Arc::from),
            inside: None,
        };

        let version = database.server_version().await?;
        if version.major < OLDEST_MAJOR {
            return Err(DatabaseError::Unsupported { version: version.text, oldest: OLDEST_MAJOR });
        }
        if !database.exists(&database.name).await? {
            return Err(DatabaseError::Missing { database: database.name.to_string() });
        }
        Ok(database)
    }

    /// The production database's name; it stays the same when the database behind it is swapped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's version.
    pub async fn server_version(&self) -> Result<Version, DatabaseError> {
        let client = self.client().await?;
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version')",
                &[],
            )
            .await
            .context("ask the server for its version")?;
        let major: i32 = row.get(0);
        Ok(Version { major: u32::try_from(major).context("read the server's version")?, text: row.get(1) })
    }

    /// What the production database takes on the server's disk, in bytes.
    pub async fn size_bytes(&self) -> Result<u64, DatabaseError> {
        self.size_of(&self.name).await
    }

    /// Whether the server has a database of this name.
    pub async fn exists(&self, database: &str) -> Result<bool, DatabaseError> {
        let client = self.client().await?;
        let found = client
            .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&database])
            .await
            .context("look for a database")?;
        Ok(found.is_some())
    }

    async fn size_of(&self, database: &str) -> Result<u64, DatabaseError> {
        let client = self.client().await?;
        let row = client
            .query_opt("SELECT pg_database_size(oid) FROM pg_database WHERE datname = $1", &[&database])
            .await
            .context("ask for the size of a database")?
            .ok_or_else(|| DatabaseError::Missing { database: database.to_owned() })?;
        let size: i64 = row.get(0);
        Ok(u64::try_from(size).context("read the size of a database")?)
    }

    async fn client(&self) -> Result<deadpool_postgres::Object, DatabaseError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => connect_error(&self.config, error),
            error @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => {
                anyhow!(error).context("get a connection to the production database's server").into()
            }
        })
    }

    /// A connection into `database`, for the length of one call.
    async fn enter(&self, database: &str) -> Result<Session, DatabaseError> {
        let mut config = Config::clone(&self.config);
        config.dbname(database);
        Session::open(&config).await
    }
}

/// Splits the URL into the way to the maintenance database and the production database's name.
fn parse(url: &str) -> Result<(Config, String), DatabaseError> {
    // The parser's own message may quote a part of the URL, and with it of the password.
    let mut config: Config =
        url.parse().ok().filter(|config: &Config| !address(config).contains('@')).context(
            "read the production database's URL: it must look like \
             postgres://user:password@host:port/name, special characters percent-encoded",
        )?;
    let name =
        config.get_dbname().context("read the production database's URL: it names no database")?.to_owned();
    if name == MAINTENANCE || name.starts_with("template") {
        return Err(
            anyhow!("the production database cannot be {name:?}, which the server needs for itself").into()
        );
    }
    config.dbname(MAINTENANCE).application_name("slipway").connect_timeout(Duration::from_secs(10));
    Ok((config, name))
}

/// Host and port for people.
fn address(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".to_owned(),
    };
    format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
}
