//! A database of its own for every test.

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

pub(crate) struct Data {
    name: String,
    server: Config,
    runtime: Runtime,
}

impl Data {
    /// Creates an empty database.
    pub(crate) fn empty() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let url = env::var("SLIPWAY_TEST_POSTGRES_URL")
            .expect("SLIPWAY_TEST_POSTGRES_URL is not set; `cargo xtask test` starts Postgres and sets it");
        let server: Config = url.parse().expect("a Postgres URL");
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("portal_test_{}_{number}", std::process::id());
        let data = Self { name, server, runtime: Runtime::new().expect("start a runtime") };
        data.execute_in(&data.server, &format!("create database {}", data.name));
        data
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        let tokio_postgres::config::Host::Tcp(host) = &self.server.get_hosts()[0] else {
            panic!("a host name")
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        format!(
            "host={host} port={} user={} password={} dbname={}",
            self.server.get_ports().first().unwrap_or(&5432),
            self.server.get_user().expect("a user"),
            text(self.server.get_password().unwrap_or_default()),
            self.name,
        )
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.execute_in(self.config().dbname(&self.name), sql);
    }

    /// The first value of the first row.
    pub(crate) fn value(&self, sql: &str) -> String {
        self.runtime.block_on(async {
            let messages =
                connect(self.config().dbname(&self.name)).await.simple_query(sql).await.expect(sql);
            let row = messages.iter().find_map(|message| {
                if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }
            });
            row.expect("a row")
        })
    }

    /// The whole database as `pg_dump` writes it, without what differs between two dumps of the same data.
    pub(crate) fn fingerprint(&self) -> String {
        let (code, dump) = crate::run(Command::new("pg_dump").args(["--dbname", &self.url()]));
        assert_eq!(code, Some(0), "{dump}");
        dump.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect()
    }

    fn config(&self) -> Config {
        self.server.clone()
    }

    fn execute_in(&self, config: &Config, sql: &str) {
        self.runtime.block_on(async { connect(config).await.batch_execute(sql).await }).expect(sql);
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let drop_it = format!("drop database {} with (force)", self.name);
        let dropped = self.runtime.block_on(async {
            let (client, connection) = self.server.connect(NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(&drop_it).await
        });
        // A panic here, while a failed test unwinds, would hide why it failed.
        if let Err(error) = dropped {
            eprintln!("could not {drop_it}: {error}");
        }
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("connect to Postgres");
    tokio::spawn(connection);
    client
}
