//! What can go wrong with the records, as far as somebody decides by it.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// Why the records could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, restarting or too busy. Try again later; nothing was changed.
    #[error("Slipway's database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The database is a standby. Try again on the primary.
    #[error("Slipway's database only takes reads")]
    ReadOnly,
    /// Somebody else is at the same rows. Try again soon; nothing was changed.
    #[error("somebody else is changing the same records")]
    Busy(#[source] sqlx::Error),
    /// The row exists already, or another one forbids it. Holds the constraint's name.
    #[error("the record conflicts with another one ({constraint})")]
    Conflict {
        /// Name of the constraint in the schema.
        constraint: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// A stored value that this program does not know: it was written by a newer one.
    #[error("column {column} holds {value:?}, which this version does not know")]
    Unknown {
        /// Table and column.
        column: &'static str,
        /// The value found.
        value: String,
    },
    /// The schema is not the one that this program knows.
    #[error("the database schema does not match this version of Slipway")]
    Schema(#[source] MigrateError),
    /// The statement is wrong for this database: a fault of this program.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same may work later, when the database is back: until then nothing else works, either.
    pub fn is_passing(&self) -> bool {
        match self {
            StoreError::Unavailable(_) | StoreError::ReadOnly => true,
            StoreError::Busy(_)
            | StoreError::Conflict { .. }
            | StoreError::Unknown { .. }
            | StoreError::Schema(_)
            | StoreError::Statement(_) => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let database = error.as_database_error();
        if let Some(constraint) = database.and_then(|it| it.constraint()).map(str::to_owned) {
            return StoreError::Conflict { constraint, source: error };
        }
        match database.and_then(DatabaseError::code).as_deref() {
            Some("25006") => StoreError::ReadOnly,
            // Idle in a transaction for too long: the server ended the connection.
            Some("25P03") => StoreError::Unavailable(error),
            Some("55P03") => StoreError::Busy(error),
            Some(code) if is_passing(code) => StoreError::Unavailable(error),
            Some(_) => StoreError::Statement(error),
            None if is_about_the_statement(&error) => StoreError::Statement(error),
            None => StoreError::Unavailable(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        if let MigrateError::Execute(source) = error { source.into() } else { StoreError::Schema(error) }
    }
}

/// SQLSTATE classes that another try may get past: connection, authorization, deadlock and
/// serialization, resources, operator intervention (restart, shutdown).
fn is_passing(code: &str) -> bool {
    ["08", "28", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "3D000"
}

fn is_about_the_statement(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::RowNotFound
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
    )
}

/// Reads a stored name as the value it stands for.
pub(crate) fn known<T: std::str::FromStr>(column: &'static str, value: &str) -> Result<T, StoreError> {
    value.parse().map_err(|_| StoreError::Unknown { column, value: value.to_owned() })
}
