//! For tests: a Postgres database of one's own on the scratch server, hands inside it, a way to any
//! server that can be cut, a disk that can be filled, and random numbers that come again.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on should stop where it is"
)]

mod disk;
mod proxy;
mod random;

use std::panic::{AssertUnwindSafe, resume_unwind};

pub use disk::Disk;
use futures_util::FutureExt;
pub use proxy::{Network, Proxy};
pub use random::Random;
pub use tokio_postgres::Client;
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

/// The kinds of users that Slipway's processes come as.
const ROLES: &str = include_str!("../../../deploy/roles.sql");

/// An empty database that only one test knows.
pub struct Database {
    name: String,
    config: Config,
    administrator: Client,
    inside: Client,
}

/// Runs a test with a database of its own and drops it, also when the test fails.
pub async fn with_database(test: impl AsyncFnOnce(&Database)) {
    let server: Config = server_url().parse().unwrap();
    let name = format!("slipway_test_{}", Uuid::new_v4().simple());
    let administrator = connect(&server).await;
    for statement in
        [format!("create role {name} superuser login password '{name}'"), format!("create database {name}")]
    {
        administrator.batch_execute(&statement).await.unwrap();
    }
    let mut config = server.clone();
    let inside = connect(config.dbname(&name)).await;
    let database = Database { name, config, administrator, inside };
    let outcome = AssertUnwindSafe(test(&database)).catch_unwind().await;
    database.drop_it().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

impl Database {
    /// Its connection URL, with a user of its own.
    pub fn url(&self) -> String {
        let url = server_url();
        let (_, server) = url.rsplit_once('@').unwrap();
        let (server, _) = server.rsplit_once('/').unwrap();
        format!("postgres://{0}:{0}@{server}/{0}", self.name)
    }

    /// The URL for a user of its own with the rights of one kind of Slipway's processes, such as
    /// `slipway_worker`; they have none before the owner of the tables grants them.
    pub async fn url_of(&self, kind: &str) -> String {
        let user = format!("{}_{kind}", self.name);
        // Users belong to the whole server: tests that make them at once would get in each other's way.
        let create = format!(
            "begin; select pg_advisory_xact_lock(4411); {ROLES}
             do $$ begin
                 if not exists (select from pg_roles where rolname = '{user}') then
                     create role {user} login password '{0}' in role {kind};
                 end if;
             end $$;
             commit;",
            self.name
        );
        self.administrator.batch_execute(&create).await.unwrap();
        let owners = format!("//{0}:{0}@", self.name);
        self.url().replace(&owners, &format!("//{user}:{}@", self.name))
    }

    /// A connection of such a user.
    pub async fn connect_as(&self, kind: &str) -> Client {
        connect(&self.url_of(kind).await.parse().unwrap()).await
    }

    /// Runs statements, one after the other, past the code under test.
    pub async fn run(&self, statements: &str) {
        self.inside.batch_execute(statements).await.unwrap();
    }

    /// Runs a statement that the database must refuse; returns the violated constraint's name.
    pub async fn refused_by(&self, statement: &str) -> String {
        let refused = self.inside.batch_execute(statement).await.expect_err(statement);
        let refused = refused.as_db_error().unwrap();
        refused.constraint().unwrap_or_else(|| panic!("{statement}: {refused}")).to_owned()
    }

    /// The first column of the rows that a query answers with, which must be text.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        self.inside.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The only text that a query answers with.
    pub async fn text(&self, query: &str) -> String {
        let mut texts = self.texts(query).await;
        assert_eq!(texts.len(), 1, "{query}: {texts:?}");
        texts.remove(0)
    }

    /// Another connection, to hold a transaction open with.
    pub async fn connect(&self) -> Client {
        connect(&self.config).await
    }

    /// Takes the database away from whoever came by [`Database::url`]: their connections end, new ones are refused.
    pub async fn take_away(&self) {
        let name = &self.name;
        self.run(&format!("alter role {name} nologin")).await;
        self.end_connections().await;
    }

    /// Ends the connections of the moment of whoever came by [`Database::url`].
    pub async fn end_connections(&self) {
        let name = &self.name;
        self.run(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'"))
            .await;
    }

    /// Gives back what [`Database::take_away`] took.
    pub async fn bring_back(&self) {
        self.run(&format!("alter role {} login", self.name)).await;
    }

    async fn drop_it(self) {
        let name = &self.name;
        let users = "select rolname::text from pg_roles where starts_with(rolname, $1)";
        let users = self.administrator.query(users, &[name]).await.unwrap();
        let users = users.iter().map(|row| format!("drop role {}", row.get::<_, &str>(0)));
        for statement in [format!("drop database {name} with (force)")].into_iter().chain(users) {
            self.administrator.batch_execute(&statement).await.unwrap();
        }
    }
}

fn server_url() -> String {
    let url = std::env::var("SLIPWAY_TEST_POSTGRES_URL");
    url.expect("SLIPWAY_TEST_POSTGRES_URL is not set; run this test with `cargo xtask test`")
}

async fn connect(config: &Config) -> Client {
    let connected = config.connect(NoTls).await;
    let (client, connection) =
        connected.expect("Postgres must run for this test; start it with `cargo xtask test`");
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("a connection to the scratch server ended: {error}");
        }
    });
    client
}
