//! Whether two databases are the same, exactly and in numbers.
//!
//! Rows are hashed in the server: two 64-bit hashes of each whole row with different seeds,
//! summed up without rounding, so that order does not count and duplicates do. What follows from
//! the rest is left out: the rows of materialized views, and those of an extension's own tables.
//!
//! What is hashed is a row's text or, in less time, its binary form. Fingerprints on record keep the one that
//! they were made with, and what is compared with them is read in the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::catalog;
use super::properties::Properties;
use super::session::Session;
use super::{Database, DatabaseError, hash};

/// Values must read the same whatever the database's or the role's settings are.
const FIXED_SETTINGS: &str = "
    SET LOCAL search_path = pg_catalog;
    SET LOCAL row_security = off;
    SET LOCAL timezone = 'UTC';
    SET LOCAL datestyle = 'ISO, YMD';
    SET LOCAL intervalstyle = 'postgres';
    SET LOCAL extra_float_digits = 1;
    SET LOCAL bytea_output = 'hex';
    SET LOCAL lc_monetary = 'C';
    SET LOCAL xmloption = 'content';
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = '30s'";

/// A database's exact state at one moment, small enough to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Hash of everything of one kind, such as `views`.
    pub schema: BTreeMap<String, String>,
    /// Rows of each table, by schema and name.
    pub tables: BTreeMap<String, Contents>,
    /// Where each sequence stands, by schema and name.
    pub sequences: BTreeMap<String, SequencePosition>,
    /// All large objects: their number and contents.
    pub large_objects: Contents,
    /// What the hashes of rows are made of.
    #[serde(default)]
    pub row_form: RowForm,
}

/// How a row is put before it is hashed. Hashes of different forms cannot be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowForm {
    /// All of it as text: older records, and databases that are not in UTF-8.
    #[default]
    Text,
    /// In the form that it is sent in, as far as that says exactly what the text says.
    Binary,
}

/// How much there is of something, and a hash of it all in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Rows, or objects.
    pub count: u64,
    /// Sums of the hashes, in decimal.
    pub hash: String,
}

/// What a sequence will give next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequencePosition {
    /// The last value given, or the first to give.
    pub value: i64,
    /// Whether `value` was given already.
    pub is_called: bool,
}

impl Database {
    /// Reads a database's fingerprint in one transaction, which sees one moment.
    pub async fn fingerprint(&self, database: &str) -> Result<Fingerprint, DatabaseError> {
        self.fingerprint_in(database, None).await
    }

    /// As [`Database::fingerprint`], to be compared with an earlier one, whenever that was made.
    pub async fn fingerprint_like(
        &self,
        database: &str,
        earlier: &Fingerprint,
    ) -> Result<Fingerprint, DatabaseError> {
        self.fingerprint_in(database, Some(earlier.row_form)).await
    }

    /// Whether the production database differs from what it was.
    pub async fn changed_since(&self, before: &Fingerprint) -> Result<bool, DatabaseError> {
        Ok(self.fingerprint_like(self.name(), before).await? != *before)
    }

    async fn fingerprint_in(
        &self,
        database: &str,
        row_form: Option<RowForm>,
    ) -> Result<Fingerprint, DatabaseError> {
        let session = self.enter(database).await?;
        session
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .context("begin a transaction")?;
        let fingerprint = Fingerprint::read(&session, database, row_form).await;
        session.close().await;
        fingerprint
    }
}

impl Fingerprint {
    /// One hash over everything, hex.
    pub fn digest(&self) -> String {
        hash::of(&format!("{self:?}"))
    }

