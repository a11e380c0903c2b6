//! `cargo xtask up`: the distributed system on this machine.
//!
//! `RabbitMQ`, Postgres and a Docker engine of its own; one process per role, each as a user of its own; the
//! sample application as an installation. Roles find everything through `SLIPWAY_*` in their environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use servers::daemon::{Daemon, End, Terms};
use servers::docker::Docker;
use servers::folder::Folder;
use servers::interrupt::Interrupt;
use servers::postgres::{Postgres, Purpose};
use servers::rabbitmq::RabbitMq;
use servers::{packages, port};

use crate::application::{self, Application};
use crate::test_servers::{NEEDS, TestServers};
use crate::users::Users;
use crate::{cargo, test};

/// Slipway's own database, never the one that promotions dump and restore.
const DATABASE: &str = "slipway";
/// One process each; the console comes first, because the commands below talk to it.
const ROLES: &[&str] =
    &["console", "scheduler", "supervisor", "ship", "backup", "build", "swap", "health", "cleanup"];

/// Starts everything, says what to try, and stays until Ctrl-C.
pub(crate) fn run(interrupt: &Interrupt) -> Result<()> {
    packages::ensure(NEEDS)?;
    let portal = cargo::build_portal(interrupt)?;
    let program = cargo::build_slipway(interrupt, &[])?;

    println!("Starting RabbitMQ, Docker and Postgres");
    let folder = Folder::create("up")?;
    let mut servers = start_servers(interrupt)?;
    servers.postgres.create_database(DATABASE)?;

    println!("Starting the sample application");
    let application =
        Application::start(interrupt, portal, folder.path(), &servers.docker, &servers.postgres)?;

    println!("Starting Slipway, one process per role");
    let slipway = Slipway::new(program, folder.path(), &servers)?;
    for noun in ["database", "topology"] {
        test::succeed(interrupt, slipway.command().args([noun, "apply"]).envs(slipway.owner.clone()))?;
    }
    let mut roles = slipway.start_roles(&servers)?;
    let console = slipway.console_port;
    roles[0].wait_until_ready(interrupt, || port::is_open(console))?;
    let installation = application.installation(&servers.docker)?;
    test::succeed(interrupt, slipway.command().args(["installations", "apply", "-f"]).arg(installation))?;

    let messages = application.features(interrupt)?;
    slipway.explain(&servers, &application, &messages);
    // The roles end before the servers: values are dropped in reverse.
    interrupt.until_raised(|| {
        for role in &mut roles {
            if let Some(text) = role.ended()? {
                return Ok(Some(text));
            }
        }
        servers.ended()
    })
}

fn start_servers(interrupt: &Interrupt) -> Result<TestServers> {
    let rabbitmq = RabbitMq::start()?;
    let mut docker = Docker::start()?;
    docker.wait_until_ready(interrupt)?;
    let purpose = Purpose { is_durable: true, also_on: Some(docker.gateway()?) };
    let mut servers = TestServers { rabbitmq, docker, postgres: Postgres::start(&purpose)? };
    servers.wait_until_ready(interrupt)?;
    Ok(servers)
}

/// The program, and what its processes need to know.
struct Slipway {
    program: PathBuf,
    folder: PathBuf,
    console_port: u16,
    variables: Vec<(&'static str, String)>,
    /// Where whoever prepares the servers finds them: no process that stays does.
    owner: [(&'static str, String); 2],
    users: Users,
}

impl Slipway {
    fn new(program: PathBuf, folder: &Path, servers: &TestServers) -> Result<Self> {
        let [console_port] = port::free()?;
        let data = folder.join("data");
        fs::create_dir(&data).context("create the data folder")?;
        let users = Users::create(&servers.postgres)?;
        let owner = [
            ("SLIPWAY_DATABASE_URL", servers.postgres.url(DATABASE)),
            ("SLIPWAY_AMQP_URL", servers.rabbitmq.url()),
        ];
        let variables = vec![
            ("SLIPWAY_DATA_DIR", data.display().to_string()),
            ("SLIPWAY_CONSOLE_LISTEN", format!("127.0.0.1:{console_port}")),
            ("SLIPWAY_API_URL", format!("http://127.0.0.1:{console_port}")),
            (application::DATABASE_VARIABLE, servers.postgres.url(application::NAME)),
        ];
        Ok(Self { program, folder: folder.to_owned(), console_port, variables, owner, users })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.envs(self.variables.clone());
        command
    }

    fn start_roles(&self, servers: &TestServers) -> Result<Vec<Daemon>> {
        let terms = Terms { account: None, end: End::Terminate };
        let start = |role: &&str| {
            let mut command = terms.command(&self.program);
            command.args(["serve", role]).envs(self.variables.clone());
            command.envs(self.users.addresses(role, servers, DATABASE));
            Daemon::start(role, terms.end, command, &self.log(role))
        };
        ROLES.iter().map(start).collect()
    }

    fn log(&self, role: &str) -> PathBuf {
        self.folder.join(format!("{role}.log"))
    }

    fn explain(&self, servers: &TestServers, application: &Application, messages: &[PathBuf]) {
        println!("\nThe sample application  {}", application.url());
        println!("Slipway's API           http://127.0.0.1:{}", self.console_port);
        println!("Slipway's database      {}", servers.postgres.url(DATABASE));
        println!("Production database     {}", servers.postgres.url(application::NAME));
        println!("RabbitMQ                {}", servers.rabbitmq.url());
        println!("Docker                  {}", servers.docker.host());
        println!("Logs of the roles       {}", self.log("*").display());
        println!("\nIn another terminal:\n");
        println!("  export SLIPWAY_API_URL=http://127.0.0.1:{}", self.console_port);
        println!("  alias slipway={}", self.program.display());
        for message in messages {
            println!("  slipway ship -f {} --follow", message.display());
        }
        println!("  slipway promotions list");
        println!("  slipway promotions approve CP-…");
        println!("\nCtrl-C ends everything.");
    }
}
