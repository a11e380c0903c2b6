//! A database of a test's own on the scratch cluster, with a user of its own who owns it.

use adapters::database::{Database as Production, DatabaseSettings, Fingerprint};
use anyhow::Result;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::{removal, servers};

/// The kinds of users that Slipway's processes come as.
const ROLES: &str = include_str!("../../../../deploy/roles.sql");

/// A database, removed with its users and every copy that was made of it when dropped.
pub(crate) struct Database {
    name: String,
    password: String,
}

impl Database {
    /// Makes an empty one; `what` begins its name.
    pub(crate) async fn create(what: &str) -> Self {
        let name = format!("{what}_{}", random_word());
        // A word that can stand nowhere by chance, so that it can be looked for.
        let password = format!("canary-{}", uuid::Uuid::new_v4().simple());
        let database = Self { name, password };
        let admin = connect(&servers::postgres()).await.unwrap();
        // What may be done with a production database is for its owner to say, not for a superuser.
        let role = "select format('create role %I login createdb password %L', $1::text, $2::text)";
        execute(&admin, role, &[&database.name, &database.password]).await.unwrap();
        execute(&admin, "select format('create database %1$I owner %1$I', $1::text)", &[&database.name])
            .await
            .unwrap();
        database
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The word that nobody may ever see.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The owner's way in, from this machine.
    pub(crate) fn url(&self) -> String {
        let (host, port) = cluster();
        self.url_at(&host, port)
    }

    /// The owner's way in, from where the cluster has this address.
    pub(crate) fn url_at(&self, host: &str, port: u16) -> String {
        format!("postgres://{0}:{1}@{host}:{port}/{0}", self.name, self.password)
    }

    /// The way in for a user of its own with the rights of one kind of Slipway's processes, such as
    /// `slipway_worker`.
    pub(crate) async fn url_of(&self, kind: &str) -> String {
        let admin = connect(&servers::postgres()).await.unwrap();
        // Users belong to the whole server: tests that make them at once would get in each other's way.
        admin.batch_execute(&format!("begin; select pg_advisory_xact_lock(4411); {ROLES}")).await.unwrap();
        let user = format!("{}_{kind}", self.name);
        let role =
            "select format('create role %I login password %L in role %I', $1::text, $2::text, $3::text)";
        execute(&admin, role, &[&user, &self.password, &kind.to_owned()]).await.unwrap();
        admin.batch_execute("commit").await.unwrap();
        let (host, port) = cluster();
        format!("postgres://{user}:{}@{host}:{port}/{}", self.password, self.name)
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// The one number that the query answers.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        self.client().await.query_one(query, &[]).await.unwrap().get(0)
    }

    /// The one number that the query answers in a copy of it that is closed to everybody.
    pub(crate) async fn number_in_copy(&self, copy: &str, query: &str) -> i64 {
        let admin = connect(&servers::postgres()).await.unwrap();
        let open = "select format('alter database %I with allow_connections true', $1::text)";
        execute(&admin, open, &[&copy.to_owned()]).await.unwrap();
        let url = self.url();
        let (server, _) = url.rsplit_once('/').unwrap();
        let inside = connect(&format!("{server}/{copy}")).await.unwrap();
        inside.query_one(query, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn execute(&self, statement: &str) {
        self.client().await.batch_execute(statement).await.unwrap();
    }

    /// Closes it to everybody, as somebody does who renames it and dies before that.
    pub(crate) async fn close(&self) {
        let admin = connect(&servers::postgres()).await.unwrap();
        let close = "select format('alter database %I with allow_connections false', $1::text)";
        execute(&admin, close, &[&self.name]).await.unwrap();
    }

    /// Says whether the owner may make databases, and with it copies of this one.
    pub(crate) async fn allow_databases(&self, may: bool) {
        let admin = connect(&servers::postgres()).await.unwrap();
        let word = if may { "createdb" } else { "nocreatedb" };
        let statement = format!("select format('alter role %I {word}', $1::text)");
        execute(&admin, &statement, &[&self.name]).await.unwrap();
    }

    pub(crate) async fn fingerprint(&self) -> Fingerprint {
        let settings = DatabaseSettings { url: self.url(), tools: None };
        let production = Production::connect(settings).await.unwrap();
        production.fingerprint(&self.name).await.unwrap()
    }

    /// This database and the copies that were made of it, by name.
    pub(crate) async fn family(&self) -> Vec<String> {
        let admin = connect(&servers::postgres()).await.unwrap();
        family(&admin, &self.name).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        removal::complete(async move {
            let admin = connect(&servers::postgres()).await?;
            for member in family(&admin, name).await? {
                execute(&admin, "select format('drop database %I with (force)', $1::text)", &[&member])
                    .await?;
            }
            let users = "select rolname::text from pg_roles where starts_with(rolname, $1)";
            for user in admin.query(users, &[name]).await? {
                execute(&admin, "select format('drop role %I', $1::text)", &[&user.get(0)]).await?;
            }
            Ok(())
        });
    }
}

async fn family(admin: &Client, name: &str) -> Result<Vec<String>> {
    let query = "select datname::text from pg_database where starts_with(datname, $1) order by 1";
    Ok(admin.query(query, &[&name]).await?.iter().map(|row| row.get(0)).collect())
}

/// Executes the statement that the query makes: the server itself quotes what stands in it.
async fn execute(admin: &Client, query: &str, parameters: &[&String]) -> Result<()> {
    let parameters: Vec<_> =
        parameters.iter().map(|it| *it as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
    let statement: String = admin.query_one(query, &parameters).await?.get(0);
    Ok(admin.batch_execute(&statement).await?)
}

pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Where the scratch cluster listens.
pub(crate) fn cluster() -> (String, u16) {
    let config: Config = servers::postgres().parse().unwrap();
    match (&config.get_hosts()[0], config.get_ports()[0]) {
        (Host::Tcp(host), port) => (host.clone(), port),
        (Host::Unix(folder), _) => panic!("the cluster listens in {} only", folder.display()),
    }
}

/// Eight letters and digits that are nobody else's.
pub(crate) fn random_word() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
}
