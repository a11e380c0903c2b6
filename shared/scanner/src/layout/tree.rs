//! A tree of workspaces, and what an import in it leads to: by the tree's own files alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::change::ChangeSet;

/// How many configurations may extend each other.
const EXTENDS_MAX: usize = 4;

/// Where an import leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A file or folder of the tree, without its ending.
    Path(String),
    /// A package, by its name.
    Package(String),
}

/// What a tree says of itself.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Workspaces by their folders.
    workspaces: BTreeMap<String, Workspace>,
    /// Names that stand for paths, by the folder whose files may use them.
    aliases: BTreeMap<String, Vec<Alias>>,
}

/// A package of the tree.
#[derive(Debug)]
struct Workspace {
    name: String,
    /// What it hands out, by the names that others call it: the `exports` of its manifest.
    exports: Value,
}

impl Workspace {
    /// The file that others get when they ask for such a part of the package, from its folder.
    fn exported(&self, part: &str) -> Option<String> {
        let asked = format!(".{part}");
        let Some(all) = self.exports.as_object().filter(|it| it.keys().any(|key| key.starts_with('.')))
        else {
            return chosen(&self.exports).filter(|_| part.is_empty()).map(str::to_owned);
        };
        if let Some(exact) = all.get(&asked) {
            return chosen(exact).map(str::to_owned);
        }
        all.iter().find_map(|(name, target)| {
            let (start, end) = name.split_once('*')?;
            let star = asked.strip_prefix(start)?.strip_suffix(end)?;
            Some(chosen(target)?.replacen('*', star, 1))
        })
    }
}

/// The file among those for different circumstances that a program gets.
fn chosen(target: &Value) -> Option<&str> {
    const CIRCUMSTANCES: [&str; 4] = ["import", "node", "require", "default"];
    let mut target = target;
    for _ in 0..CIRCUMSTANCES.len() {
        if let Some(path) = target.as_str() {
            return Some(path);
        }
        target = CIRCUMSTANCES.iter().find_map(|it| target.get(*it))?;
    }
    target.as_str()
}

fn without_ending(path: &str) -> &str {
    let (rest, ending) = path.rsplit_once('.').unwrap_or((path, ""));
    if matches!(ending, "ts" | "tsx" | "mts" | "cts" | "js" | "jsx" | "mjs" | "cjs") { rest } else { path }
}

/// `@/*` → `apps/web/src/*`.
#[derive(Debug)]
struct Alias {
    name: String,
    path: String,
}

impl Tree {
    /// The tree after the change.
    pub(super) fn new(change: &ChangeSet) -> Self {
        let mut texts: BTreeMap<&str, &str> =
            change.context.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        for file in &change.files {
            texts.remove(file.moved_from.as_deref().unwrap_or(&file.path));
            if let Some(text) = file.after.as_ref().and_then(|it| std::str::from_utf8(&it.bytes).ok()) {
                texts.insert(&file.path, text);
            }
        }
        let mut tree = Self::default();
        for (path, text) in &texts {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name == "package.json" && !folder.is_empty() {
                let package: Value = serde_json::from_str(text).unwrap_or_default();
                let name = package["name"].as_str().unwrap_or_default().to_owned();
                let exports = package["exports"].clone();
                tree.workspaces.insert(folder.to_owned(), Workspace { name, exports });
            } else if name == "tsconfig.json" || name == "jsconfig.json" {
                tree.aliases.insert(folder.to_owned(), aliases(path, &texts));
            }
        }
        tree
    }

    /// The folder of the workspace that a path lies in.
    pub(super) fn workspace(&self, path: &str) -> Option<&str> {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if let Some((found, _)) = self.workspaces.get_key_value(parent) {
                return Some(found);
            }
            folder = parent;
        }
        None
    }

    /// The name of the package in a workspace's folder.
    pub(super) fn name(&self, folder: &str) -> Option<&str> {
        self.workspaces.get(folder).map(|it| it.name.as_str()).filter(|it| !it.is_empty())
    }

    /// Where an import in a file leads.
    pub(super) fn resolve(&self, file: &str, import: &str) -> Target {
        if import.starts_with('.') {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            return Target::Path(joined(folder, import));
        }
        if let Some(path) = self.alias(file, import) {
            return Target::Path(path);
        }
        let package = package(import);
        match self.workspaces.iter().find(|(_, it)| it.name == package) {
            Some((folder, workspace)) => {
                let inner = &import[package.len()..];
                Target::Path(match workspace.exported(inner) {
                    Some(path) => without_ending(&joined(folder, &path)).to_owned(),
                    None => format!("{folder}{inner}"),
                })
            }
            None => Target::Package(import.to_owned()),
        }
    }

    fn alias(&self, file: &str, import: &str) -> Option<String> {
        let mut folder = file;
        let aliases = loop {
            folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
            if let Some(found) = self.aliases.get(folder) {
                break found;
            }
            if folder.is_empty() {
                return None;
            }
        };
        aliases.iter().find_map(|alias| match alias.name.strip_suffix('*') {
            Some(start) => Some(alias.path.replacen('*', import.strip_prefix(start)?, 1)),
            None => (alias.name == import).then(|| alias.path.clone()),
        })
    }
}

/// The package that an import names: `@acme/db/client` → `@acme/db`.
pub(super) fn package(import: &str) -> &str {
    let parts = if import.starts_with('@') { 2 } else { 1 };
    import.match_indices('/').nth(parts - 1).map_or(import, |(at, _)| &import[..at])
}

fn joined(folder: &str, import: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in import.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn aliases(path: &str, texts: &BTreeMap<&str, &str>) -> Vec<Alias> {
    let mut path = path.to_owned();
    for _ in 0..EXTENDS_MAX {
        let Some(text) = texts.get(path.as_str()) else { break };
        let config: Value = serde_json::from_str(&plain_json(text)).unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let options = &config["compilerOptions"];
        if let Some(paths) = options["paths"].as_object() {
            let base = joined(&folder, options["baseUrl"].as_str().unwrap_or("."));
            let alias = |(name, targets): (&String, &Value)| {
                let path = joined(&base, targets[0].as_str()?);
                Some(Alias { name: name.clone(), path })
            };
            return paths.iter().filter_map(alias).collect();
        }
        match config["extends"].as_str().filter(|it| it.starts_with('.')) {
            Some(parent) => path = joined(&folder, parent),
            None => break,
        }
        if !texts.contains_key(path.as_str()) {
            path.push_str(".json");
        }
    }
    Vec::new()
}

/// JSON with comments and trailing commas, as plain JSON.
fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            '"' => quoted = !quoted,
            '/' if !quoted && chars.peek() == Some(&'/') => {
                while chars.next().is_some_and(|it| it != '\n') {}
                continue;
            }
            '/' if !quoted && chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars.next();
                for it in chars.by_ref() {
                    if last == '*' && it == '/' {
                        break;
                    }
                    last = it;
                }
                continue;
            }
            '}' | ']' if !quoted => {
                let kept = out.trim_end().len();
                if out[..kept].ends_with(',') {
                    out.truncate(kept - 1);
                }
            }
            _ => {}
        }
        out.push(c);
    }
    out
}
