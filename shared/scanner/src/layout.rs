//! Where files lie, and what imports what: only what is new to the tree counts.

mod imports;
mod pattern;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::change::{ChangeSet, ChangedFile, Content};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::policy::{Layout, Policy};
use crate::sighting::Sighting;

use imports::Import;
use tree::{Target, Tree};

/// Everything of this kind in the change, with the file that it is about.
pub(crate) fn look<'a>(change: &'a ChangeSet, policy: &Policy) -> Vec<(&'a ChangedFile, Sighting)> {
    let mut found = places(change, &policy.layout);
    let tree = Tree::new(change);
    // Without a tree to compare with, it cannot be said that an import is new.
    let compared = !change.base_paths.is_empty() || change.files.iter().any(|it| it.before.is_some());
    for file in &change.files {
        if let Some(after) = file.after.as_ref().filter(|_| is_code(&file.path)).and_then(text) {
            found.extend(edges(file, after, &tree, &policy.layout).into_iter().map(|it| {
                let verdict = if compared { it.verdict } else { it.verdict.min(said_anyway(it.rule)) };
                (file, Sighting { verdict, ..it })
            }));
        }
    }
    found
}

fn text(content: &Content) -> Option<&str> {
    std::str::from_utf8(&content.bytes).ok()
}

fn is_code(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    matches!(ending, "ts" | "tsx" | "mts" | "cts" | "js" | "jsx" | "mjs" | "cjs" | "vue" | "svelte")
}

/// The most that is made of an import which may have been there for years: what breaks is told all the same.
fn said_anyway(rule: &str) -> Verdict {
    match rule {
        "architecture.forbidden-import" => Verdict::Block,
        "architecture.client-imports-server" => Verdict::Review,
        _ => Verdict::Note,
    }
}

/// The first file in each folder at the top where none were before.
fn places<'a>(change: &'a ChangeSet, layout: &Layout) -> Vec<(&'a ChangedFile, Sighting)> {
    let mut allowed: BTreeSet<&str> = layout.places.iter().map(String::as_str).collect();
    if allowed.is_empty() {
        allowed = change.base_paths.iter().filter_map(|it| Some(it.split_once('/')?.0)).collect();
    }
    if allowed.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for file in &change.files {
        let arrives = file.after.is_some() && (file.before.is_none() || file.moved_from.is_some());
        let Some((folder, _)) = file.path.split_once('/').filter(|_| arrives) else { continue };
        if allowed.insert(folder) {
            found.push((file, new_place(folder)));
        }
    }
    found
}

fn new_place(folder: &str) -> Sighting {
    Sighting {
        message: format!(
            "The folder {} is new at the top of the project. Every part of the application has its place there; a new \
             one is a decision for whoever keeps it in order.",
            quoted(folder)
        ),
        remedy: "Move the files to a folder that exists, or have the new one agreed.".to_owned(),
        identity: folder.to_owned(),
        ..sighting("architecture.new-place", 0..0)
    }
}

/// A name that somebody else wrote, as it may stand in a sentence.
fn quoted(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control() && *c != '`').take(120).collect();
    format!("`{clean}`")
}

fn sighting(rule: &'static str, place: Range<usize>) -> Sighting {
    Sighting {
        gate: Gate::Architecture,
        rule,
        category: Category::Architecture,
        verdict: Verdict::Review,
        severity: Severity::Medium,
        confidence: Confidence::High,
        place,
        via: Vec::new(),
        message: String::new(),
        remedy: String::new(),
        identity: String::new(),
    }
}

/// The imports that a file did not have before and should not have now.
fn edges(file: &ChangedFile, after: &str, tree: &Tree, layout: &Layout) -> Vec<Sighting> {
    let old_path = file.moved_from.as_deref().unwrap_or(&file.path);
    let before = file.before.as_ref().and_then(text).map(imports::read).unwrap_or_default();
    let now = imports::read(after);
    // An import that was fine on the server is new in the browser.
    let comparable = old_path == file.path && before.client == now.client;
    let old: BTreeSet<_> = before
        .all
        .iter()
        .filter(|_| comparable)
        .map(|it| (tree.resolve(old_path, it.name), it.only_types, levels_up(it.name) > layout.levels_up_max))
        .collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for import in &now.all {
        let target = tree.resolve(&file.path, import.name);
        let edge = (target, import.only_types, levels_up(import.name) > layout.levels_up_max);
        if old.contains(&edge) || !told.insert(edge.clone()) {
            continue;
        }
        let client = now.client && !import.only_types;
        found.extend(Judge { file: &file.path, import, target: &edge.0, tree, layout }.sightings(client));
    }
    found
}

fn levels_up(import: &str) -> usize {
    import.split('/').take_while(|it| *it == "..").count()
}

