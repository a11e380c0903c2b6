//! The Postgres client programs: finding a fitting pair, and their way to the server.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio_postgres::config::{Host, SslMode};

use super::container::DatabaseContainer;
use super::program::{Backends, Program, Sink};
use super::{Database, DatabaseError, Version};

/// Where Debian keeps the programs of each major version side by side.
const VERSIONED: &str = "/usr/lib/postgresql";

/// Where the official images and Debian keep the server's socket.
const SOCKET_FOLDER: &str = "/var/run/postgresql";

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

/// The container that the server runs in, and where it listens there.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    pub(super) container: DatabaseContainer,
    pub(super) host: String,
    pub(super) port: String,
}

impl Database {
    /// Takes the client programs of the container that the server runs in, which fit it exactly, instead of
    /// this machine's.
    ///
    /// # Errors
    /// The server cannot be asked where it listens.
    pub async fn in_container(self, container: DatabaseContainer) -> Result<Self, DatabaseError> {
        let client = self.client().await?;
        // What only a superuser may read is not shown to others, where asking for it would be an error.
        let row = client
            .query_one(
                "SELECT current_setting('listen_addresses'), host(inet_server_addr()), current_setting('port'),
                        (SELECT setting FROM pg_settings WHERE name = 'unix_socket_directories')",
                &[],
            )
            .await
            .context("ask the server where it listens")?;
        let [listens, reached_at, sockets]: [Option<String>; 3] = [row.get(0), row.get(1), row.get(3)];
        let host = host_inside(listens.as_deref(), reached_at, sockets.as_deref());
        let inside = Inside { container, host, port: row.get(2) };
        Ok(Self { inside: Some(inside.into()), ..self })
    }

    /// The client programs to use: those of the server's container where it is known; else of the server's own
    /// version if there are any here, else of the next newer one.
    ///
    /// # Errors
    /// [`DatabaseError::ToolsMissing`] and [`DatabaseError::ToolsTooOld`] need a person.
    pub async fn tools(&self) -> Result<ToolsReport, DatabaseError> {
        let server = self.server_version().await?.major;
        let (found, searched) = match &self.inside {
            Some(inside) => (vec![self.report(Path::new("")).await?], inside.container.name().to_owned()),
            None => self.found_here(server).await?,
        };
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_by_key(|it| it.pg_dump.version.major);
        let newest = found.last().map(|it| it.pg_dump.version.major);
        let fitting = found.into_iter().find(|it| it.pg_dump.version.major >= server);
        match (fitting, newest) {
            (Some(report), _) => Ok(report),
            (None, Some(client)) => Err(DatabaseError::ToolsTooOld { client, server }),
            (None, None) => Err(DatabaseError::ToolsMissing { server, searched }),
        }
    }

    /// The pairs on this machine, none after one that could not fit better; and where they were looked for.
    async fn found_here(&self, server: u32) -> Result<(Vec<Option<ToolsReport>>, String), DatabaseError> {
        let folders = match &self.tools_folder {
            Some(folder) => vec![folder.to_path_buf()],
            None => usual_folders(),
        };
        let mut found = Vec::new();
        for folder in &folders {
            let report = self.report(folder).await?;
            let is_exact = report.as_ref().is_some_and(|it| it.pg_dump.version.major == server);
            found.push(report);
            // Those on the path may be scripts, which take their time to answer.
            if is_exact {
                break;
            }
        }
        let searched: Vec<_> = folders.iter().map(|it| it.display().to_string()).collect();
        Ok((found, searched.join(", ")))
    }

    /// The pair in this folder, if both are there and answer.
    async fn report(&self, folder: &Path) -> Result<Option<ToolsReport>, DatabaseError> {
        let [pg_dump, pg_restore] =
            [self.tool(folder.join("pg_dump")).await?, self.tool(folder.join("pg_restore")).await?];
        Ok(pg_dump.zip(pg_restore).map(|(pg_dump, pg_restore)| ToolsReport { pg_dump, pg_restore }))
    }

