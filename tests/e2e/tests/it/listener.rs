//! Somebody outside who listens to what Slipway tells on its broker.

use protocol::ProgressEvent;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use transport::{Exchange, Message, Subscription};

use crate::patience::PATIENCE;
use crate::system::System;

/// Hears every event from the moment it is made.
pub(crate) struct Listener {
    subscription: Subscription,
    heard: Vec<Message>,
    _until_dropped: DropGuard,
}

impl Listener {
    pub(crate) async fn new(system: &System) -> Self {
        let stop = CancellationToken::new();
        let subscription = system.broker().subscribe(Exchange::Events, "#", stop.clone()).await;
        Self { subscription, heard: Vec::new(), _until_dropped: stop.drop_guard() }
    }

    /// Listens until so many events that match were heard.
    pub(crate) async fn until(&mut self, what: &str, count: usize, matches: impl Fn(&Message) -> bool) {
        let listening = async {
            while self.heard.iter().filter(|message| matches(message)).count() < count {
                self.heard.push(self.subscription.next().await.expect("the broker is there"));
            }
        };
        let heard = timeout(PATIENCE, listening).await;
        assert!(heard.is_ok(), "waited in vain to be told: {what}");
    }

    /// Everything that was heard so far.
    pub(crate) fn heard(&self) -> &[Message] {
        &self.heard
    }

    /// The progress of a promotion as heard so far, in its own order.
    pub(crate) fn progress(&self, promotion: &str) -> Vec<ProgressEvent> {
        let mut told: Vec<ProgressEvent> = self
            .heard
            .iter()
            .filter_map(|message| serde_json::from_slice::<Value>(&message.body).ok())
            .filter(|envelope| envelope["subject"] == promotion)
            .map(|envelope| serde_json::from_value(envelope["data"].clone()).unwrap())
            .collect();
        // The broker may deliver out of order, and twice; the number tells.
        told.sort_by_key(|event| event.sequence);
        told.dedup_by_key(|event| event.sequence);
        told
    }
}
