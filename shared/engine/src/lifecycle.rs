//! How a process ends: first it takes no new work, then it lets go of what it has.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether this process is to end, in two stages. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    abandon: CancellationToken,
}

impl Shutdown {
    /// Begins the first stage: take nothing new, finish what is in hand.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Begins the second stage: let go at once; others take over.
    pub fn abandon(&self) {
        self.drain.cancel();
        self.abandon.cancel();
    }

    /// The token of the first stage.
    pub fn draining(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// The token of the second stage.
    pub fn abandoned(&self) -> CancellationToken {
        self.abandon.clone()
    }

    /// Turns SIGTERM and SIGINT into the two stages: the first signal drains, a second one or the
    /// end of the grace period abandons.
    pub fn follow_signals(&self, grace: Duration) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let stages = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = stages.drain.cancelled() => {}
            }
            tracing::info!("asked to end: finishing what is in hand");
            stages.drain();
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = tokio::time::sleep(grace) => {}
            }
            stages.abandon();
        });
        Ok(())
    }
}
