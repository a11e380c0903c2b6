//! A look at the running containers, again and again, for two of one shop at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::shop::Shop;

/// A swap takes longer than a second.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often a shop's containers were looked at while the engine answered.
    pub(crate) looks: usize,
    /// Containers that ran beside another one of their shop, in words.
    pub(crate) doubles: BTreeSet<String>,
}

/// Looks until it is told to stop. Shops that are no containers are not looked at.
pub(crate) async fn watch(shops: Vec<Arc<Shop>>, stop: CancellationToken) -> Seen {
    let mut seen = Seen::default();
    while !stop.is_cancelled() {
        for container in shops.iter().filter_map(|shop| shop.container.as_ref()) {
            // While the engine is away nobody can say.
            let Ok(mut family) = container.family().await else { continue };
            seen.looks += 1;
            family.retain(|listed| listed.is_running);
            if family.len() > 1 {
                seen.doubles.insert(format!("{family:?}"));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    seen
}
