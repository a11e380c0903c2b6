//! Known weaknesses of packages: records in the format of OSV.

use semver::Version;
use serde_json::Value;

/// Advisories of packages from npm.
#[derive(Debug, Default)]
pub(super) struct Advisories(Vec<Value>);

/// An advisory that holds for a version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advisory<'a> {
    pub(super) id: &'a str,
    pub(super) summary: &'a str,
    /// The package was made to do harm.
    pub(super) malicious: bool,
}

impl Advisories {
    /// Reads a JSON array of records, or one record a line. Nothing if it is neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Ok(records) = serde_json::from_str(text) {
            return Some(Self(records));
        }
        let lines = text.lines().filter(|it| !it.trim().is_empty());
        lines.map(serde_json::from_str).collect::<Result<_, _>>().ok().map(Self)
    }

    /// Those that hold for a version of a package.
    pub(super) fn of<'a>(&'a self, name: &str, version: &str) -> impl Iterator<Item = Advisory<'a>> {
        let name = name.to_owned();
        let version = version.to_owned();
        self.0.iter().filter(move |it| concerns(it, &name, &version)).map(|it| {
            let id = it["id"].as_str().unwrap_or("an advisory");
            Advisory {
                id,
                summary: it["summary"].as_str().unwrap_or_default(),
                malicious: id.starts_with("MAL-"),
            }
        })
    }
}

fn concerns(record: &Value, name: &str, version: &str) -> bool {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    items(&record["affected"]).iter().any(|affected| {
        affected["package"]["name"] == name
            && affected["package"]["ecosystem"] == "npm"
            && (items(&affected["versions"]).iter().any(|it| it == version)
                || items(&affected["ranges"]).iter().any(|range| in_range(&items(&range["events"]), version)))
    })
}

/// Whether a version lies between an `introduced` and the `fixed` or `last_affected` after it.
fn in_range(events: &[Value], version: &str) -> bool {
    let Ok(version) = Version::parse(version) else { return false };
    let parsed = |value: &Value| {
        value.as_str().and_then(|it| Version::parse(if it == "0" { "0.0.0-0" } else { it }).ok())
    };
    let mut inside = false;
    for event in events {
        if let Some(from) = parsed(&event["introduced"]) {
            inside |= version >= from;
        } else if let Some(fixed) = parsed(&event["fixed"]) {
            inside &= version < fixed;
        } else if let Some(last) = parsed(&event["last_affected"]) {
            inside &= version <= last;
        }
    }
    inside
}
