//! The further conditions of rules, where a name alone says too little.

use super::facts::Facts;
use super::rules::{Argument, Check, RULES, Rule};
use super::sinks::Call;
use super::tree::{From, Id, Kind};
use super::value::{DECODED, Level, PARAMETER, REMOTE, Value};
use super::words;

/// The value that matters, if the rule's condition holds.
pub(super) fn checked(
    facts: &Facts<'_, '_>,
    rule: &Rule,
    call: &Call<'_>,
    argument: Argument,
) -> Option<Value> {
    let value = match argument {
        Argument::At(index) => facts.value(call.argument(index)?),
        Argument::All => call.arguments.iter().map(|it| facts.value(*it)).max_by_key(|it| it.level)?,
    };
    let at = call.argument(match argument {
        Argument::At(index) => index,
        Argument::All => call.arguments.len() - 1,
    })?;
    let asks_itself = matches!(rule.check, Check::Program | Check::Option);
    if value.level <= Level::Safe && !value.has(DECODED | REMOTE) && !asks_itself {
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
        Check::Load => is_load(facts, call, at, value).then_some(value),
        Check::View => {
            let shows = receiver_name(facts, call).is_some_and(|it| ANSWERS.contains(&it.as_str()));
            (value.level == Level::Tainted && shows).then_some(value)
        }
        Check::Document => {
            let receiver = receiver_name(facts, call)?.to_ascii_lowercase();
            (receiver != "document" && receiver.contains("document")).then_some(value)
        }
        Check::Filter => is_filter(facts, call, at, value).then_some(value),
        Check::Option => option_value(facts, call, at),
    }
}

/// Methods that take a part of a statement as text, so that no more needs to be seen.
const RAW: [&str; 14] = [
    "$queryRawUnsafe",
    "$executeRawUnsafe",
    "whereRaw",
    "orWhereRaw",
    "havingRaw",
    "orderByRaw",
    "groupByRaw",
    "joinRaw",
    "fromRaw",
    "selectRaw",
    "literal",
    "raw",
    "unsafe",
    "createNativeQuery",
];

