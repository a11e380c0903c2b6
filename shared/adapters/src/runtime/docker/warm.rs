//! A new version that takes over running: it is started out of sight, proven, and then gets the old one's networks,
//! published ports and name, while both run.
//!
//! No port is published on an internal network, so a container can run there that is made for a port which another one
//! holds.
//!
//! 1. `warm_up`, while the old version serves: a trial whether this engine can do it at all; an internal network, which
//!    the containers join that the application talks to; the new version, started there and asked how it is.
//! 2. `take_over`: the old version leaves its networks, the new one joins them. Callers are refused for so long.
//! 3. `give_back`: the same the other way round. The old version has run all the time.
//!
//! A version that is not well on the internal network may only miss something there. So a second container of the old
//! version is asked as well: the new one is at fault if that is well.
//!
//! The new version stays on the internal network as long as it lives, and so do its neighbors: connections that it made
//! there would hang for minutes otherwise. A version that gets its place back gets its addresses back for the same reason,
//! or another start.
//!
//! A container leaves an internal network before any other: the engine would publish its ports there once more. And a
//! network is never joined while somebody holds the port: the engine is left with half an endpoint, which only another
//! start of the container mends.

mod control;
mod door;
mod listener;
mod network;
mod trial;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use self::door::door;
use super::Docker;
use super::container::Container;
use super::record::Record;
use super::specification::endpoints;
use super::swap::{TAIL_LINES, never};
use crate::probe::{HealthRule, Probe};
use crate::runtime::{StartError, Swap, Unfit};

/// No job that prepares may take much longer, and a control may have to follow.
const PROOF_LIMIT: Duration = Duration::from_mins(2);

/// How soon the end of a container is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What it takes to ask a version on the internal network how it is.
struct Proof<'a> {
    promotion: &'a str,
    rule: &'a HealthRule,
    /// Where it listens inside its container.
    port: u16,
}

impl Docker {
    /// Whether the new version of this swap is proven already and still runs.
    pub(super) async fn is_warm(&self, swap: &Swap) -> Result<bool> {
        Ok(swap.warm && self.container(&swap.new).await?.is_some_and(|it| it.is_up()))
    }

    /// Starts the new version beside the old one and proves it. Returns whether it may take over running; where it may
    /// not, people are told why, and its container may have been started in vain.
    ///
    /// # Errors
    /// [`Unfit`] where it is not well although the old version would be.
    pub(super) async fn warm_up(&self, swap: &Swap, build: &str, record: &Record) -> Result<bool> {
        let Some(rule) = &self.settings.warm else {
            return Ok(false);
        };
        let hindrance = match self.try_warm_up(swap, build, record, rule).await {
            Ok(None) => {
                self.notes
                    .tell("the new version runs beside the old one and is well; it will take over running");
                return Ok(true);
            }
            Ok(Some(hindrance)) => hindrance,
            Err(error) if error.is::<Unfit>() => return Err(error),
            Err(error) => format!("the new version could not be tried beside the old one ({error:#})"),
        };
        self.notes.tell(format!("the old version will be stopped before the new one starts: {hindrance}"));
        self.end_warm_up(&swap.promotion).await?;
        Ok(false)
    }

    /// Removes what a warm-up has used, if it is there; nothing of it is needed any more.
    pub(super) async fn end_warm_up(&self, promotion: &str) -> Result<()> {
        self.end_trial(promotion).await?;
        self.end_control(promotion).await?;
        self.close(&self.warm_name(promotion)).await
    }

    /// Gives the running new version the old one's place. Its restart policy is parked yet, as is the old one's.
    pub(super) async fn take_over(&self, swap: &Swap) -> Result<(), StartError> {
        let (old, new, places) = self.both(swap).await.map_err(StartError::Unavailable)?;
        let is_taken = |it: &Container| it.is_up() && it.networks().keys().any(|it| places.contains_key(it));
        if !new.is_up() && old.as_ref().is_some_and(is_taken) {
            // It ended while it waited: nobody has noticed anything yet.
            return Err(StartError::Exited(self.end_of(&new).await));
        }
        let is_in = self.change_places(swap, old.as_ref(), &new, &places).await;
        if !is_in.map_err(StartError::Unavailable)? {
            self.notes.tell("the new version is started once more, to get the application's ports");
            self.stand_by(&swap.new, &places).await.map_err(StartError::Unavailable)?;
            self.start_or_tell(&swap.new).await?.map_err(StartError::Exited)?;
            self.announce(&swap.new).await;
        }
        Ok(())
    }

