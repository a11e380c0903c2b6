//! Waiting for what must become true, within bounds.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longest wait for what must happen. Only failing tests take that long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks until there is something to see.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", PATIENCE.as_secs());
        sleep(LOOK_EVERY).await;
    }
}
