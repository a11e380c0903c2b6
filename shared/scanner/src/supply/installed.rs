//! What a change brings in through a lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::finding::{Severity, Verdict};
use crate::sighting::Sighting;

use super::advisories::Advisories;
use super::licence::{self, Standing};
use super::lock::{Lock, Locked};
use super::manifest::{Manifest, Request};
use super::{About, is_manifest, look_alike, manifest, quoted, sighting, text};

type Package<'a> = (&'a (String, String), &'a Locked);

/// What is new in a lock file.
pub(super) fn look(about: &About<'_>, path: &str) -> Vec<Sighting> {
    let Some(after) = Lock::read(path, about.after) else { return vec![unreadable()] };
    let before = about.before.and_then(|it| Lock::read(path, it)).unwrap_or_default();
    let new: Vec<Package<'_>> =
        after.packages.iter().filter(|(key, _)| !before.packages.contains_key(*key)).collect();
    let mut found = Vec::new();
    found.extend(newcomers(about, &new));
    found.extend(new.iter().flat_map(|it| package(about, *it)));
    found.extend(hosts(about, &after, &before));
    found.extend(unsummed(about, &new));
    found.extend(
        after.packages.iter().filter_map(|(key, now)| tampered((key, now), before.packages.get(key)?)),
    );
    found.extend(weaknesses(about, &new));
    found.extend(mismatch(about, path, &after));
    found
}

fn unreadable() -> Sighting {
    sighting(
        "dependency.unreadable",
        0..0,
        "The file that fixes the exact versions of all packages could not be read, so nobody can say what it brings in."
            .to_owned(),
        "Let the package manager write it anew.",
        "lock".to_owned(),
    )
}

fn at(about: &About<'_>, (key, locked): Package<'_>) -> Range<usize> {
    if locked.place.is_empty() {
        manifest::place(about.after, &format!("node_modules/{}", key.0))
    } else {
        locked.place.clone()
    }
}

/// The names that come in for the first time, as one note: those asked for are told where they are asked for.
fn newcomers(about: &About<'_>, new: &[Package<'_>]) -> Option<Sighting> {
    let names: BTreeSet<&str> =
        new.iter().map(|(key, _)| key.0.as_str()).filter(|it| about.known.is_new(it)).collect();
    let first = new.iter().find(|(key, _)| names.contains(key.0.as_str()))?;
    let some: Vec<String> = names.iter().take(8).map(|it| quoted(it)).collect();
    let more = if names.len() > some.len() { " and others" } else { "" };
    Some(Sighting {
        verdict: Verdict::Note,
        severity: Severity::Low,
        ..sighting(
            "dependency.transitive",
            at(about, *first),
            format!("{} packages come in for the first time: {}{more}.", names.len(), some.join(", ")),
            "Nothing, if what needs them was looked at.",
            names.into_iter().collect::<Vec<_>>().join(" "),
        )
    })
}

fn package(about: &About<'_>, package: Package<'_>) -> Vec<Sighting> {
    let ((name, version), locked) = package;
    let named = format!("{name}@{version}");
    let mut found = Vec::new();
    let place = || at(about, package);
    if about.known.compared {
        found.extend(look_alike(about, name, place()));
    }
    if locked.builds && about.known.is_new(name) {
        found.push(sighting(
            "dependency.runs-at-install",
            place(),
            format!("The package {} is new and runs commands of its own when it is installed.", quoted(name)),
            "Have somebody confirm that it needs this.",
            named.clone(),
        ));
    }
    if locked.deprecated && about.known.compared {
        found.push(Sighting {
            verdict: Verdict::Note,
            severity: Severity::Low,
            ..sighting(
                "dependency.deprecated",
                place(),
                format!(
                    "Its makers advise against the package {} in version {}.",
                    quoted(name),
                    quoted(version)
                ),
                "Use what they recommend instead.",
                named.clone(),
            )
        });
    }
    found.extend(licensed(about, name, &named, locked, &place));
    if let Some(age) =
        about.change.facts.ages_minutes.get(&named).filter(|it| **it < about.policy.age_min_minutes)
    {
        found.push(sighting(
            "dependency.young",
            place(),
            format!(
                "The package {} in version {} was published {} hours ago. When somebody steals a maker's account, it is \
                 noticed in the first days.",
                quoted(name),
                quoted(version),
                age / 60
            ),
            "Wait a day or two, or take the version before.",
            named,
        ));
    }
    found
}

