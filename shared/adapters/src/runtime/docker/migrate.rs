//! The migrate command: a container of the new image that runs once, between stop and start.
//!
//! It has the application's environment, networks, volumes, user and limits, but no port, no name that others
//! could find it by, and no restart. It stays until the promotion is over, so that whoever repeats a start sees
//! that it succeeded.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt as _;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::connection::is_missing;
use super::container::Container;
use super::moves::is_down;
use super::specification::{endpoints, fingerprint, host_config, primary};
use super::swap::never;
use super::{Docker, compose, label};
use crate::runtime::{StartError, Swap};

/// How often an end is looked for that the output did not tell of.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Longest line of output that is kept together, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024;

impl Docker {
    /// Runs the migrate command to its end, unless there is none or it succeeded already.
    pub(super) async fn migrate(&self, swap: &Swap) -> Result<(), StartError> {
        if self.settings.migrate.is_empty() {
            return Ok(());
        }
        let new = self.container(&swap.new).await.map_err(StartError::Unavailable)?;
        let new = new.context("the new version's container is gone").map_err(StartError::Unavailable)?;
        if new.instance().started_at.is_some() {
            // It was started because the command had succeeded.
            return Ok(());
        }
        let one_shot = self.one_shot(swap, &new).await.map_err(StartError::Unavailable)?;
        if is_done(&one_shot) {
            return Ok(());
        }
        if !one_shot.is_up() {
            self.notes.tell(format!("running the migrate command: {}", self.settings.migrate.join(" ")));
            self.start_or_tell(one_shot.id()).await?.map_err(StartError::Migration)?;
        }
        let ended = self.until_down(one_shot.id()).await.map_err(StartError::Unavailable)?;
        if is_done(&ended) {
            self.notes.tell("the migrate command succeeded");
            return Ok(());
        }
        Err(StartError::Migration(self.end_of(&ended).await))
    }

    /// Stops and removes the migrate command's container, if it is there.
    pub(super) async fn end_migration(&self, promotion: &str) -> Result<()> {
        let Some(one_shot) = self.named(&self.migrate_name(promotion)).await? else {
            return Ok(());
        };
        self.halt(one_shot.id()).await?;
        self.discard(&one_shot).await
    }

    /// The command's container: the one that is there if it runs, succeeded or was not started yet, else a new one.
    async fn one_shot(&self, swap: &Swap, new: &Container) -> Result<Container> {
        let wanted = specification(new, &self.settings.migrate);
        let name = self.migrate_name(&swap.promotion);
        if let Some(found) = self.named(&name).await? {
            let is_same = found.label(label::MIGRATE) == wanted["Labels"][label::MIGRATE].as_str();
            let is_fresh = found.instance().started_at.is_none() && found.exit_code() == 0;
            if is_same && (is_fresh || found.is_up() || is_done(&found)) {
                return self.with_networks(found, new).await;
            }
            self.halt(found.id()).await?;
            self.discard(&found).await?;
        }
        let path = format!("/containers/create?name={name}");
        self.engine.post(&path, &wanted).await.context("creating the migrate command's container")?;
        let created =
            self.named(&name).await?.context("the engine has lost the container it just created")?;
        self.with_networks(created, new).await
    }

    /// Engines before API 1.44 take only one network at the creation.
    async fn with_networks(&self, one_shot: Container, new: &Container) -> Result<Container> {
        if one_shot.instance().started_at.is_none() {
            self.connect_networks(&one_shot, &plain_endpoints(new)).await?;
        }
        Ok(one_shot)
    }

    /// Passes the output on until the container is down; returns how it is then.
    async fn until_down(&self, id: &str) -> Result<Container> {
        if let Err(error) = self.pass_output_on(id).await {
            // The end counts, not what it said.
            tracing::warn!(error = format!("{error:#}"), "the migrate command's output breaks off");
        }
        loop {
            let seen = self.container(id).await?.context("the migrate command's container is gone")?;
            if is_down(Some(&seen)) {
                return Ok(seen);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn pass_output_on(&self, id: &str) -> Result<()> {
        let client = self.engine.client()?;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
        let mut chunks = std::pin::pin!(client.logs(id, Some(options)));
        let mut line = Vec::new();
        loop {
            match chunks.try_next().await {
                Ok(Some(chunk)) => {
                    for byte in chunk.into_bytes() {
                        if byte == b'\n' || line.len() == LINE_BYTES_MAX {
                            self.pass_line_on(&mut line);
                        }
                        if byte != b'\n' {
                            line.push(byte);
                        }
                    }
                }
                Ok(None) => break,
                Err(error) if is_missing(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.pass_line_on(&mut line);
        Ok(())
    }

    fn pass_line_on(&self, line: &mut Vec<u8>) {
        if !line.is_empty() {
            self.notes.tell(String::from_utf8_lossy(line).trim_end());
            line.clear();
        }
    }
}

/// It ran and ended well.
fn is_done(one_shot: &Container) -> bool {
    !one_shot.is_up() && one_shot.instance().started_at.is_some() && one_shot.exit_code() == 0
}

/// The request for a container that runs `command` as `new` will run.
fn specification(new: &Container, command: &[String]) -> Value {
    let mut document = new.config().as_object().cloned().unwrap_or_default();
    document.retain(|_, value| !value.is_null());
    for key in ["ExposedPorts", "Hostname", "Domainname", "MacAddress", "OpenStdin", "StdinOnce", "Tty"] {
        document.remove(key);
    }
    document.insert("Image".to_owned(), new.image().into());
    document.insert("Entrypoint".to_owned(), command.iter().take(1).cloned().collect());
    document.insert("Cmd".to_owned(), command.iter().skip(1).cloned().collect());
    document.insert("Healthcheck".to_owned(), json!({ "Test": ["NONE"] }));
    document.insert("HostConfig".to_owned(), host_without_ports(new));
    let networks = plain_endpoints(new);
    if let Some((name, endpoint)) = primary(new).and_then(|it| networks.get_key_value(&it)) {
        document.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": { name: endpoint } }));
    }
    let mut labels = new.config()["Labels"].as_object().cloned().unwrap_or_default();
    // Compose would take it for one of its own.
    labels.retain(|key, _| !key.starts_with(compose::PREFIX));
    labels.insert(label::MIGRATE.to_owned(), fingerprint(&json!([new.image(), command])).into());
    document.insert("Labels".to_owned(), labels.into());
    document.into()
}

pub(super) fn host_without_ports(new: &Container) -> Value {
    let mut host = host_config(new);
    host["PortBindings"] = json!({});
    host["PublishAllPorts"] = json!(false);
    host["RestartPolicy"] = never();
    host["AutoRemove"] = json!(false);
    host
}

/// The same networks, without the names and addresses that are the application's own.
fn plain_endpoints(new: &Container) -> Map<String, Value> {
    endpoints(new).into_iter().map(|(name, _)| (name, json!({}))).collect()
}
