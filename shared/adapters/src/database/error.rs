//! What can go wrong with the production database.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

/// Why a move on the production database was refused or failed.
///
/// The texts are for people; what the database itself said is in the error's sources.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The server does not answer; trying again may help.
    #[error(
        "The production database does not answer at {address}. Check that it is running and that this machine can reach it."
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the network said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Wrong user name or password; trying again gives the same.
    #[error(
        "The production database at {address} did not accept the user {user:?} with the password it was given. Correct the database URL in Slipway's configuration."
    )]
    Refused {
        /// Host and port.
        address: String,
        /// Who tried.
        user: String,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A database that has to be there is not.
    #[error(
        "There is no database {database:?} on the production database's server. Correct the database URL in Slipway's configuration if the name is wrong."
    )]
    Missing {
        /// Its name.
        database: String,
    },
    /// The server is too old.
    #[error(
        "The production database runs PostgreSQL {version}; Slipway needs version {oldest} or newer. Upgrade the database before promoting."
    )]
    Unsupported {
        /// The server's version.
        version: String,
        /// The oldest that will do.
        oldest: u32,
    },
    /// The backup would not fit.
    #[error("The backup needs {} of free space in {}, but only {} are free. Free some space there, or choose another backup folder.{}", Bytes(*.needed_bytes), folder.display(), Bytes(*.free_bytes), Advice(.safest))]
    Space {
        /// What the backup may take, reserve included.
        needed_bytes: u64,
        /// What this process may still write there.
        free_bytes: u64,
        /// Where the backup was to go.
        folder: PathBuf,
        /// What is safest to delete there, a sentence.
        safest: Option<String>,
    },
    /// A second copy of the database would not fit beside it.
    #[error("The disk of the production database ({folder}) has only {} free, but needs {}: room for a second copy of the database, without which a deployment that spoils the data could not be undone. Free some space there.{}", Bytes(*.free_bytes), Bytes(*.needed_bytes), Advice(.safest))]
    ServerSpace {
        /// What a second copy takes, reserve included.
        needed_bytes: u64,
        /// What is free there.
        free_bytes: u64,
        /// The server's folder.
        folder: String,
        /// What is safest to delete there, a sentence.
        safest: Option<String>,
    },
    /// The disk was full before the backup was whole. Nothing is left of it.
    #[error("There is no space left on the disk that holds {}, so the backup could not be finished. Free some space there, or choose another backup folder.", folder.display())]
    Full {
        /// Where the backup was to go.
        folder: PathBuf,
    },
    /// No client tools on this machine.
    #[error(
        "The programs pg_dump and pg_restore were not found (looked in {searched}). Install the PostgreSQL client of version {server}, or say in the installation's description where they are: database.tools, or database.docker where the database runs in Docker."
    )]
    ToolsMissing {
        /// The server's major version.
        server: u32,
        /// Folders that were looked through.
        searched: String,
    },
    /// The client tools cannot read this server.
    #[error(
        "The newest pg_dump on this machine is version {client}, but the production database runs version {server}, which it cannot back up. Install the PostgreSQL client of version {server}, or set database.docker in the installation's description where the database runs in Docker."
    )]
    ToolsTooOld {
        /// The newest client's major version.
        client: u32,
        /// The server's major version.
        server: u32,
    },
    /// A backup file is not what was written. Trying again gives the same.
    #[error("The backup {} is damaged and must not be used: {reason}. Use another backup.", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody could not be sent out of the database.
    #[error(
        "The database {database:?} is still in use ({who}), so that it cannot be copied or swapped. Stop what uses it and try again."
    )]
    InUse {
        /// Its name.
        database: String,
        /// What holds it.
        who: String,
    },
    /// No copy of the database can be made on its server; another backup can take its place.
    #[error("The database {database:?} could not be copied on its own server. {source}")]
    NoCopy {
        /// Its name.
        database: String,
        /// What the server said.
        source: Box<DatabaseError>,
    },
    /// Another move on the same production database is still running.
    #[error(
        "Another backup or restore of the database {database:?} is still running. Try again when it has ended."
    )]
    Busy {
        /// The production database.
        database: String,
    },
    /// The restore failed; the production database is as it was and may be used.
    #[error(
        "The database {database:?} was not restored; it was not touched and can be used as before. {source}"
    )]
    NotRestored {
        /// The production database.
        database: String,
        /// What went wrong.
        source: Box<DatabaseError>,
    },
    /// The restore failed and the production database could not be opened again.
    #[error(
        "The database {database:?} was not restored. Its contents were not touched, but it may refuse connections. Repeat the restore, or run: {remedy}"
    )]
    LeftClosed {
        /// The production database.
        database: String,
        /// The statement that opens it, to be run in the database `postgres`.
        remedy: String,
        /// What went wrong.
        source: Box<DatabaseError>,
    },
    /// Everything else, with its chain of causes; trying again may help.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl DatabaseError {
    /// What the server said, in its own code, if it was the server that refused.
    pub(super) fn server_code(&self) -> Option<&SqlState> {
        let Self::Failed(error) = self else { return None };
        error.chain().find_map(|cause| cause.downcast_ref::<tokio_postgres::Error>())?.code()
    }
}

/// Sorts a failed connection into what a person has to do about it.
pub(super) fn connect_error(config: &Config, source: tokio_postgres::Error) -> DatabaseError {
    let address = super::address(config);
    let wrong_password = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
    match source.code() {
        Some(code) if wrong_password.contains(code) => {
            DatabaseError::Refused { address, user: config.get_user().unwrap_or_default().to_owned(), source }
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            DatabaseError::Missing { database: config.get_dbname().unwrap_or_default().to_owned() }
        }
        Some(_) => {
            anyhow::Error::new(source).context(format!("connect to the database server at {address}")).into()
        }
        None => DatabaseError::Unreachable { address, source },
    }
}

/// A sentence after others, if there is one.
struct Advice<'a>(&'a Option<String>);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_deref().map_or(Ok(()), |sentence| write!(f, " {sentence}"))
    }
}

/// A number of bytes for people, in powers of ten.
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match UNITS.iter().find(|(size, _)| self.0 >= *size) {
            Some((size, unit)) => {
                write!(f, "{}.{} {unit}", self.0 / size, self.0 % size * 10 / size)
            }
            None => write!(f, "{} bytes", self.0),
        }
    }
}
