//! TypeScript and JavaScript, also inside other files, by syntax tree.
//!
//! ```text
//! text ─▶ depth (can it be read?) ─▶ lower (the parser's tree made ours) ─▶ facts, names, origin (what is known)
//!      ─▶ sinks, texts, code, switches, leave, intrusion, literals (what the rules in rules.toml name),
//!         queries, migrations (statements for the database) ─▶ Sighting
//! templates, which are no programs ─▶ Sighting
//! ```
//!
//! A file that cannot be read is a sighting itself. Questions that would take too long are answered "unknown".

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the language has many kinds of expression, each rule means a few"
)]

mod checks;
mod code;
mod depth;
mod embedded;
mod facts;
mod fold;
mod guesses;
mod host;
mod intrusion;
mod leave;
mod literals;
mod lower;
mod migrations;
mod names;
mod origin;
mod queries;
mod report;
mod rules;
mod sinks;
mod sources;
mod switches;
mod templates;
#[cfg(test)]
mod tests;
mod texts;
mod tree;
mod value;
mod words;

use std::ops::Range;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use self::depth::Room;
use self::embedded::Part;
use self::facts::Facts;
use self::report::Report;
use self::tree::Tree;
use crate::change::Source;
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::policy::Policy;
use crate::sighting::Sighting;

/// How long a large program may take to be read. People's programs of 4 MiB take tenths of a second.
const READ_MAX: Duration = Duration::from_mins(1);

/// Everything of this kind in the file.
pub(crate) fn look(source: Source<'_>, policy: &Policy) -> Vec<Sighting> {
    let mut sightings = Vec::new();
    sightings.extend(
        templates::raw_markup(source.path, source.text).into_iter().filter_map(|it| raw_markup(source, it)),
    );
    for part in embedded::parts(source.path, source.text) {
        let text = &source.text[part.place.clone()];
        let found = match depth::room(text) {
            Room::Callers => read(source, policy, &part),
            Room::Own(stack) => read_apart(source, policy, &part, stack),
            Room::None => None,
        };
        match found {
            Some(found) => sightings.extend(found),
            None => sightings.push(unread(&part)),
        }
    }
    sightings
}

/// Reads on a stack of its own, and gives up after [`READ_MAX`]. A thread cannot be ended: one that was given up goes on
/// for itself, with a copy of the text.
fn read_apart(source: Source<'_>, policy: &Policy, part: &Part, stack: usize) -> Option<Vec<Sighting>> {
    let (done, found) = mpsc::channel();
    let (path, text) = (source.path.to_owned(), source.text.to_owned());
    let (policy, part) = (policy.clone(), part.clone());
    let look = move || {
        let found = read(Source { path: &path, text: &text }, &policy, &part);
        // Nobody waits any more for what was given up.
        let _ = done.send(found);
    };
    thread::Builder::new().stack_size(stack).spawn(look).ok()?;
    found.recv_timeout(READ_MAX).ok()?
}

fn read(source: Source<'_>, policy: &Policy, part: &Part) -> Option<Vec<Sighting>> {
    let text = &source.text[part.place.clone()];
    lower::with_tree(text, part.language, |tree, is_correct| {
        let mut found = look_at(tree, source.path, text, part.place.start, policy);
        if !is_correct {
            found.push(unread(part));
        }
        found
    })
}

fn look_at(tree: &Tree<'_>, path: &str, text: &str, offset: usize, policy: &Policy) -> Vec<Sighting> {
    let facts = Facts::new(tree, path);
    let mut report = Report { text, offset, sightings: Vec::new(), counts: [0; 3] };
    sinks::look(&facts, &mut report, |call, report| {
        code::look(&facts, call, report);
        leave::look(&facts, policy, call, report);
        intrusion::call(&facts, call, report);
        literals::call(&facts, call, report);
    });
    for id in tree.ids() {
        leave::address(&facts, policy, id, &mut report);
        intrusion::expression(&facts, id, &mut report);
        queries::look(&facts, id, &mut report);
        migrations::look(&facts, id, &mut report);
        switches::look(&facts, id, &mut report);
    }
    texts::look(&facts, &mut report);
    literals::named(&facts, &mut report);
    report.sightings
}

/// A place of a template where text is shown as markup.
fn raw_markup(source: Source<'_>, place: Range<usize>) -> Option<Sighting> {
    let rule = rules::RULES.get("xss.template")?;
    Some(Sighting {
        gate: Gate::Security,
        rule: &rule.id,
        category: rule.category(),
        verdict: Verdict::Review,
        severity: rule.severity(),
        confidence: Confidence::Medium,
        identity: source.text.get(place.clone())?.split_whitespace().collect(),
        place,
        via: Vec::new(),
        message: format!("{} {}", rule.what, rule.why),
        remedy: rule.remedy.clone(),
    })
}

/// What cannot be read cannot be checked, and a person must look at it.
fn unread(part: &Part) -> Sighting {
    let (what, remedy) =
        rules::RULES.get("unread.script").map_or(("", ""), |it| (it.what.as_str(), it.remedy.as_str()));
    let why = rules::RULES.get("unread.script").map_or("", |it| it.why.as_str());
    Sighting {
        gate: Gate::Security,
        rule: "unread.script",
        category: Category::Obfuscated,
        verdict: Verdict::Review,
        severity: Severity::Medium,
        confidence: Confidence::High,
        place: part.place.start..part.place.start,
        via: Vec::new(),
        message: format!("{what} {why}"),
        remedy: remedy.to_owned(),
        identity: "whole program".to_owned(),
    }
}
