//! What restores kept aside, and since when.

use anyhow::Context;
use jiff::Timestamp;

use super::name::{derived, identifier, literal};
use super::snapshot::drop_database;
use super::{Database, DatabaseError};

/// Any promotion: all their names are equally long.
const SAMPLE: &str = "CP-00000000";

const SINCE: &str = "Kept aside by Slipway since ";

/// A database that a restore replaced, closed to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCopy {
    /// Its name.
    pub name: String,
    /// The promotion that left it so.
    pub promotion: String,
    /// What it takes on the server's disk.
    pub size_bytes: u64,
    /// When it was replaced; `None` where that is not on record.
    pub since: Option<Timestamp>,
}

/// The statement that gives a database its comment in the moment when it is replaced.
pub(super) fn comment_statement(failed: &str, now: Timestamp) -> String {
    format!("COMMENT ON DATABASE {} IS {};", identifier(failed), literal(&format!("{SINCE}{now}")))
}

impl Database {
    /// All databases that restores of this one kept aside, oldest first; those of unknown age come first.
    pub async fn failed_copies(&self) -> Result<Vec<FailedCopy>, DatabaseError> {
        let prefix = self.failed_prefix();
        let client = self.client().await?;
        let rows = client
            .query(
                "SELECT datname, pg_database_size(oid), shobj_description(oid, 'pg_database')
                 FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname",
                &[&prefix],
            )
            .await
            .context("list the databases that restores kept")?;
        let mut copies = Vec::new();
        for row in rows {
            let (name, size, comment): (String, i64, Option<String>) = (row.get(0), row.get(1), row.get(2));
            let since = comment.as_deref().and_then(|it| it.strip_prefix(SINCE)?.parse().ok());
            let size_bytes = u64::try_from(size).context("read the size of a database")?;
            copies.push(FailedCopy { promotion: name[prefix.len()..].to_owned(), name, size_bytes, since });
        }
        copies.sort_by_key(|copy| copy.since);
        Ok(copies)
    }

    /// Removes one of [`Database::failed_copies`] by its name; one that is not there is fine.
    ///
    /// # Errors
    /// A name that no restore of this database gives is refused.
    pub async fn drop_failed_copy(&self, name: &str) -> Result<(), DatabaseError> {
        if !self.is_failed_copy(name) {
            return Err(anyhow::anyhow!("{name:?} is not a database that a restore kept").into());
        }
        let session = self.exclusive().await?;
        let dropped = drop_database(&session, name).await;
        session.close().await;
        dropped
    }

    /// Whether a database of this name is one that a restore kept aside.
    pub(super) fn is_failed_copy(&self, name: &str) -> bool {
        name.starts_with(&self.failed_prefix())
    }

    fn failed_prefix(&self) -> String {
        let name = derived(self.name(), "failed", SAMPLE);
        name.strip_suffix(SAMPLE).unwrap_or(&name).to_owned()
    }
}
