//! Migrations: SQL files that run once each, in the order of their names.

use std::collections::HashMap;

use anyhow::Context;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, GenericClient};

use crate::tree::{Flaw, SourceFile};

/// One migration of the source tree.
pub(crate) struct Migration {
    /// The file name without `.sql`, for example `0001_create_customers`.
    pub(crate) name: String,
    sql: String,
    checksum: Vec<u8>,
}

/// The advisory lock under which migrations run; any number that nobody else uses.
const LOCK: i64 = 0x506f_7274_616c;

impl Migration {
    /// Checks the file's name and content. The SQL itself is left to the database.
    pub(crate) fn parse(file: &SourceFile) -> Result<Self, Flaw> {
        let flaw = |problem: &str| Flaw { file: file.path.clone(), line: 1, problem: problem.to_owned() };
        let name = file
            .path
            .strip_prefix("migrations/")
            .and_then(|path| path.strip_suffix(".sql"))
            .filter(|name| is_numbered(name))
            .ok_or_else(|| flaw("a migration is named like 0001_create_orders.sql"))?;
        if file.text.trim().is_empty() {
            return Err(flaw("the migration is empty"));
        }
        let checksum = Sha256::digest(&file.text).to_vec();
        Ok(Self { name: name.to_owned(), sql: file.text.clone(), checksum })
    }
}

fn is_numbered(name: &str) -> bool {
    let (number, words) = name.split_at_checked(4).unwrap_or_default();
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    number.chars().all(|c| c.is_ascii_digit())
        && words.strip_prefix('_').is_some_and(|w| w.split('_').all(is_word))
}

/// Runs the migrations that the database has not seen, each in its own transaction.
///
/// Two processes that start together take turns. Migrations that only the database knows are left alone: an older
/// version may run on a newer database.
///
/// # Errors
/// The database is unreachable, a migration fails (it leaves no trace), or one was edited after it had run.
///
/// # Idempotency
/// A second call changes nothing.
pub(crate) async fn run(client: &mut Client, migrations: &[Migration]) -> anyhow::Result<()> {
    client.batch_execute("set lock_timeout = '30s'").await.context("bound the wait for locks")?;
    client
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await
        .context("wait for another migration to end")?;
    client
        .batch_execute(
            "create table if not exists portal_migrations (
                 name text primary key,
                 checksum bytea not null,
                 ran_at timestamptz not null default now()
             )",
        )
        .await
        .context("create the list of migrations")?;
    for migration in pending(client, migrations).await? {
        run_one(client, migration).await.with_context(|| format!("run the migration {}", migration.name))?;
        println!("portal: ran the migration {}", migration.name);
    }
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.context("let other migrations run")?;
    client.batch_execute("reset lock_timeout").await.context("reset the wait for locks")
}

/// The migrations that the database has not seen.
///
/// # Errors
/// The database is unreachable or has no list of migrations, or a migration was edited after it had run.
pub(crate) async fn pending<'a>(
    client: &impl GenericClient,
    migrations: &'a [Migration],
) -> anyhow::Result<Vec<&'a Migration>> {
    let rows =
        client.query("select name, checksum from portal_migrations", &[]).await.context("list migrations")?;
    let seen: HashMap<String, Vec<u8>> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut pending = Vec::new();
    for migration in migrations {
        match seen.get(&migration.name) {
            None => pending.push(migration),
            Some(checksum) if *checksum == migration.checksum => {}
            Some(_) => anyhow::bail!(
                "the migration {} was edited after it had run; put the change into a new migration",
                migration.name
            ),
        }
    }
    Ok(pending)
}

async fn run_one(client: &mut Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(&migration.sql).await?;
    transaction
        .execute(
            "insert into portal_migrations (name, checksum) values ($1, $2)",
            &[&migration.name, &migration.checksum],
        )
        .await?;
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::is_numbered;

    #[test]
    fn a_migration_has_four_digits_and_words() {
        let table = [
            ("0001_create_orders", true),
            ("0012_v2", true),
            ("1_create", false),
            ("0001", false),
            ("0001_", false),
            ("0001-create", false),
            ("0001_create__orders", false),
            ("0001_Create", false),
            ("000a_create", false),
            ("000ä_create", false),
            ("", false),
        ];
        for (name, expected) in table {
            assert_eq!(is_numbered(name), expected, "{name}");
        }
    }
}
