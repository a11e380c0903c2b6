//! Roundabout ways to run text as a program.

use super::facts::Facts;
use super::report::Report;
use super::rules::RULES;
use super::sinks::Call;
use super::tree::{Form, From, Id, Key, Kind};
use super::value::{Level, PARAMETER, REMOTE, UNKNOWN};
use crate::finding::Verdict;

/// Looks at one call.
pub(crate) fn look(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    if makes_function(call) {
        return concealed(facts, call, report);
    }
    if call.is(&["process.binding", "process._linkedBinding", "process.dlopen"]) {
        return report.found(facts, "eval.concealed", call.id, Verdict::Review, "");
    }
    if call.name != Some("eval") && call.arguments.iter().any(|it| is_eval(facts, *it)) {
        let receiver = call.receiver(facts).map(|it| facts.value(it));
        if receiver.is_some_and(|it| it.has(REMOTE)) {
            return report.found(facts, "backdoor.remote-code", call.id, Verdict::Block, "");
        }
        return concealed(facts, call, report);
    }
    if call.form == Form::Import
        || call.is(&["Worker", "SharedWorker", "importScripts", "worker_threads.Worker"])
    {
        loaded(facts, call, report);
    }
    if call.is(&["eval", "Function"]) {
        constant_code(facts, call, report);
    }
    chosen(facts, call, report);
}

/// `window[x](…)`: whoever chooses the name chooses the function.
fn chosen(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Kind::Member { object, key: Key::Computed(key) } = *facts.tree.kind(call.callee) else { return };
    let value = facts.value(key);
    let is_everything = facts.name(object).as_deref() == Some("");
    if facts.text(key).is_none()
        && (value.level == Level::Tainted || is_everything && value.has(PARAMETER))
        && let Some(rule) = RULES.get("eval.chosen")
    {
        report.judge(facts, rule, call.id, value);
    }
}

/// `[].constructor.constructor(x)`, `(async () => {}).constructor(x)` and their kin.
fn makes_function(call: &Call<'_>) -> bool {
    let Some(name) = call.name else { return false };
    name.ends_with(".constructor.constructor")
        || name == "Object.getPrototypeOf().constructor"
        || name.ends_with(".constructor")
            && ["[].", "''.", "function.", "//."].iter().any(|it| name.starts_with(it))
            && name != "[].constructor"
            && name != "''.constructor"
}

fn is_eval(facts: &Facts<'_, '_>, id: Id) -> bool {
    matches!(facts.tree.kind(id), Kind::Name { .. } | Kind::Member { .. })
        && facts.name(id).as_deref() == Some("eval")
}

fn concealed(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(rule) = RULES.get("eval.concealed") else { return };
    let worst = call.arguments.iter().map(|it| facts.value(*it)).max_by_key(|it| it.level);
    match worst {
        Some(value) if value.level >= Level::Unknown => report.judge(facts, rule, call.id, value),
        _ => report.judge(facts, rule, call.id, UNKNOWN),
    }
}

/// Programs that are written into an address, or lie somewhere else.
fn loaded(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let (Some(rule), Some(argument)) = (RULES.get("eval.load"), call.argument(0)) else { return };
    let outline = facts.outline(argument).trim_start().to_ascii_lowercase();
    let value = facts.value(argument);
    let is_address = ["data:", "http:", "https:", "//", "blob:"].iter().any(|it| outline.starts_with(it));
    if is_address {
        let verdict = if value.level == Level::Tainted { Verdict::Block } else { Verdict::Review };
        report.say(facts, rule, call.id, value, verdict, "");
    } else if value.level == Level::Tainted
        && call.form == Form::Import
        && !super::checks::begins_fixed(facts, argument)
    {
        report.judge(facts, rule, call.id, value);
    }
}

/// A program that is a constant but was made unreadable, or is run by a concealed name.
fn constant_code(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    let Some(argument) = call.arguments.last() else { return };
    if facts.value(*argument).level > Level::Constant {
        return;
    }
    if facts.text(*argument).is_some() && is_made(facts, *argument) {
        report.found(facts, "obfuscated.decoded-code", call.id, Verdict::Block, "");
    } else if let Kind::Member { key: Key::Computed(_), .. } = facts.tree.kind(call.callee) {
        let value = UNKNOWN.marked(PARAMETER);
        if let Some(rule) = RULES.get("eval.concealed") {
            report.judge(facts, rule, call.id, value);
        }
    }
}

/// Whether a constant text is the result of calls.
fn is_made(facts: &Facts<'_, '_>, id: Id) -> bool {
    let mut id = id;
    for _ in 0..8 {
        match facts.tree.kind(id) {
            Kind::Call { .. } => return true,
            Kind::Join(parts) => {
                return parts.iter().any(|it| matches!(facts.tree.kind(*it), Kind::Call { .. }));
            }
            Kind::Name { variable: Some(variable), .. } => {
                match facts.tree.variable(*variable).definitions.first() {
                    Some(definition) => match definition.from {
                        From::Value(value) => id = value,
                        _ => return false,
                    },
                    None => return false,
                }
            }
            _ => return false,
        }
    }
    false
}
