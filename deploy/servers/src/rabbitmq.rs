//! A private `RabbitMQ` node.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

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
/// How much of each of its logs is shown when it does not start.
const LAST_LINES: usize = 100;
/// Far more than the kernel needs to close the sockets of a killed node.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Its users and their rights, as they are shipped; the password of each is still to be set.
const DEFINITIONS: &str = include_str!("../../rabbitmq/definitions.json");
/// Who may do everything.
const ADMINISTRATOR: &str = "slipway";

/// A pattern for names of exchanges and queues that begin with any word.
pub const ANY_PREFIX: &str = "[a-z0-9-]+";

/// A running node with the users of every process of Slipway, and a port mapper of its own.
pub struct RabbitMq {
    // Fields are dropped in this order: the node leaves its port mapper, then the folder goes.
    node: Daemon,
    _port_mapper: Daemon,
    folder: Folder,
    variables: Vec<(&'static str, String)>,
    port: u16,
    /// By user.
    passwords: BTreeMap<String, String>,
}

impl RabbitMq {
    /// Starts a node that knows no other and listens on the loopback address only. Its users' rights are for
    /// the names that Slipway gives by itself.
    pub fn start() -> Result<Self> {
        Self::start_for("slipway")
    }

    /// The same with rights for names that begin as the pattern says, such as [`ANY_PREFIX`].
    pub fn start_for(prefix: &str) -> Result<Self> {
        let script = script().context("RabbitMQ is not installed")?;
        let [port, distribution_port, mapper_port] = port::free()?;
        let folder = Folder::create("rabbitmq")?;
        let (definitions, passwords) = definitions(prefix)?;
        let definitions = folder.write("definitions.json", &definitions)?;
        folder.write("enabled_plugins", "[].\n")?;
        folder.write("rabbitmq.conf", &configuration(port, &definitions))?;
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
        Ok(Self { node, _port_mapper: mapper, folder, variables, port, passwords })
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

    /// Waits until it takes connections. A node that does not come up is started once more: RabbitMQ 3.10 has been
    /// seen to stop halfway through a start, without a word.
    ///
    /// # Errors
    /// It did not come up the second time either; what is known of both is part of the error.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let Err(first) = self.wait_once(interrupt) else { return Ok(()) };
        if interrupt.is_raised() {
            return Err(first);
        }
        eprintln!("warning: RabbitMQ is started once more: {first:#}");
        self.kill()?;
        self.start_again()?;
        self.wait_once(interrupt).with_context(|| format!("it did not start before either: {first:#}"))
    }

    fn wait_once(&mut self, interrupt: &Interrupt) -> Result<()> {
        let port = self.port;
        let ready = self.node.wait_until_ready(interrupt, || port::is_open(port));
        if interrupt.is_raised() {
            return ready;
        }
        ready.with_context(|| {
            format!("{}\nRabbitMQ's own log ends with:\n{}", self.what_hangs(), self.last_words())
        })
    }

    /// What its processes wait for, as far as it can be asked.
    fn what_hangs(&self) -> String {
        let asked = self.control(&["--timeout", "20", "eval", "rabbit_diagnostics:maybe_stuck()."]);
        asked.unwrap_or_else(|error| format!("{error:#}"))
    }

    /// The end of what it wrote into its own logs; what it prints does not say why it hangs.
    fn last_words(&self) -> String {
        let logs = fs::read_dir(self.folder.path().join("logs")).into_iter().flatten().flatten();
        let mut words = String::new();
        for log in logs {
            let text = fs::read(log.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            words.push_str(&lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
            words.push('\n');
        }
        words
    }

    /// The address for who may do everything.
    pub fn url(&self) -> String {
        self.url_of(ADMINISTRATOR)
    }

    /// The address for a user; one that nobody lets in where there is no such user.
    pub fn url_of(&self, user: &str) -> String {
        let password = self.passwords.get(user).map_or("", String::as_str);
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    /// The addresses for all its users.
    pub fn urls(&self) -> Vec<String> {
        self.passwords.keys().map(|user| self.url_of(user)).collect()
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

/// The shipped users with passwords, and with rights for names that begin as the pattern says.
fn definitions(prefix: &str) -> Result<(String, BTreeMap<String, String>)> {
    let mut definitions: Value = serde_json::from_str(DEFINITIONS).context("read the broker's users")?;
    let mut passwords = BTreeMap::new();
    for user in entries(&mut definitions, "users")? {
        let password = secret::random()?;
        user["password"] = password.clone().into();
        let name = user["name"].as_str().context("a user has a name")?;
        passwords.insert(name.to_owned(), password);
    }
    for rights in entries(&mut definitions, "permissions")? {
        for right in ["configure", "write", "read"] {
            let pattern = rights[right].as_str().context("a right is a pattern")?;
            rights[right] = pattern.replace(r"slipway\.", &format!(r"{prefix}\.")).into();
        }
    }
    Ok((definitions.to_string(), passwords))
}

fn entries<'a>(definitions: &'a mut Value, key: &str) -> Result<&'a mut Vec<Value>> {
    definitions[key].as_array_mut().with_context(|| format!("no list of {key}"))
}

fn configuration(port: u16, definitions: &Path) -> String {
    // The default disk limit follows the memory's size and would block publishers on small disks.
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         load_definitions = {}\n\
         disk_free_limit.absolute = 100MB\n",
        definitions.display()
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
