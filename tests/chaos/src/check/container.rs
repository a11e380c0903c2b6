//! One shop's containers as they really are, by the engine's own account.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Claim, Findings, Wrong};
use crate::container::{BASE, Container};
use crate::shop::Shop;

/// Exactly one container runs, is the version that was deployed last, and is otherwise as it was at first; no other
/// container and no other image is left where Slipway says that it cleaned up.
pub(super) async fn check(
    findings: &mut Findings,
    shop: &Shop,
    container: &Container,
    deployed: &[&&Claim],
    is_clean: bool,
) -> Result<()> {
    let name = &shop.name;
    let family = container.family().await?;
    let running = family.iter().filter(|listed| listed.is_running).count();
    findings.expect(running <= 1, Wrong::Doubled, || format!("{name}: {family:?}"));
    findings.expect(running >= 1, Wrong::Untruthful, || format!("{name}: no container runs: {family:?}"));
    let Some(seen) = container.seen().await? else {
        findings.expect(false, Wrong::Untruthful, || format!("{name}: no container bears its name"));
        return Ok(());
    };
    let last = deployed.last();
    let is_up = seen["State"]["Running"] == true;
    findings.expect(is_up, Wrong::Untruthful, || format!("{name}: its container is {}", seen["State"]));
    let label = |key: &str| seen["Config"]["Labels"][key].as_str();
    findings.same(&format!("{name}: promotion"), &label("slipway.promotion"), &last.map(|it| it.id.as_str()));
    findings.same(&format!("{name}: build"), &label("slipway.build"), &last.map(|it| it.build.as_str()));
    let image = last.map_or(Some(container.base.as_str()), |claim| claim.image.as_deref());
    findings.same(&format!("{name}: image"), &seen["Image"].as_str(), &image);
    let what = format!("{name}: what its owner has chosen");
    findings.same(&what, &container.traits(&seen)?, &container.original);
    if is_clean {
        let names: BTreeSet<_> = family.iter().map(|listed| listed.name.as_str()).collect();
        findings.same(&format!("{name}: containers"), &names, &BTreeSet::from([name.as_str()]));
        findings.same(&format!("{name}: tags"), &container.tags().await?, &tags(deployed));
    }
    Ok(())
}

/// The first version is nobody's to remove; beside the version that serves there is the one that it replaced, tagged
/// once more so that it cannot go.
fn tags(deployed: &[&&Claim]) -> BTreeSet<String> {
    let ids: Vec<String> = deployed.iter().map(|claim| claim.id.to_lowercase()).collect();
    let kept = ids.last().map(|last| format!("keep-{last}"));
    ids.into_iter().rev().take(2).chain(kept).chain([BASE.to_owned()]).collect()
}
