//! The lock files of pnpm and Yarn: text that machines write, one thing a line, indented under what it belongs to.

use std::ops::Range;

/// Deeper lines are not read.
const DEPTH_MAX: usize = 16;

/// One line: what it belongs to, its name and its value.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) parents: &'a [String],
    pub(super) key: &'a str,
    pub(super) value: &'a str,
    pub(super) place: Range<usize>,
}

/// Visits every line of a text in its order.
pub(super) fn walk(text: &str, mut visit: impl FnMut(&Line<'_>)) {
    let mut indents: Vec<usize> = Vec::new();
    let mut parents: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', '-']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        while indents.last().is_some_and(|it| *it >= indent) {
            indents.pop();
            parents.pop();
        }
        let (key, value) = split(content);
        visit(&Line {
            parents: &parents,
            key: &key,
            value,
            place: start + indent..start + line.trim_end().len(),
        });
        if value.is_empty() && parents.len() < DEPTH_MAX {
            indents.push(indent);
            parents.push(key);
        }
    }
}

/// `key: value`, `'key': value`, `key "value"`, or `key, key:`.
fn split(content: &str) -> (String, &str) {
    if let Some(quote) = content.chars().next().filter(|it| matches!(it, '\'' | '"'))
        && let Some((key, rest)) = content[1..].split_once(quote)
        && let Some(value) = rest.strip_prefix(':')
    {
        return (key.to_owned(), unquoted(value.trim()));
    }
    if let Some(key) = content.strip_suffix(':') {
        return (key.replace(['"', '\''], ""), "");
    }
    let (key, value) = content.split_once(": ").or_else(|| content.split_once(' ')).unwrap_or((content, ""));
    (key.to_owned(), unquoted(value.trim()))
}

fn unquoted(value: &str) -> &str {
    let bare = value.trim_matches(['"', '\'']);
    if value.len() >= bare.len() + 2 { bare } else { value }
}

/// A member of a value such as `{integrity: sha512-…, tarball: https://…}`.
pub(super) fn member<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let inner = value.strip_prefix('{')?.strip_suffix('}')?;
    inner.split(", ").find_map(|it| it.trim().strip_prefix(name)?.strip_prefix(": ")).map(unquoted)
}
