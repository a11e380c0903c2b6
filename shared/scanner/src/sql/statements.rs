//! Which words make a statement: by syntax tree where the text is Postgres, by its keywords where it is not.

use std::collections::HashMap;
use std::ops::Range;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::words::{Word, nesting};

/// How deep the parser may have to go; it goes by recursion.
const NESTING_MAX: usize = 256;

/// The longest statement that is found by its keywords, in words; what stands behind that is not its head.
const SPOKEN_MAX: usize = 4096;

/// What is always read of a statement, in words: enough for what it is and what it is about.
const SPOKEN_MIN: usize = 32;

/// The statements of a text.
#[derive(Debug, Default)]
pub(super) struct Statements<'a> {
    pub(super) all: Vec<Vec<&'a Word<'a>>>,
    /// What could not be read as Postgres: the first such place.
    pub(super) unread: Option<Range<usize>>,
}

/// The statements of a script. What the tree does not hold is found by its keywords, so that an error hides nothing.
pub(super) fn parsed<'a>(text: &str, words: &'a [Word<'a>]) -> Statements<'a> {
    if nesting(words) > NESTING_MAX {
        return Statements { all: spoken(words), unread: Some(0..text.len()) };
    }
    let parse = SourceFile::parse(text);
    if let Some(error) = parse.errors().first() {
        let at = usize::from(error.range().start()).min(text.len());
        return Statements { all: spoken(words), unread: Some(at..at) };
    }
    let ranges: Vec<_> = parse.syntax_node().descendants().filter_map(|it| statement(&it, words)).collect();
    Statements { all: owned(&ranges, words), unread: None }
}

/// The range of a node that is a statement of interest and would run.
fn statement(node: &SyntaxNode, words: &[Word<'_>]) -> Option<Range<usize>> {
    if !STATEMENTS.contains(&node.kind()) {
        return None;
    }
    let range = bytes(node);
    if let Some(parent) = node.parent().filter(|it| it.kind() == SyntaxKind::EXPLAIN) {
        let before = bytes(&parent).start..range.start;
        if !within(words, &before).iter().any(|it| it.is_one_of(&["analyze", "analyse"])) {
            return None;
        }
    }
    Some(range)
}

fn bytes(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    usize::from(range.start())..usize::from(range.end())
}

fn within<'a>(words: &'a [Word<'a>], range: &Range<usize>) -> &'a [Word<'a>] {
    let from = words.partition_point(|it| it.place.start < range.start);
    let to = words.partition_point(|it| it.place.start < range.end);
    &words[from..to.max(from)]
}

/// Each word belongs to the innermost statement around it. The ranges come with the outer before the inner.
fn owned<'a>(ranges: &[Range<usize>], words: &'a [Word<'a>]) -> Vec<Vec<&'a Word<'a>>> {
    let mut all: Vec<Vec<&Word<'_>>> = vec![Vec::new(); ranges.len()];
    let mut open: Vec<usize> = Vec::new();
    let mut next = 0;
    for word in words {
        while next < ranges.len() && ranges[next].start <= word.place.start {
            open.push(next);
            next += 1;
        }
        while open.last().is_some_and(|it| ranges[*it].end <= word.place.start) {
            open.pop();
        }
        if let Some(owner) = open.last() {
            all[*owner].push(word);
        }
    }
    all
}

/// The statements that their first keywords tell, wherever a statement can begin: also in bodies of functions, and
/// in what is no Postgres.
pub(super) fn spoken<'a>(words: &'a [Word<'a>]) -> Vec<Vec<&'a Word<'a>>> {
    let ends = ends(words);
    // Statements that never end lie in each other: what all of them together take stays in proportion to the text.
    let mut budget = words.len() * 4;
    let mut all = Vec::new();
    for at in (0..words.len()).filter(|at| begins(words, *at)) {
        let end = ends.get(&at).copied().unwrap_or(words.len());
        let length = (end - at).min(SPOKEN_MAX.min(budget).max(SPOKEN_MIN));
        budget = budget.saturating_sub(length);
        all.push(words[at..at + length].iter().collect());
    }
    all
}

/// Where the statement that begins at a word ends: at the next `;`, or where the bracket around it closes.
fn ends(words: &[Word<'_>]) -> HashMap<usize, usize> {
    let mut ends = HashMap::new();
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new()];
    for (at, word) in words.iter().enumerate() {
        if word.is(";") || word.is(")") {
            let level = if word.is(")") && waiting.len() > 1 {
                waiting.pop()
            } else {
                waiting.last_mut().map(std::mem::take)
            };
            ends.extend(level.unwrap_or_default().into_iter().map(|it| (it, at)));
        }
        if word.is("(") {
            waiting.push(Vec::new());
        }
        if begins(words, at) {
            waiting.last_mut().into_iter().for_each(|level| level.push(at));
        }
    }
    ends
}

fn begins(words: &[Word<'_>], at: usize) -> bool {
    /// After these a statement can begin.
    const BEFORE: &[&str] = &[
        ";", "(", "begin", "then", "else", "loop", "as", "instead", "also", "analyze", "analyse", "verbose",
        "atomic", "do", "execute", "perform", "return", "query", "go",
    ];
    const DROPPED: &[&str] = &[
        "table",
        "foreign",
        "schema",
        "database",
        "owned",
        "sequence",
        "materialized",
        "view",
        "index",
        "type",
        "domain",
        "extension",
        "function",
        "procedure",
        "routine",
        "aggregate",
        "trigger",
    ];
    let before = at.checked_sub(1).and_then(|it| words.get(it));
    if before.is_some_and(|it| !it.is_one_of(BEFORE) && !it.is(")")) {
        return false;
    }
    // `CREATE TRIGGER … BEFORE DELETE` and `FOR UPDATE` do not come here; `ON CONFLICT DO UPDATE` does.
    let second = words.get(at + 1);
    let second_is = |names: &[&str]| second.is_some_and(|it| it.is_one_of(names));
    let third_name = words.get(at + 2).is_some_and(Word::is_name);
    match words[at].text.as_ref() {
        _ if words[at].kind != super::words::Kind::Plain => false,
        "drop" => second_is(DROPPED),
        "truncate" => second.is_some_and(Word::is_name) && !second_is(&["on", "or"]),
        "delete" => second_is(&["from"]),
        "update" => {
            second.is_some_and(Word::is_name) && !second_is(&["set", "of", "or", "on", "skip", "nowait"])
        }
        "merge" => second_is(&["into"]),
        "alter" => second_is(&["table", "foreign", "type", "schema", "database"]) && third_name,
        "rename" => second_is(&["table"]) && third_name,
        "create" | "insert" => second.is_some_and(Word::is_name),
        _ => false,
    }
}

/// The kinds of nodes that a deed can come from.
const STATEMENTS: &[SyntaxKind] = &[
    SyntaxKind::ALTER_DATABASE,
    SyntaxKind::ALTER_FOREIGN_TABLE,
    SyntaxKind::ALTER_SCHEMA,
    SyntaxKind::ALTER_TABLE,
    SyntaxKind::ALTER_TYPE,
    SyntaxKind::CREATE_FUNCTION,
    SyntaxKind::CREATE_INDEX,
    SyntaxKind::CREATE_MATERIALIZED_VIEW,
    SyntaxKind::CREATE_PROCEDURE,
    SyntaxKind::CREATE_TABLE,
    SyntaxKind::CREATE_TABLE_AS,
    SyntaxKind::CREATE_TRIGGER,
    SyntaxKind::CREATE_TYPE,
    SyntaxKind::CREATE_VIEW,
    SyntaxKind::DELETE,
    SyntaxKind::DROP_AGGREGATE,
    SyntaxKind::DROP_DATABASE,
    SyntaxKind::DROP_DOMAIN,
    SyntaxKind::DROP_EXTENSION,
    SyntaxKind::DROP_FOREIGN_TABLE,
    SyntaxKind::DROP_FUNCTION,
    SyntaxKind::DROP_INDEX,
    SyntaxKind::DROP_MATERIALIZED_VIEW,
    SyntaxKind::DROP_OWNED,
    SyntaxKind::DROP_PROCEDURE,
    SyntaxKind::DROP_ROUTINE,
    SyntaxKind::DROP_SCHEMA,
    SyntaxKind::DROP_SEQUENCE,
    SyntaxKind::DROP_TABLE,
    SyntaxKind::DROP_TRIGGER,
    SyntaxKind::DROP_TYPE,
    SyntaxKind::DROP_VIEW,
    SyntaxKind::INSERT,
    SyntaxKind::MERGE,
    SyntaxKind::TRUNCATE,
    SyntaxKind::UPDATE,
];
