//! The way back: the old version's container under its own name again, or another one made as it was.

use anyhow::{Context as _, Result, bail, ensure};
use bollard::errors::Error;
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::connection::{CALL_LIMIT, status, within};
use super::container::Container;
use super::record::Record;
use super::specification::{Specification, endpoints};
use super::{Docker, label};
use crate::runtime::{Instance, Swap};

/// The engine's words for a container that it has lost track of, mostly because it was killed while it started it:
/// neither another try nor its own restart helps.
const LOST_TRACK: [&str; 4] = ["already exists", "file exists", "is marked for removal", "is dead"];

/// Another matter: a name on a network that is taken.
const TAKEN_ENDPOINT: &str = "endpoint with name";

impl Docker {
    pub(in crate::runtime) async fn old(&self, swap: &Swap) -> Result<Option<Instance>> {
        Ok(self.old_container(swap).await?.map(|it| it.instance()))
    }

    pub(in crate::runtime) async fn start_old(&self, swap: &Swap) -> Result<()> {
        let found = self.old_container(swap).await?;
        let Some(record) = self.records.load(&swap.promotion).await? else {
            // A late repeat: the record goes only after everything is as before.
            ensure!(found.is_some_and(|it| it.is_up()), "the previous version's saved specification is gone");
            return Ok(());
        };
        let old = match found {
            Some(old) => old,
            None => self.make_anew(swap, &record).await?,
        };
        match self.bring_back(&old, swap, &record).await {
            Err(error) if error.downcast_ref().is_some_and(has_lost_track) => {
                tracing::warn!(error = format!("{error:#}"), "the old container cannot be started any more");
                self.remove(old.id()).await?;
                let anew = self.make_anew(swap, &record).await?;
                self.bring_back(&anew, swap, &record).await
            }
            result => result,
        }
    }

    /// The container that served before the swap, or the one that was made anew in its place.
    async fn old_container(&self, swap: &Swap) -> Result<Option<Container>> {
        if let Some(old) = self.container(&swap.old).await? {
            return Ok(Some(old));
        }
        let client = self.engine.client()?;
        let filter = format!("{}={}", label::STANDS_FOR, swap.old);
        let options =
            ListContainersOptionsBuilder::new().all(true).filters(&[("label", vec![filter])].into()).build();
        let found =
            within(CALL_LIMIT, client.list_containers(Some(options))).await.context("listing containers")?;
        match found.into_iter().find_map(|it| it.id) {
            Some(id) => self.container(&id).await,
            None => Ok(None),
        }
    }

    async fn bring_back(&self, old: &Container, swap: &Swap, record: &Record) -> Result<()> {
        self.take_name_from_new(swap).await?;
        let name = &self.settings.container;
        if old.name() != name {
            self.rename(old.id(), name).await?;
        }
        self.set_restart_policy(old, record.container.restart_policy()).await?;
        self.connect_networks(old, &endpoints(&record.container)).await?;
        self.start(old.id()).await.context("starting the previous version")?;
        self.announce(old.id()).await;
        Ok(())
    }

    /// The new container may have been given the application's name although it was never started.
    async fn take_name_from_new(&self, swap: &Swap) -> Result<()> {
        let bearer = self.named(&self.settings.container).await?;
        if let Some(new) = bearer.filter(|it| it.id() == swap.new) {
            let is_fresh = new.instance().started_at.is_none();
            ensure!(is_fresh, "the new version still bears the application's name");
            self.rename(&swap.new, &self.next_name(&swap.promotion)).await?;
        }
        Ok(())
    }

    /// A container like the old one, from its saved specification: same image by id, same volumes. What the old one
    /// had written beside its volumes is lost.
    async fn make_anew(&self, swap: &Swap, record: &Record) -> Result<Container> {
        self.notes
            .tell("the old version's container is gone or broken; it is made anew as it was, by its saved description");
        self.take_name_from_new(swap).await?;
        let old = &record.container;
        let image = self.image(old.image()).await?.context("the old version's image is gone")?;
        let mut labels: Vec<(&str, &str)> = old.slipway_labels().collect();
        labels.push((label::STANDS_FOR, &swap.old));
        labels.extend(record.moved_tag.as_ref().map(|it| (label::COMPOSE_TAG, it.reference())));
        let mut wanted = Specification::following(old, &image["Config"], old.image(), &labels);
        // The name by which it was asked for says more than the id, as long as both mean the same.
        if let Some(name) = old.config()["Image"].as_str()
            && self.image(name).await?.is_some_and(|it| it["Id"] == old.image())
        {
            wanted.document["Image"] = name.into();
        }
        let path = format!("/containers/create?name={}", self.settings.container);
        let created = self.engine.post(&path, &wanted.document).await;
        created.context("making the old version's container anew")?;
        let Some(anew) = self.named(&self.settings.container).await? else {
            bail!("the engine has lost the container it just created");
        };
        ensure!(anew.image() == old.image(), "the old version's container was made from another image");
        Ok(anew)
    }
}

/// Whether the engine can do nothing with the container any more but remove it.
fn has_lost_track(error: &Error) -> bool {
    let text = error.to_string();
    status(error) == Some(500)
        && LOST_TRACK.iter().any(|words| text.contains(words))
        && !text.contains(TAKEN_ENDPOINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_that_the_engine_has_lost_is_beyond_a_start() {
        let refused = |status_code, message: &str| Error::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        };
        for (error, expected) in [
            (refused(500, "task 5f0c already exists: unknown"), true),
            (refused(500, "mkdir /run/containerd/5f0c: file exists: unknown"), true),
            (refused(500, "endpoint with name portal already exists in network shop"), false),
            (
                refused(500, "driver failed programming external connectivity: port is already allocated"),
                false,
            ),
            (refused(404, "No such container: 5f0c"), false),
            (Error::RequestTimeoutError, false),
        ] {
            assert_eq!(has_lost_track(&error), expected, "{error}");
        }
    }
}
