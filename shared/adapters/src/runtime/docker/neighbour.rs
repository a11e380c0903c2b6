//! The way from this machine to a container that was just started.
//!
//! Engines before 28 publish a port before its container is on the network. Whoever calls in between makes this
//! machine ask for the container's hardware address in vain, and it asks again only a second later: for so long
//! everybody waits although the application is up. The engine knows the address, so this machine can be told, where
//! the engine runs on it and this account may: elsewhere nothing is lost.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::Docker;

/// Far more than a look at the kernel's table takes.
const TOOL_LIMIT: Duration = Duration::from_secs(1);

/// Where the engine notes the name of a network's device, if it is not the usual one.
const DEVICE: &str = "com.docker.network.bridge.name";

/// A container's place on one network.
struct Place {
    device: String,
    address: String,
    hardware: String,
}

impl Docker {
    /// Tells this machine where the started container is, if it has asked in vain.
    pub(super) async fn announce(&self, id: &str) {
        if let Err(error) = self.try_announce(id).await {
            tracing::debug!(error = format!("{error:#}"), "this machine finds the container by itself");
        }
    }

    async fn try_announce(&self, id: &str) -> Result<()> {
        let container = self.container(id).await?.context("the container is gone")?;
        for endpoint in container.networks().values() {
            let Some(place) = self.place(endpoint).await? else { continue };
            let known = ip(&["neigh", "show", "to", &place.address, "dev", &place.device]).await?;
            // What is known is right: the kernel sees to that.
            if ["INCOMPLETE", "FAILED"].iter().any(|state| known.contains(state)) {
                let Place { device, address, hardware } = &place;
                let stale = ["neigh", "replace", address, "lladdr", hardware, "dev", device, "nud", "stale"];
                ip(&stale).await?;
            }
        }
        Ok(())
    }

    async fn place(&self, endpoint: &Value) -> Result<Option<Place>> {
        let field = |name: &str| endpoint[name].as_str().filter(|it| !it.is_empty());
        let (Some(address), Some(hardware), Some(id)) =
            (field("IPAddress"), field("MacAddress"), field("NetworkID"))
        else {
            return Ok(None);
        };
        let network = self.engine.fetch(&format!("/networks/{id}")).await?;
        let network = network.filter(|it| it["Driver"] == "bridge");
        Ok(network.map(|network| {
            let usual = format!("br-{}", id.get(..12).unwrap_or(id));
            let device = network["Options"][DEVICE].as_str().map_or(usual, str::to_owned);
            Place { device, address: address.to_owned(), hardware: hardware.to_owned() }
        }))
    }
}

/// What the kernel says of its network.
async fn ip(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TOOL_LIMIT, command.output()).await;
    let output = output.context("ip does not answer")?.context("running ip")?;
    ensure!(output.status.success(), "ip {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
