//! The Postgres client programs: finding a fitting pair and running them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio_postgres::config::{Host, SslMode};

use super::{Database, DatabaseError, Version};

/// Where Debian keeps the programs of each major version side by side.
const VERSIONED: &str = "/usr/lib/postgresql";

/// How much of a program's complaint is kept: its end says what stopped it.
const COMPLAINT_LINES: usize = 20;

/// One client program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Where it is.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
}

/// The client programs chosen for the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolsReport {
    /// Writes backups.
    pub pg_dump: Tool,
    /// Reads them.
    pub pg_restore: Tool,
}

impl Database {
    /// The client programs to use: of the server's own version if there are any, else of the
    /// next newer one.
    ///
    /// # Errors
    /// [`DatabaseError::ToolsMissing`] and [`DatabaseError::ToolsTooOld`] need a person.
    pub async fn tools(&self) -> Result<ToolsReport, DatabaseError> {
        let server = self.server_version().await?.major;
        let folders = match &self.tools_folder {
            Some(folder) => vec![folder.to_path_buf()],
            None => usual_folders(),
        };
        let mut found = Vec::new();
        for folder in &folders {
            found.extend(report(folder).await);
        }
        found.sort_by_key(|it| it.pg_dump.version.major);
        let newest = found.last().map(|it| it.pg_dump.version.major);
        let fitting = found.into_iter().find(|it| it.pg_dump.version.major >= server);
        match (fitting, newest) {
            (Some(report), _) => Ok(report),
            (None, Some(client)) => Err(DatabaseError::ToolsTooOld { client, server }),
            (None, None) => Err(DatabaseError::ToolsMissing { server, searched: searched(&folders) }),
        }
    }

    /// A command that reaches the server. The password goes by the environment, where only this
    /// user's processes see it; nothing of our own environment that could mislead it gets through.
    pub(super) fn command(&self, tool: &Tool) -> Command {
        let config = &self.config;
        let mut command = Command::new(&tool.path);
        command
            .env_clear()
            .envs(
                ["PATH", "HOME", "LD_LIBRARY_PATH"]
                    .iter()
                    .filter_map(|name| std::env::var_os(name).map(|value| (*name, value))),
            )
            .envs([("LC_ALL", "C"), ("PGAPPNAME", "slipway"), ("PGCONNECT_TIMEOUT", "10")])
            .env("PGHOST", hosts(config))
            .env("PGPORT", ports(config))
            .env("PGSSLMODE", ssl_mode(config))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(user) = config.get_user() {
            command.env("PGUSER", user);
        }
        if let Some(password) = config.get_password() {
            use std::os::unix::ffi::OsStrExt;
            command.env("PGPASSWORD", OsStr::from_bytes(password));
        }
        command
    }
}

/// The connection string for one database; a plain name could be taken for a connection string.
pub(super) fn connection_string(database: &str) -> String {
    let escaped = database.replace('\\', r"\\").replace('\'', r"\'");
    format!("dbname='{escaped}'")
}

/// Runs a program to its end.
pub(super) async fn run(mut command: Command) -> anyhow::Result<()> {
    let program = command.as_std().get_program().display().to_string();
    let output = command.output().await.with_context(|| format!("start {program}"))?;
    succeeded(&program, output.status, &output.stderr)
}

/// Turns a program's end into an error that carries its last words.
pub(super) fn succeeded(program: &str, status: ExitStatus, stderr: &[u8]) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(COMPLAINT_LINES)..];
    bail!("{program} ended with {status}: {}", last.join("\n"))
}

/// Hosts for people's shells and for the client programs, as `PGHOST` wants them.
pub(super) fn hosts(config: &tokio_postgres::Config) -> String {
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
    hosts.join(",")
}

/// Ports as `PGPORT` wants them.
pub(super) fn ports(config: &tokio_postgres::Config) -> String {
    let ports: Vec<_> = config.get_ports().iter().map(u16::to_string).collect();
    ports.join(",")
}

fn ssl_mode(config: &tokio_postgres::Config) -> &'static str {
    match config.get_ssl_mode() {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        SslMode::Prefer | _ => "prefer",
    }
}

/// Debian's own folders first: the programs it puts on the path choose a version by themselves.
fn usual_folders() -> Vec<PathBuf> {
    let versioned =
        std::fs::read_dir(VERSIONED).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    versioned.chain(std::env::split_paths(&path)).collect()
}

fn searched(folders: &[PathBuf]) -> String {
    let folders: Vec<_> = folders.iter().map(|it| it.display().to_string()).collect();
    folders.join(", ")
}

/// The pair in this folder, if both are there and answer.
async fn report(folder: &Path) -> Option<ToolsReport> {
    Some(ToolsReport {
        pg_dump: tool(folder.join("pg_dump")).await?,
        pg_restore: tool(folder.join("pg_restore")).await?,
    })
}

async fn tool(path: PathBuf) -> Option<Tool> {
    let output = Command::new(&path).arg("--version").kill_on_drop(true).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = parse_version(text.trim())?;
    Some(Tool { path, version })
}

/// Reads `pg_dump (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(text: &str) -> Option<Version> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version.split(|it: char| !it.is_ascii_digit()).next()?;
    Some(Version { major: digits.parse().ok()?, text: version.to_owned() })
}
