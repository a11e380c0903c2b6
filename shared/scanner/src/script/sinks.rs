//! Where values do harm: calls, assignments and attributes that the rules name.

use super::checks::{begins_fixed, checked, is_address};
use super::facts::Facts;
use super::report::Report;
use super::rules::{Argument, Check, RULES};
use super::tree::{Entry, Form, From, Id, Key, Kind};
use super::value::{DECODED, Level, PARAMETER, REMOTE, Value};
use super::words;
use crate::finding::Verdict;

/// A call, seen by the function that it really calls.
pub(crate) struct Call<'c> {
    pub(crate) id: Id,
    pub(crate) callee: Id,
    /// What the function is called, if that is known.
    pub(crate) name: Option<&'c str>,
    /// The last part of its name.
    pub(crate) method: &'c str,
    pub(crate) arguments: &'c [Id],
    pub(crate) form: Form,
}

impl Call<'_> {
    pub(crate) fn argument(&self, index: usize) -> Option<Id> {
        self.arguments.get(index).copied()
    }

    pub(crate) fn is(&self, names: &[&str]) -> bool {
        self.name.is_some_and(|it| names.contains(&it))
    }

    /// The object whose method is called.
    pub(crate) fn receiver(&self, facts: &Facts<'_, '_>) -> Option<Id> {
        match facts.tree.kind(self.callee) {
            Kind::Member { object, .. } => Some(*object),
            _ => None,
        }
    }
}

/// Every place that a rule names.
pub(crate) fn look(
    facts: &Facts<'_, '_>,
    report: &mut Report<'_>,
    mut each_call: impl FnMut(&Call<'_>, &mut Report<'_>),
) {
    for id in facts.tree.ids() {
        match facts.tree.kind(id) {
            Kind::Call { callee, arguments, form } => {
                with_call(facts, id, *callee, arguments, *form, |call| {
                    named_call(facts, call, report);
                    each_call(call, report);
                });
            }
            Kind::Tagged { tag, values } => tagged(facts, id, *tag, values, report),
            Kind::Assign { target, value, .. } => assign(facts, id, *target, *value, report),
            Kind::Object(entries) => {
                answer(facts, id, report);
                for entry in entries {
                    object_entry(facts, entry, report);
                }
            }
            Kind::Element { attributes, name, .. } => {
                raw_markdown(facts, id, attributes, report);
                for attribute in attributes {
                    react_html(facts, name, attributes, attribute, report);
                    address(facts, name, attribute, report);
                }
            }
            _ => {}
        }
    }
}

