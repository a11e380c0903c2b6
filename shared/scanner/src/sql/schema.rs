//! `schema.prisma`: models, fields and values that go, with no script of the same change that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::change::{ChangeSet, ChangedFile, Content};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

use super::deed::Act;
use super::script::Step;
use super::wording::shown;
use super::{DEPTH_MAX, Script, is_script, mask};

/// What each changed schema loses without a script.
pub(super) fn look<'a>(change: &'a ChangeSet) -> Vec<(&'a ChangedFile, Sighting)> {
    let schemas: Vec<_> = change.files.iter().filter(|it| it.path.ends_with(".prisma")).collect();
    if schemas.is_empty() {
        return Vec::new();
    }
    // A model may move from one file to another: what is anywhere afterwards is not lost.
    let kept: Vec<_> = schemas.iter().filter_map(|it| text(it.after.as_ref())).map(Schema::read).collect();
    let mut gone = Vec::new();
    for file in schemas {
        let before = text(file.before.as_ref()).map(Schema::read).unwrap_or_default();
        gone.extend(before.less(&kept).into_iter().map(|it| (file, it)));
    }
    if gone.is_empty() {
        return Vec::new();
    }
    let steps = steps(change);
    let silent = gone.into_iter().filter(|(_, gone)| !steps.iter().any(|step| gone.is_in(step)));
    let after = |file: &'a ChangedFile| text(file.after.as_ref()).map(Schema::read).unwrap_or_default();
    silent.map(|(file, gone)| (file, gone.sighting(&after(file)))).collect()
}

fn text(content: Option<&Content>) -> Option<&str> {
    std::str::from_utf8(&content?.bytes).ok()
}

/// What the change's own scripts do.
fn steps(change: &ChangeSet) -> Vec<Step> {
    let mut steps = Vec::new();
    for file in change.files.iter().filter(|it| is_script(&it.path)) {
        let Some(text) = text(file.after.as_ref()) else { continue };
        let mut script = Script::default();
        script.read(&mask::script(text), DEPTH_MAX);
        steps.extend(script.steps);
    }
    steps
}

/// A block of a schema.
#[derive(Debug, Default)]
struct Block<'a> {
    list: bool,
    place: Range<usize>,
    /// What the database calls it.
    table: &'a str,
    /// Fields or values by name, and what the database calls them.
    parts: BTreeMap<&'a str, Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    column: &'a str,
    /// Its type, without `?` and `[]`.
    ty: &'a str,
}

/// The models and lists of a schema, by name.
#[derive(Debug, Default)]
struct Schema<'a> {
    blocks: BTreeMap<&'a str, Block<'a>>,
}

/// Something that a schema had.
struct Gone<'a> {
    block: &'a str,
    list: bool,
    table: &'a str,
    /// The field or value, and its name in the database.
    part: Option<(&'a str, &'a str)>,
}

impl<'a> Schema<'a> {
    /// Reads line by line, as Prisma writes it; what it does not understand, it leaves out.
    fn read(text: &'a str) -> Self {
        let mut schema = Self::default();
        let mut open: Option<&str> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let place = at..at + line.trim_end().len();
            at += line.len();
            let line = line.split("//").next().unwrap_or_default().trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            match (words.as_slice(), open) {
                ([kind @ ("model" | "enum"), name, ..], None) if line.ends_with('{') => {
                    let name = name.trim_end_matches('{');
                    open = Some(name);
                    let block = Block { list: *kind == "enum", place, table: name, parts: BTreeMap::new() };
                    schema.blocks.insert(name, block);
                }
                (["}", ..], _) => open = None,
                ([first, rest @ ..], Some(name)) => {
                    let Some(block) = schema.blocks.get_mut(name) else { continue };
                    if first.starts_with("@@map(") {
                        block.table = quoted(line).unwrap_or(name);
                    } else if !first.starts_with('@') {
                        let mapped = line.find("@map(").and_then(|at| quoted(&line[at..]));
                        let ty = rest.first().map_or("", |it| it.trim_end_matches(['?', '[', ']']));
                        block.parts.insert(first, Part { column: mapped.unwrap_or(first), ty });
                    }
                }
                _ => {}
            }
        }
        schema
    }

    /// What is here and in none of the others.
    fn less(&self, kept: &[Schema<'_>]) -> Vec<Gone<'a>> {
        let mut gone = Vec::new();
        let mut left: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for block in kept.iter().flat_map(|it| it.blocks.values()) {
            left.entry(block.table).or_default().extend(block.parts.values().map(|it| it.column));
        }
        for (name, block) in &self.blocks {
            let whole = |part| Gone { block: name, list: block.list, table: block.table, part };
            let Some(columns) = left.get(block.table) else {
                if !block.list {
                    gone.push(whole(None));
                }
                continue;
            };
            for (field, part) in &block.parts {
                // A field whose type is a model is no column.
                let is_relation = self.blocks.get(part.ty).is_some_and(|it| !it.list);
                let stays = columns.contains(part.column);
                if !is_relation && !stays {
                    gone.push(whole(Some((field, part.column))));
                }
            }
        }
        gone
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

impl Gone<'_> {
    /// Whether a script does the same, so that it is told there.
    fn is_in(&self, Step { deed, .. }: &Step) -> bool {
        let table = |on: &str| on.split(", ").any(|it| it.rsplit('.').next() == Some(self.table));
        match (&deed.act, self.part) {
            (Act::DropTable | Act::Rename { .. }, _) => table(&deed.on),
            (Act::DropColumn | Act::RenameColumn { .. }, Some((_, column))) => {
                table(&deed.on) && deed.part.as_deref() == Some(column)
            }
            (
                Act::DropValue
                | Act::RenameValue { .. }
                | Act::RenameType { .. }
                | Act::DropRebuildable("type"),
                Some(_),
            ) => self.list && table(&deed.on),
            _ => false,
        }
    }

    fn sighting(&self, after: &Schema<'_>) -> Sighting {
        let what = match self.part {
            None => format!("the table {} and every row in it", shown(self.block)),
            Some((value, _)) if self.list => {
                format!("the value {} of the list {}, which rows may hold", shown(value), shown(self.block))
            }
            Some((field, _)) => {
                format!("the column {} of {} and every entry in it", shown(field), shown(self.block))
            }
        };
        Sighting {
            gate: Gate::Destructive,
            rule: "destructive.schema-without-migration",
            category: Category::Destructive,
            verdict: Verdict::Review,
            severity: Severity::High,
            confidence: Confidence::Medium,
            place: after.blocks.get(self.block).map_or(0..0, |it| it.place.clone()),
            via: Vec::new(),
            message: format!(
                "The description of the database no longer has {what}, and no script of this change says how it goes. \
                 A tool that brings databases in line with the description would delete it."
            ),
            remedy: "Add the script that makes the change, so that it can be checked; or put it back."
                .to_owned(),
            identity: format!("{} {}", self.block, self.part.map_or("", |(name, _)| name)),
        }
    }
}
