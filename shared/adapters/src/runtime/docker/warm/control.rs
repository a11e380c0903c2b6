//! A second container of the old version, asked the same as the new one on the same network: if it is well there, so
//! should the new one be.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::super::container::Container;
use super::super::migrate::host_without_ports;
use super::super::specification::Specification;
use super::super::{Docker, compose, label};
use super::Proof;

impl Docker {
    /// Whether the old version would be well on the internal network.
    pub(super) async fn control_is_well(&self, proof: &Proof<'_>, old: &Container) -> Result<bool> {
        self.end_control(proof.promotion).await?;
        let request = self.control(proof.promotion, old).await?;
        let path = format!("/containers/create?name={}", self.control_name(proof.promotion));
        let created = self
            .engine
            .post(&path, &request)
            .await
            .context("making a second container of the old version")?;
        let id = created["Id"].as_str().context("the engine created a container without an id")?;
        let is_well = match self.start(id).await {
            Ok(()) => self.is_well(id, proof, None).await?,
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = &is_well {
            tracing::debug!(problem, "the old version is not well there either");
        }
        self.end_control(proof.promotion).await?;
        Ok(is_well.is_ok())
    }

    /// Stops and removes it, if it is there.
    pub(super) async fn end_control(&self, promotion: &str) -> Result<()> {
        let Some(control) = self.named(&self.control_name(promotion)).await? else {
            return Ok(());
        };
        self.halt(control.id()).await?;
        self.discard(&control).await
    }

    async fn control(&self, promotion: &str, old: &Container) -> Result<Value> {
        let image = self.image(old.image()).await?.context("the running application's image is gone")?;
        let labels = [(label::INSTALLATION, self.settings.container.as_str())];
        let mut request = Specification::following(old, &image["Config"], old.image(), &labels).document;
        request["HostConfig"] = host_without_ports(old);
        request["HostConfig"]["NetworkMode"] = self.warm_name(promotion).into();
        request["NetworkingConfig"] = json!({});
        if let Some(labels) = request["Labels"].as_object_mut() {
            // Compose would take it for one of its own.
            labels.retain(|key, _| !key.starts_with(compose::PREFIX));
        }
        Ok(request)
    }

    fn control_name(&self, promotion: &str) -> String {
        format!("{}--control-{}", self.settings.container, promotion.to_lowercase())
    }
}
