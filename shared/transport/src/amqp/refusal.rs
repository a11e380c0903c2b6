//! A right that the broker denies: no repetition mends it, a person has to.

use tokio::sync::watch;

use crate::Outage;

/// AMQP's `ACCESS_REFUSED`.
const ACCESS_REFUSED: u16 = 403;

/// Remembers the first right that was denied. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal(watch::Sender<Option<String>>);

impl Refusal {
    /// Remembers the outage if it is a denied right.
    pub(super) fn note(&self, outage: &Outage) {
        if let Outage::Refused { code: ACCESS_REFUSED, text } = outage {
            self.0.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| sentence(text));
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

fn sentence(text: &str) -> String {
    format!("RabbitMQ denies its user a right that this process needs ({text}); give the user that right.")
}
