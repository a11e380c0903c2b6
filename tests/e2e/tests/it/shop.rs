//! A shop in production: source, data, a running application, and the description of it all.

use std::path::Path;

use adapters::installation::{Application, Installation};
use adapters::runtime::Process;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::container::{Container, Reach};
use crate::database::Database;
use crate::patience::eventually;
use crate::program::{portal, succeed};
use crate::servers;

/// Customers that a shop begins with; three orders each.
const CUSTOMERS: &str = "30";

/// Where a shop's application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Processes,
    Docker,
    /// The same with the database in a container beside it.
    DockerWithData,
}

/// A running shop; everything of it is gone when it is dropped.
///
/// Made before the system that ships to it, so that it is dropped after it: nobody starts anything anew.
pub(crate) struct Shop {
    name: String,
    port: u16,
    description: Value,
    container: Option<Container>,
    pub(crate) database: Database,
    folder: TempDir,
}

impl Shop {
    /// Opens a shop whose description differs from the usual by `changes`.
    pub(crate) async fn open(place: Place, changes: Value) -> Self {
        let folder = tempfile::Builder::new().prefix("slipway-e2e-shop-").tempdir().unwrap();
        let source = folder.path().join("source");
        portal(&["unpack"], &source).await;
        let database = Database::create("e2e_shop").await;
        let mut seed = Command::new(servers::portal());
        seed.args(["seed", "--rows", CUSTOMERS]).env("DATABASE_URL", database.url()).current_dir(&source);
        succeed(&mut seed).await;
        let secret = folder.path().join("database-url");
        std::fs::write(&secret, database.url()).unwrap();

        let name = database.name().replace('_', "-");
        let port = free_port();
        let reach = match place {
            Place::Processes => None,
            Place::Docker => Some(Reach::Machine),
            Place::DockerWithData => Some(Reach::Neighbor),
        };
        let container = match reach {
            Some(reach) => Some(Container::run(&name, &source, &database, port, reach).await),
            None => None,
        };
        let application = container.as_ref().map_or_else(
            || {
                json!({ "process": {
                    "root": folder.path().join("application"),
                    "build": ["./bin/portal", "build"],
                    "run": ["./bin/portal", "serve"],
                    "env": { "PORT": port.to_string() },
                    "secrets": { "DATABASE_URL": { "file": secret } },
                } })
            },
            Container::description,
        );
        let mut description = json!({
            "name": name,
            "base_source": source,
            "backup_dir": folder.path().join("backups"),
            "application": application,
            "database": { "url": { "file": secret } },
            "health": {
                "url": format!("http://127.0.0.1:{port}/api/health"),
                "interval_ms": 100,
                "within_seconds": 3,
                "build": "/build",
            },
        });
        merge(&mut description, changes);
        let shop = Self { name, port, description, container, database, folder };
        shop.start().await;
        shop
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn description(&self) -> &Value {
        &self.description
    }

    /// From now on its description differs by `changes`.
    pub(crate) fn redescribe(&mut self, changes: Value) {
        merge(&mut self.description, changes);
    }

    pub(crate) fn container(&self) -> Option<&Container> {
        self.container.as_ref()
    }

    /// The description in a file, as its operator keeps it.
    pub(crate) fn save_description(&self) -> String {
        let file = self.folder().join("shop.toml");
        std::fs::write(&file, toml::to_string(&self.description).unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Asks the application for a page: status and body, or nothing when nobody answers.
    pub(crate) async fn page(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", self.port)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// The build that serves, if a healthy one does.
    pub(crate) async fn serving(&self) -> Option<String> {
        let (status, body) = self.page("/api/health").await?;
        let body: Value = serde_json::from_str(&body).ok()?;
        (status == 200).then(|| body["build"].as_str().unwrap().to_owned())
    }

    /// The folder in which the process runtime keeps what it has made.
    pub(crate) fn application_folder(&self) -> std::path::PathBuf {
        self.description["application"]["process"]["root"].as_str().unwrap().into()
    }

    /// Brings the application down as a power cut would leave it: its records still say that it runs.
    pub(crate) async fn break_down(&self) {
        self.process().unwrap().down().await.unwrap();
    }

    async fn start(&self) {
        if self.container.is_none() {
            let source = self.folder().join("source");
            self.process().unwrap().install(&source).await.unwrap();
        }
        eventually("the shop opens", async || self.serving().await).await;
    }

    fn process(&self) -> Result<Process> {
        let Ok(installation) = Installation::parse(&self.description) else {
            bail!("the shop's description is wrong")
        };
        let Application::Process(application) = &installation.application else { bail!("it runs elsewhere") };
        let mut settings = application.settings(&self.name).context("read the shop's settings")?;
        settings.keeper = Some(servers::slipway());
        Process::new(settings)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if self.container.is_none() {
            crate::removal::complete(async { self.process()?.down().await });
        }
    }
}

/// A port of this machine that nobody uses at this moment.
pub(crate) fn free_port() -> u16 {
    let [port] = ::servers::port::free().unwrap();
    port
}

/// Puts `changes` into `value`: objects are merged, anything else is replaced.
pub(crate) fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(value), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(value.entry(key).or_insert(Value::Null), change);
            }
        }
        (value, change) => *value = change,
    }
}