/// Sees through `f.call(this, x)` and `f.apply(this, [x])`.
fn with_call(
    facts: &Facts<'_, '_>,
    id: Id,
    callee: Id,
    arguments: &[Id],
    form: Form,
    then: impl FnOnce(&Call<'_>),
) {
    let mut callee = callee;
    let mut arguments = arguments;
    // `(f = node.g)(x)`.
    while let Kind::Assign { value, adds: false, .. } = facts.tree.kind(callee)
        && *value < callee
    {
        callee = *value;
    }
    if let Kind::Member { object, key: Key::Fixed(how @ ("call" | "apply")) } = facts.tree.kind(callee)
        && matches!(facts.tree.kind(*object), Kind::Name { .. } | Kind::Member { .. })
        && facts.name(*object).as_deref() != Some("Reflect")
    {
        callee = *object;
        arguments = match (*how, arguments.get(1).map(|it| facts.tree.kind(*it))) {
            ("apply", Some(Kind::List(list))) => list,
            _ => arguments.get(1..).unwrap_or_default(),
        };
    }
    let name = facts.name(callee);
    let written = facts.member_name(callee).unwrap_or_default();
    let method = match &name {
        Some(name) if !name.starts_with('~') => name.rsplit('.').next().unwrap_or(name),
        _ => &written,
    };
    then(&Call { id, callee, name: name.as_deref(), method, arguments, form });
}

fn named_call(facts: &Facts<'_, '_>, call: &Call<'_>, report: &mut Report<'_>) {
    // What a page calls jQuery is handed to plugins as a parameter.
    let own_name = call.name.map(|it| if matches!(it, "~$" | "~jQuery") { &it[1..] } else { it });
    let by_name = own_name.map(|it| RULES.of_call(it)).unwrap_or_default();
    let by_method = if matches!(facts.tree.kind(call.callee), Kind::Member { .. }) {
        RULES.of_method(call.method)
    } else {
        &[]
    };
    for (index, argument) in by_name.iter().chain(by_method) {
        let rule = &RULES.all[*index];
        let Some(value) = checked(facts, rule, call, *argument) else { continue };
        if value.has(REMOTE) && matches!(rule.check, Check::Code | Check::Program)
            || value.has(REMOTE) && rule.id == "cmdi.shell"
        {
            report.found(facts, "backdoor.remote-code", call.id, Verdict::Block, "");
        } else if value.has(DECODED) && matches!(rule.check, Check::Code) {
            report.found(facts, "obfuscated.decoded-code", call.id, Verdict::Block, "");
        } else {
            report.judge(facts, rule, call.id, value);
        }
    }
}

/// A method with a template beside it is called with the template's texts, and then with what stands in its gaps.
fn tagged(facts: &Facts<'_, '_>, id: Id, tag: Id, values: &[Id], report: &mut Report<'_>) {
    let (Kind::Member { .. }, Some(method)) = (facts.tree.kind(tag), facts.member_name(tag)) else { return };
    for (index, argument) in RULES.of_method(&method) {
        let rule = &RULES.all[*index];
        if let Argument::At(at) = argument
            && rule.check == Check::None
            && let Some(value) = at.checked_sub(1).and_then(|it| values.get(it))
        {
            report.judge(facts, rule, id, facts.value(*value));
        }
    }
}

fn assign(facts: &Facts<'_, '_>, id: Id, target: Id, value: Id, report: &mut Report<'_>) {
    let Some(member) = facts.member_name(target) else { return };
    for index in RULES.of_assign(&member) {
        let rule = &RULES.all[*index];
        let origin = facts.value(value);
        if rule.check == Check::Address {
            if origin.level == Level::Tainted
                && is_address(facts, target, &member)
                && !begins_fixed(facts, value)
            {
                let origin = origin.used_for(rule.purpose());
                if origin.level == Level::Tainted {
                    report.say(facts, rule, id, origin, Verdict::Review, "");
                }
            }
        } else if matches!(facts.tree.kind(target), Kind::Member { .. }) {
            report.judge(facts, rule, id, origin);
        }
    }
    let is_answer = member == "body"
        && facts.name(target).is_some_and(|it| matches!(&*it, "~ctx.body" | "~ctx.response.body"));
    if is_answer
        && words::is_markup(&facts.outline(value))
        && let Some(rule) = RULES.get("xss.response")
    {
        report.judge(facts, rule, id, facts.value(value));
    }
}

/// `{ statusCode: 200, body: … }`, as functions in the cloud answer.
fn answer(facts: &Facts<'_, '_>, object: Id, report: &mut Report<'_>) {
    let (Some(_), Some(body)) = (facts.tree.entry(object, "statusCode"), facts.tree.entry(object, "body"))
    else {
        return;
    };
    if words::is_markup(&facts.outline(body))
        && let Some(rule) = RULES.get("xss.response")
    {
        report.judge(facts, rule, body, facts.value(body));
    }
}

fn object_entry(facts: &Facts<'_, '_>, entry: &Entry<'_>, report: &mut Report<'_>) {
    match entry.key {
        Some(Key::Fixed("dangerouslySetInnerHTML")) => {
            if let (Some(rule), Some(value)) = (RULES.get("xss.react-html"), html_value(facts, entry.value)) {
                report.judge(facts, rule, entry.value, value);
            }
        }
        Some(Key::Fixed("$where")) => {
            if let Some(rule) = RULES.get("sqli.where-code") {
                report.judge(facts, rule, entry.value, facts.value(entry.value));
            }
        }
        _ => {}
    }
}

fn react_html(
    facts: &Facts<'_, '_>,
    element: &str,
    all: &[Entry<'_>],
    attribute: &Entry<'_>,
    report: &mut Report<'_>,
) {
    let Some(Key::Fixed("dangerouslySetInnerHTML")) = attribute.key else { return };
    let is_data = element == "script"
        && all.iter().any(|it| {
            matches!(it.key, Some(Key::Fixed("type")))
                && facts.text(it.value).is_some_and(|it| it.contains("json"))
        });
    if is_data || element == "style" {
        return;
    }
    if let (Some(rule), Some(value)) = (RULES.get("xss.react-html"), html_value(facts, attribute.value)) {
        // A script of the page's own is written with settings in it; strangers have no say in those.
        if element == "script" && value.level == Level::Unknown && !value.has(PARAMETER) {
            return;
        }
        report.judge(facts, rule, attribute.value, value);
    }
}

/// `<a href={…}>` and other attributes that lead somewhere.
fn address(facts: &Facts<'_, '_>, element: &str, attribute: &Entry<'_>, report: &mut Report<'_>) {
    let Some(Key::Fixed(name)) = attribute.key else { return };
    let leads = match name {
        "href" | "xlinkHref" => matches!(element, "a" | "area" | "use"),
        "src" => matches!(element, "iframe" | "script" | "embed" | "frame"),
        "action" => element == "form",
        "formAction" => matches!(element, "button" | "input"),
        _ => false,
    };
    if leads
        && !begins_fixed(facts, attribute.value)
        && !is_of_list(facts, attribute.value)
        && let Some(rule) = RULES.get("xss.address")
    {
        let value = facts.value(attribute.value).used_for(rule.purpose());
        if value.level == Level::Tainted {
            report.say(facts, rule, attribute.value, value, Verdict::Review, "");
        }
    }
}

/// Whether it is a part of an element of a list, as in `links.map((it) => …)`: addresses in those are put together
/// elsewhere, mostly behind something fixed.
fn is_of_list(facts: &Facts<'_, '_>, id: Id) -> bool {
    let mut id = id;
    while let Kind::Member { object, .. } = facts.tree.kind(id) {
        id = *object;
    }
    facts.variable_of(id).is_some_and(|it| {
        facts.tree.variable(it).definitions.iter().any(|it| match it.from {
            From::Each(_) => true,
            From::Parameter(function, _) => facts.argument_of.contains_key(&function),
            _ => false,
        })
    })
}

/// `<ReactMarkdown allowDangerousHtml>` and the like: markup in the text is kept.
fn raw_markdown(facts: &Facts<'_, '_>, id: Id, attributes: &[Entry<'_>], report: &mut Report<'_>) {
    let is_raw = attributes.iter().any(|it| match it.key {
        Some(Key::Fixed("allowDangerousHtml")) => true,
        Some(Key::Fixed("escapeHtml" | "skipHtml")) => {
            let place = facts.tree.place(it.value);
            report.text.get(place).is_some_and(|it| it == "false")
        }
        _ => false,
    });
    let Kind::Element { children, .. } = facts.tree.kind(id) else { return };
    let shown = attributes.iter().map(|it| it.value).chain(children.iter().copied());
    let worst = shown.map(|it| facts.value(it)).max_by_key(|it| it.level);
    if is_raw && let (Some(rule), Some(value)) = (RULES.get("xss.trusted"), worst) {
        report.judge(facts, rule, id, value);
    }
}

/// What `{ __html: … }` holds.
fn html_value(facts: &Facts<'_, '_>, id: Id) -> Option<Value> {
    let Some(object) = facts.object_of(id) else { return Some(facts.value(id)) };
    Some(facts.value(facts.tree.entry(object, "__html")?))
}
