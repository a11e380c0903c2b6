//! The way of Compose: the service's image has changed, `docker-compose up -d` does the rest.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use servers::folder::Folder;
use tokio::process::Command;

use super::engine::{Application, Engine, NETWORK};
use crate::command::succeed;

const REPOSITORY: &str = "bench-compose";
const TAG: &str = "live";

/// A service of a Compose file.
pub(crate) struct Compose {
    engine: Engine,
    file: PathBuf,
}

impl Compose {
    /// Writes the file and runs the first version.
    pub(crate) async fn start(
        engine: Engine,
        application: Application,
        image: &str,
        folder: &Folder,
    ) -> Result<Self> {
        // JSON is YAML, too.
        let document = json!({
            "version": "3.7",
            "services": { "web": {
                "image": format!("{REPOSITORY}:{TAG}"),
                "environment": { "BOOT_MILLISECONDS": application.boot_millis.to_string() },
                "ports": [format!("127.0.0.1:{}:8080", application.port)],
                "restart": "unless-stopped",
            } },
            "networks": { "default": { "external": true, "name": NETWORK } },
        });
        let file = folder.write("docker-compose.yml", &document.to_string())?;
        let compose = Self { engine, file };
        compose.prepare(image).await?;
        compose.swap().await?;
        Ok(compose)
    }

    /// Moves the tag that the file names, as a build would.
    pub(crate) async fn prepare(&self, image: &str) -> Result<()> {
        self.engine.tag(image, REPOSITORY, TAG).await
    }

    pub(crate) async fn swap(&self) -> Result<()> {
        let mut command = Command::new("docker-compose");
        command
            .env("DOCKER_HOST", self.engine.host())
            .args(["--project-name", "bench", "--file"])
            .arg(&self.file)
            .args(["up", "--detach"]);
        succeed(&mut command).await.map(drop)
    }
}

/// The tool's version, for the report.
pub(crate) async fn version() -> Result<String> {
    let version = succeed(Command::new("docker-compose").args(["version", "--short"])).await?;
    Ok(version.trim().to_owned())
}
