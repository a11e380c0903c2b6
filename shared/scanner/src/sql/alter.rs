//! What `ALTER` does to data.

use super::deed::{Act, Deed};
use super::reader::{Reader, deed, starts_with, top_level};
use super::words::{Kind, Word};

/// `ALTER TABLE`, after these words: one deed for each action.
pub(super) fn table(mut reader: Reader<'_>) -> Vec<Deed> {
    let table = reader.relation();
    let before = format!("alter table {table}");
    let items = reader.items();
    let alone = items.len() == 1;
    let mut deeds = Vec::new();
    for words in items {
        let Some((act, on, part)) = action(Reader::new(words), &table) else { continue };
        // An action of its own begins where the statement does, so that an edit of either counts.
        deeds.extend(if alone {
            reader.deed(act, on, part)
        } else {
            deed(words, &before, act, on, part).into_iter().collect()
        });
    }
    deeds
}

type Found = (Act, String, Option<String>);

fn action(mut reader: Reader<'_>, table: &str) -> Option<Found> {
    let on = table.to_owned();
    match reader.plain() {
        "drop" => drop(reader, on),
        "add" => add(reader, on),
        "alter" => column(reader, on),
        // MySQL's words for the same.
        "modify" => {
            reader.next();
            reader.eat("column");
            let column = reader.name();
            Some((Act::ChangeType { to: target(reader.rest()), converts: false }, on, Some(column)))
        }
        "change" => {
            reader.next();
            reader.eat("column");
            let column = reader.name();
            Some((Act::RenameColumn { to: reader.name() }, on, Some(column)))
        }
        "rename" => rename(reader, on),
        "detach" => {
            reader.eat_all(&["detach", "partition"]);
            Some((Act::Detach, on, Some(reader.relation())))
        }
        "set" if reader.eat_all(&["set", "unlogged"]) => Some((Act::Unlog, on, None)),
        "set" if reader.eat_all(&["set", "schema"]) => {
            let to = format!("{}.{on}", reader.name());
            Some((Act::Rename { to }, on, None))
        }
        "disable" if reader.has_in_row(&["row", "level", "security"]) => Some((Act::Unguard, on, None)),
        "no" if reader.has_in_row(&["force", "row", "level", "security"]) => Some((Act::Unguard, on, None)),
        _ => None,
    }
}

fn drop(mut reader: Reader<'_>, on: String) -> Option<Found> {
    reader.eat("drop");
    let cascade = reader.ends_with("cascade");
    if reader.eat("constraint") {
        let name = reader.relation();
        return if is_unique(&name) {
            Some((Act::DropUnique, on, Some(name)))
        } else if cascade {
            Some((Act::DropCascade("rule"), name, None))
        } else {
            None
        };
    }
    if reader.eat_all(&["primary", "key"]) {
        return Some((Act::DropUnique, on, None));
    }
    if reader.eat("partition") {
        return Some((Act::DropTable, reader.relation(), None));
    }
    if reader.plain() == "foreign" && reader.second_is("key") {
        return None;
    }
    // MySQL's `DROP INDEX a`; a column of that name stands alone.
    if matches!(reader.plain(), "index" | "key" | "check")
        && reader.rest().len() > 1
        && !reader.second_is("cascade")
    {
        reader.next();
        return Some((Act::DropRebuildable("index"), reader.relation(), None));
    }
    reader.eat("column");
    // Several columns in brackets, as some neighbours of Postgres write it.
    let column = reader.relation();
    (!column.is_empty()).then_some((Act::DropColumn, on, Some(column)))
}

/// Whether a constraint of this name keeps values apart, by the names that tools give.
fn is_unique(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["_key", "_unique", "_uniq", "_uq", "_uk", "_pkey", "_pk"].iter().any(|it| lower.ends_with(it))
        || ["unique", "uniq"].iter().any(|it| lower.contains(it))
        || ["uq_", "uk_", "pk_", "uniq"].iter().any(|it| lower.starts_with(it))
}

fn add(mut reader: Reader<'_>, on: String) -> Option<Found> {
    const NO_COLUMN: &[&str] = &[
        "primary",
        "unique",
        "foreign",
        "check",
        "exclude",
        "index",
        "key",
        "fulltext",
        "spatial",
        "partition",
    ];
    reader.eat("add");
    if reader.eat("constraint") {
        return Some((Act::Create, reader.relation(), None));
    }
    if !reader.eat("column") && NO_COLUMN.contains(&reader.plain()) {
        return None;
    }
    let sure = !reader.peek_is("if");
    let column = reader.relation();
    let required = reader.has_in_row(&["not", "null"])
        && !reader
            .rest()
            .iter()
            .any(|it| it.is_one_of(&["default", "generated", "identity", "auto_increment"]))
        && !reader.plain().ends_with("serial");
    let act = match (required, sure) {
        (true, _) => Act::AddRequired,
        (false, true) => Act::AddColumn,
        (false, false) => Act::Create,
    };
    Some((act, on, Some(column)))
}

