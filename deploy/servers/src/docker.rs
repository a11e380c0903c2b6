//! A Docker engine: a private one for root, else the one that answers.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, End, Terms};
use crate::folder::Folder;
use crate::interrupt::Interrupt;
use crate::packages;

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// What a killed engine's containerd needs to be gone; it is killed at the same time.
const GONE_LIMIT: Duration = Duration::from_secs(10);
/// How many bridges this process has made, so that each has a name of its own.
static BRIDGES: AtomicU16 = AtomicU16::new(0);
/// A busy engine answers a ping in milliseconds.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// An engine to use.
pub enum Docker {
    /// Somebody else's.
    Existing {
        /// Its address, as in `DOCKER_HOST`.
        host: String,
    },
    /// Ours, ended with this value.
    Private(Engine),
}

/// A private engine with its own data, its own bridge and no hand on the firewall.
///
/// Published ports go through its proxy processes, which is all that the loopback address needs;
/// so engines side by side cannot break each other's rules.
pub struct Engine {
    // Fields are dropped in this order.
    daemon: Daemon,
    bridge: Bridge,
    folder: Folder,
    host: String,
}

impl Docker {
    /// Takes the engine that `DOCKER_HOST` names; else starts a private one as root; else takes the
    /// system's, if it answers this account.
    pub fn start() -> Result<Self> {
        if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
            if !answers(&host) {
                bail!("DOCKER_HOST is {host}, but no Docker engine answers there: correct or unset it");
            }
            return Ok(Self::Existing { host });
        }
        if rustix::process::geteuid().is_root() {
            return Engine::start().map(Self::Private);
        }
        if answers(DEFAULT_HOST) {
            return Ok(Self::Existing { host: DEFAULT_HOST.to_owned() });
        }
        bail!(
            "no Docker engine answers this account: run this as root to get a private one, \
             or set DOCKER_HOST to one that you may use"
        )
    }

    /// Waits until it answers.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        match self {
            Self::Existing { .. } => Ok(()),
            Self::Private(engine) => engine.wait_until_ready(interrupt),
        }
    }

    /// Its address, as in `DOCKER_HOST`.
    pub fn host(&self) -> &str {
        match self {
            Self::Existing { host } | Self::Private(Engine { host, .. }) => host,
        }
    }

    /// The address under which containers on its default network reach this machine.
    pub fn gateway(&self) -> Result<Ipv4Addr> {
        match self {
            Self::Private(engine) => Ok(engine.gateway()),
            Self::Existing { .. } => {
                let format = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
                let output = command(self.host())
                    .args(["network", "inspect", "bridge", "--format", format])
                    .output()
                    .context("run docker network inspect")?;
                let text = String::from_utf8_lossy(&output.stdout);
                text.trim().parse().context("read the gateway of Docker's default network")
            }
        }
    }

    /// Its process, where it is ours.
    pub fn daemon(&mut self) -> Option<&mut Daemon> {
        match self {
            Self::Existing { .. } => None,
            Self::Private(engine) => Some(&mut engine.daemon),
        }
    }
}

impl Engine {
    /// Starts one, as root, and does not wait until it is ready.
    pub fn start() -> Result<Self> {
        let program = packages::find("dockerd").context("the Docker engine is not installed")?;
        let folder = Folder::create("docker")?;
        let bridge = Bridge::create()?;
        let host = format!("unix://{}", folder.join("docker.sock").display());
        let namespace = format!("slipway-{}", bridge.name);

        let terms = Terms { account: None, end: End::Terminate };
        let mut command = terms.command(program);
        command
            .arg("--data-root")
            .arg(folder.join("data"))
            .arg("--exec-root")
            .arg(folder.join("exec"))
            .arg("--pidfile")
            .arg(folder.join("pid"))
            .args(["--host", &host])
            .args(["--bridge", &bridge.name])
            .args(["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"])
            // Small networks: tests make many, and the default pools hold thirty.
            .args(["--default-address-pool", "base=10.214.0.0/16,size=24"])
            // A containerd of the system, where there is one, keeps the two engines' containers apart.
            .args(["--containerd-namespace", &namespace])
            .args(["--containerd-plugins-namespace", &format!("{namespace}-plugins")])
            .args(["--shutdown-timeout", "3"]);
        let daemon = Daemon::start("the Docker engine", terms.end, command, &folder.join("log"))?;
        Ok(Self { daemon, bridge, folder, host })
    }

