//! Single moves of one container, each converging: start, stop, rename, remove.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bollard::errors::Error;
use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptionsBuilder, RemoveVolumeOptions, RenameContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Docker;
use super::connection::{CALL_LIMIT, gone, is_conflict, within};
use super::container::Container;
use super::swap::is_never;

/// How often a level is looked at while waiting for it.
pub(super) const POLL_EVERY: Duration = Duration::from_millis(50);

/// Time for the engine itself, beyond what the application may take.
const ENGINE_GRACE: Duration = Duration::from_secs(10);

/// The engine gives a port free a moment after it says that its container has stopped.
const PORT_PATIENCE: Duration = Duration::from_secs(2);
const PORT_RETRY_AFTER: Duration = Duration::from_millis(50);

impl Docker {
    /// Starts the container; one that is up already is left alone.
    pub(super) async fn start(&self, id: &str) -> Result<(), Error> {
        let client = self.engine.client()?;
        let until = Instant::now() + PORT_PATIENCE;
        loop {
            // The engine answers "not modified" for one that is up, which is fine.
            let started = within(CALL_LIMIT, client.start_container(id, None::<StartContainerOptions>)).await;
            match started {
                Err(error) if is_port_taken(&error) && Instant::now() < until => {
                    sleep(PORT_RETRY_AFTER).await;
                }
                result => return result,
            }
        }
    }

    /// Stops the container: gracefully, then by force. Returns when it is down.
    pub(super) async fn halt(&self, id: &str) -> Result<()> {
        let client = self.engine.client()?;
        let grace = Duration::from_secs(self.settings.stop_timeout_seconds.into());
        let seconds =
            i32::try_from(self.settings.stop_timeout_seconds).context("the stop timeout is too long")?;
        if is_down(self.container(id).await?.as_ref()) {
            return Ok(());
        }
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        let asked = within(grace + ENGINE_GRACE, client.stop_container(id, Some(options))).await;
        let Err(error) = gone(asked) else {
            return Ok(());
        };
        // Engines are known to report a failure although the process ends; the state decides.
        tracing::warn!(id, %error, "a container did not stop when asked");
        if !is_down(self.container(id).await?.as_ref()) {
            let killed = within(CALL_LIMIT, client.kill_container(id, None::<KillContainerOptions>)).await;
            if let Err(error) = gone(killed) {
                tracing::warn!(id, %error, "a container could not be killed");
            }
        }
        if !self.becomes(id, ENGINE_GRACE, is_down).await? {
            bail!("the container {id} does not stop; the engine may need a restart");
        }
        Ok(())
    }

    /// Removes a container that is not in service, with the volumes that were made up for it
    /// alone, but none that it shares with its predecessor.
    pub(super) async fn discard(&self, container: &Container) -> Result<()> {
        self.remove(container.id()).await?;
        let client = self.engine.client()?;
        for (volume, _, _) in container.anonymous_volumes() {
            let removed = within(CALL_LIMIT, client.remove_volume(volume, None::<RemoveVolumeOptions>)).await;
            if removed.as_ref().is_err_and(is_conflict) {
                continue;
            }
            gone(removed).context("removing an unused volume")?;
        }
        Ok(())
    }

    /// Removes the container without any of its volumes. Returns when it is gone.
    pub(super) async fn remove(&self, id: &str) -> Result<()> {
        let client = self.engine.client()?;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(false).build();
        let removed = within(CALL_LIMIT, client.remove_container(id, Some(options))).await;
        // A conflict says that another removal is on its way.
        if !removed.as_ref().is_err_and(is_conflict) {
            gone(removed).context("removing a container")?;
        }
        if !self.becomes(id, ENGINE_GRACE, |found| found.is_none()).await? {
            bail!("the container {id} cannot be removed; the engine may need a restart");
        }
        Ok(())
    }

    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<()> {
        let client = self.engine.client()?;
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        let renamed = within(CALL_LIMIT, client.rename_container(id, options)).await;
        renamed.with_context(|| format!("giving the name {name} to a container"))
    }

    pub(super) async fn set_restart_policy(&self, container: &Container, policy: &Value) -> Result<()> {
        let current = container.restart_policy();
        if current == policy || is_never(current) && is_never(policy) {
            return Ok(());
        }
        let request = json!({ "RestartPolicy": policy });
        let updated = self.engine.post(&format!("/containers/{}/update", container.id()), &request).await;
        updated.context("changing when a container restarts")?;
        Ok(())
    }

    /// Waits until the container is as wanted; returns whether it came to that.
    pub(super) async fn becomes(
        &self,
        id: &str,
        limit: Duration,
        is_reached: fn(Option<&Container>) -> bool,
    ) -> Result<bool> {
        let until = Instant::now() + limit;
        loop {
            if is_reached(self.container(id).await?.as_ref()) {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            sleep(POLL_EVERY).await;
        }
    }
}

pub(super) fn is_down(found: Option<&Container>) -> bool {
    found.is_none_or(|container| !container.is_up())
}

fn is_port_taken(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("port is already allocated") || text.contains("address already in use")
}
