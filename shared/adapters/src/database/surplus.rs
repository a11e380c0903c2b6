//! Counting what a replaced database holds beyond the one in its place.
//!
//! Rows are compared by hashes that the server makes and sorts, over the columns that a table has in both
//! databases; so a row counts when it was added or changed, not when its table got a new column. Both sides
//! come as streams: how large the tables are does not matter here.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use anyhow::Context;
use futures_util::{Stream, TryStreamExt as _};
use tokio_postgres::types::ToSql;

use super::catalog;
use super::fingerprint::fix_settings;
use super::session::Session;
use super::{Database, DatabaseError};

/// Rows of one table that only the replaced database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surplus {
    /// The table, by schema and name.
    pub table: String,
    /// Rows that were added or changed; at least one.
    pub rows: u64,
}

/// Columns of each table: name and type.
type Columns = BTreeMap<String, Vec<(String, String)>>;

/// A hash of a row, and how many rows have it; in the order of the hashes.
type Hashes = Pin<Box<dyn Stream<Item = Result<(i64, i64), DatabaseError>> + Send>>;

impl Database {
    /// The rows that the database kept from the promotion has and the production database has not, by table:
    /// what was written after the state that was put back. `tables` names those to look at; without it all are
    /// compared.
    ///
    /// Large objects are not counted.
    pub async fn surplus(
        &self,
        promotion: &str,
        tables: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Surplus>, DatabaseError> {
        let failed = self.failed_name(promotion);
        self.read_closed(&failed, self.compare(&failed, tables)).await
    }

    async fn compare(
        &self,
        failed: &str,
        tables: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Surplus>, DatabaseError> {
        let (failed, restored) = (self.reading(failed).await?, self.reading(self.name()).await?);
        let (columns, known) = (columns(&failed).await?, columns(&restored).await?);
        let mut found = Vec::new();
        for (table, columns) in columns {
            if tables.is_some_and(|it| !it.contains(&table)) {
                continue;
            }
            let rows = match known.get(&table) {
                Some(known) => {
                    let shared: Vec<_> = columns.into_iter().filter(|it| known.contains(it)).collect();
                    let statement = statement(&table, &shared);
                    beyond(hashes(&failed, &statement).await?, hashes(&restored, &statement).await?).await?
                }
                None => beyond(hashes(&failed, &statement(&table, &[])).await?, none()).await?,
            };
            if rows > 0 {
                found.push(Surplus { table, rows });
            }
        }
        failed.close().await;
        restored.close().await;
        Ok(found)
    }

    /// A connection into `database` that sees one moment of it.
    async fn reading(&self, database: &str) -> Result<Session, DatabaseError> {
        let session = self.enter(database).await?;
        let begun = session.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        begun.context("begin a transaction")?;
        fix_settings(&session).await?;
        Ok(session)
    }
}

async fn columns(session: &Session) -> Result<Columns, DatabaseError> {
    let rows = session.query(&catalog::columns(), &[]).await.context("list the columns of tables")?;
    let columns = |row: &tokio_postgres::Row| {
        let (names, types): (Vec<String>, Vec<String>) = (row.get(1), row.get(2));
        (row.get(0), names.into_iter().zip(types).collect())
    };
    Ok(rows.iter().map(columns).collect())
}

fn statement(table: &str, columns: &[(String, String)]) -> String {
    let columns: Vec<_> = columns.iter().map(|(name, _)| format!("t.{name}")).collect();
    let columns = columns.join(", ");
    format!(
        "SELECT hashtextextended(ROW({columns})::text COLLATE \"C\", 0), count(*)
         FROM ONLY {table} AS t GROUP BY 1 ORDER BY 1"
    )
}

async fn hashes(session: &Session, statement: &str) -> Result<Hashes, DatabaseError> {
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = session.query_raw(statement, none).await.context("compare the rows of a table")?;
    let rows = rows.map_ok(|row| (row.get(0), row.get(1)));
    Ok(Box::pin(
        rows.map_err(|error| anyhow::Error::new(error).context("compare the rows of a table").into()),
    ))
}

fn none() -> Hashes {
    Box::pin(futures_util::stream::empty())
}

/// How many rows there are in `all` beyond those in `known`.
async fn beyond(mut all: Hashes, mut known: Hashes) -> Result<u64, DatabaseError> {
    let (mut one, mut other) = (all.try_next().await?, known.try_next().await?);
    let mut rows = 0;
    while let Some((hash, count)) = one {
        match other {
            Some((known_hash, _)) if known_hash < hash => other = known.try_next().await?,
            Some((known_hash, known_count)) if known_hash == hash => {
                rows += u64::try_from(count - known_count).unwrap_or(0);
                (one, other) = (all.try_next().await?, known.try_next().await?);
            }
            _ => {
                rows += u64::try_from(count).unwrap_or(0);
                one = all.try_next().await?;
            }
        }
    }
    Ok(rows)
}
