//! What a `package.json` asks for.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

/// The members that name packages which are installed.
const WANTED: &[&str] = &["dependencies", "devDependencies", "optionalDependencies"];

/// The members that bend what others ask for.
const BENT: &[&str] = &["overrides", "resolutions"];

/// What a manifest says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// Packages and what is asked of them: `^1.2.3`, `latest`, an address.
    pub(super) wanted: BTreeMap<String, String>,
    /// Packages that are bent for the whole tree, in the same way.
    pub(super) bent: BTreeMap<String, String>,
    /// Commands by name.
    pub(super) scripts: BTreeMap<String, String>,
    /// Packages that may run commands of their own when they are installed.
    pub(super) builders: Vec<String>,
    /// Whether it could be read whole.
    pub(super) readable: bool,
}

impl Manifest {
    /// Reads a manifest; of one that is no JSON, such as a piece of it, what its lines tell.
    pub(super) fn read(text: &str) -> Self {
        match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
            Ok(Value::Object(json)) => Self::of(&json),
            Ok(_) => Self::default(),
            Err(_) => Self::of_lines(text),
        }
    }

    fn of(json: &Map<String, Value>) -> Self {
        let mut manifest = Self { readable: true, ..Self::default() };
        for member in WANTED {
            manifest.wanted.extend(strings(json.get(*member)));
        }
        manifest.scripts.extend(strings(json.get("scripts")));
        let pnpm = json.get("pnpm");
        for bent in BENT.iter().map(|it| json.get(*it)).chain([pnpm.and_then(|it| it.get("overrides"))]) {
            manifest.bent.extend(strings(bent));
        }
        let allowed = pnpm.and_then(|it| it.get("onlyBuiltDependencies")).or(json.get("trustedDependencies"));
        let names = allowed.and_then(Value::as_array).into_iter().flatten();
        manifest.builders.extend(names.filter_map(|it| Some(it.as_str()?.to_owned())));
        manifest
    }

    /// Lines of the form `"name": "^1.2.3",`.
    fn of_lines(text: &str) -> Self {
        let mut manifest = Self { readable: !text.trim_start().starts_with('{'), ..Self::default() };
        for line in text.lines() {
            let parts: Vec<&str> = line.trim().trim_end_matches(',').split('"').collect();
            let ["", name, colon, value, ""] = parts.as_slice() else { continue };
            if colon.trim() != ":" {
                continue;
            }
            if super::lifecycle::NAMES.contains(name) {
                manifest.scripts.insert((*name).to_owned(), (*value).to_owned());
            } else if !matches!(*name, "version" | "node" | "packageManager") && is_request(value) {
                manifest.wanted.insert((*name).to_owned(), (*value).to_owned());
            }
        }
        manifest
    }
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

/// Whether a text can be a request for a version, or an address of a package.
fn is_request(value: &str) -> bool {
    let bare = value.trim_start_matches(['^', '~', '>', '=', '<', 'v', ' ']);
    bare.starts_with(|c: char| c.is_ascii_digit())
        || matches!(value, "*" | "latest" | "next")
        || Request::of(value).is_foreign()
        || value.starts_with("workspace:")
}

/// What a manifest asks of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// A version or range of a registry.
    Version(&'a str),
    /// Another package under this name.
    Alias(&'a str),
    /// An address: git, a web address, a repository.
    Address(&'a str),
    /// Something in the same tree.
    Local,
}

impl<'a> Request<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        const LOCAL: &[&str] = &["workspace:", "link:", "portal:", "catalog:", "patch:", "file:"];
        const ADDRESS: &[&str] =
            &["git", "http:", "https:", "ssh:", "github:", "gitlab:", "bitbucket:", "gist:"];
        if let Some(alias) = value.strip_prefix("npm:") {
            // Berry writes `npm:^1.2.3` for the package of the same name.
            return if alias.starts_with(|c: char| c.is_ascii_digit() || "^~><=*".contains(c)) {
                Request::Version(alias)
            } else {
                Request::Alias(alias)
            };
        }
        let is_packed = value.starts_with("file:") && matches!(value.rsplit('.').next(), Some("tgz" | "gz"));
        if is_packed || ADDRESS.iter().any(|it| value.starts_with(it)) {
            return Request::Address(value);
        }
        if LOCAL.iter().any(|it| value.starts_with(it)) || value.starts_with(['.', '/']) {
            return Request::Local;
        }
        let short = value.split_once('/').is_some_and(|(owner, name)| {
            !owner.is_empty() && !owner.contains([' ', '|', '@', ':']) && !name.contains([' ', '/'])
        });
        if short { Request::Address(value) } else { Request::Version(value) }
    }

    pub(super) fn is_foreign(self) -> bool {
        matches!(self, Request::Alias(_) | Request::Address(_))
    }
}

/// The lowest version that a range asks for.
pub(super) fn lowest(range: &str) -> Option<semver::Version> {
    let first = range.split("||").next()?.trim().trim_start_matches(['^', '~', '>', '=', 'v', ' ']);
    let first = first.split([' ', ',']).next()?;
    let (core, rest) = first.split_at(first.find(['-', '+']).unwrap_or(first.len()));
    let mut parts: Vec<&str> =
        core.split('.').map(|it| if matches!(it, "x" | "X" | "*") { "0" } else { it }).collect();
    parts.resize(3, "0");
    semver::Version::parse(&format!("{}{rest}", parts.join("."))).ok()
}

/// Where a member of a JSON text stands.
pub(super) fn place(text: &str, name: &str) -> Range<usize> {
    let key = format!("\"{name}\"");
    let found = text.match_indices(&key).find(|(at, _)| text[at + key.len()..].trim_start().starts_with(':'));
    let start = found.map_or(0, |(at, _)| at);
    let end = text[start..].find('\n').map_or(text.len(), |it| start + it);
    start..end
}
