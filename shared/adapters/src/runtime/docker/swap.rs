//! The swap of one container for its successor, and back.
//!
//! Where things stand is read from the engine: which of the two ids exist, run, and bear which
//! name. So each move can be repeated, and can be taken up after a crash between any two calls.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bollard::query_parameters::{ListContainersOptionsBuilder, TagImageOptionsBuilder};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::build::Untag;
use super::connection::{CALL_LIMIT, within};
use super::container::Container;
use super::record::Record;
use super::specification::Specification;
use super::{Docker, keep_of, label};
use crate::runtime::{End, Release, StartError, Swap};

/// Long enough for a program that cannot read its configuration to give up; the health check
/// watches for longer.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Lines of output that explain an early end.
pub(super) const TAIL_LINES: usize = 20;

/// The engine's exit codes for a command that cannot be run or cannot be found.
const BAD_COMMAND: [i64; 2] = [126, 127];

/// The engine's words for a user that the image does not have.
const BAD_USER: &str = "unable to find user";

impl Docker {
    pub(in crate::runtime) async fn prepare(&self, release: &Release, image: &str) -> Result<Swap> {
        let promotion = &release.promotion;
        let name = &self.settings.container;
        let live =
            self.named(name).await?.with_context(|| format!("no application named {name} is there"))?;
        let recorded = self.records.load(promotion).await?;
        if let Some(swap) = recorded.as_ref().and_then(|it| it.swap.clone()).filter(|it| it.new == live.id())
        {
            return Ok(swap);
        }
        self.refuse_what_cannot_return(&live).await?;
        self.remove_leftovers(promotion, &live).await?;
        self.close_leftovers(promotion, &live).await?;
        // The first record counts: a later look may see what stopping has changed already.
        let mut record = match recorded.filter(|it| it.container.id() == live.id()) {
            Some(record) => record,
            None => self.record(promotion, live).await?,
        };
        self.keep_image(record.container.image(), promotion).await?;
        let new_image = self.image(image).await?.with_context(|| format!("the image {image} is gone"))?;
        let new_image = new_image["Id"].as_str().context("an image without an id")?.to_owned();
        if let Some(swap) = record.swap.as_ref().filter(|it| it.new_image == new_image)
            && self.is_warm(swap).await?
        {
            return Ok(swap.clone());
        }
        let wanted = self.successor(release, &mut record, &new_image).await?;
        let old = &record.container;
        let mut swap = Swap {
            promotion: promotion.clone(),
            old: old.id().to_owned(),
            old_image: old.image().to_owned(),
            new: self.candidate(promotion, &new_image, &wanted).await?,
            new_image,
            warm: false,
        };
        swap.warm = self.warm_up(&swap, &release.build, &record).await?;
        if !swap.warm {
            // One that was started in vain is made again.
            swap.new = self.candidate(promotion, &swap.new_image, &wanted).await?;
        }
        record.swap = Some(swap.clone());
        self.records.save(&record).await?;
        Ok(swap)
    }

    pub(in crate::runtime) async fn unprepare(&self, promotion: &str) -> Result<()> {
        if let Some(candidate) = self.named(&self.next_name(promotion)).await? {
            self.halt(candidate.id()).await?;
            self.discard(&candidate).await?;
        }
        self.end_warm_up(promotion).await?;
        if let Some(live) = self.named(&self.settings.container).await? {
            self.close_leftovers(promotion, &live).await?;
        }
        if let Some(record) = self.records.load(promotion).await? {
            self.put_tag_back(&record).await?;
        }
        self.untag(&self.keep_tag(promotion), Untag::Always).await?;
        self.records.remove(promotion).await
    }

    pub(in crate::runtime) async fn stop_old(&self, swap: &Swap) -> Result<()> {
        if swap.warm {
            return Ok(());
        }
        let Some(old) = self.container(&swap.old).await? else {
            return Ok(());
        };
        // Before the stop: a crash or a restart of the engine in between must not revive it.
        self.set_restart_policy(&old, &never()).await?;
        // Also before the stop, since nobody is served between stop and start. The engine cannot rename a container
        // that ends at the same time, over and over perhaps: then it is done before the start.
        if let Err(error) = self.hand_over_name(swap).await {
            tracing::debug!(error = format!("{error:#}"), "the name is handed over later");
        }
        self.halt(&swap.old).await
    }

