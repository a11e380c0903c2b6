//! Packages of others: manifests and lock files, parsed as they were and as they would be.

mod advisories;
mod installed;
mod licence;
mod lifecycle;
mod lock;
mod manifest;
mod names;
mod outline;
mod requested;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::change::{ChangeSet, ChangedFile, Content};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::policy::Policy;
use crate::sighting::Sighting;

use lock::Lock;
use manifest::Manifest;

/// Everything of this kind in the change, with the file that it is about.
pub(crate) fn look<'a>(change: &'a ChangeSet, policy: &Policy) -> Vec<(&'a ChangedFile, Sighting)> {
    let known = Known::new(change);
    let mut found = Vec::new();
    for file in &change.files {
        let Some(after) = text(file.after.as_ref()) else { continue };
        let about = About {
            before: text(file.before.as_ref()),
            after,
            policy: &policy.supply,
            known: &known,
            change,
        };
        let sightings = if is_manifest(&file.path) {
            requested::look(&about, &file.path)
        } else if lock::is_lock(&file.path) {
            installed::look(&about, &file.path)
        } else {
            continue;
        };
        found.extend(sightings.into_iter().map(|it| (file, it)));
    }
    found
}

fn text(content: Option<&Content>) -> Option<&str> {
    std::str::from_utf8(&content?.bytes).ok()
}

fn is_manifest(path: &str) -> bool {
    path.rsplit('/').next() == Some("package.json") && !path.split('/').any(|it| it == "node_modules")
}

/// One file, with what it is judged by.
struct About<'a> {
    before: Option<&'a str>,
    after: &'a str,
    policy: &'a crate::policy::Supply,
    known: &'a Known,
    change: &'a ChangeSet,
}

/// What the tree used before the change.
struct Known {
    /// Names of packages that some manifest or lock file had.
    names: BTreeSet<String>,
    /// Whether there is a tree to compare with; without one, nothing is new.
    compared: bool,
}

impl Known {
    fn new(change: &ChangeSet) -> Self {
        let before = change.files.iter().filter_map(|it| Some((it.path.as_str(), text(it.before.as_ref())?)));
        let context = change.context.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let mut names = BTreeSet::new();
        for (path, text) in before.chain(context) {
            if is_manifest(path) {
                names.extend(Manifest::read(text).wanted.into_keys());
            } else if lock::is_lock(path) {
                names.extend(
                    Lock::read(path, text).into_iter().flat_map(|it| it.packages.into_keys()).map(|it| it.0),
                );
            }
        }
        let compared = !change.base_paths.is_empty() || change.files.iter().any(|it| it.before.is_some());
        Self { names, compared }
    }

    fn is_new(&self, name: &str) -> bool {
        self.compared && !self.names.contains(name)
    }
}

/// A name or version that somebody else wrote, as it may stand in a sentence.
fn quoted(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control() && *c != '`').take(120).collect();
    format!("`{clean}`")
}

fn sighting(
    rule: &'static str,
    place: Range<usize>,
    message: String,
    remedy: &str,
    identity: String,
) -> Sighting {
    Sighting {
        gate: Gate::Dependencies,
        rule,
        category: Category::Dependency,
        verdict: Verdict::Review,
        severity: Severity::Medium,
        confidence: Confidence::High,
        place,
        via: Vec::new(),
        message,
        remedy: remedy.to_owned(),
        identity,
    }
}

/// A package that can be mistaken for a better known one.
fn look_alike(about: &About<'_>, name: &str, place: Range<usize>) -> Option<Sighting> {
    if about.known.names.contains(name) || about.policy.known.iter().any(|it| it == name) {
        return None;
    }
    let used = about.known.names.iter().chain(&about.policy.known).map(String::as_str);
    let other = names::mistaken(name, used)?;
    Some(Sighting {
        // Without a tree to compare with, it may have been there for years.
        verdict: if about.known.compared { Verdict::Review } else { Verdict::Note },
        severity: Severity::High,
        confidence: Confidence::Medium,
        ..sighting(
            "dependency.look-alike",
            place,
            format!(
                "The package {} has nearly the name of {}, which many use. Strangers publish harmful packages under \
                 such names and wait for a slip of the keyboard.",
                quoted(name),
                quoted(other)
            ),
            "Check which of the two is meant.",
            name.to_owned(),
        )
    })
}
