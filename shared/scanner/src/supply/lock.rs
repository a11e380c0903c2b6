//! What lock files say is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::outline::{self, Line};

/// A package as a lock file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Locked {
    /// Where it comes from, if that is said.
    pub(super) from: Option<String>,
    /// The sum of its content.
    pub(super) sum: Option<String>,
    /// Whether it runs commands when it is installed.
    pub(super) builds: bool,
    pub(super) deprecated: bool,
    pub(super) licence: Option<String>,
    /// Where it stands; empty where that has to be looked for.
    pub(super) place: Range<usize>,
}

/// A lock file.
#[derive(Debug, Default)]
pub(super) struct Lock {
    /// By name and version.
    pub(super) packages: BTreeMap<(String, String), Locked>,
    /// What the manifests asked for when it was written: by folder and name. Empty if it does not say.
    pub(super) wanted: BTreeMap<(String, String), String>,
    /// Packages that are bent for the whole tree: what a manifest asks of them does not count.
    pub(super) bent: BTreeSet<String>,
    /// `name@range`, as Yarn keeps what was asked for.
    pub(super) ranges: BTreeSet<String>,
}

/// Whether a path is a lock file that is read here.
pub(super) fn is_lock(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "pnpm-lock.yaml" | "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock")
}

impl Lock {
    /// Reads a lock file by its name; nothing if it is not one.
    pub(super) fn read(path: &str, text: &str) -> Option<Self> {
        let lock = match path.rsplit('/').next()? {
            "pnpm-lock.yaml" => pnpm(text),
            "yarn.lock" => yarn(text),
            _ => npm(text)?,
        };
        let said = !lock.packages.is_empty() || !lock.wanted.is_empty();
        (said || text.lines().count() < 10).then_some(lock)
    }
}

fn pnpm(text: &str) -> Lock {
    let mut lock = Lock::default();
    outline::walk(text, |Line { parents, key, value, place }| {
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        match (parents.as_slice(), *key) {
            (["importers", folder, kind, name], "specifier") if kind.ends_with("ependencies") => {
                let folder = if *folder == "." { "" } else { folder };
                lock.wanted.insert((folder.to_owned(), (*name).to_owned()), (*value).to_owned());
            }
            (["overrides"], name) => {
                let name = name.rsplit('>').next().unwrap_or(name);
                let end = name.get(1..).and_then(|it| it.find('@')).map_or(name.len(), |at| at + 1);
                lock.bent.insert(name[..end].to_owned());
            }
            (["specifiers"], name) => {
                lock.wanted.insert((String::new(), name.to_owned()), (*value).to_owned());
            }
            (["packages"], name) => {
                lock.packages.entry(pnpm_name(name)).or_default().place = place.clone();
            }
            (["packages", name], field) => {
                let package = lock.packages.entry(pnpm_name(name)).or_default();
                match field {
                    "resolution" => {
                        package.sum = outline::member(value, "integrity").map(str::to_owned);
                        let from = outline::member(value, "tarball").or(outline::member(value, "repo"));
                        package.from = from.map(str::to_owned);
                    }
                    "requiresBuild" => package.builds = *value == "true",
                    "deprecated" => package.deprecated = true,
                    _ => {}
                }
            }
            (["packages", name, "resolution"], "integrity") => {
                lock.packages.entry(pnpm_name(name)).or_default().sum = Some((*value).to_owned());
            }
            (["packages", name, "resolution"], "tarball" | "repo") => {
                lock.packages.entry(pnpm_name(name)).or_default().from = Some((*value).to_owned());
            }
            _ => {}
        }
    });
    lock
}