    /// Gives an old version that still runs its place back. One that cannot have it running is stopped, for another
    /// start.
    pub(super) async fn give_back(&self, swap: &Swap) -> Result<()> {
        let Some(record) = self.records.load(&swap.promotion).await? else {
            return Ok(());
        };
        let Some(old) = self.container(&swap.old).await?.filter(Container::is_up) else {
            return Ok(());
        };
        let places = endpoints(&record.container);
        if let Some(new) = self.container(&swap.new).await? {
            self.set_restart_policy(&new, &never()).await?;
            self.hand_back_name(swap, &new).await?;
            self.leave_all(&new, &places).await?;
        }
        if self.move_in(&old, &places).await? && self.is_as_before(&old, &record.container).await? {
            return self.set_restart_policy(&old, record.container.restart_policy()).await;
        }
        self.notes.tell("the old version is started once more, to get its ports back");
        self.halt(old.id()).await
    }

    /// Why the new version cannot take over running, if it cannot.
    async fn try_warm_up(
        &self,
        swap: &Swap,
        build: &str,
        record: &Record,
        rule: &HealthRule,
    ) -> Result<Option<String>> {
        if let Some(hindrance) = self.hindrance_of_release() {
            return Ok(Some(hindrance));
        }
        let old = &record.container;
        let port = match door(old, &self.networks_of(old).await?, &rule.url) {
            Ok(port) => port,
            Err(hindrance) => return Ok(Some(hindrance)),
        };
        let network = self.warm_name(&swap.promotion);
        self.open(&network, &swap.promotion, true).await?;
        if let Some(hindrance) = self.trial(&swap.promotion, old.image()).await? {
            return Ok(Some(hindrance));
        }
        self.invite(&network, swap, old).await?;
        let proof = Proof { promotion: &swap.promotion, rule, port };
        let Err(problem) = self.start_warm(swap, build, &proof).await? else {
            return Ok(None);
        };
        self.notes.tell(format!("on a network of its own the new version is not well: {problem}"));
        if self.control_is_well(&proof, old).await? {
            let output = self.last_output(&swap.new, TAIL_LINES).await;
            let output = output.unwrap_or_else(|error| format!("no output: {error:#}"));
            return Err(Unfit { problem, output }.into());
        }
        Ok(Some(
            "on a network of its own not even the old version is well, so something is missing there".into(),
        ))
    }

    /// Why the two versions must not work with the same data, if so.
    fn hindrance_of_release(&self) -> Option<String> {
        let migrates = "a command brings the data up to date, and the old version must not see that";
        self.stops_first.clone().or_else(|| (!self.settings.migrate.is_empty()).then(|| migrates.to_owned()))
    }

