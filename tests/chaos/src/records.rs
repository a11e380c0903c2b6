//! Slipway's own database, read past Slipway.

use std::time::Instant;

use anyhow::{Context, Result};
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};
use uuid::Uuid;

/// A connection that is made anew when the server was away.
pub(crate) struct Records {
    url: String,
    client: Mutex<Option<Client>>,
}

/// One try of a job, as its row names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) run: Uuid,
    pub(crate) job: String,
    pub(crate) attempt: i32,
}

/// A try that somebody holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) which: Try,
    pub(crate) owner: String,
}

/// What the database's clock showed when this machine's monotonic clock showed something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockPair {
    /// Seconds since 1970 by the database.
    pub(crate) database: f64,
    pub(crate) here: Instant,
}

impl ClockPair {
    /// What the database's clock shows at that moment, which is not before the pair was taken.
    pub(crate) fn at(&self, moment: Instant) -> f64 {
        self.database + moment.duration_since(self.here).as_secs_f64()
    }
}

impl Records {
    pub(crate) fn at(url: String) -> Self {
        Self { url, client: Mutex::new(None) }
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// The server is away, or the query is wrong. The next call connects again.
    pub(crate) async fn rows(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let mut held = self.client.lock().await;
        let client = match held.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => connect(&self.url).await?,
        };
        let rows = client.query(query, parameters).await.context("read Slipway's records")?;
        *held = Some(client);
        Ok(rows)
    }

    /// Every try that somebody holds now, and the clocks.
    pub(crate) async fn held(&self) -> Result<(Vec<Held>, ClockPair)> {
        let rows = self
            .rows(
                "select run, job, attempt, lease_owner, extract(epoch from clock_timestamp())::float8
                 from jobs where state = 'running' union all
                 select null, null, null, null, extract(epoch from clock_timestamp())::float8",
                &[],
            )
            .await?;
        let here = Instant::now();
        let database = rows.last().context("the clock's row")?.get(4);
        let held = rows[..rows.len() - 1]
            .iter()
            .map(|row| Held {
                which: Try { run: row.get(0), job: row.get(1), attempt: row.get(2) },
                owner: row.get(3),
            })
            .collect();
        Ok((held, ClockPair { database, here }))
    }

    /// Some tries, the newest first: open ones, and ones that are over.
    pub(crate) async fn newest_tries(&self) -> Result<Vec<(Try, String)>> {
        let rows = self
            .rows("select run, job, attempt, direction from jobs order by sequence desc limit 60", &[])
            .await?;
        let tries = rows.iter().map(|row| {
            (Try { run: row.get(0), job: row.get(1), attempt: row.get(2) }, row.get::<_, String>(3))
        });
        Ok(tries.collect())
    }
}

/// A connection to a Postgres database; its other half runs until the server or the client leaves.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("connect to Postgres")?;
    tokio::spawn(connection);
    Ok(client)
}
