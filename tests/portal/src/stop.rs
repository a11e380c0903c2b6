//! The wish to stop: SIGTERM or SIGINT.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells whether this process has been asked to stop. Clones share the answer.
///
/// As process 1 of a container a program dies of no signal that it does not handle, so every long-running command
/// listens for this.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Starts to listen for SIGTERM and SIGINT.
    pub(crate) fn on_signal() -> anyhow::Result<Self> {
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            sender.send_replace(true);
        });
        Ok(Self(receiver))
    }

    /// Returns once the stop has been requested, at once if it was before.
    ///
    /// # Cancel safety
    /// Losing the call loses nothing: the request stays known.
    pub(crate) async fn requested(&mut self) {
        // An error means that the listening task is gone; nobody could tell us to stop any more, so stop.
        if self.0.wait_for(|requested| *requested).await.is_err() {
            eprintln!("portal: cannot listen for signals any more");
        }
    }
}
