//! The distribution's packages that a task needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{postgres, rabbitmq};

/// Where system programs are, also for people whose path leaves these folders out.
const SYSTEM_FOLDERS: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Something that must be installed.
#[derive(Clone, Copy)]
pub enum Need {
    /// The server and its programs.
    Postgres,
    /// The server and its programs.
    RabbitMq,
    /// `dockerd`.
    DockerEngine,
    /// `docker`.
    DockerCommand,
    /// `docker-compose`, whose containers Slipway must leave recognisable to it.
    DockerCompose,
    /// The Docker engine gives containers their names on a network with it.
    Iptables,
    /// Makes and removes the private engine's bridge.
    Ip,
    /// Makes the sandboxes' histories.
    Git,
    /// Shows programs another time of day.
    FakeTime,
}

impl Need {
    fn is_met(self) -> bool {
        match self {
            Self::Postgres => postgres::programs().is_some(),
            Self::RabbitMq => rabbitmq::script().is_some(),
            Self::DockerEngine => find("dockerd").is_some(),
            Self::DockerCommand => find("docker").is_some(),
            Self::DockerCompose => find("docker-compose").is_some(),
            Self::Iptables => find("iptables").is_some(),
            Self::Ip => find("ip").is_some(),
            Self::Git => find("git").is_some(),
            Self::FakeTime => fake_time().is_some(),
        }
    }

    /// Its package under Debian and Ubuntu; of several names the first that exists there.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::RabbitMq => &["rabbitmq-server"],
            Self::DockerEngine => &["docker.io"],
            Self::DockerCommand => &["docker-cli", "docker.io"],
            Self::DockerCompose => &["docker-compose"],
            Self::Iptables => &["iptables"],
            Self::Ip => &["iproute2"],
            Self::Git => &["git"],
            Self::FakeTime => &["faketime"],
        }
    }
}

/// The full path of a program.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The library that shows programs another time of day, where Debian and Ubuntu keep it: in one folder per
/// kind of machine.
pub fn fake_time() -> Option<PathBuf> {
    let kinds = std::fs::read_dir("/usr/lib").ok()?;
    let libraries = kinds.flatten().map(|kind| kind.path().join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|path| path.is_file())
}

/// Installs what is missing, where this account may.
///
/// # Errors
/// Something is missing and cannot be installed from here; the message says what to install.
///
/// # Idempotency
/// Does nothing when nothing is missing.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(become_root) = become_root() else {
        bail!("please install {} first, or run this as root", names(&missing).join(", "));
    };
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "please install {} first: this system has no apt-get, and these names are Debian's",
            names(&missing).join(", ")
        );
    }
    install(become_root, &["update", "-q"])?;
    // Only now are the names of all packages known.
    let names = names(&missing);
    println!("Installing {}", names.join(", "));
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(&names);
    install(become_root, &arguments)?;
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => bail!("{} is installed, but its programs are not there", need.packages()[0]),
        None => Ok(()),
    }
}

/// The beginning of a command line that runs as root: nothing for root, else `sudo` without a question.
fn become_root() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&["env"]);
    }
    let may_sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    may_sudo.then_some(&["sudo", "-n", "env"])
}

fn names(needs: &[Need]) -> Vec<&'static str> {
    let mut names: Vec<&str> = needs
        .iter()
        .map(|need| match need.packages() {
            [only] => only,
            several => several.iter().find(|name| is_known(name)).unwrap_or(&several[several.len() - 1]),
        })
        .copied()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn is_known(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", package])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn install(become_root: &[&str], arguments: &[&str]) -> Result<()> {
    let status = Command::new(become_root[0])
        .args(&become_root[1..])
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments)
        .status()
        .context("run apt-get")?;
    if !status.success() {
        bail!("apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}