    pub(in crate::runtime) async fn start_new(
        &self,
        swap: &Swap,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        if swap.warm {
            self.take_over(swap).await?;
        } else {
            self.start_stopped(swap).await?;
        }
        self.first_look(&swap.new, answered).await?;
        self.let_restart(swap).await.map_err(StartError::Unavailable)?;
        self.prove_identity(swap).await;
        Ok(())
    }

    /// Starts the new version where the old one does not run any more.
    async fn start_stopped(&self, swap: &Swap) -> Result<(), StartError> {
        self.migrate(swap).await?;
        // Before the start: others find it by name from its first moment, and the engine fails
        // to rename a container that ends at the same time.
        self.hand_over_name(swap).await.map_err(StartError::Unavailable)?;
        self.start_or_tell(&swap.new).await?.map_err(StartError::Exited)?;
        self.announce(&swap.new).await;
        Ok(())
    }

    pub(in crate::runtime) async fn stop_new(&self, swap: &Swap) -> Result<()> {
        self.end_migration(&swap.promotion).await?;
        if swap.warm {
            self.give_back(swap).await?;
        }
        if let Some(new) = self.container(&swap.new).await? {
            self.set_restart_policy(&new, &never()).await?;
            self.halt(&swap.new).await?;
            self.discard(&new).await?;
        }
        match self.records.load(&swap.promotion).await? {
            Some(record) => self.put_tag_back(&record).await,
            None => Ok(()),
        }
    }

    /// Starts the container of a version; tells how it ended where the engine says that it cannot run at all.
    pub(super) async fn start_or_tell(&self, id: &str) -> Result<Result<(), End>, StartError> {
        let Err(error) = self.start(id).await else {
            return Ok(Ok(()));
        };
        let after = self.container(id).await.map_err(StartError::Unavailable)?;
        let message = error.to_string();
        let exit_code = match after {
            Some(after) if !after.is_up() && BAD_COMMAND.contains(&after.exit_code()) => after.exit_code(),
            _ if message.contains(BAD_USER) => BAD_COMMAND[0],
            _ => return Err(StartError::Unavailable(error.into())),
        };
        Ok(Err(End { exit_code, out_of_memory: false, output: message }))
    }

    /// How a container that is down came to its end.
    pub(super) async fn end_of(&self, container: &Container) -> End {
        let output = self.last_output(container.id(), TAIL_LINES).await;
        End {
            exit_code: container.exit_code(),
            out_of_memory: container.instance().out_of_memory,
            output: output.unwrap_or_else(|error| format!("no output: {error:#}")),
        }
    }

    /// What the new version's container is to be like.
    async fn successor(
        &self,
        release: &Release,
        record: &mut Record,
        new_image: &str,
    ) -> Result<Specification> {
        let identity = self.take_over_identity(record, new_image).await?;
        let old = &record.container;
        let old_image = self.image(old.image()).await?.context("the running application's image is gone")?;
        let mut labels = vec![
            (label::PROMOTION, release.promotion.as_str()),
            (label::BUILD, &release.build),
            (label::SOURCE, &release.source_hash),
            (label::INSTALLATION, &self.settings.container),
        ];
        labels.extend(identity.iter().map(|(key, value)| (*key, value.as_str())));
        let mut wanted = Specification::following(old, &old_image["Config"], new_image, &labels);
        // One that ends at its start must not be started over and over: an engine that is killed in between
        // can never end such a container again.
        if !is_never(old.restart_policy()) {
            wanted.document["HostConfig"]["RestartPolicy"] = never();
        }
        Ok(wanted)
    }

    /// Some containers could never be brought back: better to know before anything is touched.
    async fn refuse_what_cannot_return(&self, live: &Container) -> Result<()> {
        ensure!(
            !live.is_ephemeral(),
            "the application is set to remove itself when it stops, so it could not be brought back"
        );
        let client = self.engine.client()?;
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let others =
            within(CALL_LIMIT, client.list_containers(Some(options))).await.context("listing containers")?;
        let shared = format!("container:{}", live.id());
        for other in others {
            let mode = other.host_config.and_then(|it| it.network_mode);
            if mode.as_deref() == Some(&shared) {
                let names = other.names.unwrap_or_default().join(", ");
                bail!("{names} shares the application's network and would lose it in a swap");
            }
        }
        Ok(())
    }

    /// Gives the new container its predecessor's restart policy.
    async fn let_restart(&self, swap: &Swap) -> Result<()> {
        let new = self.container(&swap.new).await?.context("the new version's container is gone")?;
        let record = self.records.load(&swap.promotion).await?;
        let record = record.context("the previous version's saved specification is gone")?;
        self.set_restart_policy(&new, record.container.restart_policy()).await
    }

