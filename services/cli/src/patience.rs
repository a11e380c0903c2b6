//! Waiting for a console that restarts: with growing pauses, and not for ever.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::Failure;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// How long it has been quiet, and how long that is put up with.
#[derive(Debug)]
pub(crate) struct Patience {
    wait_max: Duration,
    silent_since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(wait_max: Duration) -> Self {
        Self { wait_max, silent_since: None, pause: PAUSE_MIN }
    }

    /// The console said something.
    pub(crate) fn renew(&mut self) {
        *self = Self::new(self.wait_max);
    }

    /// Pauses before the next try.
    pub(crate) async fn pause(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    /// Pauses before the next try after a failure.
    ///
    /// # Errors
    /// The failure itself where another try cannot help; [`Failure::Lost`] once the console has been
    /// silent for too long.
    pub(crate) async fn outlast(&mut self, failure: Failure, url: &str) -> Result<(), Failure> {
        if !failure.is_passing() {
            return Err(failure);
        }
        let silent_since = *self.silent_since.get_or_insert_with(Instant::now);
        if silent_since.elapsed() >= self.wait_max {
            return Err(Failure::Lost { url: url.to_owned(), seconds: self.wait_max.as_secs() });
        }
        self.pause().await;
        Ok(())
    }
}
