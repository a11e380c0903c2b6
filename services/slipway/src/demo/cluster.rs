//! A private Postgres cluster from the installed programs, gone when the demo is.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use uuid::Uuid;

/// How long it may take to answer.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running cluster; stopped by [`Cluster::stop`], killed when dropped.
pub(super) struct Cluster {
    server: Child,
    programs: PathBuf,
    password: String,
    port: u16,
}

impl Cluster {
    /// Makes a cluster inside `folder` and waits until it answers on a free port of this machine.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let programs = find_programs()?;
        let data = folder.join("cluster");
        let secret = folder.join("cluster-password");
        let password = Uuid::new_v4().simple().to_string();
        std::fs::create_dir(&data).context("make a folder for the database")?;
        std::fs::write(&secret, &password).context("write the database's password")?;
        let owner = unprivileged_owner()?;
        if let Some((user, group)) = owner {
            for path in [&data, &secret] {
                chown(path, Some(user), Some(group)).context("hand the database's folder over")?;
            }
        }
        let mut initdb = as_owner(&programs.join("initdb"), owner);
        initdb.arg("--pgdata").arg(&data).args([
            "--username=slipway",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
        ]);
        initdb.args(["--locale=C", "--no-sync", "--pwfile"]).arg(&secret);
        succeed(initdb, "make a database cluster").await?;
        let port = free_port()?;
        let mut server = as_owner(&programs.join("postgres"), owner);
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        let server = server
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("cluster.log")).context("make the database's log")?)
            .kill_on_drop(true)
            .spawn()
            .context("start the database")?;
        let cluster = Self { server, programs, password, port };
        cluster.until_ready().await?;
        Ok(cluster)
    }

    /// The URL of a database in the cluster; holds the password.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://slipway:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Creates an empty database.
    pub(super) async fn create(&self, database: &str) -> Result<()> {
        let mut createdb = Command::new(self.programs.join("createdb"));
        createdb.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "slipway", database]);
        createdb.env("PGPASSWORD", &self.password);
        succeed(createdb, "create a database").await
    }

    /// Asks the server to stop and waits for its end.
    pub(super) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.server.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
        {
            // SIGINT is Postgres's fast shutdown: sessions are ended, data is written.
            rustix::process::kill_process(pid, rustix::process::Signal::INT).context("stop the database")?;
        }
        self.server.wait().await.context("wait for the database's end")?;
        Ok(())
    }

    async fn until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let mut asked = Command::new(self.programs.join("pg_isready"));
            asked.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            match succeed(asked, "wait for the database").await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// The folder of the newest installed server.
fn find_programs() -> Result<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql");
    let mut found: Vec<(u32, PathBuf)> = versions
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    found.sort();
    let on_path = std::env::var_os("PATH");
    let on_path =
        on_path.iter().flat_map(std::env::split_paths).find(|folder| folder.join("initdb").exists());
    match found.pop().map(|(_, folder)| folder).or(on_path) {
        Some(folder) => Ok(folder),
        None => bail!(
            "The demo needs PostgreSQL. Install it (Debian, Ubuntu: `apt-get install postgresql`) and try again."
        ),
    }
}

/// Postgres refuses to run as root: root runs it as the user that its package made.
fn unprivileged_owner() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("read the list of users")?;
    let postgres = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut ids = postgres.into_iter().flat_map(|rest| rest.split(':').skip(1)).map(str::parse);
    match (ids.next(), ids.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok(Some((user, group))),
        _ => bail!(
            "Postgres does not run as root, and there is no user postgres. Run the demo as another user."
        ),
    }
}

fn as_owner(program: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}

/// Runs a program to its end; what it said is in the error.
pub(super) async fn succeed(mut command: Command, what: &str) -> Result<()> {
    let output = command.kill_on_drop(true).output().await.with_context(|| what.to_owned())?;
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// A port of this machine that nobody uses at this moment.
pub(super) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}
