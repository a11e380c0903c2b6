//! A production database of a wanted size.

use adapters::database::Database;
use adapters::installation::Installation;
use anyhow::{Context, Result};
use serde_json::json;
use servers::folder::Folder;
use servers::postgres::Postgres;
use tokio::task::block_in_place;
use tokio_postgres::{Client, Config, NoTls};

/// What is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Random bytes, which no compression makes smaller than they are.
    Random,
    /// Orders with words in them, which become much smaller.
    Text,
}

impl Contents {
    /// For the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Random => "random bytes",
            Self::Text => "words and numbers",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Random => {
                "CREATE EXTENSION pgcrypto;
                 CREATE TABLE goods (id bigserial PRIMARY KEY, content bytea NOT NULL)"
            }
            Self::Text => {
                "CREATE TABLE goods (id bigserial PRIMARY KEY, customer text NOT NULL, note text NOT NULL,
                                     total numeric NOT NULL, at timestamptz NOT NULL)"
            }
        }
    }

    /// Adds some ten megabytes.
    const fn batch(self) -> &'static str {
        match self {
            Self::Random => {
                "INSERT INTO goods (content) SELECT gen_random_bytes(1000) FROM generate_series(1, 10000)"
            }
            Self::Text => {
                "INSERT INTO goods (customer, note, total, at)
                 SELECT 'Customer ' || i % 5000,
                        repeat('Ordered again, to be delivered in the morning. ', 1 + i % 8),
                        (i % 10000) / 100.0,
                        '2026-01-01'::timestamptz + i * interval '1 second'
                 FROM generate_series(1, 35000) i"
            }
        }
    }
}

/// One production database, and the two ways to it.
pub(crate) struct Production {
    /// Slipway's way.
    pub(crate) database: Database,
    /// Everybody else's.
    pub(crate) config: Config,
    pub(crate) contents: Contents,
    pub(crate) size_bytes: u64,
}

impl Production {
    /// Makes one whose contents take at least so many megabytes on the server's disk.
    pub(crate) async fn make(
        server: &Postgres,
        folder: &Folder,
        name: &str,
        contents: Contents,
        megabytes: u64,
    ) -> Result<Self> {
        block_in_place(|| server.create_database(name))?;
        let config: Config = server.url(name).parse().context("read the database's address")?;
        let client = connect(&config).await?;
        client.batch_execute(contents.table()).await.context("make a table")?;
        // For the one who writes while a database takes another's place.
        client
            .batch_execute("CREATE TABLE visits (id bigserial PRIMARY KEY, at timestamptz DEFAULT now())")
            .await?;
        let wanted_bytes = size_of(&client).await? + (megabytes << 20);
        while size_of(&client).await? < wanted_bytes {
            client.batch_execute(contents.batch()).await.context("fill the table")?;
        }
        // What is left to the server to do later must not be done while others measure.
        client.batch_execute("VACUUM ANALYZE").await?;
        let size_bytes = size_of(&client).await?;
        Ok(Self { database: database(server, folder, name).await?, config, contents, size_bytes })
    }

    /// Gets everything to the disk that is on its way there, so that it burdens nobody who is measured.
    pub(crate) async fn settle(&self) -> Result<()> {
        connect(&self.config).await?.batch_execute("CHECKPOINT").await.context("settle the server")?;
        crate::command::succeed(&mut tokio::process::Command::new("sync")).await.map(drop)
    }
}

/// Slipway's way to a database, as an installation describes it.
async fn database(server: &Postgres, folder: &Folder, name: &str) -> Result<Database> {
    let secret = folder.write(&format!("{name}.url"), &server.url(name))?;
    let description = json!({
        "name": "bench",
        "base_source": folder.path(),
        "backup_dir": folder.path(),
        "database": { "url": { "file": secret } },
        // There is none in this.
        "application": { "docker": { "container": "bench", "image": "bench" } },
        "health": { "url": "http://127.0.0.1/" },
    });
    Ok(Installation::parse(&description)?.database().await?)
}

pub(crate) async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("connect to the server")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn size_of(client: &Client) -> Result<u64> {
    let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await?;
    u64::try_from(row.get::<_, i64>(0)).context("read the size of a database")
}