/// `/name/1.2.3_peer`, `/name@1.2.3(peer)` and `name@1.2.3`.
fn pnpm_name(key: &str) -> (String, String) {
    let key = key.split('(').next().unwrap_or(key);
    let bare = key.trim_start_matches('/');
    let at = bare.get(1..).and_then(|it| it.find('@')).map(|it| it + 1);
    let at = at.or(if key.starts_with('/') { bare.rfind('/') } else { None });
    let (name, version) = at.map_or((bare, ""), |at| (&bare[..at], &bare[at + 1..]));
    (name.to_owned(), version.split('_').next().unwrap_or_default().to_owned())
}

fn yarn(text: &str) -> Lock {
    let mut lock = Lock::default();
    let mut version = String::new();
    let mut current: Option<(String, Locked)> = None;
    let mut done = Vec::new();
    outline::walk(text, |Line { parents, key, value, place }| {
        if parents.is_empty() {
            done.extend(current.take().map(|(name, locked)| ((name, std::mem::take(&mut version)), locked)));
            let mut ranges = key.split(", ").map(|it| it.trim().to_owned());
            let Some(first) = ranges.next() else { return };
            // The first sign may begin the name of a scope.
            let Some((at, _)) = first.char_indices().skip(1).find(|(_, it)| *it == '@') else { return };
            // A package of the tree itself is no package from outside.
            if !first.contains("@workspace:") {
                current =
                    Some((first[..at].to_owned(), Locked { place: place.clone(), ..Locked::default() }));
            }
            lock.ranges.extend(ranges.chain([first]).map(|it| it.replace("@npm:", "@")));
        } else if let (Some((name, locked)), [_]) = (&mut current, *parents) {
            match *key {
                "version" => (*value).clone_into(&mut version),
                "integrity" | "checksum" => locked.sum = Some((*value).to_owned()),
                "resolved" => {
                    if locked.sum.is_none() {
                        locked.sum = value.split_once('#').map(|(_, sum)| sum.to_owned());
                    }
                    locked.from = Some(value.split('#').next().unwrap_or(value).to_owned());
                }
                "resolution" => {
                    let from = value.strip_prefix(&format!("{name}@"));
                    let elsewhere = from.filter(|it| !it.starts_with("npm:") && !it.starts_with("patch:"));
                    locked.from = elsewhere.map(str::to_owned);
                }
                _ => {}
            }
        }
    });
    done.extend(current.take().map(|(name, locked)| ((name, version), locked)));
    lock.packages.extend(done);
    lock
}

fn npm(text: &str) -> Option<Lock> {
    let json: Value = serde_json::from_str(text).ok()?;
    let mut lock = Lock::default();
    for (path, value) in json["packages"].as_object().into_iter().flatten() {
        let Some((_, name)) = path.rsplit_once("node_modules/") else {
            for member in ["dependencies", "devDependencies", "optionalDependencies"] {
                for (name, range) in value[member].as_object().into_iter().flatten() {
                    let range = range.as_str().unwrap_or_default().to_owned();
                    lock.wanted.insert((path.clone(), name.clone()), range);
                }
            }
            continue;
        };
        if value["link"] != true {
            lock.packages.insert(npm_key(name, value), npm_locked(value));
        }
    }
    let mut waiting: Vec<&Value> = vec![&json["dependencies"]];
    while let Some(level) = waiting.pop().filter(|_| json["packages"].is_null()) {
        for (name, value) in level.as_object().into_iter().flatten() {
            lock.packages.insert(npm_key(name, value), npm_locked(value));
            waiting.push(&value["dependencies"]);
        }
    }
    Some(lock)
}

fn npm_key(name: &str, value: &Value) -> (String, String) {
    // Under an alias, the package's own name.
    let name = value["name"].as_str().unwrap_or(name);
    (name.to_owned(), value["version"].as_str().unwrap_or_default().to_owned())
}

fn npm_locked(value: &Value) -> Locked {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Locked {
        from: text("resolved"),
        sum: text("integrity"),
        builds: value["hasInstallScript"] == true,
        deprecated: value["deprecated"].is_string(),
        licence: text("license"),
        place: 0..0,
    }
}