    async fn tool(&self, path: PathBuf) -> Result<Option<Tool>, DatabaseError> {
        let mut text = Vec::new();
        let ended = self.place(&path, None).args(["--version"]).end(Sink::Text(&mut text)).await;
        let ended = match (ended, &self.inside) {
            (Err(error), Some(_)) => return Err(error),
            // A file of that name here need not be a program.
            (ended, _) => ended.ok().flatten(),
        };
        let version = ended.and_then(|_| parse_version(String::from_utf8_lossy(&text).trim()));
        Ok(version.map(|version| Tool { path, version }))
    }

    /// A client program that works on files alone.
    pub(super) fn program(&self, tool: &Tool) -> Program {
        self.place(&tool.path, None)
    }

    /// A client program that reaches the server. The password goes by the environment, where only its user's
    /// processes see it. `work` stands for what a repeat would do again.
    pub(super) fn program_at_server(&self, tool: &Tool, work: &str) -> Program {
        let config = &self.config;
        let backends = self.inside.as_ref().map(|_| Backends::of(config, work));
        let name = backends.as_ref().map_or("slipway", Backends::name).to_owned();
        let (host, port) = match self.inside.as_deref() {
            Some(inside) => (inside.host.clone(), inside.port.clone()),
            None => (hosts(config), ports(config)),
        };
        let mut program = self
            .place(&tool.path, backends)
            .env("PGAPPNAME", name)
            .env("PGHOST", host)
            .env("PGPORT", port)
            .env("PGSSLMODE", ssl_mode(config));
        if let Some(user) = config.get_user() {
            program = program.env("PGUSER", user);
        }
        if let Some(password) = config.get_password() {
            program = program.env("PGPASSWORD", OsStr::from_bytes(password));
        }
        program
    }

    fn place(&self, program: &Path, backends: Option<Backends>) -> Program {
        match self.inside.as_deref() {
            Some(inside) => Program::inside(&inside.container, program, backends),
            None => Program::here(program),
        }
    }
}

/// Where a program beside the server reaches it: at the machine's own address if it listens there, else where
/// it was reached, else at its socket.
fn host_inside(listens: Option<&str>, reached_at: Option<String>, sockets: Option<&str>) -> String {
    let is_own = |it: &str| matches!(it.trim(), "*" | "0.0.0.0" | "localhost" | "127.0.0.1");
    if listens.is_some_and(|it| it.split(',').any(is_own)) {
        return "127.0.0.1".to_owned();
    }
    let socket = sockets.and_then(|it| it.split(',').next()).map(str::trim).filter(|it| !it.is_empty());
    reached_at.unwrap_or_else(|| socket.unwrap_or(SOCKET_FOLDER).to_owned())
}

/// The connection string for one database; a plain name could be taken for a connection string.
pub(super) fn connection_string(database: &str) -> String {
    let escaped = database.replace('\\', r"\\").replace('\'', r"\'");
    format!("dbname='{escaped}'")
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

/// Reads `pg_dump (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(text: &str) -> Option<Version> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version.split(|it: char| !it.is_ascii_digit()).next()?;
    Some(Version { major: digits.parse().ok()?, text: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_beside_the_server_takes_the_shortest_way() {
        let cases = [
            (Some("*"), Some("172.17.0.2"), None, "127.0.0.1"),
            (Some("10.0.0.5, localhost"), None, None, "127.0.0.1"),
            (Some("172.17.0.2"), Some("172.17.0.2"), Some("/tmp"), "172.17.0.2"),
            (Some(""), None, Some("/run/db, /tmp"), "/run/db"),
            (Some(""), None, Some(""), SOCKET_FOLDER),
            (None, None, None, SOCKET_FOLDER),
        ];
        for (listens, reached_at, sockets, expected) in cases {
            let host = host_inside(listens, reached_at.map(str::to_owned), sockets);
            assert_eq!(host, expected, "{listens:?} {reached_at:?} {sockets:?}");
        }
    }
}
