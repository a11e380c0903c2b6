//! What one statement does to data, as far as losing it is concerned.

use std::ops::Range;

use super::alter;
use super::assigned::Assigned;
use super::condition;
use super::reader::Reader;
use super::words::Word;

/// What a statement, or one action of it, does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Something goes with all rows: a table, foreign table, partition.
    DropTable,
    DropColumn,
    DropSchema,
    DropDatabase,
    DropOwned,
    /// An attribute of a type that columns may have.
    DropAttribute,
    /// A value of an enum.
    DropValue,
    Truncate,
    DeleteAll,
    /// These columns lose their values in all rows; `same` if to one value, told without looking at the row.
    UpdateAll {
        columns: Vec<String>,
        same: bool,
    },
    DeleteSome,
    /// `MERGE … DELETE`.
    MergeDelete,
    /// A column's type becomes another, perhaps with a conversion of the author's.
    ChangeType {
        to: String,
        converts: bool,
    },
    Require,
    /// A view, type, function … with everything that hangs on it.
    DropCascade(&'static str),
    /// A counter or a domain, which no table need hold.
    DropCounter,
    Rename {
        to: String,
    },
    RenameColumn {
        to: String,
    },
    RenameSchema,
    RenameValue {
        to: String,
    },
    Detach,
    Unlog,
    DropUnique,
    Unguard,
    /// A view, index, function … that can be made again.
    DropRebuildable(&'static str),
    /// A new column that must have a value and has none.
    AddRequired,
    AddColumn,
    /// Nothing is lost; what follows may depend on it.
    CreateTable,
    /// Something else than a table is made.
    Create,
    RenameType {
        to: String,
    },
    /// Rows of a table are copied to another.
    CopyTo {
        to: String,
    },
}

/// One act on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) act: Act,
    /// The table, or whatever it is about; `a, b` when a statement names several.
    pub(super) on: String,
    /// The column or value of it.
    pub(super) part: Option<String>,
    pub(super) place: Range<usize>,
    /// The words of it, in one spelling.
    pub(super) normal: String,
}

/// What a statement does, in the order in which it says so.
pub(super) fn deeds(statement: &[&Word<'_>]) -> Vec<Deed> {
    let mut reader = Reader::new(statement);
    if reader.peek_is("with") {
        reader.skip_to_top(&["select", "insert", "update", "delete", "merge"]);
    }
    if reader.eat("drop") {
        dropped(reader)
    } else if reader.eat("truncate") {
        reader.eat("table");
        let tables = reader.names();
        reader.deed_on_all(Act::Truncate, &tables)
    } else if reader.eat_all(&["delete", "from"]) {
        deleted(reader)
    } else if reader.eat("update") {
        updated(reader)
    } else if reader.eat_all(&["merge", "into"]) {
        let table = reader.relation();
        if reader.has_in_row(&["then", "delete"]) {
            reader.deed(Act::MergeDelete, table, None)
        } else {
            vec![]
        }
    } else if reader.eat_all(&["alter", "table"]) || reader.eat_all(&["alter", "foreign", "table"]) {
        alter::table(reader)
    } else if reader.eat("alter") {
        alter::other(reader)
    } else if reader.eat_all(&["rename", "table"]) {
        renamed(reader)
    } else if reader.eat("create") {
        created(reader)
    } else if reader.eat_all(&["insert", "into"]) {
        copied(reader)
    } else {
        vec![]
    }
}

fn dropped(mut reader: Reader<'_>) -> Vec<Deed> {
    let (act, kind): (Option<Act>, &'static str) = match reader.plain() {
        "table" => (Some(Act::DropTable), "table"),
        "foreign" if reader.second_is("table") => (Some(Act::DropTable), "table"),
        "schema" => (Some(Act::DropSchema), "schema"),
        "database" => (Some(Act::DropDatabase), "database"),
        "owned" => (Some(Act::DropOwned), "role"),
        "sequence" => (Some(Act::DropCounter), "sequence"),
        "materialized" => (None, "materialized view"),
        "view" => (None, "view"),
        "index" => (None, "index"),
        "type" => (None, "type"),
        "domain" => (None, "domain"),
        "extension" => (None, "extension"),
        "function" => (None, "function"),
        "procedure" | "routine" => (None, "procedure"),
        "aggregate" => (None, "aggregate"),
        "trigger" => (None, "trigger"),
        _ => return vec![],
    };
    reader.next();
    for word in ["table", "view", "by", "concurrently"] {
        reader.eat(word);
    }
    let names = reader.names();
    let act = match act {
        Some(act) => act,
        None if reader.ends_with("cascade") => Act::DropCascade(kind),
        None => Act::DropRebuildable(kind),
    };
    reader.deed_on_all(act, &names)
}

fn deleted(mut reader: Reader<'_>) -> Vec<Deed> {
    let table = reader.relation();
    let act = match reader.condition() {
        Some(condition) if !condition::always_true(condition) => Act::DeleteSome,
        _ => Act::DeleteAll,
    };
    reader.deed(act, table, None)
}

fn updated(mut reader: Reader<'_>) -> Vec<Deed> {
    let table = reader.relation();
    if !reader.skip_to_top(&["set"]) {
        return vec![];
    }
    match reader.condition() {
        Some(condition) if !condition::always_true(condition) => vec![],
        _ => {
            let values: Vec<_> = reader.assigned().into_iter().filter(|it| !it.keeps()).collect();
            if values.is_empty() {
                return vec![];
            }
            let same = values.iter().any(Assigned::is_same);
            let columns = values.into_iter().flat_map(|it| it.columns).collect();
            reader.deed(Act::UpdateAll { columns, same }, table, None)
        }
    }
}

/// `RENAME TABLE a TO b, c TO d`, as neighbours of Postgres have it.
fn renamed(reader: Reader<'_>) -> Vec<Deed> {
    let pairs = reader.items().into_iter().filter_map(|pair| {
        let mut pair = Reader::new(pair);
        let from = pair.relation();
        pair.eat("to").then(|| (from, pair.relation()))
    });
    pairs.flat_map(|(from, to)| reader.deed(Act::Rename { to }, from, None)).collect()
}

fn created(mut reader: Reader<'_>) -> Vec<Deed> {
    reader.eat_all(&["or", "replace"]);
    for word in ["global", "local", "temp", "temporary", "unlogged", "unique", "constraint", "materialized"] {
        reader.eat(word);
    }
    let kind = reader.plain();
    if !matches!(kind, "table" | "view" | "index" | "type" | "function" | "procedure" | "trigger") {
        return vec![];
    }
    reader.next();
    reader.eat("concurrently");
    // Perhaps it was there before, or will be gone at the end of the transaction: then it says nothing.
    let sure = !reader.peek_is("if") && !reader.has_in_row(&["on", "commit", "drop"]);
    let act = if kind == "table" && sure { Act::CreateTable } else { Act::Create };
    let name = reader.relation();
    reader.deed(act, name, None)
}

/// `INSERT INTO a SELECT … FROM b`.
fn copied(mut reader: Reader<'_>) -> Vec<Deed> {
    let to = reader.relation();
    if !reader.skip_to_top(&["select"]) || !reader.skip_to_top(&["from"]) {
        return vec![];
    }
    reader.next();
    let from = reader.relation();
    if reader.condition().is_some() {
        return vec![];
    }
    reader.deed(Act::CopyTo { to }, from, None)
}