    /// Starts the candidate on the internal network instead of its own ones; what was wrong with it, if anything was.
    async fn start_warm(&self, swap: &Swap, build: &str, proof: &Proof<'_>) -> Result<Result<(), String>> {
        let new = self.container(&swap.new).await?.context("the new version's container is gone")?;
        let own = new.networks();
        self.leave_all(&new, &own).await?;
        self.join(new.id(), &self.warm_name(&swap.promotion), &Value::Null).await?;
        match self.start_or_tell(new.id()).await {
            Ok(Ok(())) => self.is_well(new.id(), proof, Some(build)).await,
            Ok(Err(end)) => {
                self.notes.tell(end.output);
                Ok(Err("it cannot be started".into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks a version on the internal network until it is well or the time is up; what was wrong with it, if anything.
    async fn is_well(&self, id: &str, proof: &Proof<'_>, build: Option<&str>) -> Result<Result<(), String>> {
        let container = self.container(id).await?.context("a container is gone")?;
        if let Some(end) = self.end_told(Some(&container)) {
            return Ok(Err(end));
        }
        let ip = container.address(&self.warm_name(proof.promotion));
        let ip = ip.context("a container has no address on the internal network")?;
        let probe = Probe::new(proof.rule.clone())?.at(SocketAddr::new(ip, proof.port))?;
        let limit = proof.rule.within().min(PROOF_LIMIT);
        tokio::select! {
            answer = probe.until_healthy(limit, build) => Ok(answer.map(drop)),
            ended = self.until_it_ends(id) => ended.map(Err),
        }
    }

    /// Returns when the container does not run any more, with what happened to it.
    async fn until_it_ends(&self, id: &str) -> Result<String> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(end) = self.end_told(self.container(id).await?.as_ref()) {
                return Ok(end);
            }
        }
    }

    /// What happened to a container that does not run any more, for people.
    fn end_told(&self, found: Option<&Container>) -> Option<String> {
        match found {
            None => Some("it is gone".into()),
            Some(ended) if ended.is_up() => None,
            Some(ended) => {
                self.notes.tell(format!("it ended with exit code {}", ended.exit_code()));
                let is_out_of_memory = ended.instance().out_of_memory;
                Some(if is_out_of_memory { "it ran out of memory" } else { "it ended by itself" }.into())
            }
        }
    }

    /// The old container, if it is there, the new one, and the application's place: its side of each network.
    async fn both(&self, swap: &Swap) -> Result<(Option<Container>, Container, Map<String, Value>)> {
        let record = self.records.load(&swap.promotion).await?;
        let record = record.context("the previous version's saved specification is gone")?;
        let new = self.container(&swap.new).await?.context("the new version's container is gone")?;
        Ok((self.container(&swap.old).await?, new, endpoints(&record.container)))
    }

    /// Lets the old version out and the new one in; returns whether that one is reached by the application's ports.
    async fn change_places(
        &self,
        swap: &Swap,
        old: Option<&Container>,
        new: &Container,
        places: &Map<String, Value>,
    ) -> Result<bool> {
        if let Some(old) = old {
            // From here on a restart of the engine must not revive it.
            self.set_restart_policy(old, &never()).await?;
        }
        self.hand_over_name(swap).await?;
        if let Some(old) = old {
            self.leave_all(old, places).await?;
        }
        Ok(new.is_up() && self.move_in(new, places).await?)
    }

    /// Lets the old version back onto Slipway's networks that it was on; returns whether it has all its addresses again:
    /// its connections live on then, and hang otherwise.
    async fn is_as_before(&self, old: &Container, before: &Container) -> Result<bool> {
        for network in before.hidden_networks() {
            if !old.all_networks().contains_key(&network)
                && let Err(error) = self.join(old.id(), &network, &Value::Null).await
            {
                tracing::warn!(error = format!("{error:#}"), "a network cannot be joined again");
            }
        }
        let after = self.container(old.id()).await?.context("the old version's container is gone")?;
        let is_same =
            |network: &String| before.address(network).is_none_or(|it| after.address(network) == Some(it));
        Ok(before.all_networks().keys().all(is_same))
    }

    /// Connects a running container to the application's networks; returns whether its ports are published then.
    async fn move_in(&self, container: &Container, places: &Map<String, Value>) -> Result<bool> {
        if let Err(error) = self.connect_networks(container, places).await {
            tracing::warn!(error = format!("{error:#}"), "a running container could not be connected");
            return Ok(false);
        }
        self.announce(container.id()).await;
        let after = self.container(container.id()).await?.context("a container is gone")?;
        Ok(after.publishes_its_ports())
    }

    /// Stops the container and connects it to the application's networks, for a start.
    async fn stand_by(&self, id: &str, places: &Map<String, Value>) -> Result<()> {
        self.halt(id).await?;
        let container = self.container(id).await?.context("a container is gone")?;
        self.connect_networks(&container, places).await
    }
}
