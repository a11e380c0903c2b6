//! Everything that a run owns: servers, the processes of Slipway, folders.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use servers::docker::Engine;
use servers::folder::Folder;
use servers::interrupt::Interrupt;
use servers::packages::{self, Need};
use servers::port;
use servers::postgres::{Postgres, Purpose};
use servers::rabbitmq::RabbitMq;
use transport::{Broker, Names};

use crate::link::Link;
use crate::records::Records;
use crate::role::{ROLES, Role, owns};
use crate::shop::Place;

/// Slipway's own database.
const DATABASE: &str = "slipway";
/// A process that is asked to end may finish its jobs for so long.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// Jobs that a worker runs at once.
const SLOTS: &str = "6";

/// What a run is made of, apart from its shops.
pub(crate) struct World {
    // Fields are dropped in this order: the processes first, then what they need.
    roles: Vec<Role>,
    /// The engine of the shops that are containers.
    engine: Option<Mutex<Engine>>,
    pub(crate) broker: Broker,
    pub(crate) records: Records,
    rabbitmq: Mutex<RabbitMq>,
    postgres: Mutex<Postgres>,
    shops: Postgres,
    console: String,
    pub(crate) slipway: PathBuf,
    folder: Folder,
}

impl World {
    /// Starts it all and waits until the console answers.
    pub(crate) async fn start(
        place: Place,
        slipway: &Path,
        lease: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        packages::ensure(&[Need::Postgres, Need::RabbitMq, Need::Git])?;
        let folder = Folder::create("chaos")?;
        let engine = match place {
            Place::Processes => None,
            Place::Docker => Some(tokio::task::block_in_place(|| start_engine(interrupt))?),
        };
        let containers = engine.as_ref().map(Engine::gateway);
        let (rabbitmq, postgres, shops) =
            tokio::task::block_in_place(|| start_servers(containers, interrupt))?;
        let (to_rabbitmq, to_postgres) = (port_of(&rabbitmq.url())?, port_of(&postgres.url(DATABASE))?);
        let [console_port] = port::free()?;
        let console = format!("127.0.0.1:{console_port}");
        let data = folder.join("data");
        std::fs::create_dir(&data).context("create the data folder")?;

        let broker = Broker::amqp(&rabbitmq.url(), "chaos", Names::default()).await?;
        broker.topology_apply().await?;
        let mut roles = Vec::new();
        for (role, count) in ROLES {
            for number in 1..=count {
                let links = (Link::to(to_rabbitmq).await?, Link::to(to_postgres).await?);
                let through =
                    |url: &str, from: u16, to: u16| url.replace(&format!(":{from}/"), &format!(":{to}/"));
                let variables = [
                    ("SLIPWAY_AMQP_URL", through(&rabbitmq.url(), to_rabbitmq, links.0.port())),
                    ("SLIPWAY_DATABASE_URL", through(&postgres.url(DATABASE), to_postgres, links.1.port())),
                    ("SLIPWAY_DATA_DIR", data.display().to_string()),
                    ("SLIPWAY_CONSOLE_LISTEN", console.clone()),
                    ("SLIPWAY_LEASE_SECONDS", lease.as_secs().to_string()),
                    ("SLIPWAY_GRACE_SECONDS", GRACE.as_secs().to_string()),
                    ("SLIPWAY_WORKER_SLOTS", SLOTS.to_owned()),
                ];
                roles.push(Role::start(slipway, role, number, &variables, links, folder.path())?);
            }
        }
        let records = Records::at(postgres.url(DATABASE));
        let world = Self {
            roles,
            engine: engine.map(Mutex::new),
            broker,
            records,
            rabbitmq: Mutex::new(rabbitmq),
            postgres: Mutex::new(postgres),
            shops,
            console,
            slipway: slipway.to_owned(),
            folder,
        };
        world.until_ready(interrupt).await?;
        Ok(world)
    }

    async fn until_ready(&self, interrupt: &Interrupt) -> Result<()> {
        let limit = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let answer = reqwest::get(format!("http://{}/readyz", self.console)).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if interrupt.is_raised() || tokio::time::Instant::now() > limit {
                bail!("Slipway did not become ready; its logs are in {}", self.folder.path().display());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The processes, by number.
    pub(crate) fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The process that a lease names as its owner, while it runs and nobody waits for its end.
    pub(crate) fn owner(&self, owner: &str) -> Option<usize> {
        self.roles.iter().position(|role| role.process().is_some_and(|process| owns(&process, owner)))
    }

    pub(crate) fn rabbitmq(&self) -> MutexGuard<'_, RabbitMq> {
        self.rabbitmq.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn postgres(&self) -> MutexGuard<'_, Postgres> {
        self.postgres.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the run has an engine that nobody restarts at this moment.
    pub(crate) fn is_engine_there(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.try_lock().is_ok())
    }

    /// The engine of the shops that are containers, where they are; waits while somebody restarts it.
    pub(crate) fn engine(&self) -> Option<MutexGuard<'_, Engine>> {
        self.engine.as_ref().map(|engine| engine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The server of the production databases.
    pub(crate) fn shops(&self) -> &Postgres {
        &self.shops
    }

    /// An address of the HTTP API.
    pub(crate) fn api(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.console)
    }

    /// Where everything of the run is kept.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Slipway's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Kills every process of Slipway, so that nobody starts an application any more.
    pub(crate) fn end_roles(&self) -> Result<()> {
        self.roles.iter().try_for_each(Role::end)
    }

    /// Ends everything but the folder, which stays for whoever looks into it.
    pub(crate) fn keep_folder(self) -> PathBuf {
        let Self { roles, engine, broker, records, rabbitmq, postgres, shops, folder, .. } = self;
        drop((roles, engine, broker, records));
        drop((rabbitmq, postgres, shops));
        folder.keep()
    }
}

fn start_engine(interrupt: &Interrupt) -> Result<Engine> {
    ensure!(rustix::process::geteuid().is_root(), "a private Docker engine needs root: run this as root");
    packages::ensure(&[Need::DockerEngine, Need::DockerCommand, Need::Iptables, Need::Ip])?;
    let mut engine = Engine::start()?;
    engine.wait_until_ready(interrupt)?;
    Ok(engine)
}

fn start_servers(
    containers: Option<Ipv4Addr>,
    interrupt: &Interrupt,
) -> Result<(RabbitMq, Postgres, Postgres)> {
    let mut rabbitmq = RabbitMq::start()?;
    // Killed in the midst of its work, it must still have what it confirmed.
    let mut postgres = Postgres::start(&Purpose { is_durable: true, also_on: None })?;
    let mut shops = Postgres::start(&Purpose { is_durable: false, also_on: containers })?;
    postgres.wait_until_ready(interrupt)?;
    shops.wait_until_ready(interrupt)?;
    postgres.create_database(DATABASE)?;
    rabbitmq.wait_until_ready(interrupt)?;
    Ok((rabbitmq, postgres, shops))
}

fn port_of(url: &str) -> Result<u16> {
    let (_, rest) = url.rsplit_once(':').context("an address has a port")?;
    let (port, _) = rest.split_once('/').context("an address has a path")?;
    port.parse().context("read a port")
}
