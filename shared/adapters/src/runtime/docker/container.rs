//! A container as the engine describes it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::label;
use crate::runtime::Instance;

/// How the engine writes "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// One answer of the engine's inspection, kept whole.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Container {
    document: Value,
}

impl From<Value> for Container {
    fn from(document: Value) -> Self {
        Self { document }
    }
}

impl Container {
    pub(super) fn id(&self) -> &str {
        self.text("/Id")
    }

    /// The part of the id that the engine uses as host name and alias.
    pub(super) fn short_id(&self) -> &str {
        self.id().get(..12).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.text("/Name").trim_start_matches('/')
    }

    /// Image id.
    pub(super) fn image(&self) -> &str {
        self.text("/Image")
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.config()["Labels"][key].as_str()
    }

    /// The labels that Slipway itself has put on.
    pub(super) fn slipway_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.config()["Labels"].as_object().into_iter().flatten();
        let own = labels.filter(|(key, _)| key.starts_with(label::PREFIX));
        own.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    pub(super) fn config(&self) -> &Value {
        &self.document["Config"]
    }

    pub(super) fn host_config(&self) -> &Value {
        &self.document["HostConfig"]
    }

    pub(super) fn restart_policy(&self) -> &Value {
        &self.host_config()["RestartPolicy"]
    }

    /// The container removes itself as soon as it stops.
    pub(super) fn is_ephemeral(&self) -> bool {
        self.host_config()["AutoRemove"] == true
    }

    /// The application's network names with their endpoints; none if the container shares another's network.
    pub(super) fn networks(&self) -> Map<String, Value> {
        self.all_networks().into_iter().filter(|(name, _)| !is_slipways(name)).collect()
    }

    /// Names of the networks that the container is on because Slipway made them for it.
    pub(super) fn hidden_networks(&self) -> Vec<String> {
        self.all_networks().into_iter().map(|(name, _)| name).filter(|it| is_slipways(it)).collect()
    }

    /// Both together.
    pub(super) fn all_networks(&self) -> Map<String, Value> {
        let mode = self.network_mode();
        if mode == "host" || mode == "none" || mode.starts_with("container:") {
            return Map::new();
        }
        self.document["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default()
    }

    /// Its address on the network, while it runs there.
    pub(super) fn address(&self, network: &str) -> Option<IpAddr> {
        self.all_networks().get(network)?["IPAddress"].as_str()?.parse().ok()
    }

    /// Every port that it is to publish is published.
    pub(super) fn publishes_its_ports(&self) -> bool {
        let wanted = self.host_config()["PortBindings"].as_object().into_iter().flatten();
        let mut wanted = wanted.filter(|(_, bindings)| !list(bindings).is_empty());
        let published = &self.document["NetworkSettings"]["Ports"];
        wanted.all(|(port, _)| !list(&published[port]).is_empty())
    }

    pub(super) fn network_mode(&self) -> &str {
        self.text("/HostConfig/NetworkMode")
    }

    /// Has a process: running, paused, or waiting for the next automatic restart.
    pub(super) fn is_up(&self) -> bool {
        self.state()["Running"] == true || self.is_restarting()
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.state()["Restarting"] == true
    }

    pub(super) fn exit_code(&self) -> i64 {
        self.state()["ExitCode"].as_i64().unwrap_or_default()
    }

    pub(super) fn restarts(&self) -> u64 {
        self.document["RestartCount"].as_u64().unwrap_or_default()
    }

    /// Volumes that the engine made up for this container: they stand in its mounts, but not in
    /// its specification. Each as (volume name, path inside, writable).
    pub(super) fn anonymous_volumes(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        let mounts = list(&self.document["Mounts"]);
        let volumes = mounts.iter().filter(|it| it["Type"] == "volume");
        volumes.filter_map(|it| {
            let (name, path) = (it["Name"].as_str()?, it["Destination"].as_str()?);
            let is_anonymous = is_made_up(name) && !self.specifies_volume(name);
            is_anonymous.then(|| (name, path, it["RW"] != false))
        })
    }

    fn specifies_volume(&self, name: &str) -> bool {
        let binds = list(&self.host_config()["Binds"]).iter();
        let mut sources = binds.filter_map(|it| it.as_str()?.split(':').next());
        let mut mounts = list(&self.host_config()["Mounts"]).iter();
        sources.any(|it| it == name) || mounts.any(|it| it["Source"] == name)
    }

    pub(super) fn instance(&self) -> Instance {
        let started_at = self.state()["StartedAt"].as_str().filter(|it| *it != NEVER);
        let was_up = started_at.is_some() || self.exit_code() != 0;
        Instance {
            id: self.id().to_owned(),
            image: self.image().to_owned(),
            running: self.is_up() && !self.is_restarting(),
            restarts: self.restarts(),
            started_at: started_at.map(str::to_owned),
            exit_code: (was_up && (!self.is_up() || self.is_restarting())).then(|| self.exit_code()),
            out_of_memory: self.state()["OOMKilled"] == true,
        }
    }

    fn state(&self) -> &Value {
        &self.document["State"]
    }

    fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A network on which a successor was proven.
fn is_slipways(network: &str) -> bool {
    network.contains("--warm-cp-")
}

/// Names that the engine makes up are 64 hex digits; people's names are never touched.
fn is_made_up(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|it| it.is_ascii_hexdigit())
}
