//! The check at the end: what is there, compared with what Slipway says.
//!
//! Nothing here asks Slipway's code: the world is read from the kernel, over HTTP, from files and by
//! plain SQL; Slipway's claims from its tables.

mod claims;
mod container;
mod journal;
mod place;
mod sealed;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use servers::interrupt::Interrupt;

use crate::load::Load;
use crate::shop::Shop;
use crate::watch::Seen;
use crate::world::World;

pub(crate) use claims::Claim;

/// What kind of wrong something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// Slipway took responsibility for it and does not know it.
    Lost,
    /// It did not come to its end.
    Stuck,
    /// It happened twice, or two at once.
    Doubled,
    /// The world is not as Slipway says.
    Untruthful,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Stuck => "stuck",
            Self::Doubled => "doubled",
            Self::Untruthful => "untruthful",
        })
    }
}

/// All that is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) wrong: Vec<(Wrong, String)>,
    /// How many promotions ended how.
    pub(crate) outcomes: BTreeMap<(&'static str, String), usize>,
    /// Shops whose world could not be compared because Slipway itself calls for a person there.
    pub(crate) unchecked: Vec<String>,
    /// Deployments that say that they could not clean up.
    pub(crate) warnings: usize,
    /// How often an application was started, by its own account.
    pub(crate) starts: usize,
    /// How often a shop's running containers were looked at meanwhile.
    pub(crate) looks: usize,
    /// Single facts that were compared.
    pub(crate) compared: usize,
}

impl Findings {
    pub(crate) fn is_empty(&self) -> bool {
        self.wrong.is_empty()
    }

    /// How many of a kind.
    pub(crate) fn count(&self, kind: Wrong) -> usize {
        self.wrong.iter().filter(|(wrong, _)| *wrong == kind).count()
    }

    /// Notes a finding unless the fact is as it must be.
    pub(crate) fn expect(&mut self, is_right: bool, kind: Wrong, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !is_right {
            self.wrong.push((kind, what()));
        }
    }

    /// Notes an untruth unless both are the same.
    pub(crate) fn same<T: PartialEq + fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.expect(found == expected, Wrong::Untruthful, || {
            format!("{what}: found {found:?}, by Slipway's account {expected:?}")
        });
    }
}

/// What each shop's data looks like before anything is shipped.
pub(crate) async fn before(shops: &[Arc<Shop>]) -> Result<Vec<String>> {
    let mut data = Vec::new();
    for shop in shops {
        data.push(place::data(shop).await?);
    }
    Ok(data)
}

/// Waits until no run is open and nothing waits to be sent; a bounded wait, whose end is looked at by the check.
///
/// What calls for a person gets one, who has it tried again.
pub(crate) async fn settle(world: &World, limit: Duration, interrupt: &Interrupt) -> Result<()> {
    let begin = Instant::now();
    loop {
        resume(world).await;
        let query = "select (select count(*) from runs where phase <> 'finished')
                          + (select count(*) from promotions where ready_at is not null)
                          + (select count(*) from outbox)";
        if let Ok(rows) = world.records.rows(query, &[]).await {
            let open: i64 = rows[0].get(0);
            if open == 0 {
                return Ok(());
            }
        }
        if begin.elapsed() > limit || interrupt.is_raised() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn resume(world: &World) {
    let query = "select promotion from runs where phase = 'needs_attention'";
    let Ok(waiting) = world.records.rows(query, &[]).await else { return };
    for row in waiting {
        let address = world.api(&format!("/promotions/{}/resume", row.get::<_, String>(0)));
        let decision = serde_json::json!({ "by": "release manager" });
        if let Err(error) = reqwest::Client::new().post(address).json(&decision).send().await {
            eprintln!("could not be resumed: {error}");
        }
    }
}

/// Compares everything.
pub(crate) async fn everything(
    world: &World,
    shops: &[Arc<Shop>],
    load: &Load,
    before: &[String],
    seen: &Seen,
) -> Result<Findings> {
    let mut findings = Findings { looks: seen.looks, ..Findings::default() };
    findings.wrong.extend(seen.doubles.iter().map(|double| (Wrong::Doubled, double.clone())));
    let shipments = load.shipments().clone();
    let claims = claims::read(world).await?;
    claims::compare(&mut findings, &shipments, &claims);
    journal::check(&mut findings, world).await?;
    for (number, shop) in shops.iter().enumerate() {
        let of_shop: Vec<&Claim> = claims.iter().filter(|claim| claim.installation == shop.name).collect();
        place::check(&mut findings, world, shop, &of_shop, &before[number]).await?;
    }
    Ok(findings)
}
