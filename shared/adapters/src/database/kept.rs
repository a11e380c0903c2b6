//! What restores kept aside.

use anyhow::Context;

use super::name::prefix;
use super::{Database, DatabaseError};

/// A database that a restore replaced, closed to everybody. Since when is on record with its promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCopy {
    /// Its name.
    pub name: String,
    /// What it takes on the server's disk.
    pub size_bytes: u64,
}

impl Database {
    /// All databases that restores of this one kept aside, the largest first.
    pub async fn failed_copies(&self) -> Result<Vec<FailedCopy>, DatabaseError> {
        let client = self.client().await?;
        let rows = client
            .query(
                "SELECT datname, pg_database_size(oid) FROM pg_database WHERE starts_with(datname, $1)
                 ORDER BY 2 DESC, 1",
                &[&prefix(self.name(), "failed")],
            )
            .await
            .context("list the databases that restores kept")?;
        rows.iter()
            .map(|row| {
                let size_bytes =
                    u64::try_from(row.get::<_, i64>(1)).context("read the size of a database")?;
                Ok(FailedCopy { name: row.get(0), size_bytes })
            })
            .collect()
    }
}
