//! A private `RabbitMQ` node.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, End, Terms};
use crate::folder::Folder;
use crate::interrupt::Interrupt;
use crate::{port, secret};

/// Debian's own `rabbitmq-server` in the path insists on the system's folders; this one behind it does not.
const SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// The same holds for `rabbitmqctl`.
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// The packages make this account; a broker has no business running as root.
const ACCOUNT: &str = "rabbitmq";
/// Far more than the kernel needs to close the sockets of a killed node.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// A running node with one user, `guest`, and a port mapper of its own.
pub struct RabbitMq {
    // Fields are dropped in this order: the node leaves its port mapper, then the folder goes.
    node: Daemon,
    _port_mapper: Daemon,
    folder: Folder,
    variables: Vec<(&'static str, String)>,
    port: u16,
    password: String,
}

impl RabbitMq {
    /// Starts a node that knows no other and listens on the loopback address only.
    pub fn start() -> Result<Self> {
        let script = script().context("RabbitMQ is not installed")?;
        let [port, distribution_port, mapper_port] = port::free()?;
        let password = secret::random()?;
        let folder = Folder::create("rabbitmq")?;
        folder.write("enabled_plugins", "[].\n")?;
        folder.write("rabbitmq.conf", &configuration(port, &password))?;
        for name in ["home", "data", "logs"] {
            fs::create_dir(folder.join(name)).with_context(|| format!("create the folder {name}"))?;
        }
        let account = account();
        if let Some(account) = account {
            folder.give_to(account)?;
        }
        let terms = Terms { account, end: End::Terminate };

        // Left to itself, the node would start a port mapper that stays for ever.
        let mut command = terms.command("epmd");
        command.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = Daemon::start("epmd", terms.end, command, &folder.join("epmd.log"))?;

        let mut command = terms.command(script);
        let variables = environment(&folder, distribution_port, mapper_port);
        command.current_dir(folder.path()).envs(variables.clone());
        let node = Daemon::start("RabbitMQ", terms.end, command, &folder.join("output.log"))?;
        Ok(Self { node, _port_mapper: mapper, folder, variables, port, password })
    }

    /// Ends it in order; queues and messages that are durable stay.
    pub fn stop(&mut self) -> Result<()> {
        self.node.stop()
    }

    /// Ends it as a crash would, and waits until nobody answers at its port any more.
    pub fn kill(&mut self) -> Result<()> {
        self.node.kill()?;
        // The node is a child of the process that was waited for, and outlives it by some milliseconds.
        let port = self.port;
        Interrupt::never().poll("the killed node's port is closed", CLOSE_LIMIT, || {
            Ok((!port::is_open(port)).then_some(()))
        })
    }

    /// Starts it after [`RabbitMq::stop`] or [`RabbitMq::kill`]: same port, same queues. Returns before it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.node.start_again()
    }

    /// Runs `rabbitmqctl` on the node and gives what it prints. Takes seconds.
    ///
    /// # Errors
    /// The node is away, or refuses; the error is what the program says.
    pub fn control(&self, arguments: &[&str]) -> Result<String> {
        let terms = Terms { account: account(), end: End::Terminate };
        let output = terms
            .command(CONTROL)
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.variables.clone())
            .stdin(Stdio::null())
            .output()
            .context("run rabbitmqctl")?;
        if !output.status.success() {
            bail!("rabbitmqctl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until it takes connections.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let port = self.port;
        self.node.wait_until_ready(interrupt, || port::is_open(port))
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        format!("amqp://guest:{}@127.0.0.1:{}/%2f", self.password, self.port)
    }

    /// Its process.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.node
    }
}

/// The program that starts a node.
pub fn script() -> Option<&'static Path> {
    let script = Path::new(SCRIPT);
    script.is_file().then_some(script)
}

fn account() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some(ACCOUNT)
}

fn configuration(port: u16, password: &str) -> String {
    // The default disk limit follows the memory's size and would block publishers on small disks.
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         default_user = guest\n\
         default_pass = {password}\n\
         disk_free_limit.absolute = 100MB\n"
    )
}

fn environment(folder: &Folder, distribution_port: u16, mapper_port: u16) -> Vec<(&'static str, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", path("home")),
        ("RABBITMQ_NODENAME", format!("slipway-{}@localhost", std::process::id())),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("logs")),
        ("RABBITMQ_DIST_PORT", distribution_port.to_string()),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
    ]
}
