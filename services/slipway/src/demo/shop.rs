//! The demo's production: a small web shop with customers and orders in its database.

use std::path::{Path, PathBuf};

use adapters::database::{Database, DatabaseError};
use adapters::installation::Installation;
use adapters::runtime::Runtime;
use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use serde_json::{Value, json};
use tokio::process::Command;

use super::cluster::{Cluster, free_port, succeed};

/// Customers that the shop starts with; three orders each.
const CUSTOMERS: &str = "40";

/// The running shop.
pub(super) struct Shop {
    portal: PathBuf,
    folder: PathBuf,
    port: u16,
    /// Given to the shop's container; its process gets it by reference.
    database_url: String,
    description: Value,
}

/// Where the shop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// As a container
    Docker,
    /// As a process
    Process,
}

impl Place {
    /// The Docker engine where one answers, processes otherwise.
    pub(super) async fn choose() -> Self {
        let mut ask = Command::new("docker");
        ask.args(["version", "--format", "{{.Server.Os}}"]);
        // The container shares this machine's network, so the engine has to be on this machine.
        let on_this_machine = std::env::var("DOCKER_HOST").map_or(true, |host| host.starts_with("unix://"));
        let answers = on_this_machine && succeed(ask, "ask the Docker engine").await.is_ok();
        if answers && cfg!(target_os = "linux") { Place::Docker } else { Place::Process }
    }

    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Place::Docker => "a Docker container",
            Place::Process => "a local process",
        }
    }
}

impl Shop {
    /// Makes the shop's source, database and data.
    pub(super) async fn prepare(
        portal: &Path,
        folder: &Path,
        cluster: &Cluster,
        place: Place,
    ) -> Result<Self> {
        let source = folder.join("source");
        run(portal, ["unpack"], &[&source]).await?;
        cluster.create("shop").await?;
        let url = cluster.url("shop");
        let secret = folder.join("shop-database-url");
        std::fs::write(&secret, &url).context("write the shop's database URL")?;
        let mut seed = Command::new(portal);
        seed.args(["seed", "--rows", CUSTOMERS]).env("DATABASE_URL", &url).current_dir(&source);
        succeed(seed, "fill the shop with customers and orders").await?;
        let port = free_port()?;
        let description = json!({
            "name": "shop",
            "base_source": source,
            "backup_dir": folder.join("backups"),
            "application": match place {
                Place::Docker => json!({ "docker": { "container": format!("slipway-demo-{port}"), "image": "slipway-demo" } }),
                Place::Process => json!({ "process": {
                    "root": folder.join("application"),
                    "build": ["./bin/portal", "build"],
                    "run": ["./bin/portal", "serve"],
                    "env": { "PORT": port.to_string() },
                    "secrets": { "DATABASE_URL": { "file": secret } },
                } }),
            },
            "database": { "url": { "file": secret } },
            "health": {
                "url": format!("http://127.0.0.1:{port}/api/health"),
                "interval_ms": 300,
                "within_seconds": 10,
                "build": "/build",
            },
        });
        Ok(Self {
            portal: portal.to_owned(),
            folder: folder.to_owned(),
            port,
            database_url: url,
            description,
        })
    }

    /// Writes the description as its operator would keep it, and answers the file's path.
    pub(super) fn save_description(&self) -> Result<String> {
        let file = self.folder.join("shop.toml");
        std::fs::write(&file, toml::to_string(&self.description)?).context("write the shop's description")?;
        file.into_os_string().into_string().map_err(|_| anyhow!("the demo's folder has an unreadable name"))
    }

    /// The shop's address.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Starts the first version.
    pub(super) async fn open(&self) -> Result<()> {
        let installation = self.installation()?;
        match self.runtime(&installation)? {
            Runtime::Process(process) => {
                process.install(&installation.base_source).await?;
            }
            Runtime::Docker(docker) => {
                let container = json!({
                    "Env": [
                        format!("DATABASE_URL={}", self.database_url),
                        format!("PORT={}", self.port),
                        "HOST=127.0.0.1",
                    ],
                    "HostConfig": { "NetworkMode": "host", "RestartPolicy": { "Name": "unless-stopped" } },
                });
                docker.install(&installation.base_source, &container).await?;
            }
        }
        Ok(())
    }

    /// Stops whatever version runs.
    pub(super) async fn close(&self) -> Result<()> {
        match self.runtime(&self.installation()?)? {
            Runtime::Process(process) => process.down().await,
            Runtime::Docker(docker) => docker.uninstall().await,
        }
    }

    /// A digest of everything that the shop's database holds.
    pub(super) async fn fingerprint(&self) -> Result<String> {
        let database: Result<Database, DatabaseError> = self.installation()?.database().await;
        let database = database?;
        Ok(database.fingerprint(database.name()).await?.digest())
    }

    /// A developer's sandbox with the feature in it, and the ship message for it.
    pub(super) async fn develop(&self, feature: &str, build: &str, title: &str) -> Result<PathBuf> {
        let sandbox = self.folder.join("sandboxes").join(feature);
        run(&self.portal, ["unpack"], &[&sandbox]).await?;
        let commit =
            ["-c", "user.name=Demo", "-c", "user.email=demo@localhost", "commit", "-q", "-m", "Base"];
        for arguments in [&["init", "-q"][..], &["add", "-A"], &commit] {
            let mut git = Command::new("git");
            git.arg("-C").arg(&sandbox).args(arguments);
            succeed(git, "make the sandbox a git work tree").await?;
        }
        run(&self.portal, ["feature", feature], &[&sandbox]).await?;
        let message = json!({
            "specversion": "1.0",
            "type": "slipway.ship.requested.v1",
            "data": {
                "build": build,
                "title": title,
                "installation": "shop",
                "sandbox": { "directory": sandbox },
                "requested_by": "build-studio",
            },
        });
        let file = self.folder.join(format!("{feature}.json"));
        std::fs::write(&file, message.to_string()).context("write the ship message")?;
        Ok(file)
    }

    fn installation(&self) -> Result<Installation> {
        Ok(Installation::parse(&self.description)?)
    }

    fn runtime(&self, installation: &Installation) -> Result<Runtime> {
        installation.runtime(&self.folder.join("data").join("specifications").join("shop"))
    }
}

async fn run<const N: usize>(program: &Path, arguments: [&str; N], paths: &[&Path]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).args(paths);
    succeed(command, "prepare the sample application").await
}
