//! Waiting for Slipway's database, as long as it takes.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use store::{Result, StoreError, answered};

/// Asks until the database answers. Whoever cannot wait for ever drops it.
///
/// # Errors
/// Those that do not pass by themselves.
pub(crate) async fn patiently<T, F: Future<Output = Result<T>>>(mut call: impl FnMut() -> F) -> Result<T> {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times();
    (|| answered(call()))
        .retry(backoff)
        .when(StoreError::is_passing)
        .notify(|error, _| tracing::warn!(%error, "waiting for the database"))
        .await
}
