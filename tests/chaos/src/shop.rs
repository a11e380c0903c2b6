//! A shop in production: source, data, a running application, and the description of it all.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use adapters::installation::{Application, Installation};
use adapters::runtime::Process;
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use servers::port;
use tokio::process::Command;

use crate::container::Container;
use crate::feature::SHORT_LIMIT_SECONDS;
use crate::records::connect;
use crate::world::World;

/// How long a promotion may take elsewhere than in a shop that is in a hurry.
const LIMIT_SECONDS: u64 = 120;

/// A row of its own for every feature that takes effect, so that one that does so twice, or not at all, is seen.
const EFFECTS: &str = "create table effects (
    id bigint generated always as identity primary key,
    feature text not null,
    at timestamptz not null default clock_timestamp()
);
";

/// Notes every start of the application, and whether another one still runs.
const RUN: &str = r#"#!/bin/sh
exec 9>>"$SHOP/lock"
if ! flock --nonblock 9; then
    echo "double $$ $(date +%s.%N) $(tr -d '\n' < slipway.json)" >> "$SHOP/starts"
fi
echo "start $$ $(date +%s.%N) $(tr -d '\n' < slipway.json)" >> "$SHOP/starts"
exec "$PORTAL" serve
"#;

/// Where the shops' applications run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Processes,
    Docker,
}

/// What all shops begin with.
pub(crate) struct Model {
    portal: PathBuf,
    /// A git work tree of the source, committed.
    pub(crate) sandbox: PathBuf,
    source: PathBuf,
}

/// A running shop.
pub(crate) struct Shop {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Where its application answers.
    address: SocketAddr,
    /// Its application, where that is a container.
    pub(crate) container: Option<Container>,
    /// Promotions have little time here.
    pub(crate) is_in_a_hurry: bool,
    pub(crate) database: String,
    pub(crate) url: String,
    description: Value,
}

impl Model {
    /// Unpacks the sample application into the folder.
    pub(crate) async fn make(place: Place, portal: &Path, folder: &Path) -> Result<Self> {
        let source = folder.join("source");
        succeed(Command::new(portal).arg("unpack").arg(&source)).await?;
        match place {
            // The program lies outside of the source: copying it a thousand times would test nothing.
            Place::Processes => {
                std::fs::remove_dir_all(source.join("bin")).context("leave the program out of the source")?;
            }
            Place::Docker => {}
        }
        std::fs::write(source.join("migrations/0004_create_effects.sql"), EFFECTS)?;
        let sandbox = folder.join("sandbox");
        copy(&source, &sandbox)?;
        let identity = ["-c", "user.name=Dev", "-c", "user.email=dev@example.com"];
        for words in [&["init", "--quiet", "--template="][..], &["add", "--all"], &["commit", "-qm", "Base"]]
        {
            succeed(Command::new("git").arg("-C").arg(&sandbox).args(identity).args(words)).await?;
        }
        Ok(Self { portal: portal.to_owned(), sandbox, source })
    }
}

impl Shop {
    /// Opens the shop of this number.
    pub(crate) async fn open(
        world: &World,
        model: &Model,
        number: usize,
        is_in_a_hurry: bool,
    ) -> Result<Self> {
        let name = format!("shop-{number}");
        let database = format!("shop_{number}");
        let folder = world.folder().join(&name);
        std::fs::create_dir(&folder).context("make a shop's folder")?;
        tokio::task::block_in_place(|| world.shops().create_database(&database))?;
        let url = world.shops().url(&database);
        let seed = ["seed", "--rows", "10"];
        let mut command = Command::new(&model.portal);
        succeed(command.args(seed).env("DATABASE_URL", &url).current_dir(&model.source)).await?;
        let secret = folder.join("database-url");
        std::fs::write(&secret, &url).context("write the shop's database address")?;
        let [port] = port::free()?;
        let engine = world.engine().map(|engine| (engine.host().to_owned(), engine.gateway()));
        let (address, container) = match engine {
            None => (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), None),
            Some((host, gateway)) => {
                let inside = world.shops().url_at(gateway, &database);
                let run = Container::run(&host, &name, &model.source, &inside, port).await;
                let (container, address) = run.with_context(|| format!("run the container of {name}"))?;
                (address, Some(container))
            }
        };
        let application = match &container {
            Some(container) => container.description(),
            None => process(model, &folder, &secret, port)?,
        };
        let description = json!({
            "name": name,
            "base_source": model.source,
            "backup_dir": folder.join("backups"),
            "time_limit_seconds": if is_in_a_hurry { SHORT_LIMIT_SECONDS } else { LIMIT_SECONDS },
            "keep_releases": 1,
            "application": application,
            "database": { "url": { "file": secret } },
            "health": {
                "url": format!("http://{address}/api/health"),
                "successes": 2,
                "interval_ms": 50,
                "within_seconds": 3,
                "build": "/build",
            },
        });
        let shop = Self { name, folder, address, container, is_in_a_hurry, database, url, description };
        shop.start(world).await?;
        Ok(shop)
    }

    async fn start(&self, world: &World) -> Result<()> {
        let installation = Installation::parse(&self.description)
            .map_err(|wrong| anyhow!("a shop's description: {wrong}"))?;
        match &installation.application {
            Application::Docker(_) => {}
            Application::Process(application) => {
                let mut settings = application.settings(&self.name)?;
                settings.keeper = Some(world.slipway.clone());
                Process::new(settings)?.install(&installation.base_source).await?;
            }
        }
        let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.serving().await.is_none() {
            ensure!(tokio::time::Instant::now() < limit, "{} does not open", self.name);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let address = world.api(&format!("/installations/{}", self.name));
        let answer = reqwest::Client::new().put(address).json(&self.description).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{} is not taken: {status} {}", self.name, answer.text().await?);
        Ok(())
    }

    /// The build that answers and is healthy, if one is.
    pub(crate) async fn serving(&self) -> Option<String> {
        let answer = reqwest::get(format!("http://{}/api/health", self.address)).await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let body: Value = answer.json().await.ok()?;
        body["build"].as_str().map(str::to_owned)
    }

    /// A connection to its production database.
    pub(crate) async fn connect(&self) -> Result<tokio_postgres::Client> {
        connect(&self.url).await
    }

    /// Where the process runtime keeps what it has made.
    pub(crate) fn application(&self) -> PathBuf {
        self.folder.join("application")
    }
}

/// How an application that runs as a local process is described.
fn process(model: &Model, folder: &Path, secret: &Path, port: u16) -> Result<Value> {
    let run = folder.join("run.sh");
    std::fs::write(&run, RUN).context("write how the application is run")?;
    Ok(json!({ "process": {
        "root": folder.join("application"),
        "build": [model.portal, "build"],
        "run": ["/bin/sh", run],
        "env": { "PORT": port.to_string(), "SHOP": folder, "PORTAL": model.portal },
        "secrets": { "DATABASE_URL": { "file": secret } },
    } }))
}

/// Runs a command to its end and takes everything but success for an error.
pub(crate) async fn succeed(command: &mut Command) -> Result<()> {
    let output = command.kill_on_drop(true).output().await.context("run a command")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.context("list a folder to copy")?;
        let target = to.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).with_context(|| format!("make {}", target.display()))?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| format!("write {}", target.display()))?;
        }
    }
    Ok(())
}
