//! What tools other than the database read in a script: blanked, byte for byte, before the script is parsed.

use std::borrow::Cow;
use std::ops::Range;

use super::deed::{Act, Deed};
use super::words::{Kind, Word};

/// A script without the lines that `psql` takes for itself, the rows of `COPY`, and names that are filled in.
pub(super) fn script(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '{']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rows = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if rows || is_setting(trimmed) {
            rows = rows && trimmed != "\\.";
            blank(&mut out, line);
            continue;
        }
        let lower = trimmed.to_ascii_lowercase();
        rows = lower.starts_with("copy ") && lower.ends_with(" from stdin;");
        names(&mut out, line);
    }
    Cow::Owned(out)
}

/// Lines for `psql` itself that neither run SQL nor programs.
fn is_setting(line: &str) -> bool {
    const SETTINGS: &[&str] = &[
        "\\c",
        "\\connect",
        "\\set",
        "\\unset",
        "\\echo",
        "\\qecho",
        "\\timing",
        "\\pset",
        "\\restrict",
        "\\unrestrict",
        "\\encoding",
        "\\x",
        "\\q",
        "\\if",
        "\\else",
        "\\endif",
        "\\d",
        "\\dt",
        "\\l",
    ];
    let first = line.split_whitespace().next().unwrap_or_default();
    // A backquote lets `\set` run a program.
    SETTINGS.contains(&first) && !line.contains('`')
}

fn blank(out: &mut String, line: &str) {
    out.extend(line.bytes().map(|it| if it == b'\n' { '\n' } else { ' ' }));
}

/// `${name}` and `{{name}}` become names; only bare names, so that nothing can be hidden between the marks.
fn names(out: &mut String, line: &str) {
    let mut rest = line;
    while let Some(at) = rest.find(['$', '{']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let marks = [("${", "}"), ("{{", "}}")];
        let found = marks.iter().find_map(|(open, close)| {
            let inner = rest.strip_prefix(open)?;
            let is_bare = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b' ');
            let end = inner.bytes().take_while(is_bare).count();
            inner[end..].starts_with(close).then_some(open.len() + end + close.len())
        });
        let length = found.unwrap_or(1);
        if found.is_some() {
            out.extend(std::iter::repeat_n('x', length));
        } else {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
}

/// A template's text with every `${…}` replaced by a name.
pub(super) fn template(text: &str) -> Cow<'_, str> {
    if !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let mut depth = 0_usize;
        let end = rest[at..].bytes().position(|it| {
            depth += usize::from(it == b'{');
            depth -= usize::from(it == b'}' && depth > 0);
            it == b'}' && depth == 0
        });
        let length = end.map_or(rest.len() - at, |it| it + 1);
        out.extend(std::iter::repeat_n('x', length));
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a statement without a condition ends in a `${…}` that may be one: `DELETE FROM a ${where}`.
pub(super) fn may_go_on(text: &str, deed: &Deed) -> bool {
    if !matches!(deed.act, Act::DeleteAll | Act::UpdateAll { .. }) {
        return false;
    }
    let statement = text.get(deed.place.clone()).unwrap_or_default().trim_end();
    let Some(at) = statement.rfind("${").filter(|_| statement.ends_with('}')) else { return false };
    let before = statement[..at].trim_end().to_ascii_lowercase();
    !before.ends_with(['=', ',', '(', '.', '"', '+', '-'])
        && !["from", "update", "only"].iter().any(|it| before.ends_with(it))
}

/// The part of a script that runs only when a change is taken back.
pub(super) fn undo(path: &str, text: &str) -> Option<Range<usize>> {
    let lower = path.to_ascii_lowercase();
    let (folder, file) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let whole = file == "down.sql"
        || file.ends_with(".down.sql")
        || file.ends_with(".undo.sql")
        || file.ends_with("_down.sql")
        || file.ends_with("rollback.sql")
        || folder.split('/').any(|it| it == "down");
    if whole {
        return Some(0..text.len());
    }
    let mut at = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        let mark: String =
            line.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).take(40).collect();
        match mark.as_str() {
            "--migrate:down" | "--+goosedown" | "--+migratedown" => start = start.or(Some(at)),
            "--migrate:up" | "--+gooseup" | "--+migrateup" if start.is_some() => return Some(start?..at),
            _ => {}
        }
        at += line.len();
    }
    Some(start?..text.len())
}

/// Whether a path says that the script is for another database than Postgres.
pub(super) fn is_foreign_path(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "clickhouse",
        "mysql",
        "mariadb",
        "sqlite",
        "sqlite3",
        "mssql",
        "sqlserver",
        "tsql",
        "oracle",
        "snowflake",
        "bigquery",
        "duckdb",
        "d1",
        "libsql",
        "turso",
        "cassandra",
    ];
    path.split('/').any(|it| NAMES.contains(&it.to_ascii_lowercase().as_str()))
}

/// Whether a script is evidently written for another database than Postgres.
pub(super) fn is_foreign(text: &str, words: &[Word<'_>]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1);
        word.kind == Kind::Quoted && text[word.place.start..].starts_with('`')
            || word.is_one_of(&[
                "auto_increment",
                "autoincrement",
                "pragma",
                "nvarchar",
                "clustered",
                "virtual",
            ])
            || word.is("engine") && next.is_some_and(|it| it.is("=") || it.is_name())
            || word.is("on") && next.is_some_and(|it| it.is("cluster"))
    })
}
