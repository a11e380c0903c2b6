//! Nudges: somebody committed something to do.
//!
//! They only save waiting. Whoever follows them looks by the clock as well: a nudge may be missed while
//! there is no connection, and nobody can tell a silent connection from one that the network swallowed.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::{ACQUIRE_TIMEOUT, Result, Store, Tx, silence};

/// Everybody who waits for something to do listens here; a payload is never needed.
const CHANNEL: &str = "slipway_nudge";

/// A connection that was silent for this long is replaced.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long to wait before the database is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes when somebody committed something to do, or may have.
#[derive(Debug)]
pub struct Nudges {
    heard: watch::Receiver<()>,
    listener: AbortHandle,
}

impl Nudges {
    /// Waits for the next nudge; for ever while the database is away.
    ///
    /// # Cancel safety
    /// Cancel safe: a nudge that comes between two calls ends the second one at once.
    pub async fn next(&mut self) {
        if self.heard.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Nudges {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Store {
    /// Listens for nudges, on a connection of its own that takes no place in the pool.
    pub fn nudges(&self) -> Nudges {
        let (sender, heard) = watch::channel(());
        let store = self.clone();
        let listener = tokio::spawn(async move {
            loop {
                if let Err(error) = store.listen(&sender).await {
                    tracing::debug!(%error, "no nudges come from the database for now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
        Nudges { heard, listener: listener.abort_handle() }
    }

    /// Passes nudges on until the connection is silent or breaks.
    async fn listen(&self, heard: &watch::Sender<()>) -> Result<()> {
        let listening = async {
            let options = self.pool.connect_options();
            let own = PgPoolOptions::new().max_connections(1).connect_with((*options).clone()).await?;
            let mut listener = PgListener::connect_with(&own).await?;
            listener.listen(CHANNEL).await?;
            Ok(listener)
        };
        let mut listener = timeout(ACQUIRE_TIMEOUT, listening).await.unwrap_or_else(|_| Err(silence()))?;
        loop {
            // Also before the first: something may have been missed.
            heard.send_replace(());
            match timeout(SILENCE_MAX, listener.try_recv()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) | Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error.into()),
            }
        }
    }
}

impl Tx {
    /// Wakes whoever waits for something to do, when this transaction commits.
    pub async fn nudge(&mut self) -> Result<()> {
        sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(&mut *self.0).await?;
        Ok(())
    }
}
