//! Publishing: one channel in confirm mode, shared by all; many messages under way at once.
//!
//! A message counts as published only when the broker confirmed it and did not return it: `RabbitMQ` confirms
//! unroutable messages too. After any silence or channel error the channel is given up, and the next call
//! opens another.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::sync::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::link::{Link, Live};
use super::refusal::{Need, Refusal};
use super::wire::Packet;
use crate::{Outage, PublishError};

/// Longest that a call to publish takes, however many messages it has. A broker in a memory alarm would let it
/// wait for ever, and the caller's outbox is the better place to wait.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(8);

/// Messages under way at once. Bounds memory; enough that the round trips overlap.
const WINDOW: usize = 256;

/// How often it is proven that the broker takes messages. `RabbitMQ` tells only those of an alarm who publish, and
/// an idle process would be ready for work that it cannot pass on.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Publishes over one link.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Link,
    refusal: Refusal,
    lane: Mutex<Option<Arc<Lane>>>,
}

/// A channel in confirm mode and the connection it is on.
#[derive(Debug)]
struct Lane {
    channel: Channel,
    live: Live,
}

impl Lane {
    fn is_sound(&self) -> bool {
        self.channel.status().connected() && self.live.is_sound()
    }
}

impl Publisher {
    pub(super) fn new(link: Link, refusal: Refusal) -> Self {
        Self { link, refusal, lane: Mutex::new(None) }
    }

    /// Publishes the probe every few seconds, for ever: an alarm shows on the link, silence has it rebuilt.
    pub(super) async fn keep_proving(&self, probe: Packet) {
        let mut pulse = interval(PROBE_EVERY);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pulse.tick().await;
            for error in self.publish(vec![Ok(probe.clone())]).await.into_iter().filter_map(Result::err) {
                tracing::debug!(%error, "RabbitMQ takes no messages");
            }
        }
    }

    /// Publishes all, and answers for each in the same order; those that can never be sent keep their error.
    pub(super) async fn publish(
        &self,
        messages: Vec<Result<Packet, PublishError>>,
    ) -> Vec<Result<(), PublishError>> {
        let deadline = Instant::now() + PUBLISH_TIMEOUT;
        let opened = timeout_at(deadline, self.lane()).await;
        let lane = match opened.unwrap_or(Err(Outage::Silent(PUBLISH_TIMEOUT))) {
            Ok(lane) => lane,
            Err(outage) => return refuse_all(messages, &outage),
        };
        let mut answers = Vec::with_capacity(messages.len());
        for window in messages.chunks(WINDOW) {
            let sent = window.iter().map(|message| self.send(&lane, message, deadline));
            answers.extend(join_all(sent).await);
        }
        self.give_up_if_broken(&lane, &answers).await;
        answers
    }

    /// The channel in use, or a new one.
    async fn lane(&self) -> Result<Arc<Lane>, Outage> {
        let live = self.link.live_now()?;
        let mut current = self.lane.lock().await;
        if let Some(lane) = current.as_ref().filter(|lane| lane.is_sound()) {
            return Ok(Arc::clone(lane));
        }
        let channel = live.channel().await?;
        let confirming = channel.confirm_select(ConfirmSelectOptions::default());
        live.answer(confirming).await?;
        let lane = Arc::new(Lane { channel, live });
        Ok(Arc::clone(current.insert(lane)))
    }

    async fn send(
        &self,
        lane: &Lane,
        message: &Result<Packet, PublishError>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        let packet = message.as_ref().map_err(PublishError::clone)?;
        let confirmed = timeout_at(deadline, confirm(&lane.channel, packet));
        let confirmed = tokio::select! {
            biased;
            confirmed = lane.live.until_over(confirmed) => confirmed,
            outage = self.link.blocked() => Err(outage),
        };
        let Ok(confirmed) = confirmed.map_err(PublishError::Unavailable)? else {
            return Err(PublishError::Unavailable(Outage::Silent(PUBLISH_TIMEOUT)));
        };
        match confirmed.map_err(|error| PublishError::Unavailable(Outage::from(error)))? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_returned)) => Err(packet.unroutable()),
            // Confirms are always asked for, so an answer without one is as bad as none.
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(PublishError::Rejected),
        }
    }

    /// A channel with unanswered messages is not used again; a silent connection is rebuilt.
    async fn give_up_if_broken(&self, lane: &Arc<Lane>, answers: &[Result<(), PublishError>]) {
        answers.iter().filter_map(outage).for_each(|outage| self.refusal.note(Need::Publish, outage));
        let mut outages = answers.iter().filter_map(outage).peekable();
        if outages.peek().is_none() {
            return;
        }
        let mut current = self.lane.lock().await;
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, lane)) {
            *current = None;
        }
        drop(current);
        if outages.any(|outage| matches!(outage, Outage::Silent(_))) {
            lane.live.give_up();
        }
    }
}

fn outage(answer: &Result<(), PublishError>) -> Option<&Outage> {
    if let Err(PublishError::Unavailable(outage)) = answer {
        return Some(outage);
    }
    None
}

fn refuse_all(messages: Vec<Result<Packet, PublishError>>, outage: &Outage) -> Vec<Result<(), PublishError>> {
    let refuse = |_packet| Err(PublishError::Unavailable(outage.clone()));
    messages.into_iter().map(|message| message.and_then(refuse)).collect()
}

/// Sends one message and waits for what the broker says to it.
async fn confirm(channel: &Channel, packet: &Packet) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory: packet.is_mandatory, immediate: false };
    let sent = channel.basic_publish(
        packet.exchange.clone(),
        packet.routing_key.clone(),
        options,
        &packet.body,
        packet.properties.clone(),
    );
    sent.await?.await
}