    /// What is different in `now`, one plain sentence each; empty if they are the same.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut differences = self.differences_in_rows(now);
        for name in names(&self.sequences, &now.sequences) {
            if let (Some(before), Some(now)) = (self.sequences.get(name), now.sequences.get(name))
                && before != now
            {
                let (before, now) = (before.value, now.value);
                differences.push(format!("The sequence {name} stands at {now}, not {before}."));
            }
        }
        differences.extend(self.differences_in_definitions(now));
        differences
    }

    /// Tables whose rows are different in `now`, or that are new in it, by schema and name; all of them where
    /// that cannot be told.
    pub fn changed_tables(&self, now: &Self) -> BTreeSet<String> {
        let is_comparable = self.row_form == now.row_form;
        let is_changed = |name: &&String| !is_comparable || self.tables.get(*name) != now.tables.get(*name);
        now.tables.keys().filter(is_changed).cloned().collect()
    }

    /// As [`Fingerprint::differences`], of definitions alone.
    pub(super) fn differences_in_definitions(&self, now: &Self) -> Vec<String> {
        let changed = names(&self.schema, &now.schema)
            .into_iter()
            .filter(|kind| self.schema.get(*kind) != now.schema.get(*kind));
        changed.map(|kind| format!("The definitions of {kind} are different.")).collect()
    }

    /// Sequences that are not in `now`, or stand before where they stood, of those that only ever `ascend`.
    pub(super) fn sequences_lost(&self, now: &Self, ascend: &BTreeSet<String>) -> Vec<String> {
        let step = |position: &SequencePosition| (position.value, position.is_called);
        let lost = self.sequences.iter().filter_map(|(name, before)| match now.sequences.get(name) {
            None => Some(format!("The sequence {name} is gone.")),
            Some(now) if ascend.contains(name) && step(now) < step(before) => {
                Some(format!("The sequence {name} stands at {}, not {}.", now.value, before.value))
            }
            Some(_) => None,
        });
        lost.collect()
    }

    /// As [`Fingerprint::differences`], of stored data alone.
    pub(super) fn differences_in_rows(&self, now: &Self) -> Vec<String> {
        let mut differences: Vec<_> = names(&self.tables, &now.tables)
            .into_iter()
            .filter_map(|name| {
                let table = format!("The table {name}");
                difference(&table, "rows", self.tables.get(name), now.tables.get(name))
            })
            .collect();
        differences.extend(difference(
            "The store of large objects",
            "objects",
            Some(&self.large_objects),
            Some(&now.large_objects),
        ));
        differences
    }

    /// Reads in the session's open transaction, which must be REPEATABLE READ; rows in the best form that the
    /// database allows, or in the given one.
    pub(super) async fn read(
        session: &Session,
        database: &str,
        row_form: Option<RowForm>,
    ) -> Result<Self, DatabaseError> {
        fix_settings(session).await?;
        let row_form = match row_form {
            Some(row_form) => row_form,
            None => RowForm::best(session).await?,
        };
        Ok(Self {
            schema: schema(session, database).await?,
            tables: tables(session, row_form).await?,
            sequences: sequences(session).await?,
            large_objects: large_objects(session).await?,
            row_form,
        })
    }
}

impl RowForm {
    async fn best(session: &Session) -> Result<Self, DatabaseError> {
        let row = session
            .query_one("SELECT getdatabaseencoding() = 'UTF8'", &[])
            .await
            .context("ask for a database's encoding")?;
        // From any other encoding the server would convert what it sends, and fail where it cannot.
        Ok(if row.get(0) { Self::Binary } else { Self::Text })
    }

    /// Count and hash of a table's rows. A row is much work to put in either form; without OFFSET the server
    /// would do it for each hash anew.
    fn statement(self, table: &str, row: &str) -> String {
        let [first, second] = match self {
            RowForm::Text => ["hashtextextended(line, 0)", "hashtextextended(line, 1)"],
            // Servers before 18 hash bytes only within something else.
            RowForm::Binary => ["hash_array_extended(ARRAY[line], 0)", "hash_array_extended(ARRAY[line], 1)"],
        };
        format!(
            "SELECT count(*), concat_ws(' ', sum({first}), sum({second}))
             FROM (SELECT {row} AS line FROM ONLY {table} AS t OFFSET 0) AS rows"
        )
    }
}

/// Makes values read the same for the length of the open transaction.
pub(super) async fn fix_settings(session: &Session) -> Result<(), DatabaseError> {
    Ok(session.batch_execute(FIXED_SETTINGS).await.context("prepare to read a database")?)
}

