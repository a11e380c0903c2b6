//! The three servers that the tests need, together.

use anyhow::Result;
use servers::docker::Docker;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::postgres::{Postgres, Purpose};
use servers::rabbitmq::{self, RabbitMq};

/// All packages that [`TestServers::start`] needs.
pub(crate) const NEEDS: &[Need] = &[
    Need::Postgres,
    Need::RabbitMq,
    Need::DockerEngine,
    Need::DockerCommand,
    Need::DockerCompose,
    Need::Iptables,
    Need::Ip,
    Need::Git,
];

/// Running servers, ended when dropped.
pub(crate) struct TestServers {
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) docker: Docker,
    pub(crate) postgres: Postgres,
}

impl TestServers {
    /// Starts all three side by side and waits until each answers.
    pub(crate) fn start(interrupt: &Interrupt) -> Result<Self> {
        // Each test has names of its own on the broker.
        let rabbitmq = RabbitMq::start_for(rabbitmq::ANY_PREFIX)?;
        let docker = Docker::start()?;
        let postgres = Postgres::start(&Purpose { is_durable: false, also_on: None })?;
        let mut servers = Self { rabbitmq, docker, postgres };
        servers.wait_until_ready(interrupt)?;
        Ok(servers)
    }

    pub(crate) fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        self.postgres.wait_until_ready(interrupt)?;
        self.docker.wait_until_ready(interrupt)?;
        self.rabbitmq.wait_until_ready(interrupt)
    }

    /// How tests find them.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("SLIPWAY_TEST_POSTGRES_URL", self.postgres.url("postgres")),
            ("SLIPWAY_TEST_AMQP_URL", self.rabbitmq.url()),
            ("SLIPWAY_TEST_AMQP_USERS", self.rabbitmq.urls().join(",")),
            ("SLIPWAY_TEST_DOCKER_HOST", self.docker.host().to_owned()),
        ]
    }

    /// Says which server ended by itself, if one did.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        let daemons = [Some(self.postgres.daemon()), Some(self.rabbitmq.daemon()), self.docker.daemon()];
        for daemon in daemons.into_iter().flatten() {
            if let Some(text) = daemon.ended()? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// Runs the servers until Ctrl-C, for tests of single packages by `cargo test -p …`.
pub(crate) fn run(interrupt: &Interrupt) -> Result<()> {
    packages::ensure(NEEDS)?;
    let mut servers = TestServers::start(interrupt)?;
    for (name, value) in servers.variables() {
        println!("export {name}={value}");
    }
    eprintln!("Set these in another terminal. Ctrl-C ends the servers.");
    interrupt.until_raised(|| servers.ended())
}