    /// Its address, as in `DOCKER_HOST`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address under which containers reach this machine.
    pub fn gateway(&self) -> Ipv4Addr {
        self.bridge.gateway
    }

    /// Waits until it answers.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let host = &self.host;
        self.daemon.wait_until_ready(interrupt, || answers(host))
    }

    /// Ends it in order, with its containers.
    pub fn stop(&mut self) -> Result<()> {
        self.daemon.stop()
    }

    /// Ends it as a crash would: containers run on until it is started again.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.kill()?;
        // Its containerd dies with it, a moment later; one started before would wait for it in vain.
        let Ok(id) = fs::read_to_string(self.folder.join("exec/containerd/containerd.pid")) else {
            return Ok(());
        };
        let process = Path::new("/proc").join(id.trim());
        Interrupt::never()
            .poll("the engine's containerd is gone", GONE_LIMIT, || Ok((!process.exists()).then_some(())))
    }

    /// Starts it after [`Engine::stop`] or [`Engine::kill`]: same address, same data. Returns before it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.daemon.start_again()
    }

    /// Removes what would outlive the engine: running containers, and the bridges of its networks.
    fn clear(&mut self) -> Result<()> {
        if self.daemon.id().is_none() {
            // Killed and left so; its containers may still run, and only an engine can end them.
            self.start_again()?;
            self.wait_until_ready(&Interrupt::never())?;
        }
        if !answers(&self.host) {
            return Ok(());
        }
        let containers = list(&self.host, &["ps", "--all", "--quiet"])?;
        if !containers.is_empty() {
            list(&self.host, &[&["rm", "--force", "--volumes"], as_strs(&containers).as_slice()].concat())?;
        }
        list(&self.host, &["network", "prune", "--force"])?;
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            eprintln!("warning: the private Docker engine is not cleared: {error:#}");
        }
    }
}

/// A network bridge on this machine, removed when dropped.
struct Bridge {
    name: String,
    gateway: Ipv4Addr,
}

impl Bridge {
    fn create() -> Result<Self> {
        // Fifteen characters are the longest name of an interface.
        let name = format!("slip{}-{}", std::process::id(), BRIDGES.fetch_add(1, Ordering::Relaxed));
        let taken = ip(&["-4", "-o", "route", "show", "table", "all"])?;
        let third = (0..=u8::MAX)
            .find(|third| !taken.contains(&format!("10.213.{third}.")))
            .context("no free network for a bridge")?;
        let gateway = Ipv4Addr::new(10, 213, third, 1);
        ip(&["link", "add", &name, "type", "bridge"])
            .context("make a network bridge for a private Docker engine")?;
        // From here on the bridge goes when this value goes, also when a next line fails.
        let bridge = Self { name, gateway };
        ip(&["address", "add", &format!("{gateway}/24"), "dev", &bridge.name])?;
        ip(&["link", "set", &bridge.name, "up"])?;
        Ok(bridge)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Err(error) = ip(&["link", "delete", &self.name]) {
            eprintln!("warning: the network bridge {} stays behind: {error:#}", self.name);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<String> {
    let program = packages::find("ip").context("the program ip is not installed")?;
    output(Command::new(program).args(arguments))
}

/// A `docker` command line for the engine at `host`.
pub fn command(host: &str) -> Command {
    let mut command = Command::new("docker");
    // The classic builder needs no plug-in; a person's own context must not win over the address.
    command.env("DOCKER_HOST", host).env("DOCKER_BUILDKIT", "0").env_remove("DOCKER_CONTEXT");
    command
}

fn list(host: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let text = output(command(host).args(arguments))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn as_strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether an engine answers at an address of the kind `unix://…` or `tcp://…`.
fn answers(host: &str) -> bool {
    let ping = || -> std::io::Result<bool> {
        if let Some(path) = host.strip_prefix("unix://") {
            let stream = UnixStream::connect(Path::new(path))?;
            stream.set_read_timeout(Some(PING_LIMIT))?;
            return is_pong(stream);
        }
        let stream = TcpStream::connect(host.strip_prefix("tcp://").unwrap_or(host))?;
        stream.set_read_timeout(Some(PING_LIMIT))?;
        is_pong(stream)
    };
    ping().unwrap_or(false)
}

fn is_pong(mut stream: impl std::io::Read + std::io::Write) -> std::io::Result<bool> {
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}