    async fn record(&self, promotion: &str, container: Container) -> Result<Record> {
        let record = Record {
            promotion: promotion.to_owned(),
            installation: self.settings.container.clone(),
            saved_at: Timestamp::now(),
            container,
            swap: None,
            moved_tag: None,
        };
        self.records.save(&record).await?;
        Ok(record)
    }

    /// Tags by id: the tag that the image has now may move to another image at any time.
    async fn keep_image(&self, image: &str, promotion: &str) -> Result<()> {
        let client = self.engine.client()?;
        let options =
            TagImageOptionsBuilder::new().repo(&self.settings.image).tag(&keep_of(promotion)).build();
        within(CALL_LIMIT, client.tag_image(image, Some(options)))
            .await
            .context("keeping the running application's image")
    }

    /// The container made to this specification: the one that is there if it fits, else a new one.
    async fn candidate(&self, promotion: &str, image: &str, wanted: &Specification) -> Result<String> {
        let name = self.next_name(promotion);
        let mut found = self.named(&name).await?;
        if let Some(other) = found.take_if(|it| !is_made_to(it, wanted, image)) {
            self.discard(&other).await?;
        }
        if found.is_none() {
            let path = format!("/containers/create?name={name}");
            self.engine
                .post(&path, &wanted.document)
                .await
                .context("creating the new version's container")?;
            found = self.named(&name).await?;
        }
        let candidate = found.context("the engine has lost the container it just created")?;
        ensure!(candidate.image() == image, "the new version's container was made from another image");
        self.connect_networks(&candidate, &wanted.networks).await?;
        Ok(candidate.id().to_owned())
    }

    /// Connects the container to those of the networks that it is not connected to.
    pub(super) async fn connect_networks(
        &self,
        container: &Container,
        wanted: &Map<String, Value>,
    ) -> Result<()> {
        let current = container.networks();
        for (network, endpoint) in wanted.iter().filter(|(name, _)| !current.contains_key(*name)) {
            self.join(container.id(), network, endpoint).await?;
        }
        Ok(())
    }

    /// Gives the application's name to the new container.
    pub(super) async fn hand_over_name(&self, swap: &Swap) -> Result<()> {
        let name = &self.settings.container;
        let bearer = self.named(name).await?;
        if bearer.as_ref().is_some_and(|it| it.id() == swap.new) {
            return Ok(());
        }
        if bearer.is_some_and(|it| it.id() == swap.old) {
            self.rename(&swap.old, &self.old_name(&swap.promotion)).await?;
        }
        self.rename(&swap.new, name).await
    }

    /// Takes it back for the old one, which runs.
    pub(super) async fn hand_back_name(&self, swap: &Swap, new: &Container) -> Result<()> {
        let name = &self.settings.container;
        if new.name() == name {
            self.rename(&swap.new, &self.next_name(&swap.promotion)).await?;
        }
        match self.named(name).await? {
            Some(_) => Ok(()),
            None => self.rename(&swap.old, name).await,
        }
    }

    /// Watches the first moments, at most until it has `answered`: most of what cannot run ends within them.
    async fn first_look(
        &self,
        id: &str,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        let mut answered = pin!(answered);
        let until = tokio::time::Instant::now() + FIRST_LOOK;
        loop {
            let seen = self.container(id).await.map_err(StartError::Unavailable)?;
            let Some(seen) = seen else {
                return Err(StartError::Unavailable(anyhow::anyhow!("the new version's container is gone")));
            };
            if !seen.is_up() || seen.is_restarting() || seen.restarts() > 0 {
                return Err(StartError::Exited(self.end_of(&seen).await));
            }
            if tokio::time::Instant::now() >= until {
                return Ok(());
            }
            tokio::select! {
                () = &mut answered => return Ok(()),
                () = tokio::time::sleep(super::moves::POLL_EVERY) => {}
            }
        }
    }
}

/// The restart policy of a container that stays down when it ends.
pub(super) fn never() -> Value {
    json!({ "Name": "no", "MaximumRetryCount": 0 })
}

/// The engine writes it in two ways.
pub(super) fn is_never(policy: &Value) -> bool {
    policy["Name"] == "no" || policy["Name"] == ""
}

/// A container that has been started already is not fresh any more.
fn is_made_to(candidate: &Container, wanted: &Specification, image: &str) -> bool {
    let is_fresh = candidate.instance().started_at.is_none();
    is_fresh
        && candidate.image() == image
        && candidate.label(label::SPECIFICATION) == Some(&wanted.fingerprint)
}
