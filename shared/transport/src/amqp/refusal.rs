//! A right that the broker denies: no repetition mends it, a person has to.

use tokio::sync::watch;

use crate::Outage;

/// AMQP's `ACCESS_REFUSED`.
pub(super) const ACCESS_REFUSED: u16 = 403;

/// What a right is needed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// To take messages from a queue.
    Consume,
    /// To have a private queue that hears a topic.
    Hear,
    /// To hand in messages.
    Publish,
}

/// Remembers the first right that was denied. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal(watch::Sender<Option<String>>);

impl Refusal {
    /// Remembers the outage if it is a denied right, and what needs that right.
    pub(super) fn note(&self, need: Need, outage: &Outage) {
        if let Outage::Refused { code: ACCESS_REFUSED, text } = outage {
            self.0.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| sentence(need, text));
                is_first
            });
        }
    }

    /// Waits until a right is denied; says which, and what to do.
    pub(super) async fn heard(&self) -> String {
        let mut denied = self.0.subscribe();
        match denied.wait_for(Option::is_some).await.map(|denied| denied.clone()) {
            Ok(Some(sentence)) => sentence,
            // The sender is ours, so the channel is open for as long as somebody waits.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// `RabbitMQ` says which thing it is about, but not which right.
fn sentence(need: Need, text: &str) -> String {
    let (doing, rights) = match need {
        Need::Consume => ("consume messages", "the right to read"),
        Need::Hear => ("listen to notices", "the rights to configure, write and read"),
        Need::Publish => ("publish messages", "the right to write"),
    };
    format!(
        "RabbitMQ does not let this process {doing} ({text}); give the user {rights}, or correct the broker URL."
    )
}
