//! Where values do harm: calls, assignments and attributes that the rules name.

use super::facts::Facts;
use super::origin::{DECODED, FOR_MARKUP, FOR_SQL, Level, PARAMETER, REMOTE, Value};
use super::report::Report;
use super::rules::{Argument, Check, RULES, Rule};
use super::tree::{Entry, Form, Id, Key, Kind};
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
pub(crate) fn look(facts: &Facts<'_, '_>, report: &mut Report<'_>, mut each_call: impl FnMut(&Call<'_>, &mut Report<'_>)) {
    for id in facts.tree.ids() {
        match facts.tree.kind(id) {
            Kind::Call { callee, arguments, form } => {
                with_call(facts, id, *callee, arguments, *form, |call| {
                    named_call(facts, call, report);
                    each_call(call, report);
                });
            }
            Kind::Assign { target, value, .. } => assign(facts, id, *target, *value, report),
            Kind::Object(entries) => {
                for entry in entries {
                    object_entry(facts, entry, report);
                }
            }
            Kind::Element { attributes, name, .. } => {
                raw_markdown(facts, id, attributes, report);
                for attribute in attributes {
                    react_html(facts, name, attributes, attribute, report);
                }
            }
            _ => {}
        }
    }
}

/// Sees through `f.call(this, x)` and `f.apply(this, [x])`.
fn with_call(facts: &Facts<'_, '_>, id: Id, callee: Id, arguments: &[Id], form: Form, then: impl FnOnce(&Call<'_>)) {
    let mut callee = callee;
    let mut arguments = arguments;
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
    let by_method =
        if matches!(facts.tree.kind(call.callee), Kind::Member { .. }) { RULES.of_method(call.method) } else { &[] };
    for (index, argument) in by_name.iter().chain(by_method) {
        let rule = &RULES.all[*index];
        let Some(value) = checked(facts, rule, call, *argument) else { continue };
        if value.has(REMOTE) && matches!(rule.check, Check::Code | Check::Program) || value.has(REMOTE) && rule.id == "cmdi.shell" {
            report.found(facts, "backdoor.remote-code", call.id, Verdict::Block, "");
        } else if value.has(DECODED) && matches!(rule.check, Check::Code) {
            report.found(facts, "obfuscated.decoded-code", call.id, Verdict::Block, "");
        } else {
            report.judge(facts, rule, call.id, value);
        }
    }
}

/// The value that matters, if the rule's condition holds.
fn checked(facts: &Facts<'_, '_>, rule: &Rule, call: &Call<'_>, argument: Argument) -> Option<Value> {
    let value = match argument {
        Argument::At(index) => facts.value(call.argument(index)?),
        Argument::All => call.arguments.iter().map(|it| facts.value(*it)).max_by_key(|it| it.level)?,
    };
    let at = call.argument(match argument {
        Argument::At(index) => index,
        Argument::All => call.arguments.len() - 1,
    })?;
    if value.level <= Level::Safe && !value.has(DECODED | REMOTE) && rule.check != Check::Program {
        return None;
    }
    match rule.check {
        Check::None => Some(value),
        Check::Sql => is_statement(facts, call, at, value).then_some(value),
        Check::Jquery => is_jquery(facts, call, at, value).then_some(value),
        Check::Response => is_page(facts, call, at, value).then_some(value),
        Check::Address => None,
        Check::Program => program_value(facts, call),
        Check::Code => is_code(facts, call, at, value).then_some(value),
        Check::Load => (value.level == Level::Tainted && !begins_fixed(facts, at)).then_some(value),
    }
}

/// Methods that take a part of a statement as text, so that no more needs to be seen.
const RAW: [&str; 14] = [
    "$queryRawUnsafe", "$executeRawUnsafe", "whereRaw", "orWhereRaw", "havingRaw", "orderByRaw", "groupByRaw", "joinRaw", "fromRaw",
    "selectRaw", "literal", "raw", "unsafe", "createNativeQuery",
];

fn is_statement(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    // `query({ text: …, values: … })`.
    let at = match facts.tree.kind(at) {
        Kind::Object(_) => facts.tree.entry(at, "sql").or(facts.tree.entry(at, "text")).unwrap_or(at),
        _ => at,
    };
    if matches!(facts.tree.kind(at), Kind::Object(_) | Kind::List(_) | Kind::Function(_) | Kind::Tagged { .. } | Kind::Element { .. }) {
        return false;
    }
    let outline = facts.outline(at);
    let by_name = call.name.is_some_and(|it| !RULES.of_call(it).is_empty());
    if by_name || RAW.contains(&call.method) {
        let name = call.name.unwrap_or_default();
        // `String.raw` and the like only look like it.
        return !name.starts_with("String.") && (!outline.trim().is_empty() || value.level == Level::Tainted);
    }
    if matches!(call.method, "where" | "andWhere" | "orWhere") {
        let is_text = matches!(facts.tree.kind(at), Kind::Join(_));
        return is_text && (outline.contains('=') || outline.to_ascii_lowercase().contains("like"));
    }
    if words::is_sql(&outline) {
        return true;
    }
    value.level == Level::Tainted && matches!(call.method, "query" | "execute") && {
        let receiver = call.receiver(facts).and_then(|it| facts.name(it));
        receiver.is_some_and(|it| is_database(&it))
    }
}

fn is_database(name: &str) -> bool {
    let name = name.trim_start_matches('~').to_ascii_lowercase();
    let module = name.split('.').next().unwrap_or(&name);
    matches!(module, "pg" | "mysql" | "mysql2" | "mssql" | "sqlite3" | "better-sqlite3" | "knex" | "sequelize" | "typeorm" | "mariadb" | "oracledb" | "postgres")
        || ["db", "pool", "client", "conn", "connection", "database", "sql", "knex", "sequelize", "mysql", "pgclient"].contains(&name.rsplit('.').next().unwrap_or(&name))
}

fn is_jquery(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let is_markup = words::is_markup(&facts.outline(at));
    if call.is(&["$", "jQuery", "jquery", "~$", "~jQuery"]) {
        return (value.level == Level::Tainted || is_markup) && !matches!(facts.tree.kind(at), Kind::This | Kind::Function(_));
    }
    let receiver = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
    let root = receiver.trim_start_matches('~').trim_start_matches("this.");
    let is_own = root.starts_with('$') || root.to_ascii_lowercase().starts_with("jquery") || root.starts_with("angular.element");
    is_own && (value.level == Level::Tainted || is_markup || matches!(call.method, "html" | "parseHTML"))
}

fn is_page(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let receiver = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
    let root = receiver.trim_start_matches('~').split(['.', '(']).next().unwrap_or_default();
    let is_answer = matches!(root, "res" | "response" | "reply" | "resp" | "_res" | "rep" | "c" | "ctx" | "h");
    if !is_answer || value.level != Level::Tainted || receiver.contains("json") || receiver.contains("type()") {
        return false;
    }
    let is_text = match facts.tree.kind(at) {
        Kind::Object(_) | Kind::List(_) | Kind::Element { .. } => false,
        Kind::Call { callee, .. } => facts.name(*callee).as_deref() != Some("JSON.stringify"),
        _ => true,
    };
    is_text && (call.method != "html" || matches!(root, "c" | "ctx" | "reply" | "res"))
}

/// A value that reaches the program's name or a shell's command line.
fn program_value(facts: &Facts<'_, '_>, call: &Call<'_>) -> Option<Value> {
    let mut program = call.argument(0)?;
    let mut rest = call.arguments.get(1..).unwrap_or_default();
    // `Deno.run({ cmd: [program, …] })`.
    if let Some(command) = facts.object_of(program).and_then(|it| facts.tree.entry(it, "cmd"))
        && let Kind::List(parts) = facts.tree.kind(command)
    {
        program = *parts.first()?;
        rest = &parts[1..];
    }
    let is_shell_program = facts.text(program).is_some_and(|it| is_shell(&it));
    let uses_shell = rest.iter().any(|it| {
        facts.object_of(*it).and_then(|it| facts.tree.entry(it, "shell")).is_some_and(|it| match facts.tree.kind(it) {
            Kind::Literal => true,
            Kind::Text(text) => !text.is_empty(),
            _ => false,
        })
    });
    let lists = rest.iter().filter(|it| facts.object_of(**it).is_none());
    let given = lists.map(|it| facts.value(*it)).max_by_key(|it| it.level);
    let own = facts.value(program);
    let value = match given {
        Some(given) if (uses_shell || is_shell_program) && given.level > own.level => given,
        _ => own,
    };
    let is_command_line = uses_shell || is_shell_program;
    let is_chosen = value.level == Level::Unknown && (is_command_line || value.has(PARAMETER) && rest.is_empty());
    (value.level == Level::Tainted || is_chosen || value.has(REMOTE)).then_some(value)
}

pub(crate) fn is_shell(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
    matches!(name.as_str(), "sh" | "bash" | "zsh" | "dash" | "ksh" | "cmd" | "cmd.exe" | "powershell" | "powershell.exe" | "pwsh")
}

fn is_code(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    if matches!(facts.tree.kind(at), Kind::Function(_)) || !facts.functions_of(at).is_empty() {
        return false;
    }
    match call.name.unwrap_or_default() {
        "setTimeout" | "setInterval" | "setImmediate" => {
            value.level == Level::Tainted && !matches!(facts.tree.kind(at), Kind::Call { .. })
                || !facts.outline(at).trim().is_empty() && is_joined(facts, at)
        }
        _ => true,
    }
}

fn is_joined(facts: &Facts<'_, '_>, id: Id) -> bool {
    match facts.tree.kind(id) {
        Kind::Join(_) => true,
        Kind::Name { variable: Some(variable), .. } => {
            facts.tree.variable(*variable).definitions.iter().any(|it| match it.from {
                super::tree::From::Value(value) => matches!(facts.tree.kind(value), Kind::Join(_)),
                _ => false,
            })
        }
        _ => false,
    }
}

/// Whether an address or path begins with something that is written out.
pub(crate) fn begins_fixed(facts: &Facts<'_, '_>, id: Id) -> bool {
    match facts.tree.kind(id) {
        Kind::Text(text) => !text.is_empty(),
        Kind::Join(parts) => parts.first().is_some_and(|it| begins_fixed(facts, *it)),
        Kind::Member { .. } => matches!(
            facts.name(id).as_deref(),
            Some("location.pathname" | "location.origin" | "location.href" | "location.protocol")
        ),
        Kind::Name { variable: Some(variable), .. } => {
            let [only] = &facts.tree.variable(*variable).definitions[..] else { return false };
            match only.from {
                super::tree::From::Value(value) if only.path.is_empty() && value < id => begins_fixed(facts, value),
                _ => false,
            }
        }
        _ => false,
    }
}

fn assign(facts: &Facts<'_, '_>, id: Id, target: Id, value: Id, report: &mut Report<'_>) {
    let Some(member) = facts.member_name(target) else { return };
    for index in RULES.of_assign(&member) {
        let rule = &RULES.all[*index];
        let origin = facts.value(value);
        if rule.check == Check::Address {
            if origin.level == Level::Tainted && is_address(facts, target, &member) && !begins_fixed(facts, value) {
                let origin = origin.used_for(rule.purpose());
                if origin.level == Level::Tainted {
                    report.say(facts, rule, id, origin, Verdict::Review, "");
                }
            }
        } else if matches!(facts.tree.kind(target), Kind::Member { .. }) {
            report.judge(facts, rule, id, origin);
        }
    }
    let is_answer = member == "body" && facts.name(target).is_some_and(|it| matches!(&*it, "~ctx.body" | "~ctx.response.body"));
    if is_answer
        && words::is_markup(&facts.outline(value))
        && let Some(rule) = RULES.get("xss.response")
    {
        report.judge(facts, rule, id, facts.value(value));
    }
}

fn is_address(facts: &Facts<'_, '_>, target: Id, member: &str) -> bool {
    let Some(name) = facts.name(target) else { return false };
    match member {
        "location" => matches!(&*name, "location" | "document.location" | "parent.location" | "opener.location"),
        "href" => name.ends_with("location.href"),
        _ => false,
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

fn react_html(facts: &Facts<'_, '_>, element: &str, all: &[Entry<'_>], attribute: &Entry<'_>, report: &mut Report<'_>) {
    let Some(Key::Fixed("dangerouslySetInnerHTML")) = attribute.key else { return };
    let is_data = element == "script"
        && all.iter().any(|it| {
            matches!(it.key, Some(Key::Fixed("type"))) && facts.text(it.value).is_some_and(|it| it.contains("json"))
        });
    if is_data || element == "style" {
        return;
    }
    if let (Some(rule), Some(value)) = (RULES.get("xss.react-html"), html_value(facts, attribute.value)) {
        report.judge(facts, rule, attribute.value, value);
    }
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

/// Queries and markup that are put together from what somebody sends, where it is not seen how they are used.
pub(crate) fn texts(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    let purposes = [("sqli.text", "sqli", FOR_SQL), ("xss.text", "xss", FOR_MARKUP)];
    let known = |report: &Report<'_>, kind: &str| {
        report.sightings.iter().any(|it| it.rule.starts_with(kind) && it.verdict != Verdict::Note)
    };
    let is_known = purposes.map(|it| known(report, it.1));
    for id in facts.tree.ids() {
        let Kind::Join(parts) = facts.tree.kind(id) else { continue };
        let written: String = parts
            .iter()
            .map(|it| match facts.tree.kind(*it) {
                Kind::Text(text) => *text,
                _ => " ",
            })
            .collect();
        for (index, (name, _, purpose)) in purposes.iter().enumerate() {
            let fits = if *name == "sqli.text" { words::is_sql(&written) && words::is_strict_sql(&written) } else { words::is_markup(&written) };
            if fits && !is_known[index] {
                let value = facts.value(id).used_for(*purpose);
                if value.level == Level::Tainted
                    && let Some(rule) = RULES.get(name)
                {
                    report.say(facts, rule, id, value, Verdict::Review, "");
                }
            }
        }
    }
}