fn licensed(
    about: &About<'_>,
    name: &str,
    named: &str,
    locked: &Locked,
    place: &dyn Fn() -> Range<usize>,
) -> Option<Sighting> {
    let licence = about.change.facts.licences.get(named).or(locked.licence.as_ref())?;
    let standing = licence::standing(licence, about.policy);
    if standing == Standing::Allowed || !about.known.compared {
        return None;
    }
    let denied = standing == Standing::Denied;
    let means = if denied {
        "does not allow: it could oblige you to publish your own code, or forbid the use"
    } else {
        "does not know; what it asks of you is not settled"
    };
    Some(Sighting {
        verdict: if denied { Verdict::Block } else { Verdict::Review },
        severity: if denied { Severity::High } else { Severity::Medium },
        ..sighting(
            "dependency.licence",
            place(),
            format!(
                "The package {} comes under the licence {}, which your policy {means}.",
                quoted(name),
                quoted(licence)
            ),
            "Use another package, or have the licence agreed.",
            format!("{named} {licence}"),
        )
    })
}

/// The host that an address names, without user and port.
fn host(address: &str) -> Option<&str> {
    let rest = address.split_once("://")?.1;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit('@').next()?;
    Some(host.split(':').next().unwrap_or(host))
}

/// Addresses that are no registry of the policy's, once for each host.
fn hosts(about: &About<'_>, after: &Lock, before: &Lock) -> Vec<Sighting> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (key, locked) in &after.packages {
        let Some(from) = &locked.from else { continue };
        let old = before.packages.get(key).and_then(|it| it.from.as_deref());
        if old == Some(from.as_str()) || from.starts_with("file:") || from.starts_with('.') {
            continue;
        }
        let host = host(from).unwrap_or(from);
        let fine = about.policy.registries.iter().any(|it| it == host)
            && !from.starts_with("http://")
            && !from.starts_with("git");
        if fine || !told.insert((host, old.is_some())) {
            continue;
        }
        let moved = old.is_some();
        found.push(Sighting {
            verdict: if moved || from.starts_with("http://") { Verdict::Block } else { Verdict::Review },
            severity: Severity::High,
            ..sighting(
                "dependency.registry",
                at(about, (key, locked)),
                format!(
                    "The package {} would {} {}, which is not one of the places that packages may come from.",
                    quoted(&key.0),
                    if moved { "now be fetched from another place than before," } else { "be fetched from" },
                    quoted(host)
                ),
                "Fetch it from the usual registry, or have the place added to the policy.",
                format!("{} {host}", key.0),
            )
        });
    }
    found
}

/// Packages whose content nothing vouches for.
fn unsummed(about: &About<'_>, new: &[Package<'_>]) -> Option<Sighting> {
    let local = |it: &Locked| {
        it.from.as_deref().is_some_and(|from| from.starts_with("file:") || from.starts_with('.'))
    };
    let missing: Vec<&Package<'_>> = new
        .iter()
        .filter(|(key, locked)| locked.sum.is_none() && !local(locked) && !key.1.is_empty())
        .filter(|(key, _)| {
            !key.1.starts_with("file:") && !key.1.starts_with("link:") && !key.1.starts_with("workspace:")
        })
        .collect();
    let first = missing.first()?;
    let names: Vec<String> = missing.iter().take(8).map(|(key, _)| quoted(&key.0)).collect();
    Some(sighting(
        "dependency.no-checksum",
        at(about, **first),
        format!("Nothing says what {} must contain, so it could be swapped on the way.", names.join(", ")),
        "Let the package manager write the lock file anew.",
        missing.iter().map(|(key, _)| key.0.as_str()).collect::<Vec<_>>().join(" "),
    ))
}

