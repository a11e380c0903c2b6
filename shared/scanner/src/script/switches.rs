//! Protections of template engines and frameworks that a program switches off.

use super::facts::Facts;
use super::report::Report;
use super::tree::{Entry, From, Id, Key, Kind};
use crate::finding::Verdict;

const RULE: &str = "xss.unescaped";

/// Looks at one expression.
pub(crate) fn look(facts: &Facts<'_, '_>, id: Id, report: &mut Report<'_>) {
    let is_off = match facts.tree.kind(id) {
        Kind::Object(entries) => entries.iter().any(|it| is_switched(facts, it, report)),
        Kind::Assign { target, value, .. } => match facts.member_name(*target).as_deref() {
            Some("escape") => gives_back(facts, *value),
            Some("escapeMarkup") => {
                matches!(facts.tree.kind(*target), Kind::Member { .. })
                    && says(facts, *value, "false", report)
            }
            _ => false,
        },
        Kind::Call { callee, arguments, .. } => match facts.member_name(*callee).as_deref() {
            Some("enabled") => {
                facts.name(*callee).is_some_and(|it| it.ends_with("$sceProvider.enabled"))
                    && arguments.first().is_some_and(|it| says(facts, *it, "false", report))
            }
            Some("resourceUrlWhitelist" | "trustedResourceUrlList") => {
                arguments.first().is_some_and(|it| lets_all_in(facts, *it))
            }
            _ => false,
        },
        _ => false,
    };
    if is_off {
        report.found(facts, RULE, id, Verdict::Review, "");
    }
}

/// A setting of a template engine by which values become markup.
fn is_switched(facts: &Facts<'_, '_>, entry: &Entry<'_>, report: &Report<'_>) -> bool {
    match entry.key {
        Some(Key::Fixed("autoescape")) => says(facts, entry.value, "false", report),
        Some(Key::Fixed("noEscape")) => says(facts, entry.value, "true", report),
        _ => false,
    }
}

/// Whether a list of allowed addresses has one whose host may be any.
fn lets_all_in(facts: &Facts<'_, '_>, list: Id) -> bool {
    let Kind::List(addresses) = facts.tree.kind(list) else { return false };
    addresses.iter().filter_map(|it| facts.text(*it)).any(|it| {
        let host = it.split_once("://").map_or(it.as_str(), |(_, rest)| rest);
        host.starts_with('*')
    })
}

fn says(facts: &Facts<'_, '_>, id: Id, word: &str, report: &Report<'_>) -> bool {
    report.text.get(facts.tree.place(id)) == Some(word)
}

/// Whether it is a function that gives back its parameter as it is.
fn gives_back(facts: &Facts<'_, '_>, id: Id) -> bool {
    let Kind::Function(function) = facts.tree.kind(id) else { return false };
    let [only] = &facts.function(*function).returns[..] else { return false };
    facts.variable_of(*only).is_some_and(|it| {
        let definitions = &facts.tree.variable(it).definitions;
        definitions.iter().all(|it| matches!(it.from, From::Parameter(of, 0) if of == *function))
    })
}
