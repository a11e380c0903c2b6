//! Statements that lose data, by syntax tree.
//!
//! ```text
//! text ─▶ words ─▶ statements ─▶ deeds ─▶ losses ─▶ sightings
//!                  (by tree, or   (what    (less what
//!                   by keyword)   it does)  the script itself made)
//! ```
//!
//! Bodies of functions and text that is run as SQL go the same way again, up to a depth. A text that is no
//! Postgres is searched by its keywords, and said to be unreadable.

mod alter;
mod assigned;
mod condition;
mod deed;
mod history;
mod inner;
mod mask;
mod reader;
mod schema;
mod script;
mod statements;
#[cfg(test)]
mod tests;
mod wording;
mod words;

use std::ops::Range;

use crate::change::{ChangeSet, ChangedFile, Source};
use crate::finding::{Category, Confidence, Gate, Severity, Verdict};
use crate::sighting::Sighting;

use inner::{Inner, InnerKind};
use script::{Harm, Loss, Step};

/// How many texts may lie in each other.
const DEPTH_MAX: usize = 4;

/// Everything of this kind in the file.
pub(crate) fn look(source: Source<'_>) -> Vec<Sighting> {
    if !is_script(source.path) {
        return Vec::new();
    }
    let text = mask::script(source.text);
    let mut script = Script { foreign: mask::is_foreign_path(source.path), ..Script::default() };
    script.read(&text, DEPTH_MAX);
    let undo = mask::undo(source.path, source.text);
    let mut sightings: Vec<_> = script::losses(script.steps)
        .iter()
        .map(|loss| sighting(loss, undo.as_ref().is_some_and(|it| it.contains(&loss.step.deed.place.start))))
        .collect();
    sightings.extend(script.unread.map(|(place, identity)| unread(place, identity)));
    sightings
}

/// What a change does to the database beyond the text of its scripts: history rewritten, a schema without a script.
pub(crate) fn look_at_change(change: &ChangeSet) -> Vec<(&ChangedFile, Sighting)> {
    let mut found = history::look(change);
    found.extend(schema::look(change));
    found
}

/// What SQL in another language's string loses for sure, placed in that string. `${…}` in it stands for a name.
///
/// Rows deleted by a condition are an application's daily work: they are not told.
pub(crate) fn look_in_text(sql: &str) -> Vec<Sighting> {
    let text = mask::template(sql);
    let mut script = Script::default();
    script.read(&text, DEPTH_MAX);
    let losses = script::losses(script.steps);
    losses
        .iter()
        .filter(|it| it.harm == Harm::Sure && !mask::may_go_on(sql, &it.step.deed))
        .map(|loss| sighting(loss, false))
        .collect()
}

fn is_script(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, it)| it.to_ascii_lowercase());
    matches!(ending.as_deref(), Some("sql" | "psql" | "pgsql" | "ddl"))
}

/// What a script does, with what lies in it.
#[derive(Default)]
struct Script {
    steps: Vec<Step>,
    /// It lies where scripts for other databases lie.
    foreign: bool,
    /// The first place that could not be read, and what stands there.
    unread: Option<(Range<usize>, String)>,
}

impl Script {
    fn read(&mut self, text: &str, depth: usize) {
        let (words, closed) = words::words(text);
        let statements = statements::parsed(text, &words);
        if !closed || statements.unread.is_some() && !self.foreign && !mask::is_foreign(text, &words) {
            let at = statements.unread.map_or(0, |it| it.start);
            let near = words.partition_point(|it| it.place.end < at);
            let near = &words[near.min(words.len())..];
            let place = near.first().map_or(0..0, |it| it.place.clone());
            let identity = near.iter().take(20).map(|it| it.text.as_ref()).collect::<Vec<_>>().join(" ");
            self.unread.get_or_insert((place, identity));
        }
        self.take(&statements.all, None);
        self.descend(&words, None, depth);
        self.steps.sort_by_key(|it| it.deed.place.start);
    }

    fn take(&mut self, statements: &[Vec<&words::Word<'_>>], inside: Option<InnerKind>) {
        let deeds = statements.iter().flat_map(|it| deed::deeds(it));
        self.steps.extend(deeds.map(|deed| Step { deed, inside }));
    }

    /// Reads what lies in a text that is not the script itself.
    fn descend(&mut self, words: &[words::Word<'_>], inside: Option<InnerKind>, depth: usize) {
        let (made, hidden) = inner::made(words);
        // Outside a body, `EXECUTE` runs a statement that was prepared, and stands in the script.
        let hidden = hidden.filter(|_| inside.is_some()).map(|place| (place, "execute".to_owned()));
        self.unread = self.unread.take().or(hidden);
        for inner in inner::bodies(words).iter().chain(&made) {
            let Some(depth) = depth.checked_sub(1) else {
                self.unread.get_or_insert((inner.place.clone(), "nested".to_owned()));
                return;
            };
            self.read_inner(inner, inside, depth);
        }
    }

    fn read_inner(&mut self, inner: &Inner<'_>, around: Option<InnerKind>, depth: usize) {
        let mut part = Script::default();
        let (words, _) = words::words(&inner.text);
        // What a function makes, it makes only when it is called.
        let kind = if around == Some(InnerKind::Function) { InnerKind::Function } else { inner.kind };
        part.take(&statements::spoken(&words), Some(kind));
        part.descend(&words, Some(kind), depth);
        let base = inner.place.start;
        let placed = |place: Range<usize>| {
            if inner.exact { place.start + base..place.end + base } else { inner.place.clone() }
        };
        for mut step in part.steps {
            step.deed.place = placed(step.deed.place);
            self.steps.push(step);
        }
        self.unread = self.unread.take().or(part.unread.map(|(place, identity)| (placed(place), identity)));
    }
}

fn sighting(loss: &Loss, undo: bool) -> Sighting {
    let deed = &loss.step.deed;
    let made = loss.step.inside == Some(InnerKind::Made);
    let mut message = wording::message(loss);
    if undo {
        message.push_str(" It runs only when the change is taken back.");
    }
    Sighting {
        gate: Gate::Destructive,
        rule: wording::rule(&deed.act),
        category: Category::Destructive,
        verdict: match loss.harm {
            Harm::Sure if undo => Verdict::Review,
            Harm::Sure => Verdict::Block,
            Harm::Possible if undo => Verdict::Note,
            Harm::Possible => Verdict::Review,
            Harm::Rebuildable => Verdict::Note,
        },
        severity: wording::severity(loss),
        confidence: if made { Confidence::Medium } else { Confidence::High },
        place: deed.place.clone(),
        via: Vec::new(),
        message,
        remedy: wording::remedy(loss).to_owned(),
        identity: deed.normal.clone(),
    }
}

fn unread(place: Range<usize>, identity: String) -> Sighting {
    Sighting {
        gate: Gate::Destructive,
        rule: "destructive.unreadable",
        category: Category::Destructive,
        verdict: Verdict::Review,
        severity: Severity::Medium,
        confidence: Confidence::Low,
        place,
        via: Vec::new(),
        message:
            "This part of a database script could not be read, so nobody can say whether it deletes data."
                .to_owned(),
        remedy: "Write it as plain statements of the database, or have somebody who knows them read it."
            .to_owned(),
        identity,
    }
}
