//! Containers of a Docker engine.
//!
//! The application is one container with a fixed name. A release swaps it for another:
//!
//! 1. `build` makes an image that bears the release's labels;
//! 2. `prepare` secures the running image, records the running container's specification and
//!    creates its successor beside it;
//! 3. `stop_old`, `start_new`: the only time without service, so what can be done before or after is
//!    done there; a migrate command runs in a container of its own between the two;
//! 4. `finish` removes the predecessor, or `stop_new`, `start_old` bring it back.
//!
//! Where a release is to take over running (`warm`), `prepare` starts and proves the successor out of sight,
//! `start_new` moves networks and ports from one to the other, and `stop_new` moves them back.
//!
//! Containers are addressed by id, since names move. State is what the engine says: every move
//! inspects, then does what is missing. Volumes of the application are never removed.

mod build;
mod compose;
pub(crate) mod connection;
mod container;
mod install;
mod kept;
mod leftovers;
mod migrate;
mod moves;
mod neighbour;
mod record;
mod retention;
mod revival;
mod room;
mod specification;
mod swap;
mod warm;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use self::connection::{CALL_LIMIT, Engine, within};
use self::container::Container;
use self::record::Records;
use super::Instance;
use super::notes::Notes;
use crate::probe::HealthRule;

/// Labels that Slipway puts on images and containers, all under one prefix.
mod label {
    pub(super) const PREFIX: &str = "slipway.";
    pub(super) const BUILD: &str = "slipway.build";
    pub(super) const COMPOSE_TAG: &str = "slipway.compose-tag";
    pub(super) const INSTALLATION: &str = "slipway.installation";
    pub(super) const MIGRATE: &str = "slipway.migrate";
    pub(super) const PROMOTION: &str = "slipway.promotion";
    pub(super) const SOURCE: &str = "slipway.source";
    pub(super) const SPECIFICATION: &str = "slipway.specification";
    pub(super) const STANDS_FOR: &str = "slipway.stands-for";
}

/// Which engine, which container, and where to keep what a rollback needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerSettings {
    /// `unix:///path` or `tcp://` to this machine; without it `DOCKER_HOST` or the usual socket.
    #[serde(default)]
    pub host: Option<String>,
    /// Name of the application's container.
    pub container: String,
    /// Repository name for the images that are built, such as `portal`.
    pub image: String,
    /// How long the application may take to stop before it is killed.
    #[serde(default = "stop_timeout_default")]
    pub stop_timeout_seconds: u32,
    /// Program and arguments that bring the data up to date, run once in the new image before it is started.
    #[serde(default)]
    pub migrate: Vec<String>,
    /// When a new version is well that is proven while the old one serves and takes over from it running; without it
    /// the old one is stopped first.
    #[serde(default)]
    pub warm: Option<HealthRule>,
    /// Folder for saved specifications; they hold secrets and are readable by the owner alone.
    pub state_dir: PathBuf,
    /// Most memory that one step of a build may use.
    #[serde(default)]
    pub build_memory_bytes: Option<u64>,
    /// Most processor time that one step of a build may use, in thousandths of a processor.
    #[serde(default)]
    pub build_millicpus: Option<u32>,
}

/// The engine's own default.
fn stop_timeout_default() -> u32 {
    10
}

/// One application's container on one engine.
#[derive(Debug, Clone)]
pub struct Docker {
    engine: Engine,
    records: Records,
    settings: Arc<DockerSettings>,
    notes: Notes,
    /// Why this release cannot take over running, whatever the settings say.
    stops_first: Option<String>,
}

impl Docker {
    /// Checks the settings. The engine itself is contacted by the moves, each time anew, so it
    /// may be away now or restart later.
    pub fn connect(settings: DockerSettings) -> Result<Self> {
        let engine = Engine::at(settings.host.as_deref())?;
        let records = Records::new(&settings.state_dir);
        Ok(Self { engine, records, settings: Arc::new(settings), notes: Notes::default(), stops_first: None })
    }

    pub(super) fn telling(self, notes: Notes) -> Self {
        Self { notes, ..self }
    }

    pub(super) fn stopping_first(self, why: &str) -> Self {
        Self { stops_first: Some(why.to_owned()), ..self }
    }

    pub(super) async fn version(&self) -> Result<String> {
        let client = self.engine.client()?;
        let version =
            within(CALL_LIMIT, client.version()).await.context("asking the Docker engine for its version")?;
        let (Some(engine), Some(api)) = (version.version, version.api_version) else {
            bail!("the Docker engine does not tell its version");
        };
        Ok(format!("Docker {engine} (API {api})"))
    }

    pub(super) async fn live(&self) -> Result<Option<Instance>> {
        Ok(self.named(&self.settings.container).await?.map(|it| it.instance()))
    }

    pub(super) async fn instance(&self, id: &str) -> Result<Option<Instance>> {
        Ok(self.container(id).await?.map(|it| it.instance()))
    }

    pub(super) async fn last_output(&self, id: &str, lines: usize) -> Result<String> {
        let client = self.engine.client()?;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let chunks = client.logs(id, Some(options)).map_ok(bollard::container::LogOutput::into_bytes);
        let chunks: Vec<_> =
            within(CALL_LIMIT, chunks.try_collect()).await.context("reading the application's output")?;
        Ok(String::from_utf8_lossy(&chunks.concat()).into_owned())
    }

    /// The container with this id, if it is there.
    async fn container(&self, id: &str) -> Result<Option<Container>> {
        let found = self.engine.fetch(&format!("/containers/{id}/json")).await;
        Ok(found.context("looking at a container")?.map(Container::from))
    }

    /// The container with this name. The engine takes prefixes of ids for names, too.
    async fn named(&self, name: &str) -> Result<Option<Container>> {
        Ok(self.container(name).await?.filter(|it| it.name() == name))
    }

    /// Name under which the successor waits.
    fn next_name(&self, promotion: &str) -> String {
        format!("{}--next-{}", self.settings.container, promotion.to_lowercase())
    }

    /// Name under which the predecessor waits.
    fn old_name(&self, promotion: &str) -> String {
        format!("{}--old-{}", self.settings.container, promotion.to_lowercase())
    }

    /// Name of the container that runs the migrate command.
    fn migrate_name(&self, promotion: &str) -> String {
        format!("{}--migrate-{}", self.settings.container, promotion.to_lowercase())
    }

    /// Name of the internal network on which the successor is proven.
    fn warm_name(&self, promotion: &str) -> String {
        format!("{}--warm-{}", self.settings.container, promotion.to_lowercase())
    }

    /// Name of what a trial needs for a moment.
    fn trial_name(&self, promotion: &str) -> String {
        format!("{}--trial-{}", self.settings.container, promotion.to_lowercase())
    }

    /// Tag of the image built for the promotion.
    fn built_tag(&self, promotion: &str) -> String {
        format!("{}:{}", self.settings.image, promotion.to_lowercase())
    }

    /// Tag that keeps the image which the promotion replaces.
    fn keep_tag(&self, promotion: &str) -> String {
        format!("{}:{}", self.settings.image, keep_of(promotion))
    }
}

/// Second half of the tag that keeps an image for the promotion's rollback.
fn keep_of(promotion: &str) -> String {
    format!("keep-{}", promotion.to_lowercase())
}
