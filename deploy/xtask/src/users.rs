//! As whom each of Slipway's processes comes to its servers: with the rights that it needs, and no more.

use std::collections::BTreeMap;

use anyhow::Result;
use servers::postgres::Postgres;
use servers::secret;

use crate::cargo;
use crate::test_servers::TestServers;

/// The users of Slipway's database, in the order of `deploy/roles.sql`.
const KINDS: [&str; 4] = ["worker", "scheduler", "console", "viewer"];

/// The users of Slipway's database, with their passwords; those of the broker it knows itself.
pub(crate) struct Users(BTreeMap<&'static str, String>);

impl Users {
    /// Makes them, and lets them log in. What they may do is for `slipway database apply` to say.
    pub(crate) fn create(postgres: &Postgres) -> Result<Self> {
        let mut passwords = BTreeMap::new();
        for kind in KINDS {
            passwords.insert(kind, secret::random()?);
        }
        let folder = cargo::root().join("deploy");
        postgres.execute("postgres", &folder.join("roles.sql"))?;
        let variable = |kind: &str| format!("SLIPWAY_{}_DATABASE_PASSWORD", kind.to_uppercase());
        let variables: Vec<_> = passwords.iter().map(|(kind, it)| (variable(kind), it.clone())).collect();
        postgres.execute_with("postgres", &folder.join("bootstrap/logins.sql"), &variables)?;
        Ok(Self(passwords))
    }

    /// Where a role's process finds the database and the broker.
    pub(crate) fn addresses(
        &self,
        role: &str,
        servers: &TestServers,
        database: &str,
    ) -> [(&'static str, String); 2] {
        let kind = match role {
            "scheduler" | "supervisor" => "scheduler",
            "console" => "console",
            _ => "worker",
        };
        let password = self.0.get(kind).map_or("", String::as_str);
        let records = servers.postgres.url_of(&format!("slipway_{kind}"), password, database);
        let broker = servers.rabbitmq.url_of(&format!("slipway-{role}"));
        [("SLIPWAY_DATABASE_URL", records), ("SLIPWAY_AMQP_URL", broker)]
    }
}