/// The same version with another content: a published version never changes.
fn tampered((key, now): Package<'_>, before: &Locked) -> Option<Sighting> {
    let (old, new) = (before.sum.as_deref()?, now.sum.as_deref()?);
    let kind = |sum: &str| sum.split('-').next().unwrap_or_default().to_owned();
    if old == new || !old.contains('-') || kind(old) != kind(new) {
        return None;
    }
    Some(Sighting {
        verdict: Verdict::Block,
        severity: Severity::Critical,
        ..sighting(
            "dependency.checksum-changed",
            now.place.clone(),
            format!(
                "The package {} would have another content under the same version {}. Published versions never change, so \
                 somebody changed it by hand.",
                quoted(&key.0),
                quoted(&key.1)
            ),
            "Let the package manager write the lock file anew, from the usual registry.",
            format!("{}@{}", key.0, key.1),
        )
    })
}

fn weaknesses(about: &About<'_>, new: &[Package<'_>]) -> Vec<Sighting> {
    let Some(given) = about.change.facts.advisories.as_deref() else { return Vec::new() };
    let Some(advisories) = Advisories::read(given) else {
        return vec![sighting(
            "dependency.advisories-unreadable",
            0..0,
            "The list of known weaknesses could not be read, so the new packages were not checked against it.".to_owned(),
            "Fetch the list anew.",
            "advisories".to_owned(),
        )];
    };
    let mut found = Vec::new();
    for package in new {
        let (name, version) = package.0;
        for advisory in advisories.of(name, version) {
            found.push(Sighting {
                verdict: if advisory.malicious { Verdict::Block } else { Verdict::Review },
                severity: if advisory.malicious { Severity::Critical } else { Severity::High },
                ..sighting(
                    "dependency.known-weakness",
                    at(about, *package),
                    format!(
                        "The package {} in version {} has a known weakness ({}): {}",
                        quoted(name),
                        quoted(version),
                        quoted(advisory.id),
                        quoted(advisory.summary)
                    ),
                    "Use a version in which it is mended.",
                    format!("{name}@{version} {}", advisory.id),
                )
            });
        }
    }
    found
}

/// Manifests of the change that ask for something else than the lock file was made for.
fn mismatch(about: &About<'_>, path: &str, after: &Lock) -> Vec<Sighting> {
    let root = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let inside =
        |it: &str| root.is_empty() || it.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    let manifests = about.change.files.iter().filter(|it| is_manifest(&it.path) && inside(&it.path));
    let mut wrong = BTreeMap::new();
    for file in manifests {
        let Some(manifest) = text(file.after.as_ref()).map(Manifest::read).filter(|it| it.readable) else {
            continue;
        };
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = folder.strip_prefix(root).unwrap_or(folder).trim_start_matches('/');
        for (name, asked) in &manifest.wanted {
            let fixed = matches!(Request::of(asked), Request::Version(_) | Request::Alias(_));
            if fixed
                && !manifest.bent.contains_key(name)
                && !after.bent.contains(name)
                && !holds(after, folder, name, asked)
            {
                wrong.insert(name.clone(), asked.clone());
            }
        }
    }
    let names: Vec<String> = wrong.keys().take(8).map(|it| quoted(it)).collect();
    let identity = wrong.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    let found = (!wrong.is_empty()).then(|| {
        sighting(
            "dependency.lock-mismatch",
            0..0,
            format!(
                "The file that fixes the exact versions was made for other requests than the project has now: {}. What is \
                 installed is then not what was asked for.",
                names.join(", ")
            ),
            "Install once and add the changed lock file.",
            identity,
        )
    });
    found.into_iter().collect()
}

fn holds(lock: &Lock, folder: &str, name: &str, asked: &str) -> bool {
    if !lock.ranges.is_empty() {
        return lock.ranges.contains(&format!("{name}@{}", asked.strip_prefix("npm:").unwrap_or(asked)));
    }
    if lock.wanted.keys().all(|(place, _)| place != folder) {
        // It says nothing of this folder, as old kinds do not.
        return true;
    }
    lock.wanted.get(&(folder.to_owned(), name.to_owned())).is_some_and(|it| it == asked)
}
