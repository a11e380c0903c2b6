//! Statements for the database that are written out in a program: those that lose data.

use std::ops::Range;

use super::facts::Facts;
use super::report::Report;
use super::rules::{Check, RULES};
use super::tree::{Id, Kind};
use super::words;
use crate::finding::Verdict;
use crate::sql;

/// What the expression, a call or a tagged template, would have the database do.
pub(crate) fn look(facts: &Facts<'_, '_>, id: Id, report: &mut Report<'_>) {
    match facts.tree.kind(id) {
        Kind::Call { callee, arguments, .. } if asks(facts, *callee) => {
            if let Some(first) = arguments.first() {
                read(facts, *first, report);
            }
        }
        Kind::Tagged { tag, .. } if asks(facts, *tag) => read(facts, id, report),
        _ => {}
    }
}

fn asks(facts: &Facts<'_, '_>, callee: Id) -> bool {
    let is_query = |it: &(usize, _)| RULES.all[it.0].check == Check::Sql;
    facts.member_name(callee).is_some_and(|it| RULES.of_method(&it).iter().any(is_query))
}

fn read(facts: &Facts<'_, '_>, id: Id, report: &mut Report<'_>) {
    let place = facts.tree.place(id);
    let Some((begin, inner)) = inside(report.text, place) else { return };
    let at = report.offset + begin;
    for mut sighting in sql::look_in_text(inner) {
        sighting.place = sighting.place.start + at..sighting.place.end + at;
        sighting.via = sighting.via.into_iter().map(|it| it.start + at..it.end + at).collect();
        // Tests empty their own database.
        if words::is_test_file(facts.path) {
            sighting.verdict = Verdict::Note;
        }
        report.sightings.push(sighting);
    }
}

/// What stands between the quotes of one whole text, and where that begins.
fn inside(text: &str, place: Range<usize>) -> Option<(usize, &str)> {
    let written = text.get(place.clone())?;
    // The place of a template without gaps is what stands in it.
    if text.get(..place.start)?.ends_with('`') {
        return Some((place.start, written));
    }
    let begin = written.find(['"', '\'', '`'])?;
    let quote = &written[begin..=begin];
    let inner = written[begin + 1..].strip_suffix(quote)?;
    // Texts that are put together are another matter.
    (quote == "`" || !inner.contains(quote)).then_some((place.start + begin + 1, inner))
}
