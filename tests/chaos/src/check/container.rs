//! One shop's containers as they really are, by the engine's own account.

use std::collections::BTreeSet;

use super::{Claim, Findings, Wrong};
use crate::container::{BASE, Found};

/// Exactly one container runs, is the version that was deployed last, and is otherwise as it was at first; no other
/// container and no other image is left where Slipway says that it cleaned up.
pub(super) fn compare(
    findings: &mut Findings,
    name: &str,
    (first, found): (&Found, &Found),
    deployed: &[&&Claim],
    is_clean: bool,
) {
    let family = &found.family;
    let running: Vec<_> = family.iter().filter(|it| it.is_running).map(|it| it.name.as_str()).collect();
    findings.expect(running.len() <= 1, Wrong::Doubled, || format!("{name}: {family:?}"));
    findings.expect(running.contains(&name), Wrong::Untruthful, || {
        format!("{name}: it does not run: {family:?}")
    });
    let last = deployed.last();
    let promotion = last.map(|claim| claim.id.as_str());
    let build = last.map(|claim| claim.build.as_str());
    let image = last.map_or(first.image.as_deref(), |claim| claim.image.as_deref());
    findings.same(&format!("{name}: promotion of its container"), &found.promotion.as_deref(), &promotion);
    findings.same(&format!("{name}: build of its container"), &found.build.as_deref(), &build);
    findings.same(&format!("{name}: image of its container"), &found.image.as_deref(), &image);
    findings.same(&format!("{name}: what its owner has chosen"), &found.traits, &first.traits);
    if is_clean {
        let names: BTreeSet<_> = family.iter().map(|listed| listed.name.as_str()).collect();
        findings.same(&format!("{name}: containers"), &names, &BTreeSet::from([name]));
        findings.same(&format!("{name}: tags of images"), &found.tags, &tags(deployed));
    }
}

/// The first version is nobody's to remove; beside the version that serves there is the one that it replaced, tagged
/// once more so that it cannot go.
fn tags(deployed: &[&&Claim]) -> BTreeSet<String> {
    let ids: Vec<String> = deployed.iter().map(|claim| claim.id.to_lowercase()).collect();
    let kept = ids.last().map(|last| format!("keep-{last}"));
    ids.into_iter().rev().take(2).chain(kept).chain([BASE.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::claims::tests::claim;
    use crate::container::Listed;

    fn found(build: Option<&str>, containers: &[(&str, bool)], tags: &[&str]) -> Found {
        let listed =
            |(name, is_running): &(&str, bool)| Listed { name: (*name).to_owned(), is_running: *is_running };
        Found {
            family: containers.iter().map(listed).collect(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            image: Some(build.unwrap_or("base").to_owned()),
            promotion: build.map(|build| format!("CP-{build}")),
            build: build.map(str::to_owned),
            traits: json!({ "restart": "always" }),
        }
    }

    #[test]
    fn what_is_not_as_slipway_says_is_found() {
        let one = |build: &str| Claim {
            id: format!("CP-{build}"),
            build: build.to_owned(),
            image: Some(build.to_owned()),
            ..claim("deployed", Some("deployed"))
        };
        let (a, b) = (one("a"), one("b"));
        let (none, both): (&[&Claim], &[&Claim]) = (&[], &[&a, &b]);
        let up = &[("shop", true)][..];
        let tags = &["base", "cp-a", "cp-b", "keep-cp-b"][..];
        let first = found(None, up, &["base"]);
        let good = || found(Some("b"), up, tags);
        let parked = Found { traits: json!({ "restart": "no" }), ..good() };
        let other = Found { image: Some("a".to_owned()), ..good() };
        for (found, deployed, expected) in [
            (first.clone(), none, None),
            (good(), both, None),
            (good(), none, Some(Wrong::Untruthful)),
            (first.clone(), both, Some(Wrong::Untruthful)),
            (parked, both, Some(Wrong::Untruthful)),
            (other, both, Some(Wrong::Untruthful)),
            (found(Some("b"), &[("shop", false)], tags), both, Some(Wrong::Untruthful)),
            (found(Some("b"), &[("shop--old-cp-b", true)], tags), both, Some(Wrong::Untruthful)),
            (found(Some("b"), &[("shop", true), ("shop--old-cp-b", true)], tags), both, Some(Wrong::Doubled)),
            (
                found(Some("b"), &[("shop", true), ("shop--old-cp-b", false)], tags),
                both,
                Some(Wrong::Untruthful),
            ),
            (found(Some("b"), up, &["base", "cp-b", "keep-cp-b"]), both, Some(Wrong::Untruthful)),
            (
                found(Some("b"), up, &["base", "cp-a", "cp-b", "cp-c", "keep-cp-b"]),
                both,
                Some(Wrong::Untruthful),
            ),
        ] {
            let mut findings = Findings::default();
            let deployed: Vec<&&Claim> = deployed.iter().collect();
            compare(&mut findings, "shop", (&first, &found), &deployed, true);
            assert_eq!(
                findings.wrong.first().map(|(wrong, _)| *wrong),
                expected,
                "{found:?}: {:?}",
                findings.wrong
            );
        }
    }
}
