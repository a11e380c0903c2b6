//! What an organization allows. It comes from the base of a change or from Slipway's records, never from the change.

use serde::Deserialize;

/// What is allowed; the default suits a tree that nobody wrote a policy for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What fingerprints are keyed with, so that nobody can try guesses of a secret against one. Accepted findings
    /// hold for one key only.
    pub fingerprint_key: String,
    /// Where the application may connect to.
    pub network: Network,
    /// Where files may lie and what may import what.
    pub layout: Layout,
    /// Which packages of others may come in.
    pub supply: Supply,
}

/// Where the application may connect to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Names of hosts; they match whole.
    pub hosts: Vec<String>,
}

/// Where files may lie and what may import what. Patterns are paths from the root: `*` stands for anything in one
/// name, `**` for any folders.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layout {
    /// Folders at the top in which files may lie; none: those that are there already.
    pub places: Vec<String>,
    /// Folders of applications: nobody imports from them.
    pub apps: Vec<String>,
    /// Imports that are not allowed.
    pub forbidden: Vec<Edge>,
    /// Modules that only a server has, by name; a client component must not import them. Those of Node.js are known.
    pub server_only: Vec<String>,
    /// How many levels an import may go up.
    pub levels_up_max: usize,
}

/// Imports from files to files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// A pattern of the importing files.
    pub from: String,
    /// A pattern of what they import: a path, or the name of a package.
    pub to: String,
    /// Why it is not allowed, for people.
    #[serde(default)]
    pub reason: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            apps: vec!["apps/*".to_owned()],
            forbidden: Vec::new(),
            server_only: vec!["server-only".to_owned(), "next/headers".to_owned()],
            levels_up_max: 3,
        }
    }
}

/// Which packages of others may come in.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Supply {
    /// Hosts that packages may come from; they match whole.
    pub registries: Vec<String>,
    /// Licences that are fine, by their SPDX names.
    pub licences_allowed: Vec<String>,
    /// Licences that are not; every other needs a look.
    pub licences_denied: Vec<String>,
    /// How old a version must be, in minutes; young ones are where stolen accounts are found out.
    pub age_min_minutes: u64,
    /// Names of packages that are known and meant, however like another they look.
    pub known: Vec<String>,
}

impl Default for Supply {
    fn default() -> Self {
        let names = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        Self {
            registries: names(&["registry.npmjs.org", "registry.yarnpkg.com"]),
            licences_allowed: names(&[
                "MIT",
                "MIT-0",
                "Apache-2.0",
                "ISC",
                "BSD-2-Clause",
                "BSD-3-Clause",
                "0BSD",
                "CC0-1.0",
                "Unlicense",
                "Zlib",
                "BlueOak-1.0.0",
                "Python-2.0",
                "CC-BY-4.0",
                "CC-BY-3.0",
                "Unicode-3.0",
                "WTFPL",
                "Artistic-2.0",
            ]),
            licences_denied: names(&[
                "AGPL-1.0-only",
                "AGPL-1.0-or-later",
                "AGPL-3.0-only",
                "AGPL-3.0-or-later",
                "GPL-2.0-only",
                "GPL-2.0-or-later",
                "GPL-3.0-only",
                "GPL-3.0-or-later",
                "SSPL-1.0",
                "BUSL-1.1",
                "Elastic-2.0",
                "CC-BY-NC-4.0",
                "CC-BY-NC-SA-4.0",
            ]),
            age_min_minutes: 1440,
            known: Vec::new(),
        }
    }
}