/// One import before the rules.
struct Judge<'a> {
    file: &'a str,
    import: &'a Import<'a>,
    target: &'a Target,
    tree: &'a Tree,
    layout: &'a Layout,
}

impl Judge<'_> {
    fn sightings(&self, client: bool) -> Vec<Sighting> {
        let mut found: Vec<_> = [self.forbidden(), self.across()].into_iter().flatten().collect();
        if client {
            found.extend(self.server_only());
        }
        if found.is_empty() {
            found.extend(self.far_up());
        }
        found
    }

    fn sighting(&self, rule: &'static str, message: String, remedy: &str) -> Sighting {
        Sighting {
            message,
            remedy: remedy.to_owned(),
            identity: self.to().to_owned(),
            ..sighting(rule, self.import.place.clone())
        }
    }

    fn to(&self) -> &str {
        match self.target {
            Target::Path(path) => path,
            Target::Package(name) => name,
        }
    }

    fn forbidden(&self) -> Option<Sighting> {
        let is_to = |it: &str| {
            pattern::matches(it, self.to())
                || matches!(self.target, Target::Package(name) if it == tree::package(name))
        };
        let edge =
            self.layout.forbidden.iter().find(|it| pattern::matches(&it.from, self.file) && is_to(&it.to))?;
        let reason = if edge.reason.is_empty() { String::new() } else { format!(" {}", edge.reason) };
        let message = format!(
            "This file now uses {}, which the rules of the project do not allow here.{reason}",
            quoted(self.import.name)
        );
        Some(Sighting {
            verdict: Verdict::Block,
            ..self.sighting(
                "architecture.forbidden-import",
                message,
                "Use what the rules allow, or have the rule changed first.",
            )
        })
    }

    /// Imports between workspaces.
    fn across(&self) -> Option<Sighting> {
        let Target::Path(path) = self.target else { return None };
        let to = self.tree.workspace(&format!("{path}/"))?;
        let from = self.tree.workspace(self.file);
        if from == Some(to) || from.is_some_and(|it| to.starts_with(&format!("{it}/"))) {
            return None;
        }
        let is_app = |folder: &str| self.layout.apps.iter().any(|it| pattern::matches(it, folder));
        let by_path = self.import.name.starts_with('.');
        match (from.is_some_and(is_app), is_app(to)) {
            (true, true) => Some(self.sighting(
                "architecture.app-imports-app",
                format!(
                    "One application now uses the inside of another, {}. They can then no longer be changed or \
                     released on their own.",
                    quoted(to)
                ),
                "Move what both need into a shared package.",
            )),
            (false, true) if from.is_some() => Some(self.sighting(
                "architecture.package-imports-app",
                format!(
                    "A shared package now uses the application {}. Whoever uses the package would get the whole \
                     application with it.",
                    quoted(to)
                ),
                "Move what is needed into the package, or hand it in from the application.",
            )),
            _ if by_path => {
                let name = self.tree.name(to)?;
                Some(self.sighting(
                    "architecture.package-by-path",
                    format!(
                        "This file reaches into the package {} past its door, by a path. A change inside the package \
                         can then break it unseen.",
                        quoted(name)
                    ),
                    "Import the package by its name.",
                ))
            }
            _ => None,
        }
    }

    fn server_only(&self) -> Option<Sighting> {
        const BUILT_IN: &[&str] = &[
            "child_process",
            "cluster",
            "dgram",
            "dns",
            "fs",
            "fs/promises",
            "http2",
            "net",
            "os",
            "readline",
            "repl",
            "tls",
            "v8",
            "vm",
            "worker_threads",
        ];
        let Target::Package(name) = self.target else {
            let named = self.layout.server_only.iter().any(|it| {
                it == self.import.name
                    || it == tree::package(self.import.name)
                    || pattern::matches(it, self.to())
            });
            return named.then(|| self.server_sighting());
        };
        let listed = self.layout.server_only.iter().any(|it| it == name || it == tree::package(name));
        (listed || name.starts_with("node:") || BUILT_IN.contains(&name.as_str()))
            .then(|| self.server_sighting())
    }

    fn server_sighting(&self) -> Sighting {
        self.sighting(
            "architecture.client-imports-server",
            format!(
                "This part runs in the visitor's browser, but now uses {}, which only works on the server. The page \
                 would break, or what belongs on the server would be sent to visitors.",
                quoted(self.import.name)
            ),
            "Do the work on the server, and hand the result to this part.",
        )
    }

    fn far_up(&self) -> Option<Sighting> {
        let levels = levels_up(self.import.name);
        (levels > self.layout.levels_up_max).then(|| {
            self.sighting(
                "architecture.far-import",
                format!(
                    "This file reaches {levels} folders up for what it uses. Such paths break when files move, and mostly \
                     lead to where a file has no business."
                ),
                "Use the project's short name for the place, or move the files closer.",
            )
        })
    }
}