fn column(mut reader: Reader<'_>, on: String) -> Option<Found> {
    reader.eat("alter");
    if reader.plain() == "constraint" || reader.plain() == "index" {
        return None;
    }
    reader.eat("column");
    let column = reader.relation();
    if reader.eat_all(&["set", "not", "null"]) {
        return Some((Act::Require, on, Some(column)));
    }
    if reader.eat_all(&["set", "data", "type"]) || reader.eat("type") {
        let using = top_level(reader.rest()).find(|(_, word)| word.is("using")).map(|(at, _)| at);
        let (to, how) = reader.rest().split_at(using.unwrap_or(reader.rest().len()));
        let converts = !how.is_empty() && !is_plain_cast(how, &column);
        return Some((Act::ChangeType { to: target(to), converts }, on, Some(column)));
    }
    None
}

/// `USING column::type` says no more than the type does.
fn is_plain_cast(how: &[&Word<'_>], column: &str) -> bool {
    let bare: Vec<_> = how.iter().filter(|it| !it.is_one_of(&["(", ")"])).collect();
    matches!(bare.as_slice(), [_, name, cast, ty] if name.text == column && cast.is("::") && ty.is("text"))
}

/// A type as written, up to what does not belong to it.
fn target(words: &[&Word<'_>]) -> String {
    let end = top_level(words)
        .find(|(_, word)| word.is_one_of(&["collate", "not", "null", "default", ";"]))
        .map_or(words.len(), |(at, _)| at);
    let mut text = String::new();
    for word in &words[..end.min(12)] {
        if word.kind == Kind::Plain && text.ends_with(|c: char| c.is_alphanumeric()) {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

fn rename(mut reader: Reader<'_>, on: String) -> Option<Found> {
    reader.eat("rename");
    if matches!(reader.plain(), "constraint" | "index" | "key") {
        return None;
    }
    if reader.eat("to") || reader.eat("as") {
        let to = match on.rsplit_once('.') {
            Some((schema, _)) => format!("{schema}.{}", reader.relation()),
            None => reader.relation(),
        };
        return Some((Act::Rename { to }, on, None));
    }
    reader.eat("column");
    let column = reader.name();
    reader.eat("to").then(|| (Act::RenameColumn { to: reader.name() }, on, Some(column)))
}

/// `ALTER TYPE`, `ALTER SCHEMA` …, after `ALTER`.
pub(super) fn other(mut reader: Reader<'_>) -> Vec<Deed> {
    let kind = reader.plain();
    reader.next();
    match kind {
        "type" => altered_type(reader),
        "schema" | "database" => {
            let name = reader.relation();
            if reader.eat_all(&["rename", "to"]) {
                reader.deed(Act::RenameSchema, name, None)
            } else {
                vec![]
            }
        }
        _ => vec![],
    }
}

fn altered_type(mut reader: Reader<'_>) -> Vec<Deed> {
    let name = reader.relation();
    if reader.eat_all(&["rename", "to"]) {
        let to = reader.relation();
        return reader.deed(Act::RenameType { to }, name, None);
    }
    if reader.eat_all(&["rename", "value"]) || reader.eat_all(&["rename", "attribute"]) {
        let part = reader.next().map(|it| it.text.to_string());
        reader.eat("to");
        let to = reader.next().map(|it| it.text.to_string()).unwrap_or_default();
        return reader.deed(Act::RenameValue { to }, name, part);
    }
    if reader.eat_all(&["drop", "value"]) {
        let part = reader.next().map(|it| it.text.to_string());
        return reader.deed(Act::DropValue, name, part);
    }
    let before = format!("alter type {name}");
    reader
        .items()
        .into_iter()
        .filter(|words| starts_with(words, &["drop", "attribute"]))
        .filter_map(|words| {
            let mut action = Reader::new(words);
            action.eat_all(&["drop", "attribute"]);
            let part = action.relation();
            deed(words, &before, Act::DropAttribute, name.clone(), Some(part))
        })
        .collect()
}
