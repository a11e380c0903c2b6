//! Queries and markup that are put together from what somebody sends, wherever they are used then: that is the place
//! to mend.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::report::Report;
use super::rules::{RULES, Rule};
use super::tree::{FunctionId, Id, Kind};
use super::value::{FOR_MARKUP, FOR_SQL, Level};
use super::words;
use crate::finding::Verdict;

/// How many pieces of markup are told of one function: whoever reads five sees the others.
const PIECES_MAX: usize = 5;

/// Looks at every text of the file, except where a place around it was told already.
pub(crate) fn look(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let (Some(query), Some(markup)) = (RULES.get("sqli.text"), RULES.get("xss.text")) else { return };
    let noted = noted(facts);
    let mut pieces: HashMap<FunctionId, usize> = HashMap::new();
    let mut entries: HashSet<(&str, Option<Id>)> = HashSet::new();
    for id in facts.tree.ids().filter(|it| !noted.contains(it)) {
        let Some(written) = written(facts, id) else { continue };
        let is_query = words::is_sql(&written) && words::is_strict_sql(&written);
        let (rule, purpose) = match (is_query, words::is_markup(&written)) {
            (true, _) => (query, FOR_SQL),
            (false, true) => (markup, FOR_MARKUP),
            (false, false) => continue,
        };
        let value = facts.value(id).used_for(purpose);
        if value.level != Level::Tainted || is_told(facts, rule, id, report) {
            continue;
        }
        // What was told where it came in need not be told of each text that it goes on into.
        if !entries.insert((&rule.id, value.entry)) {
            continue;
        }
        let count = pieces.entry(facts.tree.node(id).within).or_default();
        *count += usize::from(!is_query);
        if is_query || *count <= PIECES_MAX {
            report.say(facts, rule, id, value, Verdict::Review, "");
        }
    }
}

/// The parts that are written out of a text that is put together here.
fn written(facts: &Facts<'_, '_>, id: Id) -> Option<String> {
    match facts.tree.kind(id) {
        Kind::Join(parts) => {
            let text = |it: &Id| match facts.tree.kind(*it) {
                Kind::Text(text) => *text,
                _ => " ",
            };
            Some(parts.iter().map(text).collect())
        }
        Kind::Call { callee, arguments, .. } => {
            if matches!(facts.name(*callee).as_deref(), Some("util.format" | "format")) {
                return arguments.first().map(|it| facts.outline(*it));
            }
            let Kind::Member { object, .. } = facts.tree.kind(*callee) else { return None };
            let joins = match facts.member_name(*callee)?.as_str() {
                "concat" => true,
                "join" => matches!(facts.tree.kind(*object), Kind::List(_)),
                _ => false,
            };
            joins.then(|| facts.outline(id))
        }
        _ => None,
    }
}

/// Whether a place that overlaps with this one was told for the same reason.
fn is_told(facts: &Facts<'_, '_>, rule: &Rule, id: Id, report: &Report<'_>) -> bool {
    let place = facts.tree.place(id);
    let (start, end) = (place.start + report.offset, place.end + report.offset);
    report.sightings.iter().any(|it| {
        it.category == rule.category()
            && it.verdict != Verdict::Note
            && it.place.start < end
            && start < it.place.end
    })
}

/// What is only written into a log or an error.
fn noted(facts: &Facts<'_, '_>) -> HashSet<Id> {
    let mut noted = HashSet::new();
    for id in facts.tree.ids() {
        let Kind::Call { callee, arguments, .. } = facts.tree.kind(id) else { continue };
        let name = facts.name(*callee).unwrap_or_default();
        let root = name.trim_start_matches('~').split('.').find(|it| *it != "this").unwrap_or_default();
        if matches!(root, "console" | "logger" | "log" | "winston" | "debug") || root.ends_with("Error") {
            noted.extend(arguments);
        }
    }
    noted
}
