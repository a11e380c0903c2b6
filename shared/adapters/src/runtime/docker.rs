//! Containers of a Docker engine.

use std::path::Path;

use anyhow::{Result, bail};
use tokio::sync::mpsc::UnboundedSender;

use super::{BuildError, Instance, Release, StartError, Swap};

/// Stands in until the Docker half is merged.
#[derive(Debug, Clone)]
pub struct DockerSettings {
    pub host: Option<String>,
    pub container: String,
    pub image: String,
    pub stop_timeout_seconds: u32,
    pub state_dir: std::path::PathBuf,
    pub build_memory_bytes: Option<u64>,
    pub build_millicpus: Option<u32>,
}

/// Stands in until the Docker half is merged.
#[derive(Debug, Clone)]
pub struct Docker {}

#[expect(clippy::unused_async, reason = "a stand-in with the real signatures")]
impl Docker {
    pub fn connect(_: DockerSettings) -> Result<Self> {
        Ok(Self {})
    }

    pub(super) async fn version(&self) -> Result<String> {
        bail!("absent")
    }
    pub(super) async fn live(&self) -> Result<Option<Instance>> {
        bail!("absent")
    }
    pub(super) async fn instance(&self, _: &str) -> Result<Option<Instance>> {
        bail!("absent")
    }
    pub(super) async fn last_output(&self, _: &str, _: usize) -> Result<String> {
        bail!("absent")
    }
    pub(super) async fn build(
        &self,
        _: &Release,
        _: &Path,
        _: &UnboundedSender<String>,
    ) -> Result<String, BuildError> {
        Err(BuildError::Source("absent".into()))
    }
    pub(super) async fn discard_image(&self, _: &str) -> Result<()> {
        bail!("absent")
    }
    pub(super) async fn prepare(&self, _: &Release, _: &str) -> Result<Swap> {
        bail!("absent")
    }
    pub(super) async fn unprepare(&self, _: &str) -> Result<()> {
        bail!("absent")
    }
    pub(super) async fn stop_old(&self, _: &Swap) -> Result<()> {
        bail!("absent")
    }
    pub(super) async fn start_old(&self, _: &Swap) -> Result<()> {
        bail!("absent")
    }
    pub(super) async fn start_new(&self, _: &Swap) -> Result<(), StartError> {
        Err(StartError::Exited("absent".into()))
    }
    pub(super) async fn stop_new(&self, _: &Swap) -> Result<()> {
        bail!("absent")
    }
    pub(super) async fn finish(&self, _: &Swap, _: usize) -> Result<()> {
        bail!("absent")
    }
}