fn is_statement(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    // `query({ text: …, values: … })`.
    let at = match facts.tree.kind(at) {
        Kind::Object(_) => facts.tree.entry(at, "sql").or(facts.tree.entry(at, "text")).unwrap_or(at),
        _ => at,
    };
    if matches!(
        facts.tree.kind(at),
        Kind::Object(_) | Kind::List(_) | Kind::Function(_) | Kind::Tagged { .. } | Kind::Element { .. }
    ) {
        return false;
    }
    let outline = facts.outline(at);
    let is_query = |it: &(usize, Argument)| RULES.all[it.0].check == Check::Sql;
    let by_name = call.name.is_some_and(|it| RULES.of_call(it).iter().any(is_query));
    if by_name || RAW.contains(&call.method) {
        let name = call.name.unwrap_or_default();
        // `String.raw` and the like only look like it.
        let is_chosen = value.level == Level::Tainted || call.method.ends_with("RawUnsafe");
        let is_written = !outline.trim().is_empty() && (is_chosen || compares(&outline));
        return !name.starts_with("String.") && (is_written || value.level == Level::Tainted);
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

/// Whether a part of a statement holds values, and not only names of columns and the like.
fn compares(outline: &str) -> bool {
    let small = outline.to_ascii_lowercase();
    words::is_sql(outline) || ["=", "'", "<", ">", " like ", " in "].iter().any(|it| small.contains(it))
}

fn is_database(name: &str) -> bool {
    let name = name.trim_start_matches('~').to_ascii_lowercase();
    let module = name.split('.').next().unwrap_or(&name);
    matches!(
        module,
        "pg" | "mysql"
            | "mysql2"
            | "mssql"
            | "sqlite3"
            | "better-sqlite3"
            | "knex"
            | "sequelize"
            | "typeorm"
            | "mariadb"
            | "oracledb"
            | "postgres"
    ) || [
        "db",
        "pool",
        "client",
        "conn",
        "connection",
        "database",
        "sql",
        "knex",
        "sequelize",
        "mysql",
        "pgclient",
    ]
    .contains(&name.rsplit('.').next().unwrap_or(&name))
}

fn is_jquery(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let is_markup = words::is_markup(&facts.outline(at));
    if call.is(&["$", "jQuery", "jquery", "~$", "~jQuery"]) {
        return (value.level == Level::Tainted || is_markup)
            && !matches!(facts.tree.kind(at), Kind::This | Kind::Function(_));
    }
    let receiver = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
    let root = receiver.trim_start_matches('~').trim_start_matches("this.");
    let is_own = root.starts_with('$')
        || root.to_ascii_lowercase().starts_with("jquery")
        || root.starts_with("angular.element");
    let takes_markup = matches!(call.method, "html" | "parseHTML" | "wrapAll" | "wrapInner");
    is_own && (value.level == Level::Tainted || is_markup || takes_markup)
}

/// What programs call the answer to a request.
const ANSWERS: [&str; 9] = ["res", "response", "reply", "resp", "_res", "rep", "c", "ctx", "h"];

/// What the object is called whose method is called, without what was asked of it before.
fn receiver_name(facts: &Facts<'_, '_>, call: &Call<'_>) -> Option<String> {
    let name = call.receiver(facts).and_then(|it| facts.name(it))?;
    Some(name.trim_start_matches('~').split(['.', '(']).next()?.to_owned())
}

fn is_page(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let receiver = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
    let root = receiver_name(facts, call).unwrap_or_default();
    let is_answer = ANSWERS.contains(&root.as_str()) && !is_plain_answer(facts, call);
    if !is_answer || value.level != Level::Tainted || receiver.contains("json") || receiver.contains("type()")
    {
        return false;
    }
    let is_text = match facts.tree.kind(at) {
        Kind::Object(_) | Kind::List(_) | Kind::Element { .. } => false,
        Kind::Call { callee, .. } => facts.name(*callee).as_deref() != Some("JSON.stringify"),
        _ => true,
    };
    is_text && (call.method != "html" || matches!(root.as_str(), "c" | "ctx" | "reply" | "res"))
}

/// Whether the same function says that its answer is no page, as `res.set("Content-Type", "text/plain")`.
fn is_plain_answer(facts: &Facts<'_, '_>, answer: &Call<'_>) -> bool {
    let within = facts.tree.node(answer.id).within;
    facts.tree.ids().filter(|it| facts.tree.node(*it).within == within).any(|it| {
        let Kind::Call { callee, arguments, .. } = facts.tree.kind(it) else { return false };
        let names = ["type", "contentType", "set", "header", "setHeader", "writeHead"];
        let kind = match (facts.member_name(*callee), &arguments[..]) {
            (Some(name), [kind]) if names[..2].contains(&name.as_str()) => facts.text(*kind),
            (Some(name), [header, kind]) if names[2..].contains(&name.as_str()) => {
                let is_kind = facts.text(*header).is_some_and(|it| it.eq_ignore_ascii_case("content-type"));
                is_kind.then(|| facts.text(*kind)).flatten()
            }
            _ => None,
        };
        kind.is_some_and(|it| !["html", "svg", "xml"].iter().any(|shown| it.contains(shown)))
    })
}

/// Whether the whole filter of a search is chosen, not only a value in it.
fn is_filter(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let is_made = matches!(
        facts.tree.kind(at),
        Kind::Object(_) | Kind::Text(_) | Kind::Join(_) | Kind::Measure(_) | Kind::Function(_)
    );
    if value.level != Level::Tainted || is_made || facts.object_of(at).is_some() {
        return false;
    }
    let receiver = call.receiver(facts).and_then(|it| facts.name(it)).unwrap_or_default();
    let receiver = receiver.to_ascii_lowercase();
    match call.method {
        // Lists, pages and SQL have methods of these names, too.
        "query" | "scan" => ["documentclient", "dynamo", "ddb"].iter().any(|it| receiver.contains(it)),
        "find" => {
            !receiver.trim_start_matches('~').starts_with(['$', '[', '\'']) && !receiver.contains("jquery")
        }
        _ => true,
    }
}

/// What stands in a list of arguments where a program takes an option that runs another program: `git clone <url>`.
fn option_value(facts: &Facts<'_, '_>, call: &Call<'_>, list: Id) -> Option<Value> {
    const FETCHING: [&str; 6] = ["clone", "fetch", "pull", "ls-remote", "archive", "submodule"];
    let is_git = call.argument(0).and_then(|it| facts.text(it)).is_some_and(|it| it == "git");
    let Kind::List(parts) = facts.tree.kind(list) else { return None };
    let text = |it: &Id| facts.text(*it);
    if !is_git || !parts.iter().filter_map(text).any(|it| FETCHING.contains(&it.as_str())) {
        return None;
    }
    // Behind `--` git takes nothing for an option.
    let open = parts.iter().take_while(|it| text(it).as_deref() != Some("--"));
    let open = open.filter(|it| !begins_fixed(facts, **it)).map(|it| facts.value(*it));
    open.max_by_key(|it| it.level).filter(|it| it.level > Level::Safe)
}

fn is_load(facts: &Facts<'_, '_>, call: &Call<'_>, at: Id, value: Value) -> bool {
    let is_path = match facts.tree.kind(at) {
        Kind::Name { variable, .. } => variable.is_some(),
        Kind::Join(_) => true,
        Kind::Call { callee, .. } => facts.name(*callee).is_some_and(|it| it.starts_with("path.")),
        _ => false,
    };
    let is_given = value.has(PARAMETER) && is_path && call.name == Some("require");
    (value.level == Level::Tainted || is_given) && !begins_fixed(facts, at)
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
        facts.object_of(*it).and_then(|it| facts.tree.entry(it, "shell")).is_some_and(|it| {
            match facts.tree.kind(it) {
                Kind::Literal => true,
                Kind::Text(text) => !text.is_empty(),
                _ => false,
            }
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
    let is_declared = !matches!(facts.tree.kind(program), Kind::Name { variable: None, .. });
    let is_given = value.has(PARAMETER) && rest.is_empty() && is_declared;
    let is_chosen = value.level == Level::Unknown && (is_command_line || is_given);
    (value.level == Level::Tainted || is_chosen || value.has(REMOTE)).then_some(value)
}

pub(crate) fn is_shell(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
    matches!(
        name.as_str(),
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "cmd" | "cmd.exe" | "powershell" | "powershell.exe" | "pwsh"
    )
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
                From::Value(value) => matches!(facts.tree.kind(value), Kind::Join(_)),
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
                From::Value(value) if only.path.is_empty() && value < id => begins_fixed(facts, value),
                _ => false,
            }
        }
        _ => false,
    }
}

pub(super) fn is_address(facts: &Facts<'_, '_>, target: Id, member: &str) -> bool {
    let Some(name) = facts.name(target) else { return false };
    match member {
        "location" => {
            matches!(&*name, "location" | "document.location" | "parent.location" | "opener.location")
        }
        "href" => name.ends_with("location.href"),
        _ => false,
    }
}
