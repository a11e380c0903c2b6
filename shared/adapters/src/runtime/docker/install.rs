//! A first version, brought up from its source, and the removal of everything again.

use std::path::Path;

use anyhow::{Context as _, Result};
use bollard::query_parameters::ListImagesOptionsBuilder;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::build::Untag;
use super::connection::{CALL_LIMIT, within};
use super::{Docker, label};
use crate::runtime::Release;

/// What the first version's image is labelled with in place of a promotion and a build.
const FIRST: &str = "base";

impl Docker {
    /// Builds the first version's image from `source` and starts its container; `configuration` is
    /// the engine's create request without the image.
    ///
    /// # Idempotency
    /// A container that bears the application's name already is started and otherwise left alone.
    pub async fn install(&self, source: &Path, configuration: &Value) -> Result<()> {
        let name = &self.settings.container;
        let id = match self.named(name).await?.map(|container| container.id().to_owned()) {
            Some(id) => id,
            None => self.create_first(name, source, configuration).await?,
        };
        Ok(self.start(&id).await?)
    }

    async fn create_first(&self, name: &str, source: &Path, configuration: &Value) -> Result<String> {
        let first = Release { promotion: FIRST.into(), build: FIRST.into(), source_hash: FIRST.into() };
        let (log, _) = unbounded_channel();
        let image = self.build(&first, source, &log).await.context("build the first version")?;
        let mut document = configuration.clone();
        document["Image"] = json!(image);
        let created = self.engine.post(&format!("/containers/create?name={name}"), &document).await?;
        Ok(created["Id"].as_str().context("the engine created a container without an id")?.to_owned())
    }

    /// Removes the application's containers with their own volumes, and every image that was built for it.
    pub async fn uninstall(&self) -> Result<()> {
        if let Some(container) = self.named(&self.settings.container).await? {
            self.discard(&container).await?;
        }
        let client = self.engine.client()?;
        let filter = format!("{}={}", label::INSTALLATION, self.settings.container);
        let options = ListImagesOptionsBuilder::new().filters(&[("label", vec![filter])].into()).build();
        let images =
            within(CALL_LIMIT, client.list_images(Some(options))).await.context("list the images")?;
        for image in images {
            for reference in image.repo_tags.iter().chain([&image.id]) {
                self.untag(reference, Untag::IfUnused).await?;
            }
        }
        Ok(())
    }
}
