//! A private Postgres server.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use rustix::process::Signal;

use crate::daemon::{Daemon, End, Terms};
use crate::folder::Folder;
use crate::interrupt::Interrupt;
use crate::{packages, port, secret};

/// Where Debian and Ubuntu keep the programs, one folder per major version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Postgres refuses to run as root; the distribution's packages make this account.
const ACCOUNT: &str = "postgres";

/// A running server with the superuser `slipway`.
pub struct Postgres {
    // Fields are dropped in this order: the server has ended when its folder goes.
    daemon: Daemon,
    _folder: Folder,
    programs: PathBuf,
    port: u16,
    password: String,
}

/// What the server is for.
pub struct Purpose {
    /// Whether data must survive a crash of the machine; tests are three times faster without.
    pub is_durable: bool,
    /// A second address to listen on, for containers.
    pub also_on: Option<Ipv4Addr>,
}

impl Postgres {
    /// Makes an empty cluster and starts a server on it.
    pub fn start(purpose: &Purpose) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed")?;
        let folder = Folder::create("postgres")?;
        let password = secret::random()?;
        let password_file = folder.write("password", &password)?;
        let log = folder.write("log", "")?;
        let account = rustix::process::geteuid().is_root().then_some(ACCOUNT);
        if let Some(account) = account {
            folder.give_to(account)?;
        }
        // SIGINT: end now, without waiting for clients to leave.
        let terms = Terms { account, end: End::Interrupt };
        let data = folder.join("data");
        initialize(terms.command(programs.join("initdb")), &data, &password_file)?;
        allow_containers(&data, purpose)?;

        let [port] = port::free()?;
        let mut command = terms.command(programs.join("postgres"));
        command.arg("-D").arg(&data);
        for setting in settings(port, purpose) {
            command.args(["-c", &setting]);
        }
        let daemon = Daemon::start("PostgreSQL", terms.end, command, &log)?;
        Ok(Self { daemon, _folder: folder, programs, port, password })
    }

    /// Ends it in order: clients are cut off, data is written.
    pub fn stop(&mut self) -> Result<()> {
        self.daemon.stop()
    }

    /// Ends it as a crash would: clients are cut off, and the next start recovers from the log.
    ///
    /// By SIGQUIT, which all its processes obey at once. Killed by SIGKILL they would end one by one, and
    /// the server does not start again before the last is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.stop_by(Signal::QUIT)
    }

    /// Starts it after [`Postgres::stop`] or [`Postgres::kill`]: same port, same data. Returns before it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        self.daemon.start_again()
    }

    /// Waits until it takes connections.
    pub fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let (programs, port) = (&self.programs, self.port.to_string());
        self.daemon.wait_until_ready(interrupt, || {
            Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()
                .is_ok_and(|status| status.success())
        })
    }

    /// The superuser's address of one of its databases; `postgres` is always there.
    pub fn url(&self, database: &str) -> String {
        self.url_at(Ipv4Addr::LOCALHOST, database)
    }

    /// The same as seen from a second address that it listens on.
    pub fn url_at(&self, host: Ipv4Addr, database: &str) -> String {
        format!("postgres://slipway:{}@{host}:{}/{database}", self.password, self.port)
    }

    /// The address of one of its databases for another user.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@{}:{}/{database}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        let status = Command::new(self.programs.join("createdb"))
            .args(["--maintenance-db", &self.url("postgres"), name])
            .status()
            .context("run createdb")?;
        if !status.success() {
            bail!("cannot create the database {name}");
        }
        Ok(())
    }

    /// Runs a file of SQL in a database, as one transaction.
    pub fn execute(&self, database: &str, file: &Path) -> Result<()> {
        self.execute_with(database, file, &[])
    }

    /// The same with variables in the environment, which the file may get by `\getenv`.
    pub fn execute_with(&self, database: &str, file: &Path, variables: &[(String, String)]) -> Result<()> {
        let status = Command::new(self.programs.join("psql"))
            .envs(variables.iter().cloned())
            .args(["-q", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(file)
            .arg(self.url(database))
            .stdout(Stdio::null())
            .status()
            .context("run psql")?;
        if !status.success() {
            bail!("{} does not run", file.display());
        }
        Ok(())
    }

    /// Its process.
    pub fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }
}

/// The folder with the programs of the newest installed version.
pub fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("initdb").is_file().then_some((version, programs))
        })
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, programs)| programs);
    newest.or_else(|| Some(packages::find("initdb")?.parent()?.to_owned()))
}

fn initialize(mut initdb: Command, data: &Path, password_file: &Path) -> Result<()> {
    let output = initdb
        .args(["--username=slipway", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
        .args(["--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(password_file)
        .arg("-D")
        .arg(data)
        .output()
        .context("run initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Lets every directly connected network in; it listens on no other than the containers' one.
fn allow_containers(data: &Path, purpose: &Purpose) -> Result<()> {
    if purpose.also_on.is_none() {
        return Ok(());
    }
    let path = data.join("pg_hba.conf");
    let mut rules = fs::read_to_string(&path).context("read pg_hba.conf")?;
    rules.push_str("host all all samenet scram-sha-256\n");
    fs::write(&path, rules).context("write pg_hba.conf")
}

fn settings(port: u16, purpose: &Purpose) -> Vec<String> {
    let mut addresses = Ipv4Addr::LOCALHOST.to_string();
    if let Some(address) = purpose.also_on {
        addresses = format!("{addresses},{address}");
    }
    let mut settings = vec![
        format!("port={port}"),
        format!("listen_addresses={addresses}"),
        "unix_socket_directories=".to_owned(),
        // Tests run side by side, each with pools of its own.
        "max_connections=300".to_owned(),
    ];
    if !purpose.is_durable {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings
}