/// Sequences that only ever ascend.
pub(super) async fn ascending(session: &Session) -> Result<BTreeSet<String>, DatabaseError> {
    Ok(listed(session, &catalog::ascending()).await?.into_iter().collect())
}

fn names<'a, T>(before: &'a BTreeMap<String, T>, now: &'a BTreeMap<String, T>) -> BTreeSet<&'a str> {
    before.keys().chain(now.keys()).map(String::as_str).collect()
}

fn difference(what: &str, unit: &str, before: Option<&Contents>, now: Option<&Contents>) -> Option<String> {
    match (before, now) {
        (None, Some(now)) => Some(format!("{what} is new, with {} {unit}.", now.count)),
        (Some(before), None) => Some(format!("{what} is gone, with its {} {unit}.", before.count)),
        (Some(before), Some(now)) if before.count != now.count => {
            Some(format!("{what} has {} {unit}, not {}.", now.count, before.count))
        }
        (Some(before), Some(now)) if before != now => {
            Some(format!("{what} has as many {unit} as before, but not the same."))
        }
        _ => None,
    }
}

async fn schema(session: &Session, database: &str) -> Result<BTreeMap<String, String>, DatabaseError> {
    let properties = Properties::read(session, database).await?;
    let properties = serde_json::to_string(&properties).context("hash a database's properties")?;
    let properties = hash::of(&properties);
    let mut schema = BTreeMap::from([("the database itself".to_owned(), properties)]);
    for (kind, sql) in catalog::KINDS {
        let rows = session
            .query(&catalog::lines_statement(sql), &[])
            .await
            .with_context(|| format!("read the definitions of {kind}"))?;
        let mut hash = Sha256::new();
        for row in rows {
            hash.update(row.get::<_, &str>(0));
            hash.update(b"\0");
        }
        schema.insert((*kind).to_owned(), hash::finish(hash));
    }
    Ok(schema)
}

async fn tables(session: &Session, row_form: RowForm) -> Result<BTreeMap<String, Contents>, DatabaseError> {
    let listed = match row_form {
        RowForm::Text => catalog::text_rows(),
        RowForm::Binary => catalog::binary_rows(),
    };
    let mut tables = BTreeMap::new();
    for row in session.query(&listed, &[]).await.context("list tables")? {
        let (table, line): (String, &str) = (row.get(0), row.get(1));
        let contents = contents(session, &row_form.statement(&table, line)).await?;
        tables.insert(table, contents);
    }
    Ok(tables)
}

/// Where all sequences stand.
pub(super) async fn sequences(
    session: &Session,
) -> Result<BTreeMap<String, SequencePosition>, DatabaseError> {
    let mut sequences = BTreeMap::new();
    for name in listed(session, catalog::SEQUENCES).await? {
        let row = session
            .query_one(&format!("SELECT last_value, is_called FROM {name}"), &[])
            .await
            .with_context(|| format!("read the sequence {name}"))?;
        let position = SequencePosition { value: row.get(0), is_called: row.get(1) };
        sequences.insert(name, position);
    }
    Ok(sequences)
}

/// Only a superuser may read the pages of large objects, so they are read only if there are any.
async fn large_objects(session: &Session) -> Result<Contents, DatabaseError> {
    let owners = contents(session, catalog::LARGE_OBJECTS).await?;
    if owners.count == 0 {
        return Ok(owners);
    }
    let pages = contents(session, catalog::LARGE_OBJECT_PAGES).await?;
    Ok(Contents { count: owners.count, hash: format!("{} {}", owners.hash, pages.hash) })
}

/// Names of relations with schema, quoted where SQL needs it.
async fn listed(session: &Session, sql: &str) -> Result<Vec<String>, DatabaseError> {
    let rows = session.query(sql, &[]).await.context("list relations")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn contents(session: &Session, sql: &str) -> Result<Contents, DatabaseError> {
    let row = session.query_one(sql, &[]).await.context("read the contents of a database")?;
    let count: i64 = row.get(0);
    Ok(Contents { count: u64::try_from(count).context("count rows")?, hash: row.get(1) })
}
