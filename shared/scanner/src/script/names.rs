//! What an expression is called, whatever it was renamed to on the way: `child_process.exec` also for `e` after
//! `const { exec: e } = require("node:child_process")`, `eval` also for `globalThis["ev" + "al"]`.
//!
//! Names of modules and of the environment stand as they are; a name that begins with `~` is only what the file calls
//! it. A call adds `()`.

use std::rc::Rc;

use super::facts::Facts;
use super::tree::{Form, From, Id, Key, Kind, Step, VariableId};

/// How many renamings are followed.
const DEPTH_MAX: u32 = 24;

/// Names for everything that is global.
const GLOBAL: [&str; 7] = ["globalThis", "window", "self", "global", "top", "frames", "unsafeWindow"];

impl Facts<'_, '_> {
    /// What an expression is called, if anything.
    pub(crate) fn name(&self, id: Id) -> Option<Rc<str>> {
        self.name_at(id, 0)
    }

    /// The last part of a name.
    pub(crate) fn member_name(&self, id: Id) -> Option<String> {
        match self.tree.kind(id) {
            Kind::Member { key, .. } => self.key(*key),
            Kind::Name { name, .. } => Some((*name).to_owned()),
            _ => None,
        }
    }

    /// The name of a member, put together if it is written in parts.
    pub(crate) fn key(&self, key: Key<'_>) -> Option<String> {
        match key {
            Key::Fixed(name) => Some(name.to_owned()),
            Key::Computed(id) => self.text(id),
        }
    }

    fn name_at(&self, id: Id, depth: u32) -> Option<Rc<str>> {
        if let Some(known) = self.paths.borrow().get(&id) {
            return known.clone();
        }
        if depth > DEPTH_MAX || !self.step() {
            return None;
        }
        let found = self.name_of(id, depth + 1).filter(|it| it.len() < 300).map(Rc::from);
        self.paths.borrow_mut().insert(id, found.clone());
        found
    }

    fn name_of(&self, id: Id, depth: u32) -> Option<String> {
        match self.tree.kind(id) {
            Kind::Name { name, variable: None } => {
                Some(if GLOBAL.contains(name) { String::new() } else { (*name).to_owned() })
            }
            Kind::Name { name, variable: Some(variable) } => Some(self.variable_name(name, *variable, depth)),
            Kind::This => Some("~this".to_owned()),
            Kind::Member { object, key } => self.member_path(*object, *key, depth),
            Kind::Call { callee, arguments, form } => self.call_path(*callee, arguments, *form, depth),
            Kind::Choice(parts) => {
                let names: Vec<Rc<str>> = parts.iter().filter_map(|it| self.name_at(*it, depth)).collect();
                names.iter().find(|it| !it.starts_with('~')).or(names.first()).map(ToString::to_string)
            }
            Kind::Assign { value, adds: false, .. } => self.name_at(*value, depth).map(|it| it.to_string()),
            Kind::List(_) => Some("[]".to_owned()),
            Kind::Text(_) | Kind::Join(_) => Some("''".to_owned()),
            Kind::Function(_) => Some("function".to_owned()),
            Kind::Pattern(_) => Some("//".to_owned()),
            Kind::Tagged { tag, .. } => Some(format!("{}``", self.name_at(*tag, depth)?)),
            _ => None,
        }
    }

    fn variable_name(&self, name: &str, variable: VariableId, depth: u32) -> String {
        let mut found = None;
        for definition in self.tree.variable(variable).definitions.iter().take(4) {
            let from = match definition.from {
                From::Import { module, name } => Some(module_path(module, name)),
                From::Value(value) => self
                    .name_at(value, depth)
                    .map(|it| it.to_string())
                    .filter(|it| it != "function" && it != "''"),
                _ => None,
            };
            let Some(mut path) = from.filter(|it| !it.starts_with('~') || !definition.path.is_empty()) else {
                continue;
            };
            for step in &definition.path {
                match step {
                    Step::Key("default") => {}
                    Step::Key(key) => path = joined(&path, key),
                    Step::Any => path.push_str("[]"),
                }
            }
            found = found.or(Some(path));
        }
        found.unwrap_or_else(|| format!("~{name}"))
    }

    fn member_path(&self, object: Id, key: Key<'_>, depth: u32) -> Option<String> {
        let key = self.key(key)?;
        if let Some(value) = self.object_of(object).and_then(|it| self.tree.entry(it, &key))
            && let Some(name) = self.name_at(value, depth)
        {
            return Some(name.to_string());
        }
        let path = self.name_at(object, depth)?;
        Some(if key == "default" { path.to_string() } else { joined(&path, &key) })
    }

    fn call_path(&self, callee: Id, arguments: &[Id], form: Form, depth: u32) -> Option<String> {
        let first = arguments.first().copied();
        if form == Form::Import {
            return Some(module_path(&self.text(first?)?, None));
        }
        if let Kind::Member { object, key: Key::Fixed("bind") } = self.tree.kind(callee) {
            return self.name_at(*object, depth).map(|it| it.to_string());
        }
        let path = self.name_at(callee, depth)?;
        let is_require = matches!(&*path, "require" | "module.require" | "process.mainModule.require")
            || path.ends_with("createRequire()");
        if is_require && let Some(module) = first.and_then(|it| self.text(it)) {
            return Some(module_path(&module, None));
        }
        if matches!(
            &*path,
            "util.promisify" | "pify" | "es6-promisify.promisify" | "Promise.resolve" | "bluebird.promisify"
        ) {
            return self.name_at(first?, depth).map(|it| it.to_string());
        }
        Some(format!("{path}()"))
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() && !GLOBAL.contains(&key) {
        key.to_owned()
    } else if path.is_empty() {
        String::new()
    } else {
        format!("{path}.{key}")
    }
}

fn module_path(module: &str, name: Option<&str>) -> String {
    let module = module.strip_prefix("node:").unwrap_or(module);
    match name {
        Some("default") | None => module.to_owned(),
        Some(name) => format!("{module}.{name}"),
    }
}
