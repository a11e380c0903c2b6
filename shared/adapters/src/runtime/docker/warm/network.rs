//! Networks that are made for a promotion, and who is on them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};
use serde_json::{Map, Value, json};

use super::super::connection::{CALL_LIMIT, gone, is_missing, within};
use super::super::container::Container;
use super::super::specification::endpoints;
use super::super::{Docker, label};
use crate::runtime::Swap;

/// The engine's words for a container that is not on the network that it shall leave.
const NOT_CONNECTED: &str = "is not connected to";

/// The engine's network for all containers, where nobody is found by a name.
const NAMELESS: &str = "bridge";

impl Docker {
    /// The networks that the container is on, as the engine describes them.
    pub(super) async fn networks_of(&self, container: &Container) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        for name in container.networks().keys() {
            found.extend(
                self.engine.fetch(&format!("/networks/{name}")).await.context("looking at a network")?,
            );
        }
        Ok(found)
    }

    /// Makes the network, if it is not there; nothing is published on an internal one.
    pub(super) async fn open(&self, name: &str, promotion: &str, is_internal: bool) -> Result<()> {
        if self.engine.fetch(&format!("/networks/{name}")).await?.is_some() {
            return Ok(());
        }
        let request = json!({
            "Name": name, "Driver": "bridge", "Internal": is_internal, "CheckDuplicate": true,
            "Labels": { label::INSTALLATION: self.settings.container, label::PROMOTION: promotion },
        });
        self.engine.post("/networks/create", &request).await.context("making a network")?;
        Ok(())
    }

    /// Removes the network, if it is there; whoever is on it leaves it before, stopped or not.
    pub(super) async fn close(&self, name: &str) -> Result<()> {
        if self.engine.fetch(&format!("/networks/{name}")).await?.is_none() {
            return Ok(());
        }
        for id in self.members(name, true).await? {
            self.leave(&id, name).await?;
        }
        let removed = within(CALL_LIMIT, self.engine.client()?.remove_network(name)).await;
        gone(removed).context("removing a network")
    }

    /// Removes the networks that earlier promotions have left; those stay that the running version needs.
    pub(in crate::runtime::docker) async fn close_leftovers(
        &self,
        promotion: &str,
        live: &Container,
    ) -> Result<()> {
        let filter = format!("{}={}", label::INSTALLATION, self.settings.container);
        let options = ListNetworksOptionsBuilder::new().filters(&[("label", vec![filter])].into()).build();
        let found = within(CALL_LIMIT, self.engine.client()?.list_networks(Some(options))).await;
        for network in found.context("listing networks")? {
            let is_own =
                network.labels.is_some_and(|it| it.get(label::PROMOTION).is_some_and(|it| it == promotion));
            let needed = live.all_networks();
            if let Some(name) = network.name.filter(|it| !is_own && !needed.contains_key(it)) {
                self.close(&name).await?;
            }
        }
        Ok(())
    }

    /// Lets the running containers that share a network with the application join this one as well, under the same
    /// names: what the application talks to.
    pub(super) async fn invite(&self, network: &str, swap: &Swap, old: &Container) -> Result<()> {
        for (id, names) in self.neighbors(swap, old).await? {
            let Some(neighbor) = self.container(&id).await? else { continue };
            if !neighbor.all_networks().contains_key(network) {
                self.join(&id, network, &json!({ "Aliases": names })).await?;
            }
        }
        Ok(())
    }

    pub(in crate::runtime::docker) async fn join(
        &self,
        id: &str,
        network: &str,
        endpoint: &Value,
    ) -> Result<()> {
        let request = json!({ "Container": id, "EndpointConfig": endpoint });
        let joined = self.engine.post(&format!("/networks/{network}/connect"), &request).await;
        joined.with_context(|| format!("connecting the network {network}"))?;
        Ok(())
    }

    /// Takes the container off the network, if it is on it.
    pub(super) async fn leave(&self, id: &str, network: &str) -> Result<()> {
        let request = json!({ "Container": id });
        match self.engine.post(&format!("/networks/{network}/disconnect"), &request).await {
            Err(error) if !is_missing(&error) && !error.to_string().contains(NOT_CONNECTED) => {
                Err(error).with_context(|| format!("disconnecting the network {network}"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Takes the container off those of the networks that it is on, Slipway's own before any other.
    pub(super) async fn leave_all(&self, container: &Container, networks: &Map<String, Value>) -> Result<()> {
        for network in container.hidden_networks() {
            self.leave(container.id(), &network).await?;
        }
        for network in container.networks().keys().filter(|it| networks.contains_key(*it)) {
            self.leave(container.id(), network).await?;
        }
        Ok(())
    }

    /// Who runs beside the application on its networks, with the names by which others find them there.
    async fn neighbors(&self, swap: &Swap, old: &Container) -> Result<BTreeMap<String, Vec<Value>>> {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for network in old.networks().keys().filter(|it| *it != NAMELESS) {
            for id in self.members(network, false).await? {
                if [&swap.old, &swap.new].contains(&&id) {
                    continue;
                }
                let Some(neighbor) = self.container(&id).await? else { continue };
                let endpoint = endpoints(&neighbor).remove(network).unwrap_or_default();
                let names = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
                found.entry(id).or_default().extend(names);
            }
        }
        Ok(found)
    }

    /// Ids of the containers on the network.
    async fn members(&self, network: &str, with_stopped: bool) -> Result<Vec<String>> {
        let filters = [("network", vec![network.to_owned()])].into();
        let options = ListContainersOptionsBuilder::new().all(with_stopped).filters(&filters).build();
        let found = within(CALL_LIMIT, self.engine.client()?.list_containers(Some(options))).await;
        Ok(found.context("listing containers")?.into_iter().filter_map(|it| it.id).collect())
    }
}
